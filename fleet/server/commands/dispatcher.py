"""Dispatcher of station commands: signs and publishes what is ready, and expires what has run out of time; a loop of the leader.

Rules: to issue a command is to give it the station's next sequence and the server's signature; nothing else is ever signed.
Sequences are at least the server's time in seconds: they grow on also over a restored back-up. A command goes out after the
commit that issued it, and again, after waits that double, while its station is online and does not answer: a broker that is
killed loses what it had taken. A station takes it once, however often it comes. The broker is told how long it is good for. One
that was ready or sent and ran out without an answer is an alarm: somebody waits for what it was to do. A database that is away
is tried again, and the log says so.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import Connection

from fleet.messages.commands import COMMAND_TYP, Command, digest_of
from fleet.messages.link import encode
from fleet.messages.topics import Topics
from fleet.server.broker.transport import Transport
from fleet.server.commands import queries as commanding
from fleet.server.commands.model import CommandRow
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.keys.signing import Signer
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.stations.alarms import COMMAND_UNANSWERED, Alarm, raise_alarm

LOOK_EVERY_S = 0.5
AGAIN_AFTER = timedelta(seconds=10)
"""Until the second publication; each further wait is twice as long."""

_log = logging.getLogger(__name__)


class CommandDispatcher:
    """One for a server. `step` blocks, and is called in a thread."""

    def __init__(
        self,
        database: Database,
        transport: Transport,
        signer: Signer,
        changes: Changes,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._transport = transport
        self._signer = signer
        self._changes = changes
        self._clock = clock
        self._published: dict[int, tuple[datetime, timedelta]] = {}
        """When this run may publish a command again, and how long it waits after that; by the number of one without an answer."""

    async def run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.step)
            except READ_FAULTS as error:
                _log.error("commands cannot be read just now: %s", type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    def step(self) -> None:
        """Issue, publish and expire what is due now. Raises SQLAlchemyError."""
        now = self._clock()
        with self._database.reading.begin() as connection:
            due = commanding.due_commands(connection, now)
        good = [*due.signed, *self._issue(due.unsigned, now)]
        self._published = {row.id: self._published[row.id] for row, _ in good if row.id in self._published}
        outgoing = [(row, jws) for row, jws in good if self._goes_out(row, due.online, now)]
        if not (outgoing or due.over):
            return
        for row, jws in outgoing:
            assert row.not_after is not None
            expiry_s = max(1, math.ceil((row.not_after - now).total_seconds()))
            self._transport.publish(Topics(row.station).commands, jws.encode(), expiry_s=expiry_s)
            _, wait = self._published.get(row.id, (now, AGAIN_AFTER))
            self._published[row.id] = (now + wait, 2 * wait)
        self._write([row for row, _ in outgoing], due.over, now)

    def _goes_out(self, row: CommandRow, online: frozenset[str], now: datetime) -> bool:
        """Return whether it is published now: for the first time, or again to a station that could have answered."""
        if row.id not in self._published:
            return True
        again, _ = self._published[row.id]
        return now >= again and row.station in online

    def _issue(self, rows: Sequence[CommandRow], now: datetime) -> list[tuple[CommandRow, str]]:
        """Give each its sequence and signature, durably."""
        if not rows:
            return []
        with self._database.writing.begin() as connection:
            issued = [self._issue_one(connection, row, now) for row in rows]
        return [command for command in issued if command is not None]

    def _issue_one(self, connection: Connection, row: CommandRow, now: datetime) -> tuple[CommandRow, str] | None:
        sequence = max(commanding.last_sequence(connection, row.station) + 1, int(now.timestamp()))
        try:
            content = _content(row, sequence, now)
        except msgspec.ValidationError as error:  # it must not keep the others from going out
            _log.error("command %d cannot be signed: %s", row.id, error)
            commanding.set_state(connection, row.id, "ready", state="failed", ended=now, result="fault")
            return None
        jws = self._signer.sign(encode(content), COMMAND_TYP)
        values = {"sequence": sequence, "jws": jws, "digest": digest_of(jws.encode())}
        issued = commanding.issue(connection, row.id, **values)
        return (replace(row, sequence=sequence), jws) if issued else None

    def _write(self, sent: list[CommandRow], over: list[CommandRow], now: datetime) -> None:
        changed = set()
        with self._database.writing.begin() as connection:
            for row in sent:
                if commanding.set_state(connection, row.id, "ready", state="sent", published=now):
                    commanding.tell(connection, row, "command.send", (commanding.SERVER, ""), now)
                    changed.add(Topic.STATION.of(row.station))
            for row in over:
                if commanding.set_state(connection, row.id, row.state, state="expired", ended=now):
                    commanding.tell(connection, row, "command.expire", (commanding.SERVER, ""), now)
                    if row.state != "waiting":
                        raise_alarm(connection, Alarm(row.station, COMMAND_UNANSWERED, f"{row.command} #{row.id}"), now)
                    changed.add(Topic.STATION.of(row.station))
        if changed:
            self._changes.publish(frozenset({Topic.COMMANDS, *changed}))


def _content(row: CommandRow, sequence: int, now: datetime) -> Command:
    assert row.not_after is not None
    facts = {
        "station": row.station,
        "sequence": sequence,
        "command": row.command,
        "issued": _rfc3339(now.replace(microsecond=0)),
        "not_after": _rfc3339(row.not_after),
        "reason": row.reason,
        "by": row.by,
        "second": row.second,
        "slot": row.slot,
        "message": row.message,
        "update": row.update_order,
    }
    return msgspec.convert(facts, Command, from_attributes=True)


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
