"""Command service: people and programs ask for commands and agree to them.

Rules: one write transaction decides, which has the store to itself, so two people cannot both be the second one; who asked never
is, nor an account that the other one has had in hand (`access.vouching`), nor a token. What one person may order is ready at
once, what touches cards when a second one agrees, within `DECIDE`, both after a step-up. No key is needed
here: what is ready is signed where it is published (`service`), so that pages may run on machines that cannot sign. A sealed
recovery key is never sent: it is released here, once, as it came.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from fleet.server.accounts.separation_of_duties import objection_to_second
from fleet.server.audit_log.log import without_numbers
from fleet.server.commands import queries as commanding
from fleet.server.commands.model import (
    RECOVERY_KEY,
    TWO_PERSONS,
    WANTS_STEP_UP,
    CommandRefusedError,
    CommandRequest,
    CommandRow,
    Refusal,
    Requester,
    wrong_with,
)
from fleet.server.database.database import Database
from fleet.server.live_feed.topics import Changes, Topic, changes_with
from fleet.server.stations.alarms import RECOVERY_RELEASED, Alarm, raise_alarm

DECIDE = timedelta(minutes=15)
"""So long a command waits for its second person."""


class CommandService:
    """Commands for pages and programs. From any thread. `patterns`: for which stations."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        clock: Callable[[], datetime],
        patterns: frozenset[str] = frozenset("*"),
    ) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._within = commanding.stations_in(patterns)

    def within(self, patterns: frozenset[str]) -> "CommandService":
        return CommandService(self._database, self._changes, self._clock, patterns)

    @changes_with(Topic.COMMANDS)
    def listed(
        self, *, states: Collection[str] = (), station: str | None = None, limit: int = 100, offset: int = 0
    ) -> tuple[list[CommandRow], int]:
        """List the commands in one of these states, the newest first; and how many there are in all."""
        with self._database.reading.begin() as connection:
            return commanding.list_commands(
                connection, states=states, station=station, within=self._within, limit=limit, offset=offset
            )

    @changes_with(Topic.COMMANDS)
    def last_test(self, station: str) -> CommandRow | None:
        """The latest self test of that station which was done."""
        with self._database.reading.begin() as connection:
            return commanding.last_test(connection, station, self._within)

    @changes_with(Topic.COMMANDS)
    def latest_updates(self) -> dict[str, CommandRow]:
        """The last order of an update to each station, by its name."""
        with self._database.reading.begin() as connection:
            return commanding.latest_updates(connection, self._within)

    @changes_with(Topic.COMMANDS)
    def one(self, number: int) -> CommandRow | None:
        with self._database.reading.begin() as connection:
            return commanding.find_command(connection, number, self._within)

    def ask(self, wish: CommandRequest, by: Requester) -> CommandRow:
        """Keep it: ready at once where one person is enough. Raises ValueError for what no station would take, and
        CommandRefusedError for who may not begin it."""
        with self._database.writing.begin() as connection:
            row = ask(connection, wish, by, self._clock())
        self._tell(row)
        return row

    def approve(self, number: int, by: Requester) -> CommandRow | Refusal:
        """As the second person: then it is ready."""
        now = self._clock()
        with self._database.writing.begin() as connection:
            row = commanding.find_command(connection, number, self._within)
            if row is None:
                return Refusal.UNKNOWN
            if (objection := _objection(connection, row, by, now)) is not None:
                return objection
            if row.command == RECOVERY_KEY:
                agreed = _release(connection, row, now)
            else:
                agreed = {"state": "ready", "not_after": _end(row.valid_s, now)}
            commanding.set_state(connection, number, "waiting", second=by.name, approved=now, **agreed)
            row = _known(connection, number)
            commanding.tell(connection, row, "command.approve", (by.name, by.address), now)
        self._tell(row)
        return row

    @changes_with(Topic.COMMANDS)
    def objection(self, number: int, by: Requester) -> Refusal | None:
        """Why `by` could not agree to it now; None where they could."""
        with self._database.reading.begin() as connection:
            row = commanding.find_command(connection, number, self._within)
            return Refusal.UNKNOWN if row is None else _objection(connection, row, by, self._clock())

    def withdraw(self, number: int, by: Requester) -> CommandRow | Refusal:
        """Or decline it. Only while it waits."""
        now = self._clock()
        with self._database.writing.begin() as connection:
            if commanding.find_command(connection, number, self._within) is None:
                return Refusal.UNKNOWN
            if not commanding.set_state(connection, number, "waiting", state="withdrawn", ended=now, ended_by=by.name):
                return Refusal.NOT_WAITING
            row = _known(connection, number)
            commanding.tell(connection, row, "command.withdraw", (by.name, by.address), now)
        self._tell(row)
        return row

    def _tell(self, row: CommandRow) -> None:
        self._changes.publish(frozenset({Topic.COMMANDS, Topic.STATION.of(row.station)}))


def ask(connection: Connection, wish: CommandRequest, by: Requester, now: datetime) -> CommandRow:
    """Keep it, in the transaction under way. Raises as `CommandService.ask`."""
    if (part := wrong_with(wish)) is not None:
        raise ValueError(f"{part} does not fit {wish.command}")
    if wish.command in WANTS_STEP_UP and (lacking := _lacking(by)) is not None:
        raise CommandRefusedError(lacking)
    decide = {"state": "waiting", "decide_by": now + DECIDE}
    ready = {"state": "ready", "not_after": _end(wish.valid_s, now)}
    values = {
        "station": wish.station,
        "command": wish.command,
        "slot": wish.slot,
        "message": wish.message,
        "update_order": msgspec.json.encode(wish.update_order).decode() if wish.update_order else None,
        "reason": without_numbers(wish.reason.strip()),
        "by": by.name,
        "asked": now,
        "valid_s": wish.valid_s,
        **(decide if wish.command in TWO_PERSONS else ready),
    }
    if wish.command == RECOVERY_KEY and commanding.unreleased_key(connection, wish.station) is None:
        raise CommandRefusedError(Refusal.NO_KEY)
    row = _known(connection, commanding.add(connection, values))
    commanding.tell(connection, row, "command.ask", (by.name, by.address), now)
    return row


def _known(connection: Connection, number: int) -> CommandRow:
    row = commanding.find_command(connection, number)
    assert row is not None
    return row


def _objection(connection: Connection, row: CommandRow, by: Requester, now: datetime) -> Refusal | None:
    if row.state != "waiting" or row.decide_by is None or now >= row.decide_by:
        return Refusal.NOT_WAITING
    objection = objection_to_second(connection, row.by, by, now)
    if objection is not None:
        return Refusal(objection.value)
    unreleased = row.command != RECOVERY_KEY or commanding.unreleased_key(connection, row.station) is not None
    return None if unreleased else Refusal.NO_KEY


def _release(connection: Connection, row: CommandRow, now: datetime) -> dict[str, Any]:
    """The sealed recovery key becomes the answer, once, and an alarm."""
    sealed = commanding.unreleased_key(connection, row.station)
    assert sealed is not None, "no objection"
    raise_alarm(connection, Alarm(row.station, RECOVERY_RELEASED, f"#{row.id}"), now)
    detail = msgspec.json.encode(commanding.Detail(lines=(sealed,))).decode()
    return {"state": "done", "ended": now, "detail": detail}


def _lacking(by: Requester) -> Refusal | None:
    """Return what keeps somebody from having to do with cards at all; None where nothing does."""
    if by.program:
        return Refusal.NOT_A_PERSON
    return None if by.stepped_up else Refusal.STEP_UP


def _end(valid_s: int, now: datetime) -> datetime:
    return now.replace(microsecond=0) + timedelta(seconds=valid_s)
