"""Command verification at a station: signed by the server, for it, in time, allowed, each once (replay protection); and its
results.

Rules: the highest sequence that was taken is durable before the command is handed on, so that a power cut in the middle loses
the command and never does it twice. What is forged or for another station is not even answered. The clock that is asked must not
be behind the signed time of the server (`floor`), since a station has no battery clock. A taken command has one result, which is
kept and given again, to the same bytes and on a new connection. What is taken and what came of it are told by `note` in the
same transactions.
"""

import logging
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleet.agent.identity import Identity
from fleet.agent.store import StationStore
from fleet.messages.command_verification import (
    KEPT,
    CommandVerdict,
    DeclinedCommand,
    IgnoredCommand,
    TakenCommand,
    command_ended_data,
    command_taken_data,
    open_command,
    refusal_reason,
)
from fleet.messages.commands import Command, CommandResult, digest_of
from fleet.messages.link import decode, encode
from fleet.messages.vocabulary import CommandOutcome, EventType

SCHEMA = """
CREATE TABLE IF NOT EXISTS command_taken (one INTEGER PRIMARY KEY CHECK (one = 1), highest INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS command_told (
    sequence INTEGER PRIMARY KEY, digest TEXT NOT NULL, command BLOB NOT NULL, begun INTEGER NOT NULL, result BLOB
) STRICT;
"""

Note = Callable[[sqlite3.Connection, EventType, dict[str, Any]], None]
"""Commits an event of that kind with that content, in the transaction under way."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """A command without a result when the station started. `begun`: nobody knows how far it came."""

    taken: TakenCommand
    begun: bool


class CommandGate:
    """Judges what comes on `commands`. `store` was opened with `SCHEMA`; `clock` gives aware times."""

    def __init__(
        self,
        identity: Identity,
        store: StationStore,
        allowed: Collection[str],
        clock: Callable[[], datetime],
        note: Note = lambda cx, kind, content: None,
    ) -> None:
        self._station = identity.station
        self._keys = identity.server_keys
        self._store = store
        self._allowed = frozenset(allowed)
        self._clock = clock
        self._note = note

    async def take(self, payload: bytes) -> CommandVerdict:
        """The verdict, durable where it is `TakenCommand`. Raises StoreError."""
        command = open_command(payload, self._keys.find, self._station)
        if isinstance(command, IgnoredCommand):
            log.warning("a command was ignored: %s", command.why)
            return command
        taken = TakenCommand(command, digest_of(payload), payload.decode("ascii", "replace"))
        earlier_result = await self._store.transact(lambda cx: _result_of(cx, taken))
        if earlier_result is not None:
            return DeclinedCommand(earlier_result)
        if (why := refusal_reason(command, self._allowed, self._clock())) is not None:
            return DeclinedCommand(CommandResult(command.sequence, taken.digest, CommandOutcome.REFUSED, why))
        if not await self._store.transact(lambda cx: self._keep(cx, taken)):
            return IgnoredCommand("taken before")
        return taken

    async def begin(self, taken: TakenCommand) -> None:
        """From here on it may have been done. Raises StoreError."""
        statement = "UPDATE command_told SET begun = 1 WHERE sequence = ?"
        await self._store.transact(lambda cx: cx.execute(statement, (taken.command.sequence,)))

    async def conclude(self, taken: TakenCommand, result: CommandResult) -> None:
        """Keep what became of it, before it is told. Raises StoreError."""
        await self._store.transact(lambda cx: self._end(cx, taken.command, result))

    async def left_open(self) -> list[LeftOpen]:
        """Commands that were taken and have no result: asked when the station starts. Raises StoreError."""
        query = "SELECT command, digest, begun FROM command_told WHERE result IS NULL ORDER BY sequence"
        rows = await self._store.transact(lambda cx: cx.execute(query).fetchall())
        return [
            LeftOpen(TakenCommand(decode(Command, command), digest), bool(begun)) for command, digest, begun in rows
        ]

    async def results(self) -> list[CommandResult]:
        """The latest, oldest first, to be told once more. Raises StoreError."""
        query = "SELECT result FROM command_told WHERE result IS NOT NULL ORDER BY sequence"
        rows = await self._store.transact(lambda cx: cx.execute(query).fetchall())
        return [decode(CommandResult, row[0]) for row in rows]

    def _keep(self, cx: sqlite3.Connection, taken: TakenCommand) -> bool:
        command = taken.command
        if not _first_time(cx, command.sequence):
            return False
        row = (command.sequence, taken.digest, encode(command))
        cx.execute("INSERT INTO command_told VALUES (?, ?, ?, 0, NULL)", row)
        self._note(cx, EventType.COMMAND_TAKEN, command_taken_data(command))
        return True

    def _end(self, cx: sqlite3.Connection, command: Command, result: CommandResult) -> None:
        cx.execute("UPDATE command_told SET result = ? WHERE sequence = ?", (encode(result), command.sequence))
        cx.execute(
            "DELETE FROM command_told WHERE result IS NOT NULL AND sequence NOT IN"
            " (SELECT sequence FROM command_told WHERE result IS NOT NULL ORDER BY sequence DESC LIMIT ?)",
            (KEPT,),
        )
        self._note(cx, EventType.COMMAND_ENDED, command_ended_data(command, result))


def _result_of(cx: sqlite3.Connection, taken: TakenCommand) -> CommandResult | None:
    """Read the recorded result of exactly these bytes; None where there is none."""
    query = "SELECT result FROM command_told WHERE sequence = ? AND digest = ? AND result IS NOT NULL"
    row = cx.execute(query, (taken.command.sequence, taken.digest)).fetchone()
    return None if row is None else decode(CommandResult, row[0])


def _first_time(cx: sqlite3.Connection, sequence: int) -> bool:
    """Keep this sequence as the highest; False where it is not higher than the one before."""
    row = cx.execute("SELECT highest FROM command_taken").fetchone()
    if row is not None and sequence <= row[0]:
        return False
    cx.execute(
        "INSERT INTO command_taken VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET highest = ?", (sequence, sequence)
    )
    return True
