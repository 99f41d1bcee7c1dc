"""Queries of alerts and of the queue of notices."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, insert, or_, select, true, update

from fleet.messages.link import StationState
from fleet.server.alerts.model import AlertRow, NoticeRow, PendingApproval
from fleet.server.alerts.rules import AlertKey, FailedErrand, FleetSnapshot, RaisedAlarm, RuleMatch, StationSnapshot
from fleet.server.alerts.settings import SEVERITIES, AlertSettings, at_least
from fleet.server.alerts.tables import alerts, notices
from fleet.server.alerts.transitions import CloseAlert, Decision, OpenAlert, ReopenAlert, StoredAlert, UpdateAlert
from fleet.server.cards.stock.tables import bin_cards, bins
from fleet.server.commands.tables import commands
from fleet.server.errands.tables import errands
from fleet.server.orders.tables import orders
from fleet.server.platform.database.station_scope import stations_like
from fleet.server.stations.model import contact_of
from fleet.server.stations.tables import alarms, stations

FAILED = ("fault", "unknown")
OPENED, CLOSED = "opened", "closed"
ALL = true()
_WAITING = ("id", "station", "command", "by", "asked", "decide_by")
"""What a word says of a command."""


def fleet_snapshot(connection: Connection, now: datetime, back: timedelta) -> FleetSnapshot:
    """Everything that rules judge by; failures as far back as `back`."""
    lying = _bin_counts(connection)
    rows = connection.execute(select(stations).order_by(stations.c.name))
    seen = tuple(
        StationSnapshot(
            row.name,
            contact_of(online=row.online, heard=row.heard, now=now),
            row.heard,
            _state(row.state),
            lying.get(row.id, 0),
        )
        for row in rows
    )
    kept = connection.execute(select(alarms))
    return FleetSnapshot(
        now,
        seen,
        tuple(RaisedAlarm(row.station, row.code, row.argument, row.last, row.times) for row in kept),
        tuple(_failures(connection, now - back)),
    )


def newest_alerts(connection: Connection) -> dict[AlertKey, StoredAlert]:
    """The newest alert of each key, open or closed."""
    last = select(func.max(alerts.c.id)).group_by(alerts.c.station, alerts.c.code, alerts.c.subject)
    rows = connection.execute(select(alerts).where(alerts.c.id.in_(last)))
    return {
        (row.station, row.code, row.subject): StoredAlert(
            row.id, row.detail, row.last, row.times, row.silent, row.closed, row.acknowledged
        )
        for row in rows
    }


def write(connection: Connection, decisions: Iterable[Decision], settings: AlertSettings, now: datetime) -> None:
    """Carry them out, and put into the queue what people are to be told."""
    for decision in decisions:
        match decision:
            case OpenAlert(finding, silent):
                severity = settings.rule[finding.code].severity
                values = {
                    "station": finding.station,
                    "code": finding.code,
                    "subject": finding.subject,
                    "severity": severity,
                    "detail": finding.detail,
                    "first": _began(finding, now),
                    "last": _began(finding, now),
                    "times": finding.times,
                    "silent": silent,
                }
                key = connection.execute(insert(alerts).values(values)).inserted_primary_key
                assert key is not None
                if not silent:
                    _tell(connection, key[0], OPENED, settings, severity, now)
            case ReopenAlert(number, finding):
                began = {"first": _began(finding, now), "last": now}
                again = {"closed": None, "detail": finding.detail, "times": alerts.c.times + 1, **began}
                connection.execute(update(alerts).where(alerts.c.id == number).values(again))
            case UpdateAlert():
                _change(connection, decision, settings, now)
            case CloseAlert(number, tell):
                _close(connection, number, settings, now, tell=tell)


def list_alerts(
    connection: Connection,
    *,
    is_open: bool | None = None,
    station: str | None = None,
    within: ColumnElement[bool] = ALL,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[AlertRow], int]:
    """Alerts that fit: open ones first, then the latest; and how many there are in all."""
    fits = [within, *([alerts.c.station == station] if station is not None else [])]
    if is_open is not None:
        fits.append(alerts.c.closed.is_(None) if is_open else alerts.c.closed.is_not(None))
    query = select(alerts).where(and_(*fits))
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    latest = query.order_by(alerts.c.closed.is_not(None), alerts.c.last.desc(), alerts.c.id.desc())
    return [_row(row) for row in connection.execute(latest.limit(limit).offset(offset))], total


def unacknowledged_alerts(
    connection: Connection, within: ColumnElement[bool], limit: int
) -> tuple[list[AlertRow], int]:
    """Open ones that nobody has acknowledged and no maintenance keeps silent, worst first; and how many there are."""
    query = select(alerts).where(
        within, alerts.c.closed.is_(None), alerts.c.acknowledged.is_(None), alerts.c.silent.is_(False)
    )
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    worst = case({name: rank for rank, name in enumerate(SEVERITIES)}, value=alerts.c.severity)
    rows = connection.execute(query.order_by(worst.desc(), alerts.c.first, alerts.c.id).limit(limit))
    return [_row(row) for row in rows], total


def find_alert(connection: Connection, number: int, within: ColumnElement[bool] = ALL) -> AlertRow | None:
    """That alert, where it is within."""
    row = connection.execute(select(alerts).where(alerts.c.id == number, within)).first()
    return None if row is None else _row(row)


def acknowledge(
    connection: Connection, number: int, by: str, note: str, now: datetime, within: ColumnElement[bool] = ALL
) -> AlertRow | None:
    """Say who knows of it. The first one stands; None where there is no such alert within."""
    fresh = and_(alerts.c.id == number, alerts.c.acknowledged.is_(None), within)
    connection.execute(update(alerts).where(fresh).values(acknowledged=now, by=by, note=note))
    return find_alert(connection, number, within)


def queued_notices(
    connection: Connection,
    *,
    due: datetime | None = None,
    patterns: frozenset[str] = frozenset("*"),
    limit: int = 100,
) -> list[NoticeRow]:
    """What is due by then; or all that is not sent, and what was given up. `patterns`: about which stations."""
    query = _notices().where(stations_like(patterns)(func.coalesce(alerts.c.station, commands.c.station)))
    if due is not None:
        query = query.where(notices.c.due <= due).order_by(notices.c.due)
    else:
        query = query.where(notices.c.sent.is_(None)).order_by(notices.c.id.desc())
    return [
        NoticeRow(row.notice, _about(row), row.channel, row.what, row.made, row.due, row.tries, row.sent, row.error)
        for row in connection.execute(query.limit(limit))
    ]


def stations_in(patterns: Collection[str]) -> ColumnElement[bool]:
    """Alerts of these stations: names, or beginnings of names with `*`; `*` alone is all of them and the whole fleet's."""
    return stations_like(frozenset(patterns))(alerts.c.station)


def mark_sent(connection: Connection, number: int, now: datetime) -> None:
    """A channel has taken it."""
    done = {"sent": now, "due": None, "error": None, "tries": notices.c.tries + 1}
    connection.execute(update(notices).where(notices.c.id == number).values(done))


def mark_failed(connection: Connection, number: int, why: str, due: datetime | None) -> None:
    """A try has failed; `due` is the next one, None where it is given up."""
    failed = {"due": due, "error": why, "tries": notices.c.tries + 1}
    connection.execute(update(notices).where(notices.c.id == number).values(failed))


def _change(connection: Connection, change: UpdateAlert, settings: AlertSettings, now: datetime) -> None:
    finding = change.finding
    last = finding.since or now
    values: dict[str, Any] = {
        "detail": finding.detail,
        "last": case((alerts.c.first > last, alerts.c.first), else_=last),
    }
    if finding.times > 1:
        values["times"] = finding.times
    if change.tell:
        values["silent"] = False
    connection.execute(update(alerts).where(alerts.c.id == change.id).values(values))
    if change.tell:
        _tell(connection, change.id, OPENED, settings, settings.rule[finding.code].severity, now)


def _began(finding: RuleMatch, now: datetime) -> datetime:
    """Since when it has been so; never after now, whatever the clocks say."""
    return min(finding.since or now, now)


def _close(connection: Connection, number: int, settings: AlertSettings, now: datetime, *, tell: bool) -> None:
    """Whoever was told that it began is told that it is over; `tell`: false where something worse takes its place."""
    connection.execute(update(alerts).where(alerts.c.id == number).values(closed=now))
    if not tell:
        return
    told = set(connection.execute(select(notices.c.channel).where(notices.c.alert == number)).scalars())
    for channel in settings.channels:
        if channel.name in told:
            _put(connection, number, channel.name, CLOSED, now)


def _tell(
    connection: Connection, number: int, what: str, settings: AlertSettings, severity: str, now: datetime
) -> None:
    for channel in settings.channels:
        if at_least(severity, channel.severity):
            _put(connection, number, channel.name, what, now)


def _put(connection: Connection, number: int, channel: str, what: str, now: datetime) -> None:
    values = {"alert": number, "channel": channel, "what": what, "made": now, "due": now, "tries": 0}
    connection.execute(insert(notices).values(values))


def _bin_counts(connection: Connection) -> dict[int, int]:
    """How many cards lie in the bin of each station, by its key."""
    since_emptied = or_(bins.c.emptied.is_(None), bin_cards.c.dropped > bins.c.emptied)
    query = select(bin_cards.c.station, func.count()).outerjoin(bins, bins.c.station == bin_cards.c.station)
    rows = connection.execute(query.where(since_emptied).group_by(bin_cards.c.station))
    return {row[0]: row[1] for row in rows}


def _failures(connection: Connection, since: datetime) -> Iterable[FailedErrand]:
    query = (
        select(stations.c.name, errands.c.card_number, errands.c.ended, orders.c.product)
        .join(stations, stations.c.id == errands.c.station)
        .outerjoin(orders, orders.c.order == errands.c.order)
        .where(errands.c.outcome.in_(FAILED), errands.c.ended >= since, errands.c.card_number.is_not(None))
    )
    return (FailedErrand(row.name, row.product or "", row.card_number, row.ended) for row in connection.execute(query))


def _state(text: str | None) -> StationState | None:
    return None if text is None else msgspec.json.decode(text, type=StationState)


def _notices() -> Select[Any]:
    columns = [column for column in notices.c if column.name not in ("id", "alert", "command")]
    waiting = [commands.c[name].label(f"waiting_{name}") for name in _WAITING]
    both = notices.outerjoin(alerts, alerts.c.id == notices.c.alert).outerjoin(
        commands, commands.c.id == notices.c.command
    )
    return select(notices.c.id.label("notice"), *columns, *waiting, alerts).select_from(both)


def _about(row: Row[Any]) -> AlertRow | PendingApproval:
    if row.waiting_id is None:
        return _row(row)
    return PendingApproval(**{name: row._mapping[f"waiting_{name}"] for name in _WAITING})


def _row(row: Row[Any]) -> AlertRow:
    names = AlertRow.__dataclass_fields__
    read: Callable[[str], Any] = row._mapping.__getitem__
    return AlertRow(**{name: read(name) for name in names})
