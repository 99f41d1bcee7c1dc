"""Queries of deadlines, and of the actions taken, each recorded once."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, select, true

from fleet.server.database.bulk import insert_new
from fleet.server.database.station_scope import StationCondition, all_stations
from fleet.server.deadlines.due_dates import begun_by, day_after, due_day, local
from fleet.server.deadlines.model import Deadline, DeadlineActionRow
from fleet.server.deadlines.settings import Code, DeadlineRule
from fleet.server.deadlines.sources import DeadlineQuery, deadline_query
from fleet.server.deadlines.tables import deeds

CHUNK = 500
MOST = 20_000
"""Deadlines that are judged at once; more of one rule wait until these are settled."""
ActionKey = tuple[str, str, str]
"""Subject, due, what."""


def list_deadlines(
    connection: Connection,
    code: Code,
    rule: DeadlineRule,
    today: date,
    *,
    station: str = "",
    seen: StationCondition = all_stations,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[Deadline], int]:
    """Deadlines of that rule, the first due first, and how many there are."""
    source = deadline_query(code, rule, today)
    fits = and_(seen(source.station), true() if not station else source.station == station)
    query = source.query.where(fits)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(_in_order(query, source).limit(limit).offset(offset))
    return [_deadline(code, rule, row) for row in rows], total


def list_near(connection: Connection, code: Code, rule: DeadlineRule, today: date) -> list[Deadline]:
    """List deadlines that may be near or over, first due first; of rules with a day of their own only what is still to be
    done."""
    source = deadline_query(code, rule, today)
    query = _in_order(source.query.where(_by(source, rule, today), _undone(code, source, today)), source)
    return [_deadline(code, rule, row) for row in connection.execute(query.limit(MOST))]


def certificates_ending(connection: Connection, rule: DeadlineRule, today: date) -> list[Deadline]:
    """Certificates that cards here hold and that end within the rule's `warn_days`, the first due first."""
    source = deadline_query("certificate", rule, today)
    assert source.due is not None, "a certificate has its own day"
    last = (today + timedelta(days=rule.warn_days)).isoformat()
    query = _in_order(source.query.where(source.due.between(today.isoformat(), last)), source)
    return [_deadline("certificate", rule, row) for row in connection.execute(query.limit(MOST))]


def recorded_actions(
    connection: Connection, code: Code, subjects: Collection[str]
) -> dict[ActionKey, DeadlineActionRow]:
    """Read what was done about these subjects."""
    names, recorded = sorted(set(subjects)), {}
    for start in range(0, len(names), CHUNK):
        these = and_(deeds.c.rule == code, deeds.c.subject.in_(names[start : start + CHUNK]))
        for row in connection.execute(select(deeds).where(these)):
            recorded[row.subject, row.due, row.what] = _action_row(row)
    return recorded


def actions_about_card(
    connection: Connection, card_number: str, seen: StationCondition = all_stations
) -> list[DeadlineActionRow]:
    """List what was done about a card, newest first."""
    this = select(deeds).where(deeds.c.card_number == card_number, seen(deeds.c.station))
    rows = connection.execute(this.order_by(deeds.c.at.desc()))
    return [_action_row(row) for row in rows]


def record_action(connection: Connection, deadline: Deadline, kind: str, did: str, now: datetime) -> bool:
    """Write it down. False where it was done before, whoever did it."""
    row: dict[str, Any] = {
        "rule": deadline.code,
        "subject": deadline.subject,
        "due": deadline.due.isoformat(),
        "what": kind,
        "did": did,
        "station": deadline.station,
        "card_number": deadline.card_number,
        "at": now,
    }
    return insert_new(connection, deeds, row)


def count_actions_since(connection: Connection, code: Code, since: datetime, kind: str = "done") -> int:
    """Count how often the rule has acted since then."""
    acted = and_(deeds.c.rule == code, deeds.c.what == kind, deeds.c.at > since)
    return int(connection.execute(select(func.count()).select_from(deeds).where(acted)).scalar_one())


def count_subjects(connection: Connection, code: Code, rule: DeadlineRule, today: date) -> int:
    """Count the rows that the rule is about, whether they are near or not."""
    rows = deadline_query(code, rule, today).query.subquery()
    return int(connection.execute(select(func.count()).select_from(rows)).scalar_one())


def _in_order(query: Select[Any], source: DeadlineQuery) -> Select[Any]:
    return query.order_by(source.since, "subject")


def _by(source: DeadlineQuery, rule: DeadlineRule, today: date) -> ColumnElement[bool]:
    if source.due is not None:
        return source.due <= (today + timedelta(days=rule.warn_days)).isoformat()
    bound = begun_by(rule, today)
    is_text = source.since.type.python_type is str
    return source.since <= (bound.isoformat() if is_text else day_after(bound))


def _undone(code: Code, source: DeadlineQuery, today: date) -> ColumnElement[bool]:
    if source.due is None:
        return true()
    subject = source.query.selected_columns["subject"]
    kind = case((source.due < today.isoformat(), "done"), else_="warned")
    this = (deeds.c.rule == code, deeds.c.subject == subject, deeds.c.due == source.due)
    return ~exists().where(*this, deeds.c.what == kind)


def _deadline(code: Code, rule: DeadlineRule, row: Any) -> Deadline:
    since = date.fromisoformat(row.begun) if isinstance(row.begun, str) else local(row.begun)
    fixed = rule.last_day if code == "loa2" else None
    return Deadline(
        code,
        row.subject,
        row.card_number,
        row.hsa_id,
        row.name,
        row.station,
        row.slot,
        row.state,
        since,
        fixed or due_day(rule, since),
    )


def _action_row(row: Any) -> DeadlineActionRow:
    return DeadlineActionRow(row.rule, row.subject, row.due, row.what, row.did, row.station, row.card_number, row.at)
