"""A station of the whole system, with the person before it: one process, `python -m campaigns.faults.whole_station ORDERS`.

The station is the real one without a window; cards, printer and cabinet are twins whose state lies on the disk after every
move, so that it outlives the process as the things themselves would. ORDERS is a file of JSON (`Orders`). Each question that is
asked is a line of JSON on standard output, so is the end of the errand (`errand`), and what became of it all is the last.

A person who is asked what the story does not foresee does what the screen shows (puts in, takes, closes, drops), or leaves.
"""

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from fleet.agent.link import Timing
from kiosk.config import load
from kiosk.errands.registry import ERRANDS
from kiosk.ports import ErrandEndedError
from kiosk.station.build import open_station
from kiosk.station.station import Station
from kiosk.views import Await, CabinetDrawing, DropDrawing, ReaderDrawing, Tell, View
from sim.bench.virtual_bench import READERS, BenchMoveError, Scenario, VirtualBench
from sim.reader.cards import VirtualCard
from sim.reader.pki import TestAuthority
from sim.stories.clock import HandClock
from sim.stories.person import Person

ONLINE_S, DRAIN_S, POLL_S = 15.0, 25.0, 0.05
AGAIN = 3
"""So often a person sees the same screen before she walks away."""


class Orders(msgspec.Struct, frozen=True):
    """Orders for the station. `errand` empty: it is started and drained, and nobody comes."""

    config: str
    bench: str
    authority: str
    errand: str
    person: int
    story: dict[str, list[str]]
    """What is answered to each question; `own` and `new` stand for putting that card in."""
    own: str
    """The card that the person shows: a name of the bench."""
    slots: dict[int, str] = {}
    hand: tuple[str, ...] = ()
    """Where the bench begins, where it has not been begun."""
    twin: tuple[str, int] | None = None
    """`pull`, `kill_exchange` (at that exchange with the card), `no_paper`, `jam`, `torn_network` (at that question)."""


class Visitor(Person):
    """A person who helps herself to what a screen shows."""

    def __init__(self, world: VirtualBench, orders: Orders, say: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(world, _Impatience(), {name: list(answers) for name, answers in orders.story.items()})
        self._orders = orders
        self._tell = say
        self.unforeseen: list[str] = []

    async def show(self, view: View[Any]) -> Any:
        self._tell({"view": view.name, "asked": self.asked})
        try:
            return await super().show(view)
        except _LeftError:
            raise ErrandEndedError(f"left at {view.name}") from None

    def _answer_of_story(self, view: View[Any]) -> str | None:
        if self.names.count(view.name) > AGAIN:
            self._away = True
            return None
        actions = self._story.get(view.name)
        if actions:
            answer = actions[0] if len(actions) == 1 else actions.popleft()
            if answer in ("own", "new"):
                self._put(self._orders.own if answer == "own" else f"{self._orders.person}:new")
                return None
            return answer if isinstance(answer, str) else answer(self)
        if isinstance(view, Await):
            return self._as_shown(view)
        if isinstance(view, Tell) and view.primary is not None:
            return view.primary.value
        self.unforeseen.append(view.name)
        self.awkward = True
        return self._leaving(view)

    def _as_shown(self, view: Await) -> str | None:
        match view.drawing:
            case ReaderDrawing(motion="out", which=which):
                self.world.remove(which)
            case ReaderDrawing(motion="in"):
                self._put(self._orders.own)
            case CabinetDrawing(lit=slot):
                if slot in self.world.cabinet.cards:
                    self.world.take(slot)
                self.world.close_door(slot)
            case DropDrawing():
                self.world.drop(self._orders.own)
        return None

    def _put(self, card: str) -> None:
        if self.card_in("holder"):
            self.world.remove("holder")
        self.world.insert(card, "holder")


class _LeftError(Exception):
    """The person has walked away."""


class _Impatience(HandClock):
    """A person who would wait walks away instead: the station's own clock is not hers."""

    def advance(self, seconds: float) -> None:
        raise _LeftError


@dataclass
class Trouble:
    """Trouble that befalls the twins."""

    world: VirtualBench
    kind: str
    at: int
    exchanges: int = 0

    def install(self, visitor: Visitor) -> None:
        """Let it wait for its place."""
        visitor.befalls = self.question
        if self.kind in ("pull", "kill_exchange"):
            transmit = VirtualCard.transmit

            def counted(card: VirtualCard, apdu: bytes) -> bytes:
                answer = transmit(card, apdu)
                self.exchanges += 1
                if self.exchanges == self.at:
                    self.exchange()
                return answer

            VirtualCard.transmit = counted  # type: ignore[method-assign]

    def exchange(self) -> None:
        """The card has done what it was told, and nobody hears of it."""
        if self.kind == "kill_exchange":
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Thread(target=self._pull, daemon=True).start()

    def _pull(self) -> None:
        for reader in list(self.world.in_reader):
            self.world.remove(reader)

    def question(self, at: int) -> None:
        """Befall the twins at that question."""
        if at != self.at:
            return
        match self.kind:
            case "no_paper":
                self.world.break_printer(out_of_paper=True)
            case "jam":
                for slot in self.world.cabinet.cards:
                    self.world.jam(slot, True)
            case "torn_network":
                self.world.cut_network(True)


async def visit(orders: Orders, say: Callable[[dict[str, Any]], None]) -> None:
    """One errand at the station, or none; then everything that it wrote goes to the server."""
    now, path = datetime.now(UTC), Path(orders.config)
    world = VirtualBench.open(Path(orders.bench), Scenario(orders.slots, orders.hand, (), 24), now)
    world.authority = TestAuthority.load_or_create(Path(orders.authority), now)
    _put_right(world)
    visitor = Visitor(world, orders, say)
    if orders.twin is not None:
        Trouble(world, *orders.twin).install(visitor)
    async with open_station(load(path), path.parent, visitor, virtual=world, timing=Timing(first_s=0.1)) as station:
        online = await _until(station, ONLINE_S, lambda: _is_online(station))
        ended = None
        if orders.errand:
            ended = await station.run(next(errand for errand in ERRANDS if errand.id == orders.errand))
            say({"errand": ended.outcome})
        drained = await _until(station, DRAIN_S, lambda: _is_drained(station))
        say({
            "outcome": ended.outcome if ended else "none", "reason": ended.reason if ended else "",
            "failure": str(visitor.failure or ""), "unforeseen": visitor.unforeseen, "names": visitor.names,
            "typed": visitor.typed, "online": online, "drained": drained,
            "problems": [problem.code for problem in station.problems],
        })  # fmt: skip


def _put_right(world: VirtualBench) -> None:
    """Do what people do at a machine that stands there again: take a forgotten card, put in paper, free a lock."""
    for reader in READERS:
        if reader in world.in_reader:
            world.remove(reader)
    world.break_printer(out_of_paper=False)
    world.cut_network(False)
    for slot in range(1, world.cabinet.slot_count + 1):
        try:
            world.jam(slot, False)
        except BenchMoveError:
            continue


async def _is_online(station: Station) -> bool:
    fleet = station.fleet
    return fleet is None or (fleet.link.online and fleet.book.is_fresh(station.clock.now()))


async def _is_drained(station: Station) -> bool:
    """Return whether all that happened is written, and the server has every event, block and hold that waited here."""
    records = station.records
    if records is None:
        return True
    waiting = "SELECT count(*) FROM block_queue WHERE result IS NULL"
    (blocks,) = await records.file.store.transact(lambda cx: cx.execute(waiting).fetchone())
    return not records.journal.is_owing and blocks == 0 and await records.depth() == 0


async def _until(station: Station, limit_s: float, reached: Callable[[], Awaitable[bool]]) -> bool:
    deadline = station.clock.monotonic() + limit_s
    while not await reached():
        if station.clock.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_S)
    return True


def main() -> None:
    """Do it, line by line."""
    logging.disable()
    asyncio.run(
        visit(
            msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Orders),
            lambda line: print(json.dumps(line), flush=True),
        )
    )


if __name__ == "__main__":
    main()
