"""Sender of the outbox over one connection: oldest first, at most a window of events ahead of the server's acknowledgement.

It obeys `acked` alone. What is wanted again is sent again at once; if the server's word does not come for a while, what it does
not hold is sent again from the oldest on, as gently as `fleet.messages.pacing` has it (the server takes each event once, so
a double costs only the line). A drain lives as long as its connection: the next one begins with all that is not held. An event
that lies damaged goes out as such, under its number, and keeps no other back.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from fleet.agent import outbox
from fleet.agent.outbox import Acknowledgement, DamagedEvent, EventChain, KeptEvent, Place
from fleet.agent.store import StationStore
from fleet.messages.link import Acked
from fleet.messages.pacing import Pacing

log = logging.getLogger(__name__)

PRUNE_EVERY_S = 3600.0


class ServerAheadError(Exception):
    """The server holds events of the present epoch that were never written here: this file is an older copy."""


@dataclass(frozen=True, slots=True)
class FlowLimits:
    """`window`: events in flight at most. `acked_timeout_s`: the patience with a silent server."""

    window: int = 100
    acked_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Wiring:
    """To the connection. `on_progress`: the server holds more, or wants some again. `under_way`: whether the broker has not
    acknowledged all that was published. `on_damaged`: such an event goes out."""

    publish: Callable[[KeptEvent], None]
    on_progress: Callable[[], None]
    under_way: Callable[[], bool]
    on_damaged: Callable[[DamagedEvent], None] = lambda event: None


class Drain:
    """One connection's worth of emptying the outbox."""

    def __init__(self, store: StationStore, chain: EventChain, wiring: Wiring, pace: FlowLimits) -> None:
        self._store = store
        self._chain, self._station = chain, chain.station
        self._wiring = wiring
        self._pacing = Pacing(pace.window, pace.acked_timeout_s, time.monotonic())
        self._wake = asyncio.Event()
        self._words: deque[Acked] = deque()
        self._flying: set[Place] = set()
        self._sent: Place = outbox.START
        self._pruned_at: float | None = None

    def notify(self) -> None:
        """There is a new event."""
        self._wake.set()

    def acked(self, word: Acked) -> None:
        self._words.append(word)
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled. Raises StoreError, ServerAheadError."""
        while True:
            self._wake.clear()
            while self._words:
                await self._obey(self._words.popleft())
            await self._fill()
            await self._prune()
            try:
                async with asyncio.timeout(self._patience_s()):
                    await self._wake.wait()
            except TimeoutError:
                if self._pacing.is_silent(time.monotonic(), under_way=self._wiring.under_way()):
                    log.info("no word of the server for %d events: sending again from the oldest", len(self._flying))
                    self._begin_again()

    async def _obey(self, word: Acked) -> None:
        window = self._pacing.window

        def work(cx: outbox.Transaction) -> tuple[Acknowledgement, list[KeptEvent]]:
            taken = outbox.acknowledge(cx, self._station, word, time.time())
            again = [] if taken.ahead else outbox.missing_events(cx, self._station, word, window)
            return taken, again

        taken, again = await self._store.transact(work)
        if taken.ahead:
            if word.epoch == await self._store.transact(lambda cx: outbox.current_epoch(cx, self._chain)):
                raise ServerAheadError(f"the server holds events of epoch {word.epoch} that were never written here")
            return
        self._flying = {place for place in self._flying if place[0] != word.epoch or place[1] > word.through}
        for event in again:
            self._send(event)
        if len(again) == window:  # there may be more: go on behind the last one
            self._sent = min(self._sent, (again[-1].epoch, again[-1].sequence))
        if taken.held or taken.again or again:
            self._pacing.heard(time.monotonic())
            self._wiring.on_progress()

    async def _fill(self) -> None:
        if not self._flying:
            self._pacing.idle(time.monotonic())
        while (room := self._pacing.window - len(self._flying)) > 0:
            events = await self._pending(room)
            if not events:
                return
            for event in events:
                self._sent = (event.epoch, event.sequence)
                if self._sent not in self._flying:
                    self._send(event)

    async def _pending(self, limit: int) -> list[KeptEvent]:
        after = self._sent
        return await self._store.transact(lambda cx: outbox.pending_events(cx, self._station, after, limit))

    async def _prune(self) -> None:
        now = time.monotonic()
        if self._pruned_at is None or now - self._pruned_at >= PRUNE_EVERY_S:
            self._pruned_at = now
            await self._store.transact(lambda cx: outbox.prune(cx, time.time()))

    def _send(self, event: KeptEvent) -> None:
        self._flying.add((event.epoch, event.sequence))
        if isinstance(event, DamagedEvent):
            self._wiring.on_damaged(event)
        self._wiring.publish(event)

    def _patience_s(self) -> float | None:
        if not self._flying:
            return None
        return self._pacing.look_in_s(time.monotonic())

    def _begin_again(self) -> None:
        self._flying.clear()
        self._sent = outbox.START
