"""Residue of an erased event: enough that a rebuild makes the same rows again, and no person and no card.

Rules: an allow-list; persons and cards become pseudonyms; a receipt, a statement, signatures, digits of documents and free text
go. An event from which nothing follows leaves nothing.

>>> from fleet.server.retention.pseudonyms import Pseudonyms
>>> words_left({"errand": "e", "hsa_id": "TEST000000-0001", "remark": "x"}, Pseudonyms(bytes(32)))
{'errand': 'e', 'hsa_id': 'p-fdc155759981bee051a7294f'}
"""

import re
from datetime import datetime
from typing import Any

import msgspec

from fleet.messages.events import Event
from fleet.server.ingest.projections import UnfitData, changes_of
from fleet.server.retention.pseudonyms import Pseudonyms

CARDS = frozenset({"card_number", "old_card"})
CARD_LISTS = frozenset({"missing", "unlisted", "never_seen"})
PERSONS = frozenset({"hsa_id", "by", "second", "administrator"})
KEPT = frozenset(
    {
        "by_number",
        "counted",
        "effect",
        "errand",
        "expected",
        "kind",
        "number",
        "order",
        "outcome",
        "reason",
        "seal",
        "seconds",
        "sensor",
        "signed",
        "slot",
        "why",
    }
)
_CODE = re.compile(r"[a-z0-9_.]{0,32}\Z")
EMPTIED = {"receipt": None}
"""What has to be there, and says nothing any more."""


def residue_of(event: Event, received: datetime, pseudonyms: Pseudonyms) -> bytes | None:
    """The JSON that stands in for the data; None where nothing follows from the event."""
    if event.data is None or all(isinstance(change, UnfitData) for change in changes_of(event, received)):
        return None
    return msgspec.json.encode(words_left(event.content(), pseudonyms))


def words_left(content: dict[str, Any], pseudonyms: Pseudonyms) -> dict[str, Any]:
    """The content without what has to go."""
    left: dict[str, Any] = {}
    for name, value in content.items():
        if name in CARDS and isinstance(value, str):
            left[name] = pseudonyms.card(value)
        elif name in CARD_LISTS and isinstance(value, list):
            left[name] = [pseudonyms.card(number) for number in value if isinstance(number, str)]
        elif name in PERSONS and isinstance(value, str):
            left[name] = pseudonyms.person(value)
        elif name in EMPTIED:
            left[name] = EMPTIED[name]
        elif name in KEPT and isinstance(value, str | int | float | None) and not _is_free(name, value):
            left[name] = value
    return left


def _is_free(name: str, value: object) -> bool:
    """Return whether the value is a reason in somebody's own words instead of a code."""
    return name == "reason" and not (isinstance(value, str) and _CODE.match(value))


def as_erased(event: Event, residue: bytes | None) -> Event:
    """The event as a rebuild reads it."""
    return msgspec.structs.replace(event, data=residue, salt=None)
