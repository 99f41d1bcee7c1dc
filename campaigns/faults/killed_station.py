"""A station that is killed: `python -m campaigns.faults.killed_station FOLDER [STEP] [OFFSET]`.

The pick-up is run over and over on a fresh copy of the same bench, each time in a forked child that ends itself by SIGKILL
at the next boundary: right before or after a commit, an effect, or a move on the bench. Then another child starts the station
again on what is left and lets the same person come back. One JSON object a line says what was found.
"""

import asyncio
import inspect
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from drivers.reader.secret import Secret
from fleet.agent.store import StationStore
from kiosk.station.journal import Log
from kiosk.views import View
from sim.bench.virtual_bench import Scenario
from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN
from sim.stories.devices import PaperTray, order_of
from sim.stories.person import Person, Story, StoryAction, drops, pulls, puts
from sim.stories.room import DiskWorld, Room
from sim.stories.setting import NEW_PIN, come_back

T = TypeVar("T")
HOLDER = 6
"""A person whose new card has keys on a curve."""
SLOT = 2 * HOLDER
SCENARIO = Scenario({SLOT: f"{HOLDER}:new"}, (f"{HOLDER}:old",), (), 24)
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Killer:
    """Counts boundaries; at the chosen one the process is gone, without any clean-up."""

    def __init__(self, at: int | None, diary: Path) -> None:
        self.at = at
        self.count = 0
        self._diary = os.open(diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def boundary(self, name: str) -> None:
        """Pass it, or die."""
        self.count += 1
        if self.count == self.at:
            self.write("killed", name)
            os.kill(os.getpid(), signal.SIGKILL)

    def write(self, *words: str) -> None:
        """One line, on the disk's side of the process at once."""
        os.write(self._diary, (" ".join(words) + "\n").encode())


def install(killer: Killer) -> type[StationStore]:
    """Boundaries around effects, commits and moves, and a diary of the codes that reach a card."""

    class KilledStore(StationStore):
        def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
            killer.boundary("before commit")
            result = super()._run(work)
            killer.boundary("after commit")
            return result

    effect, save, transmit = Log.effect, DiskWorld.save, VirtualCard.transmit

    async def killed_effect(self: Log, name: str, act: Awaitable[T], **facts: str | int) -> T:
        async def around() -> T:
            killer.boundary(f"before {name}")
            result = await act
            killer.boundary(f"after {name}")
            return result

        try:
            return await effect(self, name, around(), **facts)
        finally:
            if inspect.iscoroutine(act):
                act.close()

    def killed_save(self: DiskWorld) -> None:
        killer.boundary("before a move")
        save(self)
        killer.boundary("after a move")

    def noted_transmit(self: VirtualCard, apdu: bytes) -> bytes:
        if apdu[1] in (0x20, 0x24, 0x2C) and len(apdu) > 5:
            codes = [apdu[5:][i : i + 8].rstrip(b"\xff").decode() for i in range(0, apdu[4], 8)]
            killer.write("sent", f"{apdu[1]:02X}", *codes)
        return transmit(self, apdu)

    Log.effect = killed_effect  # type: ignore[method-assign, assignment]
    DiskWorld.save = killed_save  # type: ignore[method-assign]
    VirtualCard.transmit = noted_transmit  # type: ignore[method-assign]
    return KilledStore


class NotedPerson(Person):
    """Writes down each code that is typed."""

    killer: Killer

    def _given(self, view: View[Any], value: str) -> Secret | str:
        given = super()._given(view, value)
        if isinstance(given, Secret):
            self.killer.write("typed", value)
        return given


def story(world: DiskWorld) -> Story:
    """Return what the holder does, wherever things lie by now."""
    new, old = f"{HOLDER}:new", f"{HOLDER}:old"
    own = new if old in world.cabinet.drop.binned else old
    gone: StoryAction = drops(old)

    def takes_if_there(someone: Person) -> None:
        if SLOT in someone.world.cabinet.cards:
            someone.world.take(SLOT)
        someone.world.close_door(SLOT)

    return come_back(
        HOLDER,
        insert_old=puts(own),
        pin_old=PIN if own == old else NEW_PIN,
        take_old=pulls(),
        take=takes_if_there,
        drop_old=gone,
        **{"stop.no_order": "end", "code_from_before": NEW_PIN},
    )


async def pick_up(folder: Path, killer: Killer, store: type[StationStore], boot: int) -> dict[str, Any]:
    """Start the station on that folder and let the holder pick the card up."""
    world = DiskWorld.open(folder / "bench", SCENARIO, NOW)
    assert isinstance(world, DiskWorld)
    room = Room(folder, orders=[order_of(HOLDER)], world=world, bootid=f"boot-{boot}", store=store, printer=PaperTray())
    interruptions = await room.journal.boot("0.1.0")
    for reader in ("holder",):
        if world.slots[reader].card is not None:
            world.remove(reader)
    someone = NotedPerson(world, world.clock, story(world))
    someone.killer = killer
    ended = await room.errand(someone)
    report = {
        "found": [[interruption.kind, interruption.effect, interruption.order] for interruption in interruptions],
        "outcome": ended.outcome,
        "reason": ended.reason,
        "receipt": ended.receipt,
        "failure": str(someone.failure or ""),
        "names": someone.names,
        "told": await room.told(),
        "numbers": [e.content()["number"] for e in await room.chain() if e.type.endswith("receipt.issued")],
        "where": world.picture(),
    }
    await room.close()
    return report


def run(folder: Path, at: int | None, boot: int) -> None:
    """One boot, in this process."""
    killer = Killer(at, folder / "diary")
    killer.write("boot", str(boot))
    report = asyncio.run(pick_up(folder, killer, install(killer), boot))
    (folder / f"said-{boot}.json").write_text(json.dumps(report | {"boundaries": killer.count}))


def forked(work: Callable[[], None]) -> int:
    """Run in a child; its wait status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main(folder: Path, step: int, offset: int) -> None:
    """Every boundary from `offset` on, in steps."""
    template = folder / "template"
    world = DiskWorld.open(template / "bench", SCENARIO, NOW)
    for name in (f"{HOLDER}:old", f"{HOLDER}:new"):
        world.card(name)
    at = 1 + offset
    while True:
        place = folder / str(at)
        shutil.copytree(template, place)
        status = forked(lambda place=place, at=at: run(place, at, 1))  # type: ignore[misc]
        killed = os.WIFSIGNALED(status)
        line: dict[str, Any] = {"at": at, "killed": killed, "status": status}
        if killed:
            line["status"] = forked(lambda place=place: run(place, None, 2))  # type: ignore[misc]
        for path in sorted(place.glob("said-*.json")):
            line["said"] = json.loads(path.read_text())
        line["diary"] = (place / "diary").read_text().splitlines()
        print(json.dumps(line), flush=True)
        shutil.rmtree(place)
        if not killed:
            return
        at += step


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(word) for word in sys.argv[2:4]))
