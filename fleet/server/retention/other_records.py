"""Retention of records other than events: orders, leavers, expired certificates, closed alerts, quarantine, claims of stations,
and who asked for a block.

Rules: each class counts and forgets by one condition, so that a dry run says what a run does. What is counted later (orders,
blocks) stays as a row with pseudonyms; the rest is deleted. What could not be read keeps its hash, to be known if it comes again.

>>> sorted(TABLES)
['alerts', 'audit', 'blocks', 'certificates', 'claims', 'orders', 'people', 'spoilt']
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, not_, or_, select, update

from fleet.server.alerts.tables import alerts, notices
from fleet.server.audit_log import log as audit
from fleet.server.deadlines.tables import deeds
from fleet.server.enrolment.tables import issued_certificates, join_keys, station_claims
from fleet.server.envelope_resets.tables import envelope_resets
from fleet.server.events.tables import conflicts, quarantine
from fleet.server.issuers.tables import HANDED_OVER, certificate_requests, certificates, requests, stopped_cards, wishes
from fleet.server.orders.model import State
from fleet.server.orders.tables import orders
from fleet.server.people.tables import people, person_certificates, person_facts
from fleet.server.receipts.tables import receipt_mails
from fleet.server.retention.pseudonyms import Pseudonyms
from fleet.server.worklist.tables import worklist_acts

Count = Callable[[Connection, datetime], int]
Forget = Callable[[Connection, datetime, Pseudonyms], int]

ENDED: tuple[State, ...] = ("cancelled", "voided", "returned", "destroyed")
"""States of an order whose card is out of everybody's hands."""


def orders_over(cutoff: datetime) -> ColumnElement[bool]:
    """Orders that ended before, and still name their holder."""
    return and_(orders.c.state.in_(ENDED), orders.c.changed < cutoff, not_(orders.c.hsa_id.startswith("p-")))


def forget_orders(connection: Connection, which: ColumnElement[bool], pseudonyms: Pseudonyms) -> int:
    """Names and envelopes go, and who gave these new tries; holder and card become pseudonyms."""
    rows = connection.execute(select(orders.c.order, orders.c.hsa_id, orders.c.card_number).where(which)).all()
    for row in rows:
        left = {"hsa_id": pseudonyms.person(row.hsa_id), "card_number": pseudonyms.card(row.card_number)}
        gone = {"name": None, "envelope_key": None, "envelope_mac": None}
        connection.execute(update(orders).where(orders.c.order == row.order).values(**left, **gone))
        connection.execute(delete(envelope_resets).where(envelope_resets.c.order == row.order))
    return len(rows)


def _forget_orders(connection: Connection, cutoff: datetime, pseudonyms: Pseudonyms) -> int:
    return forget_orders(connection, orders_over(cutoff), pseudonyms)


def _people(cutoff: datetime) -> ColumnElement[bool]:
    return and_(people.c.left < cutoff.date().isoformat(), not_(people.c.continued))


def _forget_people(connection: Connection, cutoff: datetime, _pseudonyms: Pseudonyms) -> int:
    """With all that sources said of them."""
    theirs = select(people.c.hsa_id).where(_people(cutoff))
    for table in (person_facts, person_certificates):
        connection.execute(delete(table).where(table.c.hsa_id.in_(theirs)))
    return connection.execute(delete(people).where(_people(cutoff))).rowcount


def _certificates(cutoff: datetime) -> ColumnElement[bool]:
    return certificates.c.last_day < cutoff.date().isoformat()


def _certificate_requests(cutoff: datetime) -> ColumnElement[bool]:
    """Return the condition of requests that ended, however they did; what waits for people is their own word to end."""
    columns = certificate_requests.c
    over = columns.last_day < cutoff.date().isoformat()
    return or_(columns.fetched < cutoff, columns.given < cutoff, columns.ended < cutoff, over)


def _stopped(cutoff: datetime) -> ColumnElement[bool]:
    """Cards that were blocked so long ago that stations have them on the lists of revoked certificates."""
    return and_(stopped_cards.c.stop == "blocked", stopped_cards.c.at < cutoff)


_OF_CERTIFICATES = (
    (certificates, _certificates),
    (certificate_requests, _certificate_requests),
    (stopped_cards, _stopped),
)


def _count_certificates(connection: Connection, cutoff: datetime) -> int:
    return sum(_number(connection, table, condition(cutoff)) for table, condition in _OF_CERTIFICATES)


def _forget_certificates(connection: Connection, cutoff: datetime, _pseudonyms: Pseudonyms) -> int:
    return sum(
        connection.execute(delete(table).where(condition(cutoff))).rowcount for table, condition in _OF_CERTIFICATES
    )


def _count_alerts(connection: Connection, cutoff: datetime) -> int:
    return _number(connection, alerts, alerts.c.closed < cutoff)


def _forget_alerts(connection: Connection, cutoff: datetime, _pseudonyms: Pseudonyms) -> int:
    closed = select(alerts.c.id).where(alerts.c.closed < cutoff)
    connection.execute(delete(notices).where(notices.c.alert.in_(closed)))
    connection.execute(update(alerts).where(alerts.c.outage.in_(closed)).values(outage=None))
    connection.execute(delete(notices).where(notices.c.command.is_not(None), notices.c.made < cutoff))
    return connection.execute(delete(alerts).where(alerts.c.closed < cutoff)).rowcount


def _count_spoilt(connection: Connection, cutoff: datetime) -> int:
    return sum(_number(connection, table, _unread(table, cutoff)) for table in (quarantine, conflicts))


def _forget_spoilt(connection: Connection, cutoff: datetime, _pseudonyms: Pseudonyms) -> int:
    emptied = (update(table).where(_unread(table, cutoff)).values(raw=b"") for table in (quarantine, conflicts))
    return sum(connection.execute(statement).rowcount for statement in emptied)


def _unread(table: Table, cutoff: datetime) -> ColumnElement[bool]:
    return and_(table.c.received < cutoff, table.c.raw != b"")


def _settled(cutoff: datetime) -> ColumnElement[bool]:
    """Return the condition of what the issuer has answered; and of a hand-over, of which nobody needs to hear any more."""
    over = or_(requests.c.state != "waiting", requests.c.ask == HANDED_OVER)
    return and_(over, requests.c.made < cutoff, requests.c.content != "{}")


def _asked(cutoff: datetime) -> ColumnElement[bool]:
    return and_(wishes.c.at < cutoff, or_(wishes.c.people != "[]", not_(wishes.c.card_number.startswith("p-"))))


def _count_blocks(connection: Connection, cutoff: datetime) -> int:
    conditions = (
        (requests, _settled(cutoff)),
        (wishes, _asked(cutoff)),
        (deeds, deeds.c.at < cutoff),
        (worklist_acts, worklist_acts.c.at < cutoff),
        (receipt_mails, receipt_mails.c.wanted < cutoff),
    )
    return sum(_number(connection, table, which) for table, which in conditions)


def _forget_blocks(connection: Connection, cutoff: datetime, pseudonyms: Pseudonyms) -> int:
    count = 0
    for table, which, gone in (
        (requests, _settled(cutoff), {"content": "{}", "who": "", "error": None, "due": None}),
        (wishes, _asked(cutoff), {"people": "[]", "result": None}),
    ):
        for row in connection.execute(select(table.c.station, table.c.id, table.c.card_number).where(which)).all():
            this = and_(table.c.station == row.station, table.c.id == row.id)
            left = {**gone, "card_number": pseudonyms.card(row.card_number)}
            count += connection.execute(update(table).where(this).values(left)).rowcount
    times = (deeds.c.at, worklist_acts.c.at, receipt_mails.c.wanted)
    done = (delete(time.table).where(time < cutoff) for time in times)
    return count + sum(connection.execute(each).rowcount for each in done)


def _count_claims(connection: Connection, cutoff: datetime) -> int:
    return sum(_number(connection, table, table.c.expires < cutoff) for table in (station_claims, join_keys))


def _forget_claims(connection: Connection, cutoff: datetime, _pseudonyms: Pseudonyms) -> int:
    """Forget who made and decided claims and join keys, and from where they were asked for. A station's certificate stays: it can
    be revoked."""
    over = station_claims.c.expires < cutoff
    theirs = issued_certificates.c.claim.in_(select(station_claims.c.id).where(over))
    connection.execute(update(issued_certificates).where(theirs).values(claim=None))
    keys = connection.execute(delete(join_keys).where(join_keys.c.expires < cutoff)).rowcount
    return keys + connection.execute(delete(station_claims).where(over)).rowcount


def _count_audit(connection: Connection, cutoff: datetime) -> int:
    return audit.forget(connection, cutoff, dry=True)


def _forget_audit(connection: Connection, cutoff: datetime, _pseudonyms: Pseudonyms) -> int:
    return audit.forget(connection, cutoff)


def _number(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(which)).scalar_one())


TABLES: dict[str, tuple[Count, Forget]] = {
    "orders": (lambda connection, cutoff: _number(connection, orders, orders_over(cutoff)), _forget_orders),
    "people": (lambda connection, cutoff: _number(connection, people, _people(cutoff)), _forget_people),
    "certificates": (_count_certificates, _forget_certificates),
    "alerts": (_count_alerts, _forget_alerts),
    "spoilt": (_count_spoilt, _forget_spoilt),
    "blocks": (_count_blocks, _forget_blocks),
    "claims": (_count_claims, _forget_claims),
    "audit": (_count_audit, _forget_audit),
}
"""By name of the class, in the order in which they go."""
AS_LONG_AS = {"blocks": "hand_overs", "claims": "stations"}
"""Classes whose days are those of another."""
