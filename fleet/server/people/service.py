"""People of the directory: what each source says is kept word by word, and merged into one row a person.

Rules: a word keeps the time at which its source first said it. A source that is silent about a fact has no word, and takes back
its own alone; with `takes_back` also what another said, for a person at the office who knows better. A person's row is written
anew in the transaction of the word, which is the caller's.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from sqlalchemy import ColumnElement, Connection, and_, exists, select

from fleet.messages.leavers import leaver_digest
from fleet.server.database.bulk import Put, insert_for, put_all
from fleet.server.files.import_files import ImportResult
from fleet.server.keys.card_numbers import certificate_number
from fleet.server.people.merging import YES, merge_words
from fleet.server.people.model import Facts, FactWord, PersonRow, Source
from fleet.server.people.tables import people, person_certificates, person_facts

CHUNK = 500
TOLD_FOR = timedelta(days=183)
"""So long stations are told of a leaver's certificates: their cards are blocked within three months, and the lists of revoked
certificates have them then."""


def facts_of(row: PersonRow) -> Facts:
    """Return the facts that a row of an import gives; it says nothing of what it leaves empty."""
    return {
        "name": row.name,
        "protected": YES if row.protected else None,
        "left": row.left,
        "continued": YES if row.continued else None,
        "name_changed": row.name_changed,
    }


def import_people(connection: Connection, rows: Sequence[PersonRow], now: datetime) -> ImportResult:
    """Take what the office says, by file or API."""
    names = [row.hsa_id for row in rows]
    there = stored_people(connection, names).keys()
    changed = record_facts(connection, "import", {row.hsa_id: facts_of(row) for row in rows}, now)
    added = len(changed - there)
    return ImportResult(added, len(changed) - added, len(set(names)) - len(changed))


def record_facts(
    connection: Connection, source: Source, reported: Mapping[str, Facts], now: datetime, *, takes_back: bool = False
) -> set[str]:
    """Keep what a source says of these people now, and merge it. Gives the HSA-ids of whom it said something new."""
    changed: set[str] = set()
    for names in _chunks(sorted(reported)):
        words = stored_words(connection, names)
        fresh = {
            hsa_id: news_of(words[hsa_id], source, reported[hsa_id], now, takes_back=takes_back) for hsa_id in names
        }
        fresh = {hsa_id: news for hsa_id, news in fresh.items() if news}
        rows = [{"hsa_id": hsa_id, **asdict(word)} for hsa_id, news in fresh.items() for word in news]
        put_all(connection, [Put(person_facts, rows, ("value", "seen"))])
        _write_people(connection, {hsa_id: with_words(words[hsa_id], news) for hsa_id, news in fresh.items()}, now)
        changed |= fresh.keys()
    return changed


def with_words(words: Iterable[FactWord], news: Iterable[FactWord]) -> list[FactWord]:
    """The words with the newer ones in place of those of the same fact and source."""
    return list({(word.fact, word.source): word for word in (*words, *news)}.values())


def stored_words(connection: Connection, names: Sequence[str]) -> dict[str, list[FactWord]]:
    """By HSA-id, all that sources have said; nobody is missing."""
    words: dict[str, list[FactWord]] = {name: [] for name in names}
    for chosen in _chunks(names):
        rows = connection.execute(select(person_facts).where(person_facts.c.hsa_id.in_(chosen)))
        for row in rows:
            words[row.hsa_id].append(FactWord(row.fact, row.source, row.value, row.seen))
    return words


def stored_people(connection: Connection, names: Sequence[str]) -> dict[str, PersonRow]:
    """Return the known ones of these people, by HSA-id."""
    stored: dict[str, PersonRow] = {}
    for chosen in _chunks(names):
        rows = connection.execute(select(people).where(people.c.hsa_id.in_(chosen)))
        stored |= {row.hsa_id: person_row(row) for row in rows}
    return stored


def mail_address(connection: Connection, hsa_id: str) -> str | None:
    """Return the address at which to write to a person about an errand of theirs; None for a protected identity, and
    for who has left."""
    person = stored_people(connection, [hsa_id]).get(hsa_id)
    if person is None or person.protected or (person.left is not None and not person.continued):
        return None
    return person.mail or None


def person_row(row: Any) -> PersonRow:
    """Of a row of the table."""
    return PersonRow(**{name: row._mapping[name] for name in PersonRow.__dataclass_fields__})


def record_certificates(
    connection: Connection, hsa_id: str, certificates: Iterable[bytes], card_number: str = ""
) -> None:
    """Remember whose these certificates (DER) are, and of which card: what they say themselves, else `card_number`. What cannot
    be read is left out."""
    rows = [
        {"digest": leaver_digest(der), "hsa_id": hsa_id, "last_day": facts[0], "card_number": facts[1] or card_number}
        for der in certificates
        if (facts := _certificate_facts(der)) is not None
    ]
    if rows:
        put = insert_for(connection, person_certificates)
        number = {"card_number": put.excluded.card_number}
        from_before = person_certificates.c.card_number.is_(None)
        connection.execute(put.on_conflict_do_update(index_elements=["digest"], set_=number, where=from_before), rows)


def knows_certificate(connection: Connection, certificate: bytes) -> bool:
    """Return whether the store knows whose certificate (DER) this is."""
    this = and_(
        person_certificates.c.digest == leaver_digest(certificate), person_certificates.c.card_number.is_not(None)
    )
    return connection.execute(select(person_certificates.c.digest).where(this)).first() is not None


def known_certificates(connection: Connection) -> set[str]:
    """Digests of all certificates of which it is remembered whose they are."""
    remembered = person_certificates.c.card_number.is_not(None)
    return set(connection.execute(select(person_certificates.c.digest).where(remembered)).scalars())


def leavers_among(connection: Connection, hsa_ids: Collection[str], today: str) -> dict[str, str]:
    """Return the people among these who have left, and on which day. `today`: ISO 8601; a day that is still to come is
    no leave yet."""
    leavers: dict[str, str] = {}
    for names in _chunks(sorted(set(hsa_ids))):
        chosen = select(people.c.hsa_id, people.c.left).where(people.c.hsa_id.in_(names), is_gone(today))
        leavers |= {row.hsa_id: row.left for row in connection.execute(chosen)}
    return leavers


def has_left(hsa_id: ColumnElement[Any], today: str) -> ColumnElement[bool]:
    """The condition that the person of that column has left."""
    return exists().where(people.c.hsa_id == hsa_id, is_gone(today))


def is_gone(today: str) -> ColumnElement[bool]:
    """The condition on a row of people that the last assignment has ended, and no other follows."""
    return and_(people.c.left <= today, ~people.c.continued)


def leaver_digests_after(connection: Connection, today: str, *, after: str, limit: int) -> list[str]:
    """Digests of certificates that are valid by their dates and whose holders have left, in order, from the one after `after`.
    `today`: ISO 8601."""
    since = (datetime.fromisoformat(today) - TOLD_FOR).date().isoformat()
    gone = and_(is_gone(today), people.c.left >= since)
    valid = and_(person_certificates.c.digest > after, person_certificates.c.last_day >= today)
    query = select(person_certificates.c.digest).join(people, people.c.hsa_id == person_certificates.c.hsa_id)
    return list(
        connection.execute(query.where(valid, gone).order_by(person_certificates.c.digest).limit(limit)).scalars()
    )


def news_of(
    words: Sequence[FactWord], source: Source, facts: Facts, now: datetime, *, takes_back: bool = False
) -> list[FactWord]:
    """Return the facts that the source gives of a person and has not given before."""
    said_now = (FactWord(fact, source, value, now) for fact, value in facts.items())
    return [word for word in said_now if _is_news(words, word, takes_back=takes_back)]


def _is_news(words: Sequence[FactWord], word: FactWord, *, takes_back: bool) -> bool:
    before = next((each for each in words if (each.fact, each.source) == (word.fact, word.source)), None)
    if before is not None:
        return before.value != word.value
    return word.value is not None or takes_back


def _write_people(connection: Connection, words: Mapping[str, Sequence[FactWord]], now: datetime) -> None:
    values = [{**asdict(merge_words(hsa_id, person_words)), "changed": now} for hsa_id, person_words in words.items()]
    put_all(connection, [Put(people, values, [column.name for column in people.c if not column.primary_key])])


def _certificate_facts(der: bytes) -> tuple[str, str] | None:
    """Its last day (ISO 8601), and the card number in it."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return certificate.not_valid_after_utc.astimezone(UTC).date().isoformat(), certificate_number(certificate)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), CHUNK):
        yield names[start : start + CHUNK]
