"""Erasure of one person on request (GDPR), unless something has to be kept: then nothing is erased, and it says why.

Rules: whole or not at all. An errand that handed something over or blocked a card is kept its ten years; so is the part of an
administrator in it. A card that is out, a certificate that is valid or asked for, and a place in the directory are reasons too:
they would come back with the next import. Errands go as a whole; the audit says how many, never whose.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from fleet.messages.vocabulary import Retention
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.errands.tables import errands
from fleet.server.events.tables import conflicts, events, quarantine
from fleet.server.evidence.selection import names_text
from fleet.server.issuers.tables import certificate_requests, certificates, requests, stopped_cards, wishes
from fleet.server.orders.order_files import ORDER_RULES
from fleet.server.orders.tables import orders
from fleet.server.people.tables import administrators, people, person_certificates, person_facts
from fleet.server.retention import ledger
from fleet.server.retention.erasure import columns, erase
from fleet.server.retention.ledger import Erased
from fleet.server.retention.other_records import ENDED, forget_orders
from fleet.server.retention.retention_run import PROGRAM, RetentionRun, classes_of
from fleet.server.stations.tables import stations

ASKED = "retention.request"


class PersonError(ValueError):
    """Error of a value that is no HSA-id. The text says what one looks like."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is kept: a class of retention, `hold`, or where the person still stands. `until` where a day is known."""

    what: str
    count: int
    until: date | None = None


@dataclass(frozen=True, slots=True)
class NothingErased:
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class PersonErased:
    events: int
    orders: int


def erase_person(job: RetentionRun, hsa_id: str, book: Path) -> NothingErased | PersonErased:
    """Erase all of one person, or nothing. `book` is the ledger.

    Raises PersonError: a word such as `done` or none at all would be found in events of everybody. Raises OSError,
    sqlalchemy.exc.SQLAlchemyError.
    """
    rule = ORDER_RULES["hsa_id"]
    if not rule.fits(hsa_id):
        raise PersonError(f"--hsa-id: {rule.reason}")
    with job.database.writing.begin() as connection:
        rows = _events(connection, hsa_id)
        reasons = (*_in_events(job, connection, rows), *_elsewhere(job, connection, hsa_id))
        if reasons or job.dry:
            outcome: NothingErased | PersonErased = (
                NothingErased(reasons) if reasons else PersonErased(len(rows), len(_orders(connection, hsa_id)))
            )
        else:
            outcome = _erase(job, connection, hsa_id, rows, book)
        detail = f"{outcome.events} events, {outcome.orders} orders" if isinstance(outcome, PersonErased) else "refused"
        if not job.dry:
            audit.append(connection, job.now, PROGRAM, "", AuditEvent(ASKED, "", detail))
    return outcome


def replay(job: RetentionRun, book: Path) -> int:
    """Erase again what the ledger names and the store has: after an older copy was restored. Gives how many events and orders.

    Raises LedgerError, sqlalchemy.exc.SQLAlchemyError.
    """
    count = 0
    for entry in ledger.read_erasures(book):
        with job.database.writing.begin() as connection:
            if entry.order is not None:
                which = and_(orders.c.order == entry.order, ~orders.c.hsa_id.startswith("p-"))
                again = forget_orders(connection, which, job.pseudonyms)
            else:
                again = erase(connection, _at(connection, entry), job.pseudonyms, job.now)
            if again:
                audit.append(connection, job.now, PROGRAM, "", AuditEvent(ASKED, "again", f"{again}"))
        count += again
    return count


def _events(connection: Connection, hsa_id: str) -> list[Any]:
    """Every event that names the person, and all of the errands that were theirs."""
    own = select(errands.c.errand).where(errands.c.hsa_id == hsa_id)
    named = select(events.c.errand).where(events.c.errand.is_not(None), names_text(connection, hsa_id))
    about = or_(events.c.errand.in_(own), events.c.errand.in_(named), names_text(connection, hsa_id))
    query = select(*columns(), stations.c.name).join(stations, stations.c.id == events.c.station)
    return list(connection.execute(query.where(events.c.data.is_not(None), about).order_by(events.c.id)))


def _in_events(job: RetentionRun, connection: Connection, rows: list[Any]) -> Iterator[Reason]:
    kept = [row for row, class_ in classes_of(connection, rows) if class_ == Retention.HAND_OVERS]
    days = timedelta(days=job.settings.days.hand_overs)
    newest = max((row.received for row in kept), default=None)
    if newest is not None and newest + days > job.now:
        yield Reason("hand_overs", len(kept), (newest + days).date())
    on_hold = {row.errand for row in rows} & job.settings.held
    if on_hold:
        yield Reason("hold", len(on_hold))


def _elsewhere(job: RetentionRun, connection: Connection, hsa_id: str) -> Iterator[Reason]:
    today = job.now.date().isoformat()
    since = job.now - timedelta(days=job.settings.days.hand_overs)
    quoted = f'"{hsa_id}"'
    for kind, condition, table in (
        ("orders", and_(orders.c.hsa_id == hsa_id, orders.c.state.not_in(ENDED)), orders),
        ("certificates", and_(certificates.c.hsa_id == hsa_id, certificates.c.last_day >= today), certificates),
        ("certificates", _is_awaited(hsa_id, today), certificate_requests),
        ("directory", and_(people.c.hsa_id == hsa_id, or_(people.c.left.is_(None), people.c.continued)), people),
        ("administrators", administrators.c.hsa_id == hsa_id, administrators),
        ("blocks", and_(wishes.c.people.contains(quoted, autoescape=True), wishes.c.at >= since), wishes),
        ("blocks", and_(_in_request(hsa_id, quoted), requests.c.made >= since), requests),
    ):
        count = connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one()
        if count:
            yield Reason(kind, count)


def _is_awaited(hsa_id: str, today: str) -> ColumnElement[bool]:
    """A certificate that somebody makes in the issuer's portal, or that nobody has come back for."""
    columns = certificate_requests.c
    return and_(columns.hsa_id == hsa_id, columns.fetched.is_(None), columns.ended.is_(None), columns.last_day >= today)


def _in_request(hsa_id: str, quoted: str) -> Any:
    return or_(requests.c.content.contains(quoted, autoescape=True), requests.c.who == hsa_id)


def _erase(job: RetentionRun, connection: Connection, hsa_id: str, rows: list[Any], book: Path) -> PersonErased:
    theirs, numbers = orders.c.hsa_id == hsa_id, _orders(connection, hsa_id)
    ledger.add_erasures(book, _entries(job, rows, numbers))
    count = erase(connection, rows, job.pseudonyms, job.now)
    forget_orders(connection, theirs, job.pseudonyms)
    of_theirs = select(person_certificates.c.card_number).where(person_certificates.c.hsa_id == hsa_id)
    connection.execute(stopped_cards.delete().where(stopped_cards.c.card_number.in_(of_theirs)))
    for table in (people, person_facts, person_certificates, certificates, certificate_requests):
        connection.execute(table.delete().where(table.c.hsa_id == hsa_id))
    for table in (quarantine, conflicts):
        connection.execute(table.update().where(names_text(connection, hsa_id, table.c.raw)).values(raw=b""))
    return PersonErased(count, len(numbers))


def _orders(connection: Connection, hsa_id: str) -> list[str]:
    return list(
        connection.execute(select(orders.c.order).where(orders.c.hsa_id == hsa_id).order_by(orders.c.order)).scalars()
    )


def _entries(job: RetentionRun, rows: list[Any], numbers: list[str]) -> Iterator[Erased]:
    at = job.now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    chains: dict[tuple[str, int], list[int]] = {}
    for row in rows:
        chains.setdefault((row.name, row.epoch), []).append(row.sequence)
    for (station, epoch), sequences in sorted(chains.items()):
        yield Erased(at, station=station, epoch=epoch, sequences=tuple(sorted(sequences)))
    yield from (Erased(at, order=number) for number in numbers)


def _at(connection: Connection, entry: Erased) -> list[Any]:
    here = and_(stations.c.name == entry.station, events.c.epoch == entry.epoch, events.c.sequence.in_(entry.sequences))
    query = select(*columns()).join(stations, stations.c.id == events.c.station)
    return list(connection.execute(query.where(here, events.c.data.is_not(None)).order_by(events.c.id)))
