"""Queries of alerts and of the queue of notices."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from fleet.messages.link import StationState
from fleet.messages.vocabulary import AskName
from fleet.server.alerts import outages
from fleet.server.alerts.model import AlertRow, NoticeRow, PendingApproval
from fleet.server.alerts.recent_actions import own_addresses, recent_actions
from fleet.server.alerts.rules import (
    AlertKey,
    FailedErrand,
    FleetSnapshot,
    OpenProposal,
    RaisedAlarm,
    RetiredStation,
    ReturnedCard,
    RuleMatch,
    StationSnapshot,
)
from fleet.server.alerts.settings import SEVERITIES, AlertSettings
from fleet.server.alerts.tables import alerts, notices
from fleet.server.alerts.transitions import CloseAlert, Decision, OpenAlert, ReopenAlert, StoredAlert, UpdateAlert
from fleet.server.cards.stock.tables import bin_cards, bins
from fleet.server.commands.tables import commands
from fleet.server.database.station_scope import stations_like
from fleet.server.deadlines.settings import ALARMS
from fleet.server.enrolment.queries import waiting_stations
from fleet.server.errands.tables import errands
from fleet.server.events.tables import events
from fleet.server.issuers.tables import HANDED_OVER, requests, wishes
from fleet.server.orders.model import IN_HAND
from fleet.server.orders.tables import orders
from fleet.server.proposals.tables import proposals
from fleet.server.stations.model import contact_of
from fleet.server.stations.tables import IN_FLEET, RETIRED_NAMES, alarms, stations

FAILED = ("fault", "unknown")
ALL = true()
MOST_RETURNED = 100
_WAITING = ("id", "station", "command", "by", "asked", "decide_by")
"""What a word says of a command."""


_PROPOSED = select(proposals).where(proposals.c.state.in_(("waiting", "confirmed"))).order_by(proposals.c.id)


def fleet_snapshot(connection: Connection, now: datetime, back: timedelta) -> FleetSnapshot:
    """Everything that rules judge by; failures as far back as `back`."""
    lying = _bin_counts(connection)
    rows = connection.execute(select(stations).where(IN_FLEET).order_by(stations.c.name))
    retired = connection.execute(select(stations).where(~IN_FLEET).order_by(stations.c.name))
    seen = tuple(
        StationSnapshot(
            row.name,
            contact_of(online=row.online, heard=row.heard, now=now),
            row.heard,
            _state(row.state),
            lying.get(row.id, 0),
            not row.online,
        )
        for row in rows
    )
    about_stations = and_(alarms.c.station.in_(RETIRED_NAMES), alarms.c.code.not_in(ALARMS))
    kept = connection.execute(select(alarms).where(~about_stations))
    return FleetSnapshot(
        now,
        seen,
        tuple(RaisedAlarm(row.station, row.code, row.argument, row.last, row.times) for row in kept),
        tuple(_failures(connection, now - back)),
        tuple(_returned(connection)),
        tuple(_unregistered(connection)),
        retired=tuple(RetiredStation(row.name, row.retired, row.heard) for row in retired),
        proposed=tuple(OpenProposal(row.id, row.kind, row.asked) for row in connection.execute(_PROPOSED)),
        waiting=tuple(waiting_stations(connection)),
        recent_actions=recent_actions(connection, now),
    )


def newest_alerts(connection: Connection) -> dict[AlertKey, StoredAlert]:
    """The newest alert of each key, open or closed; outages are none of a rule's own."""
    last = (
        select(func.max(alerts.c.id))
        .where(alerts.c.stations.is_(None))
        .group_by(alerts.c.station, alerts.c.code, alerts.c.subject)
    )
    rows = connection.execute(select(alerts).where(alerts.c.id.in_(last)))
    return {
        (row.station, row.code, row.subject): StoredAlert(
            row.id, row.detail, row.last, row.times, row.silent, row.closed, row.acknowledged
        )
        for row in rows
    }


def write(connection: Connection, decisions: Iterable[Decision], settings: AlertSettings, now: datetime) -> None:
    """Carry them out, and put into the queue what people are to be told. By a few statements, however many they are: the whole
    fleet may fall silent at once."""
    opened: list[OpenAlert] = []
    reopened: list[ReopenAlert] = []
    closed: list[CloseAlert] = []
    fresh: defaultdict[str, list[int]] = defaultdict(list)
    for decision in decisions:
        match decision:
            case OpenAlert():
                opened.append(decision)
            case ReopenAlert():
                reopened.append(decision)
            case UpdateAlert(number, finding, tell):
                _change(connection, decision, now)
                if tell:
                    fresh[finding.code].append(number)
            case CloseAlert():
                closed.append(decision)
    for number, opening in _open(connection, opened, settings, now):
        if not opening.silent:
            fresh[opening.finding.code].append(number)
    _reopen(connection, reopened, now)
    grown = [closing.id for closing in closed if not closing.tell]
    outages.close(connection, [closing.id for closing in closed if closing.tell], settings, now)
    outages.close(connection, grown, settings, now, tell=False)
    for code, numbers in fresh.items():
        outages.announce(connection, code, numbers, settings, now)
    outages.settle(connection, settings, now, outages.outages_of(connection, grown))


def _open(
    connection: Connection, opened: Sequence[OpenAlert], settings: AlertSettings, now: datetime
) -> Iterator[tuple[int, OpenAlert]]:
    """Gives the number of each."""
    rows = [
        {
            "station": opening.finding.station,
            "code": opening.finding.code,
            "subject": opening.finding.subject,
            "severity": settings.rule[opening.finding.code].severity,
            "detail": opening.finding.detail,
            "first": _began(opening.finding, now),
            "last": _began(opening.finding, now),
            "times": opening.finding.times,
            "silent": opening.silent,
        }
        for opening in opened
    ]
    if not rows:
        return iter(())
    numbered = insert(alerts).returning(alerts.c.id, sort_by_parameter_order=True)
    return zip(connection.execute(numbered, rows).scalars().all(), opened, strict=True)


def _reopen(connection: Connection, reopened: Sequence[ReopenAlert], now: datetime) -> None:
    """The same alerts, and the outages that they are part of, counted once more."""
    rows = [
        {"this": reopening.id, "about": reopening.finding.detail, "since": _began(reopening.finding, now), "at": now}
        for reopening in reopened
    ]
    if rows:
        again = {
            "closed": None, "detail": bindparam("about"), "first": bindparam("since"), "last": bindparam("at"),
            "times": alerts.c.times + 1,
        }  # fmt: skip
        connection.execute(update(alerts).where(alerts.c.id == bindparam("this")).values(again), rows)
    outages.reopen(connection, [reopening.id for reopening in reopened])


def list_alerts(
    connection: Connection,
    *,
    is_open: bool | None = None,
    station: str | None = None,
    outage: int | None = None,
    members: bool = False,
    within: ColumnElement[bool] = ALL,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[AlertRow], int]:
    """Alerts that fit: open ones first, then the latest; and how many there are in all. `members`: those of outages too."""
    fits = [within, *([alerts.c.station == station] if station is not None else [])]
    if outage is not None:
        fits.append(alerts.c.outage == outage)
    elif not members and station is None:
        fits.append(alerts.c.outage.is_(None))
    if is_open is not None:
        fits.append(alerts.c.closed.is_(None) if is_open else alerts.c.closed.is_not(None))
    query = select(alerts).where(and_(*fits))
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    order = (alerts.c.last.desc(), alerts.c.id.desc()) if outage is None else (alerts.c.station, alerts.c.id)
    latest = query.order_by(alerts.c.closed.is_not(None), *order)
    return [_row(row) for row in connection.execute(latest.limit(limit).offset(offset))], total


def unacknowledged_alerts(
    connection: Connection, within: ColumnElement[bool], limit: int, *, members: bool = False
) -> tuple[list[AlertRow], int]:
    """Open ones that nobody has acknowledged and no maintenance keeps silent, worst first; and how many there are."""
    query = select(alerts).where(
        within, alerts.c.closed.is_(None), alerts.c.acknowledged.is_(None), alerts.c.silent.is_(False)
    )
    if not members:
        query = query.where(alerts.c.outage.is_(None))
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    worst = case({name: rank for rank, name in enumerate(SEVERITIES)}, value=alerts.c.severity)
    rows = connection.execute(query.order_by(worst.desc(), alerts.c.first, alerts.c.id).limit(limit))
    return [_row(row) for row in rows], total


def find_alert(connection: Connection, number: int, within: ColumnElement[bool] = ALL) -> AlertRow | None:
    """Find an alert by its number, among those of `within`."""
    row = connection.execute(select(alerts).where(alerts.c.id == number, within)).first()
    return None if row is None else _row(row)


def acknowledge(
    connection: Connection, number: int, by: str, note: str, now: datetime, within: ColumnElement[bool] = ALL
) -> AlertRow | None:
    """Say who knows of it, and of all that is part of it. The first one stands; None where there is no such alert within."""
    if find_alert(connection, number, within) is None:
        return None
    mine = or_(alerts.c.id == number, alerts.c.outage == number)
    fresh = and_(mine, alerts.c.acknowledged.is_(None), within)
    connection.execute(update(alerts).where(fresh).values(acknowledged=now, by=by, note=note))
    return find_alert(connection, number, within)


def queued_notices(
    connection: Connection,
    *,
    due: datetime | None = None,
    patterns: frozenset[str] = frozenset("*"),
    limit: int = 100,
) -> list[NoticeRow]:
    """Read the notices due by then; without `due` all that are not sent, given-up ones too. `patterns`: about which stations."""
    query = _notices().where(stations_like(patterns)(func.coalesce(alerts.c.station, commands.c.station)))
    if due is not None:
        query = query.where(notices.c.due <= due).order_by(notices.c.due)
    else:
        query = query.where(notices.c.sent.is_(None)).order_by(notices.c.id.desc())
    return [
        NoticeRow(
            row.notice, _about(row), row.channel, row.what, row.made, row.due, row.tries, row.sent, row.error, _uid(row)
        )
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


def _change(connection: Connection, change: UpdateAlert, now: datetime) -> None:
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


def _began(finding: RuleMatch, now: datetime) -> datetime:
    """Since when it has been so; never after now, whatever the clocks say."""
    return min(finding.since or now, now)


def with_titles(connection: Connection, rows: Sequence[NoticeRow]) -> list[NoticeRow]:
    """The same with the title of its station, those of an outage's stations where it is so still, and who is not told."""
    if not rows:
        return []
    titles = _titles(connection)
    return [
        replace(
            notice,
            title=titles.get(notice.about.station, notice.about.station),
            members=tuple(titles.get(name, name) for name in _members(connection, notice)),
            untold=own_addresses(connection, notice.about) if isinstance(notice.about, AlertRow) else frozenset(),
        )
        for notice in rows
    ]


def station_titles(connection: Connection, names: Collection[str]) -> dict[str, str]:
    """Titles of those of these stations that are in the fleet, by name."""
    return _titles(connection, stations.c.name.in_(names), IN_FLEET)


def _titles(connection: Connection, *which: ColumnElement[bool]) -> dict[str, str]:
    rows = connection.execute(select(stations.c.name, stations.c.state).where(*which))
    return {row.name: state.title if (state := _state(row.state)) else row.name for row in rows}


def _members(connection: Connection, notice: NoticeRow) -> Sequence[str]:
    if isinstance(notice.about, PendingApproval) or notice.about.stations is None:
        return ()
    mine = select(alerts.c.station).where(alerts.c.outage == notice.about.id, alerts.c.closed.is_(None))
    return connection.execute(mine.distinct().order_by(alerts.c.station)).scalars().all()


def _bin_counts(connection: Connection) -> dict[int, int]:
    """Count the cards in the bin of each station, by its key."""
    since_emptied = or_(bins.c.emptied.is_(None), bin_cards.c.dropped > bins.c.emptied)
    query = select(bin_cards.c.station, func.count()).outerjoin(bins, bins.c.station == bin_cards.c.station)
    rows = connection.execute(query.where(since_emptied).group_by(bin_cards.c.station))
    return {row[0]: row[1] for row in rows}


def _failures(connection: Connection, since: datetime) -> Iterable[FailedErrand]:
    query = (
        select(stations.c.name, errands.c.card_number, errands.c.ended, orders.c.product)
        .join(stations, stations.c.id == errands.c.station)
        .outerjoin(orders, orders.c.order == errands.c.order)
        .where(IN_FLEET, errands.c.outcome.in_(FAILED), errands.c.ended >= since, errands.c.card_number.is_not(None))
    )
    return (FailedErrand(row.name, row.product or "", row.card_number, row.ended) for row in connection.execute(query))


def _returned(connection: Connection) -> Iterable[ReturnedCard]:
    """Cards given back at a station that nobody has asked to hold or block. What a pick-up puts into the bin is not meant."""
    dropped = and_(*(bin_cards.c[name] == events.c[name] for name in ("station", "epoch", "sequence")))
    errand = and_(errands.c.errand == events.c.errand, errands.c.station == events.c.station)
    back = (bin_cards.c.card_number == orders.c.card_number, dropped, errand, errands.c.kind == "return_card")
    since = (
        select(func.max(bin_cards.c.dropped)).where(*back, bin_cards.c.dropped >= orders.c.changed).scalar_subquery()
    )
    conditions = [
        exists().where(
            table.c.card_number == orders.c.card_number, table.c.ask.in_((AskName.CARD_BLOCK, AskName.CARD_HOLD))
        )
        for table in (wishes, requests)
    ]
    query = select(orders.c.station, orders.c.order, orders.c.card_number, since.label("since"))
    query = query.where(orders.c.state.in_(IN_HAND), since.is_not(None), *(~condition for condition in conditions))
    rows = connection.execute(query.order_by(orders.c.changed).limit(MOST_RETURNED))
    return (ReturnedCard(row.station, row.order, row.card_number, row.since) for row in rows)


def _unregistered(connection: Connection) -> Iterable[ReturnedCard]:
    """Hand-overs that the issuer has not confirmed, and nobody in its portal."""
    same = and_(orders.c.card_number == requests.c.card_number, orders.c.state.in_(IN_HAND))
    query = select(requests.c.station, orders.c.order, requests.c.card_number, requests.c.made).join(orders, same)
    query = query.where(requests.c.ask == HANDED_OVER, requests.c.state.in_(("waiting", "declined")))
    rows = connection.execute(query.order_by(requests.c.made).limit(MOST_RETURNED))
    return (ReturnedCard(row.station, row.order, row.card_number, row.made) for row in rows)


def _state(text: str | None) -> StationState | None:
    return None if text is None else msgspec.json.decode(text, type=StationState)


def _notices() -> Select[Any]:
    columns = [column for column in notices.c if column.name not in ("id", "alert", "command")]
    waiting = [commands.c[name].label(f"waiting_{name}") for name in _WAITING]
    both = notices.outerjoin(alerts, alerts.c.id == notices.c.alert).outerjoin(
        commands, commands.c.id == notices.c.command
    )
    return select(notices.c.id.label("notice"), *columns, *waiting, alerts).select_from(both)


def _uid(row: Row[Any]) -> str:
    """Of a message that a program of the version before has put there, beside this one: made of its number and moment."""
    return row.uid or str(uuid.uuid5(uuid.NAMESPACE_OID, f"{row.notice} {row.made.isoformat()}"))


def _about(row: Row[Any]) -> AlertRow | PendingApproval:
    if row.waiting_id is None:
        return _row(row)
    return PendingApproval(**{name: row._mapping[f"waiting_{name}"] for name in _WAITING})


def _row(row: Row[Any]) -> AlertRow:
    names = AlertRow.__dataclass_fields__
    read: Callable[[str], Any] = row._mapping.__getitem__
    return AlertRow(**{name: read(name) for name in names})
