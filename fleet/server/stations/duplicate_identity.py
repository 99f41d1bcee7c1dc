"""Duplicate identity detection: two connections with one certificate, a station's or the server's own.

Rules: a take-over from another address, or three in ten minutes, is an alarm; it does not turn a station's readiness. The
server's own session taken three times in ten minutes does turn the server's. Of one name the alarm is raised once a minute at
most, for two who fight over a session do so without end. mosquitto tells of take-overs in its log, with addresses; where the
broker is not ours, stations tell of those that they suffered when they come back (`Presence.taken_over`).

>>> log = BrokerLog()
>>> for line in (
...     "New client connected from 192.0.2.7:1883 as entre-a (p5, c0, k30, u'entre-a').",
...     "Client entre-a already connected, closing old connection.",
...     "New client connected from 192.0.2.66:4242 as entre-a (p5, c0, k30, u'entre-a').",
... ):
...     taken = log.read(line)
>>> taken
SessionTakeOver(name='entre-a', elsewhere=True)
"""

import asyncio
import logging
import re
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from fleet.messages.takeovers import AGAIN, ELSEWHERE, MANY, TakeOvers
from fleet.server.broker.mosquitto import SERVER_USER, is_server
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.stations.alarms import DUPLICATE_IDENTITY, Alarm, AlarmRecorder

PAUSE_S = 60.0
_CONNECTED = re.compile(r"New client connected from (?P<address>.+):[0-9]+ as (?P<name>\S+) \(")
_CLOSED_OLD = re.compile(r"Client (?P<name>\S+) already connected, closing old connection\.")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SessionTakeOver:
    """`elsewhere`: whether the new connection came from another address than the old one."""

    name: str
    elsewhere: bool


class BrokerLog:
    """Reads mosquitto's log, line by line. It remembers an address for each name, and names are certificates of ours."""

    def __init__(self) -> None:
        self._address: dict[str, str] = {}
        self._closed: set[str] = set()
        self._ended_by_us: set[str] = set()

    def read(self, line: str) -> SessionTakeOver | None:
        """The take-over that this line completes."""
        if closed := _CLOSED_OLD.match(line):
            if closed["name"] not in self._ended_by_us:
                self._closed.add(closed["name"])
        elif connected := _CONNECTED.match(line):
            name, before = connected["name"], self._address.get(connected["name"])
            if connected["address"].startswith("/"):  # the server ends a session, over a socket of its own
                self._closed.discard(name)
                self._ended_by_us.add(name)
                return None
            self._address[name] = connected["address"]
            self._ended_by_us.discard(name)
            if name in self._closed:
                self._closed.discard(name)
                return SessionTakeOver(name, before not in (None, connected["address"]))
        return None


class DuplicateIdentity:
    """Judges take-overs and has the alarm kept. Give it lines of the broker, and run it. Made in the loop that runs it."""

    def __init__(
        self,
        alarms: AlarmRecorder,
        changes: Changes,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._alarms, self._changes, self._clock, self._monotonic = alarms, changes, clock, monotonic
        self._log = BrokerLog()
        self._loop = asyncio.get_running_loop()
        self._of: defaultdict[str, TakeOvers] = defaultdict(TakeOvers)
        self._raised_at: dict[str, float] = {}
        self._due: asyncio.Queue[Alarm] = asyncio.Queue()

    def broker_says(self, line: str) -> None:
        """A line of the broker's log, from the one thread that reads it."""
        take_over = self._log.read(line)
        if take_over is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.note, take_over)

    def server_lost(self) -> None:
        """The server's own session was taken over, at a broker whose log we do not see."""
        self.note(SessionTakeOver(SERVER_USER, elsewhere=False))

    def note(self, take_over: SessionTakeOver) -> None:
        """Count it; raise the alarm where it is time."""
        now_s, name = self._monotonic(), take_over.name
        many = self._of[name].note(now_s) >= MANY
        if not (many or take_over.elsewhere) or now_s - self._raised_at.get(name, float("-inf")) < PAUSE_S:
            return
        self._raised_at[name] = now_s
        _log.warning("the session of %s is taken over: two connections have its certificate", name)
        how = ELSEWHERE if take_over.elsewhere else AGAIN
        self._due.put_nowait(Alarm("" if is_server(name) else name, DUPLICATE_IDENTITY, how))

    async def settled(self) -> None:
        """Every alarm that was raised so far is kept, or given up."""
        await self._due.join()

    async def run(self) -> None:
        """Keep alarms until cancelled. One that the store does not take now is raised by the next take-over."""
        while True:
            alarm = await self._due.get()
            try:
                await asyncio.to_thread(self._alarms.record, alarm, self._clock())
                self._changes.publish(frozenset({Topic.ALERTS}))
            except SQLAlchemyError as error:
                _log.error("the alarm about %s is not kept: %s", alarm.station or SERVER_USER, type(error).__name__)
                self._raised_at.pop(alarm.station or SERVER_USER, None)
            finally:
                self._due.task_done()
