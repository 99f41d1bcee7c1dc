"""Queries of station commands. Every function works in a transaction that the caller holds.

Rules: what changes a state says from which one, so that nothing is decided twice; each step has its entry in the audit, in the
same transaction. A late answer of a station stands above `expired`: what was done was done.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, true, update

from fleet.messages.commands import CommandResult, UpdateOrder
from fleet.messages.link import DeviceState, StationState
from fleet.messages.vocabulary import CommandName
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.commands.model import RECOVERY_KEY, CommandRow
from fleet.server.commands.tables import commands
from fleet.server.database.station_scope import stations_like
from fleet.server.stations.tables import stations

ALL = true()
SERVER = "server"
"""Who it was in the audit where no person was."""
_LISTED = [column for column in commands.c if column.name not in ("jws", "detail")]
"""A list says neither what was sent nor what came with the answer: that can be long."""
_ANSWERABLE = ("ready", "sent", "expired")


class Detail(msgspec.Struct, frozen=True):
    """Content of the column `detail`."""

    devices: tuple[DeviceState, ...] = ()
    lines: tuple[str, ...] = ()


_DECODED = {*Detail.__struct_fields__, "update_order"}


@dataclass(frozen=True, slots=True)
class DueCommands:
    """Commands that are ready and not signed yet; signed, unanswered and still good, with their text; and run out. `online`: the
    stations of the signed ones that are connected."""

    unsigned: list[CommandRow]
    signed: list[tuple[CommandRow, str]]
    over: list[CommandRow]
    online: frozenset[str]


def list_commands(
    connection: Connection,
    *,
    states: Collection[str] = (),
    station: str | None = None,
    within: ColumnElement[bool] = ALL,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[CommandRow], int]:
    """List the commands in one of these states (none named: in any), the newest first, without what came with the answers; and
    how many there are in all."""
    fits = [within, *([commands.c.station == station] if station is not None else [])]
    if states:
        fits.append(commands.c.state.in_(sorted(states)))
    query = select(*_LISTED).where(and_(*fits))
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    newest = query.order_by(commands.c.id.desc()).limit(limit).offset(offset)
    return [_row(row) for row in connection.execute(newest)], total


def find_command(connection: Connection, number: int, within: ColumnElement[bool] = ALL) -> CommandRow | None:
    """Find a command by its number, among those of `within`."""
    row = connection.execute(select(commands).where(commands.c.id == number, within)).first()
    return None if row is None else _row(row)


def last_test(connection: Connection, station: str, within: ColumnElement[bool] = ALL) -> CommandRow | None:
    """The latest self test of that station which was done."""
    fits = (
        within,
        commands.c.station == station,
        commands.c.command == CommandName.SELF_TEST.value,
        commands.c.state == "done",
    )
    row = connection.execute(select(commands).where(*fits).order_by(commands.c.id.desc()).limit(1)).first()
    return None if row is None else _row(row)


def latest_updates(connection: Connection, within: ColumnElement[bool] = ALL) -> dict[str, CommandRow]:
    """The last order of an update to each station, by its name."""
    ordered = commands.c.command == CommandName.UPDATE.value
    newest = select(func.max(commands.c.id)).where(within, ordered).group_by(commands.c.station)
    rows = connection.execute(select(*_LISTED).where(commands.c.id.in_(newest)))
    return {row.station: _row(row) for row in rows}


def unreleased_key(connection: Connection, station: str) -> str | None:
    """The sealed recovery key that this station has sent; None where it was released before."""
    state = connection.execute(select(stations.c.state).where(stations.c.name == station)).scalar()
    sealed = msgspec.json.decode(state, type=StationState).recovery_key if state else None
    done = (commands.c.station == station, commands.c.command == RECOVERY_KEY, commands.c.state == "done")
    released = connection.execute(select(commands.c.detail).where(*done)).scalars()
    return (
        None
        if any(sealed in msgspec.json.decode(detail, type=Detail).lines for detail in released if detail)
        else sealed
    )


def add(connection: Connection, values: dict[str, Any]) -> int:
    """A new row; gives its number."""
    key = connection.execute(insert(commands).values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def last_sequence(connection: Connection, station: str) -> int:
    """The highest that this station was given; 0 before the first."""
    query = select(func.max(commands.c.sequence)).where(commands.c.station == station)
    return connection.execute(query).scalar() or 0


def set_state(connection: Connection, number: int, before: str, **values: Any) -> bool:
    """Change a row that is in the state `before`; False where it is in another one."""
    still = and_(commands.c.id == number, commands.c.state == before)
    return connection.execute(update(commands).where(still).values(values)).rowcount == 1


def issue(connection: Connection, number: int, **values: Any) -> bool:
    """Give a ready row its sequence and signature; False where it has them, or is not ready."""
    unsigned = and_(commands.c.id == number, commands.c.state == "ready", commands.c.sequence.is_(None))
    return connection.execute(update(commands).where(unsigned).values(values)).rowcount == 1


def tell(connection: Connection, row: CommandRow, action: str, actor: tuple[str, str], now: datetime) -> None:
    """Into the audit: `actor` is a name and an address."""
    about = row.slot if row.update_order is None else row.update_order.version
    command = row.command if about is None else f"{row.command} {about}"
    detail = row.reason if action in ("command.ask", "command.approve") else (row.result or "")
    audit.append(connection, now, actor[0], actor[1], AuditEvent(action, f"{row.station} {command} #{row.id}", detail))


def due_commands(connection: Connection, now: datetime) -> DueCommands:
    """Read the commands that need something done now."""
    issued = commands.c.state.in_(("ready", "sent"))
    over = or_(
        and_(commands.c.state == "waiting", commands.c.decide_by <= now), and_(issued, commands.c.not_after <= now)
    )
    good = select(commands).where(issued, commands.c.not_after > now).order_by(commands.c.id)
    rows = connection.execute(good).all()
    waited_for = {row.station for row in rows if row.sequence is not None}
    online = select(stations.c.name).where(stations.c.online, stations.c.name.in_(waited_for))
    return DueCommands(
        [_row(row) for row in rows if row.sequence is None],
        [(_row(row), row.jws) for row in rows if row.sequence is not None],
        [_row(row) for row in connection.execute(select(commands).where(over).order_by(commands.c.id))],
        frozenset(connection.execute(online).scalars()) if waited_for else frozenset(),
    )


def take_result(connection: Connection, station: str, result: CommandResult, now: datetime) -> bool:
    """Keep the station's answer: the first one stands. False where it answers nothing that this station was told."""
    place = and_(commands.c.station == station, commands.c.sequence == result.sequence)
    stored = connection.execute(select(commands).where(place)).first()
    if stored is None or stored.digest != result.digest:
        return False
    if stored.state not in _ANSWERABLE:
        return bool(stored.state == result.outcome)
    detail = msgspec.json.encode(Detail(result.devices, result.lines)).decode()
    values = {"state": result.outcome.value, "ended": now, "result": result.reason or None, "detail": detail}
    connection.execute(update(commands).where(place).values(values))
    row = find_command(connection, stored.id)
    assert row is not None
    tell(connection, row, f"command.{row.state}", (SERVER, ""), now)
    return True


def stations_in(patterns: Collection[str]) -> ColumnElement[bool]:
    """Commands to these stations: names, or beginnings of names with `*`; `*` alone is all of them."""
    return stations_like(frozenset(patterns))(commands.c.station)


def _row(row: Row[Any]) -> CommandRow:
    stored_detail = row._mapping.get("detail")
    detail = msgspec.json.decode(stored_detail, type=Detail) if stored_detail else Detail()
    names = [name for name in CommandRow.__dataclass_fields__ if name not in _DECODED]
    ordered = row._mapping["update_order"]
    return CommandRow(
        **{name: row._mapping[name] for name in names},
        update_order=msgspec.json.decode(ordered, type=UpdateOrder) if ordered else None,
        devices=detail.devices,
        lines=detail.lines,
    )
