"""Entries of an LDAP directory as facts about people. Pure.

Rules: an entry without an HSA-id is no person's. Several entries of one person say together: they have left where all say so, on
the last of the days; each other fact is the first one's that has it. Of an entry whose date or name cannot be read nothing is
taken, but its person is there.

>>> read_day("20261120000000Z"), read_day("2026-11-20"), read_day("")
('2026-11-20', '2026-11-20', None)
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

from fleet.server.clock.local_days import local_day
from fleet.server.files.import_files import HSA_ID
from fleet.server.people.directory_settings import YES_VALUES, AttributeMap
from fleet.server.people.merging import YES
from fleet.server.people.model import DirectoryPage, Fact, Facts

DAYS: tuple[Fact, ...] = ("left", "name_changed")
FLAGS: tuple[Fact, ...] = ("protected", "continued")
LONGEST = 320
"""Characters of a name, an address or an organisation; an address has the most (RFC 5321, 4.5.3.1)."""

Entry = Mapping[str, list[bytes]]
"""Values of an entry by attribute, in lower case."""


def read_page(entries: Iterable[Entry], attributes: AttributeMap) -> DirectoryPage:
    """Everybody in these entries."""
    people: dict[str, Facts] = {}
    certificates: dict[str, tuple[bytes, ...]] = {}
    unreadable = 0
    for entry in entries:
        try:
            hsa_id = _text(entry, attributes.hsa_id) or ""
        except ValueError:
            hsa_id = ""
        if not HSA_ID.match(hsa_id):
            continue
        try:
            facts = _facts(entry, attributes)
        except ValueError:
            unreadable += 1
            people.setdefault(hsa_id, {})
            continue
        people[hsa_id] = _together(people[hsa_id], facts) if people.get(hsa_id) else facts
        if attributes.certificates:
            values = entry.get(attributes.certificates.lower(), [])
            certificates[hsa_id] = (*certificates.get(hsa_id, ()), *values)
    return DirectoryPage(people, certificates, unreadable)


def read_day(text: str) -> str | None:
    """The local day, ISO 8601, of a day or a generalized time (RFC 4517, 3.3.13); None of an empty text. Raises ValueError."""
    if not text:
        return None
    if re.match(r"\d{4}-\d\d-\d\d\Z", text):
        return date.fromisoformat(text).isoformat()
    stated = re.match(r"(\d{8})(\d{0,6})(?:[.,]\d+)?(Z?)\Z", text)
    if stated is None:
        raise ValueError("neither a day nor a generalized time")
    day, time, zone = stated.groups()
    if not zone or not time.strip("0"):
        return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date().isoformat()
    at = datetime.strptime(day + time.ljust(6, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return local_day(at)


def _facts(entry: Entry, attributes: AttributeMap) -> Facts:
    facts: dict[Fact, str | None] = {}
    for fact, attribute in attributes.facts().items():
        text = _text(entry, attribute)
        if fact in DAYS:
            facts[fact] = read_day(text or "")
        elif fact in FLAGS:
            facts[fact] = YES if (text or "").lower() in YES_VALUES else None
        else:
            facts[fact] = text
    return {**facts, "name": None} if facts.get("protected") == YES else facts


def _text(entry: Entry, attribute: str) -> str | None:
    """The first value. Raises ValueError where it is no text, or longer than any."""
    values = entry.get(attribute.lower())
    if not values:
        return None
    text = values[0].decode("utf-8").strip()
    if len(text) > LONGEST or not text.isprintable():
        raise ValueError("not a line of text")
    return text or None


def _together(first: Facts, other: Facts) -> Facts:
    facts = {fact: first.get(fact) or other.get(fact) for fact in (*first, *other)}
    leaves = [each.get("left") for each in (first, other)]
    if "left" in facts:
        facts["left"] = max((day for day in leaves if day), default=None) if all(leaves) else None
    return facts
