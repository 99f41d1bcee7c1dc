"""One simulated station: it tells of its errands, loses its connection, comes back, and forgets on `acked` alone.

Rules: the same as a real one's. What it tells goes into its outbox first; it reconnects by the back-off of the link; the
broker holds its presence, with a last will, and its state, which it says every minute. Faults are those of the field and lose
nothing: a cut line, a power cut with a new boot, an event that is lost on the way, one that is sent twice, a printer without
paper. It signs checkpoints, and does what the fleet commands; out of service it has no errands.
"""

import asyncio
import logging
import secrets
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

from fleet.messages.backoff import Backoff
from fleet.messages.commands import CommandResult
from fleet.messages.events import EPOCH_PROPERTY, SEQUENCE_PROPERTY, Event
from fleet.messages.link import STATE_EVERY_S, Acked, Ask, Presence, encode
from fleet.messages.pacing import Pacing
from fleet.messages.signed import SignedError, format_time, open_answer, sign_ask
from fleet.messages.topics import Topics
from fleet.messages.vocabulary import EventType, short_type
from sim.fleet import errands
from sim.fleet.broker_connection import (
    BrokerConnection,
    BrokerConnectionError,
    ConnectionSettings,
    OutgoingMessage,
    open_connection,
)
from sim.fleet.checkpoints import SimulatedCheckpoints
from sim.fleet.command_handling import CommandHandler
from sim.fleet.command_verification import CommandVerifier
from sim.fleet.device_state import VERSION, SimulatedDevices, WaitingCard
from sim.fleet.order_sync import TIMEOUT_S, OrderSync
from sim.fleet.outbox import Outbox
from sim.fleet.station_settings import HOUR_S, ErrandRates, StationCredentials

WINDOW = 100
MENDED_S = 60.0
LOG_LINES = 40

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


@dataclass(slots=True)
class Tally:
    """Counts of what has happened to one station."""

    errands: int = 0
    connections: int = 0
    faults: int = 0


class SimulatedStation:
    """`live` until cancelled, then `settle` and `leave`. `counter` is held while somebody is served."""

    def __init__(
        self,
        outbox: Outbox,
        hello: ConnectionSettings,
        plan: ErrandRates,
        random: Random,
        papers: StationCredentials,
        clock: Clock,
        backoff: Backoff,
        cards: dict[int, WaitingCard] | None = None,
        posted: Sequence[WaitingCard] = (),
    ) -> None:
        """`cards`: what lies in its slots; `posted`: what came by post to holders who come here. Without, nothing."""
        self.outbox = outbox
        self.tally = Tally()
        self.waits_s: list[float] = []
        self.twin = SimulatedDevices(outbox.station, cards=cards or {}, posted=list(posted))
        self.counter = asyncio.Lock()
        self.pace = plan.pace
        self._papers = StationCredentials(cache(papers.own), papers.server_key, papers.acked)
        self._asked = ""
        """The nonce of the last ask."""
        self.checkpoints = SimulatedCheckpoints(self._papers.own)
        self.commanded = CommandHandler(CommandVerifier(outbox.station, papers.server_key), self, clock)
        self.syncing = OrderSync(outbox.station, papers.server_key, self._ask)
        self._hello = hello
        self._plan = plan
        self._random = random
        self._clock = clock
        self._backoff = backoff
        self._topics = Topics(outbox.station)
        self._latest: deque[tuple[str, str]] = deque(maxlen=LOG_LINES)
        self._bootid = ""
        self._say_by = 0.0
        """When the state is due again, on the loop's clock."""
        self._line: BrokerConnection | None = None
        self._sent_at: dict[int, float] = {}
        self._lose_next = False
        self._empty = asyncio.Event()
        self._pacing = Pacing(WINDOW, plan.acked_timeout_s, 0.0)

    async def live(self) -> None:
        """Errands, faults and commands, until cancelled."""
        self.boot()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._have_errands())
                both.create_task(self._have_faults())
        finally:
            await self.commanded.stop()

    async def stay_connected(self) -> None:
        """Connect, and connect again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._backoff.next_s())
            try:
                line = await open_connection(self._hello, self._take)
            except BrokerConnectionError as error:
                _log.info("%s: %s", self.outbox.station, error)
                self._hello = self._hello.to_next()
                continue
            began = loop.time()
            self._connected(line)
            try:
                await self._watch(line)
            finally:
                self._line = None
                line.cut()
            self._backoff.connected_for(loop.time() - began)

    async def settle(self) -> None:
        """Until the server holds all that was told."""
        await self._empty.wait()

    async def leave(self) -> None:
        """Disconnect from the broker in order."""
        if self._line is not None:
            await self._line.leave()

    def boot(self) -> None:
        """Start, with a new boot."""
        self._bootid = str(uuid.uuid4())
        self.tell(EventType.STATION_STARTED, None, {"version": VERSION, "found": []})

    def tell(self, kind: str, subject: str | None, content: dict[str, Any]) -> None:
        """Into the outbox, with a checkpoint behind it where one is due, and on its way."""
        now = self._clock()
        written = format_time(now)
        if self.outbox.depth == 0:
            self._pacing.idle(asyncio.get_running_loop().time())
        self.outbox.append(self._bootid, kind, written, subject, content)
        self._latest.append((written, kind))
        self.checkpoints.follow(self.outbox, self._bootid, now, written)
        self._empty.clear()
        self._pump()

    def say_state(self) -> None:
        """As it is now, where there is a line; and again in a minute at most."""
        if self._line is not None:
            self._say_by = asyncio.get_running_loop().time() + STATE_EVERY_S
            state = self.twin.state(self._bootid, format_time(self._clock()), self.outbox.depth)
            self._line.publish(OutgoingMessage(self._topics.state, encode(state), retain=True))

    def say_result(self, result: CommandResult) -> None:
        """Tell what became of a command, where there is a line; without, the next connection tells."""
        if self._line is not None:
            self._line.publish(OutgoingMessage(self._topics.results, encode(result)))

    def cut_power(self) -> None:
        self._cut()
        self._line = None
        self.boot()

    def log_lines(self) -> tuple[str, ...]:
        """The latest events, as a real station's bundle has them."""
        return tuple(f"{time} {short_type(kind)}" for time, kind in self._latest)

    async def _have_errands(self) -> None:
        while True:
            await asyncio.sleep(_interval_s(self._random, self._plan.errands_per_hour))
            async with self.counter:
                if self.twin.out_of_service is None:
                    await self._have_errand()

    async def _have_errand(self) -> None:
        self.tally.errands += 1
        twin, number = self.twin, self.tally.errands
        for planned in errands.errand(self._random, self.outbox.station, number, twin.cards, twin.posted):
            await asyncio.sleep(planned.after_s / self.pace)
            self.twin.follow(planned.type, planned.content)
            self.tell(planned.type, planned.subject, planned.content)
            if planned.type in (EventType.ERRAND_STARTED, EventType.ERRAND_ENDED):
                self.say_state()

    async def _have_faults(self) -> None:
        faults = (self._cut, self.cut_power, self._lose_one, self._send_twice, self._run_out_of_paper)
        while True:
            await asyncio.sleep(_interval_s(self._random, self._plan.faults_per_hour))
            self.tally.faults += 1
            self._random.choice(faults)()

    def _ask(self, ask: Ask) -> bool:
        if self._line is None:
            return False
        self._asked, payload = sign_ask(self._papers.own(), self.outbox.station, ask, self._clock())
        correlation = secrets.token_bytes(16)
        self._line.publish(OutgoingMessage(self._topics.ask, payload, correlation=correlation, expiry_s=int(TIMEOUT_S)))
        return True

    def _pump(self) -> None:
        """Send what is due, where there is a line."""
        if self._line is None:
            return
        now = asyncio.get_running_loop().time()
        for event in self.outbox.due(self._pacing.window):
            self._sent_at.setdefault(event.sequence, now)
            if self._lose_next:
                self._lose_next = False
            else:
                self._line.publish(self._message(event))

    def _message(self, event: Event) -> OutgoingMessage:
        user = ((EPOCH_PROPERTY, str(event.epoch)), (SEQUENCE_PROPERTY, str(event.sequence)))
        return OutgoingMessage(self._topics.events, event.wire, user)

    def _take(self, topic: str, payload: bytes) -> None:
        try:
            if topic == self._topics.acked:
                self._heed(self._papers.acked.open(payload, self.outbox.station)[0])
            elif topic == self._topics.commands:
                self.commanded.take(payload)
            elif topic == self._topics.answer:
                self._take_answer(payload)
        except SignedError as error:
            _log.error("%s: what came on %s is not believed: %s", self.outbox.station, topic, error)

    def _take_answer(self, payload: bytes) -> None:
        signed = open_answer(payload, self._papers.server_key)
        if (signed.station, signed.nonce) == (self.outbox.station, self._asked):
            self.syncing.take(signed.answer)

    def _heed(self, word: Acked) -> None:
        now = asyncio.get_running_loop().time()
        first = self.outbox.through + 1
        newly_held = self.outbox.acked(word)
        if newly_held or word.wanted:
            self._pacing.heard(now)
        for number in range(first, self.outbox.through + 1):
            if (sent_at := self._sent_at.pop(number, None)) is not None:
                self.waits_s.append(now - sent_at)
        if self.outbox.depth == 0:
            self._empty.set()
        self._pump()

    def _connected(self, line: BrokerConnection) -> None:
        self.tally.connections += 1
        self._line = line
        self._pacing = Pacing(WINDOW, self._plan.acked_timeout_s, asyncio.get_running_loop().time())
        line.publish(OutgoingMessage(self._topics.presence, encode(Presence(True, self._bootid)), retain=True))
        self._say_by = 0.0
        self.commanded.tell_again()
        self.outbox.begin_again()
        self._pump()

    async def _watch(self, line: BrokerConnection) -> None:
        """Until it ends; where the server is silent for too long, send again."""
        loop = asyncio.get_running_loop()
        while not line.closed.done():
            if loop.time() >= self._say_by:
                self.say_state()
            until_state_s = max(0.0, self._say_by - loop.time())
            await asyncio.wait({line.closed}, timeout=min(self._pacing.look_in_s(loop.time()), until_state_s))
            if self.outbox.depth == 0:
                self._pacing.idle(loop.time())
            elif self._pacing.is_silent(loop.time(), under_way=line.under_way):
                self.outbox.begin_again()
                self._pump()

    def _cut(self) -> None:
        if self._line is not None:
            self._line.cut()

    def _lose_one(self) -> None:
        self._lose_next = True

    def _send_twice(self) -> None:
        self.outbox.begin_again()
        self._pump()

    def _run_out_of_paper(self) -> None:
        self.twin.paper = False
        self.say_state()
        asyncio.get_running_loop().call_later(MENDED_S / self.pace, self._paper_put_in)

    def _paper_put_in(self) -> None:
        self.twin.paper = True
        self.say_state()


def _interval_s(random: Random, per_hour: float) -> float:
    """Seconds to the next one of so many an hour; without any, so long that none comes."""
    return random.expovariate(per_hour / HOUR_S) if per_hour > 0 else 1e9
