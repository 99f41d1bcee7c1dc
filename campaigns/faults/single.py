"""Part `single` of `make campaign`: every single fault at every place of every errand; then the person comes back, or does not.

A case's id is `single:STORY:KIND.NUMBER:WAY:BACK`: the story, the place, how the fault strikes (`gate.WAYS`), and whether the
person comes back `here`, `there` (another station) or `never`. Of two faults both stand there, each with its way (part `pairs`).
One case: the errand with its fault; a station that died, or whose trouble stayed, is started again; its outbox is emptied; a day
later the person is back; a month passes, day by day, at both stations and at the server; then the oracle reads everything. It all
happens in one process, in seconds of a clock that is passed in.
"""

import asyncio
import atexit
import logging
import multiprocessing
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from campaigns.faults.gate import WAYS, Gate, KilledError, Kind, Place, Way
from campaigns.faults.gathering import gather
from campaigns.faults.oracle import Found, judge
from campaigns.faults.parts import Options, Progress, Verdict
from campaigns.faults.visitor import Visitor
from campaigns.faults.world import Station, World
from kiosk.ports import Ended
from sim.bench import cards as bench_cards
from sim.stories.errand_stories import ErrandStory, errand_stories
from sim.stories.person import Person, StoryAction, puts
from sim.stories.room import quick_folder, standing
from sim.stories.setting import Setting, attended, own_card

PART = "single"
Back = Literal["here", "there", "never"]
BACKS: tuple[Back, ...] = get_args(Back)
HANGS_S = 30.0
"""No case takes so long of the real time unless it hangs."""
MONTH = (3, 6, 30)
"""Days after the return at which the stations send and the server looks at its deadlines."""
UPDATED = 6
"""The day on which a station is started again, as it is for each of its updates."""
PICKUPS = (
    ErrandStory("pickup: with the own card", "pickup", own_card, Setting()),
    ErrandStory("pickup: the server verifies", "pickup", own_card, Setting(server=True)),
    ErrandStory("pickup: attended, in turn", "pickup", lambda: attended(reader="holder"), Setting()),
)


@dataclass(frozen=True)
class Case:
    """One fault, two or none, and who comes back where."""

    story: str
    places: tuple[Place, ...]
    back: Back

    @property
    def id(self) -> str:
        where = ":".join(f"{place.kind}.{place.number}:{place.way}" for place in self.places) or "none"
        return f"{PART}:{self.story}:{where}:{self.back}"

    @classmethod
    def parse(cls, text: str) -> "Case":
        """Raises ValueError for what is no id of a case."""
        part, story, *words, back = text.split(":")
        if part != PART or back not in BACKS or story not in stories():
            raise ValueError(text)
        if words == ["none"]:
            return cls(story, (), back)
        return cls(story, tuple(_place(where, way) for where, way in zip(words[::2], words[1::2], strict=True)), back)


def _place(where: str, way: str) -> Place:
    kind, _, number = where.partition(".")
    if kind not in WAYS or way not in WAYS[kind]:
        raise ValueError(f"{PART}: {where}:{way}")
    return Place(kind, int(number), way)


@cache
def stories() -> dict[str, ErrandStory]:
    """The pick-ups, and of each errand the first troubled story, and the first whose issuer is a portal for people."""
    by_name = {f"pickup-{number}": tale for number, tale in enumerate(PICKUPS, 1)}
    for tale in errand_stories():
        if tale.troubled:
            by_name.setdefault(f"{tale.errand}-portal" if "portal" in tale.title else tale.errand, tale)
    return by_name


@dataclass
class Played:
    """All that is left of a case: what the oracle reads."""

    case: Case
    world: World
    visits: list[tuple[Station, Visitor, Ended | None]] = field(default_factory=list)
    stopped_after: bool = False
    """The station was started again after the first visit."""


def counts_of(story: str) -> dict[Kind, int]:
    """Return how many places of each kind the story passes when nothing strikes."""
    return {kind: len(seen) for kind, seen in seen_in(story).items()}


@cache
def seen_in(story: str) -> dict[Kind, list[str]]:
    """The same, as what passes: of an exchange its header as hex, of a write its statement."""
    with playground() as folders:
        played = asyncio.run(_undisturbed(story, *folders))
    tale = stories()[story]
    _, someone, ended = played.visits[0]
    assert ended is not None
    assert (ended.outcome, ended.reason) == (tale.outcome, tale.reason), f"{story}: {ended} {someone.names}"
    return played.world.here.gate.seen


async def _undisturbed(story: str, folder: Path, templates: Path) -> Played:
    played = await play(Case(story, (), "never"), folder, templates)
    await played.world.close()
    return played


def cases() -> Iterator[Case]:
    """All of them."""
    for story in stories():
        for kind, count in counts_of(story).items():
            for number in range(1, count + 1):
                for way in WAYS[kind]:
                    for back in BACKS:
                        yield Case(story, (Place(kind, number, way),), back)


def _in_memory() -> Path | None:
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


class playground:  # a context manager, used as a function is
    """A folder for one case and one for the templates, in memory where there is such a thing."""

    templates: Path | None = None

    def __enter__(self) -> tuple[Path, Path]:
        cls = type(self)
        if cls.templates is None or not cls.templates.exists():
            atexit.register(lambda: shutil.rmtree(cls.templates or "", ignore_errors=True))
            cls.templates = Path(tempfile.mkdtemp(prefix="kortkiosk-templates-", dir=_in_memory()))
        self._slow = tempfile.TemporaryDirectory()
        self._quick = quick_folder(Path(self._slow.name))
        return self._quick.__enter__(), cls.templates

    def __exit__(self, *fault: object) -> None:
        self._quick.__exit__(None, None, None)
        self._slow.cleanup()


async def play(case: Case, folder: Path, templates: Path) -> Played:
    """Live through one case. The caller closes the world."""
    world = World(folder, templates, stories()[case.story])
    played = Played(case, world)
    here = world.here
    here.gate.enter(asyncio.get_running_loop())
    here.gate.counts.clear()
    here.gate.seen.clear()
    here.gate.places = case.places
    await _visit(played, here)
    await _send(here)
    if here.gate.dead or any(place.way in ("stays", "cut") for place in case.places):
        world.take_cards()
        world.pass_time(hours=1)
        await here.restart()
        played.stopped_after = True
        await here.sync()
    world.take_cards()
    if not case.places:
        return played
    world.pass_time(days=1)
    world.here.gate.places = ()  # a fault whose place the errand did not reach befalls nobody
    await _come_back(played)
    await pass_a_month(world)
    return played


def returns(played: Played) -> bool:
    """Return whether there is anything to come back for: a card that lies in the bin cannot be returned once more."""
    world = played.world.here.world
    return played.case.story != "return_card" or "1:old" not in world.cabinet.drop.binned


async def _visit(played: Played, station: Station, *, again: bool = False) -> None:
    tale, world = played.world.tale, station.world
    story = dict(tale.story()) | (await _differently(played, station) if again else {})
    someone = Visitor(world, world.clock, story, played.world.knows, persists=again)
    ended = await station.visit(someone)
    played.visits.append((station, someone, ended))
    someone.learn(ended, code_card(tale), written=tale.errand in WRITES)


async def _differently(played: Played, station: Station) -> dict[str, StoryAction | Sequence[StoryAction]]:
    """Return what somebody who comes back does otherwise: with the new card where the old one is gone, counting what is left."""
    gone = "1:old" not in station.world.hand
    counted = station is played.world.there or "bin.emptied" in await station.room.told()
    return {
        **({"pickup.insert_old": puts("1:new")} if gone else {}),
        **({"empty_bin.count": "0"} if counted else {}),
        **_stock_again(station),
        "empty_bin.difference": "sensor" if counted else "missing",
        "empty_bin.reference": "4711",
    }


def _stock_again(station: Station) -> dict[str, StoryAction | Sequence[StoryAction]]:
    """A card that may lie in a slot unlisted is found by a count; one in the hand goes into whichever slot opens."""
    cabinet = station.world.cabinet

    def put(someone: Person) -> None:
        slot = cabinet.open_slot_number
        assert slot is not None, "no slot is open"
        if slot not in cabinet.cards:
            someone.world.put(slot, "1:new")
        someone.world.close_door(slot)

    def shut(someone: Person) -> str:
        slot = cabinet.open_slot_number
        if slot is not None:
            someone.world.close_door(slot)
        return "next"

    there = [str(slot) for slot, card in cabinet.cards.items() if card == "1:new"]
    number = bench_cards.persona("1:new").card_number
    count: dict[str, StoryAction | Sequence[StoryAction]] = {
        "stock.what": ["count", "end"], "stock.count": [*there, "back"], "stock.unlisted": "look", "stock.read_card": number,
    }  # fmt: skip
    return {"stock.put": put, "stock.not_open": shut, **(count if there else {})}


WRITES = ("pickup", "attend", "unblock", "change_pin", "activate")
"""Errands whose good end sets a code."""


def code_card(tale: ErrandStory) -> str:
    """The card whose code an errand may set."""
    return "1:new" if tale.errand in ("pickup", "attend", "activate") else "1:old"


async def _send(station: Station) -> None:
    try:
        if not station.gate.dead:
            await station.sync()
    except KilledError:
        return


async def _come_back(played: Played) -> None:
    world = played.world
    if played.case.back == "never":
        return
    station = world.here if played.case.back == "here" else world.open_there()
    await station.sync()
    if not returns(played):
        return
    await _visit(played, station, again=True)
    for reader in list(station.world.in_reader):
        station.world.remove(reader)
    await station.sync()


async def pass_a_month(world: World) -> None:
    """The stations send what they have, and the server looks at what is due, on each of these days."""
    day = 0
    for next_day in MONTH:
        world.pass_time(days=next_day - day)
        day = next_day
        if day == UPDATED:
            await world.here.restart()
        for station in filter(None, (world.here, world.there)):
            await station.sync()
        world.server.look(world.clock.now())


async def run_case(case: Case) -> tuple[str, list[Found]]:
    """Play and judge: how the visits ended, and every rule that was broken."""
    with playground() as folders:
        playing = asyncio.ensure_future(play(case, *folders))
        await asyncio.wait({playing}, timeout=HANGS_S)
        if not playing.done():
            where = standing()
            playing.cancel()
            await asyncio.wait({playing}, timeout=HANGS_S)
            return "hangs", [Found("hangs", where)]
        try:
            played = playing.result()
        except TimeoutError as hang:
            return "hangs", [Found("hangs", str(hang))]
        try:
            findings = judge(await gather(played.world, played.visits))
        finally:
            await played.world.close()
    ends = [("killed" if ended is None else ended.reason or str(ended.outcome)) for _, _, ended in played.visits]
    return ", then ".join(ends), findings


def verdict_of(case: Case) -> Verdict:
    """Play, judge, and say it as the table does."""
    ended, findings = asyncio.run(run_case(case))
    ways = [f"{place.kind}, {place.way}" for place in case.places] or ["nothing"]
    injected = ways[0] if len(ways) == 1 else "two faults"
    return Verdict(case.id, injected, case.story, tuple(str(finding) for finding in findings), ended)


def _verdicts(chosen: Sequence[Case], jobs: int) -> Iterator[Verdict]:
    """As they come; the processes are of a pool that ends with the last."""
    if jobs == 1 or len(chosen) == 1:
        yield from map(verdict_of, chosen)
        return
    with (
        tempfile.TemporaryDirectory(prefix="kortkiosk-templates-", dir=_in_memory()) as templates,
        multiprocessing.get_context("spawn").Pool(jobs, _begin, (templates, logging.root.manager.disable)) as pool,
    ):
        yield from pool.imap_unordered(verdict_of, chosen)


def _begin(templates: str, silent_to: int) -> None:
    """Of a process of the pool: it has templates of its own, which go with all of them."""
    playground.templates = Path(tempfile.mkdtemp(dir=templates))
    logging.disable(silent_to)


def run_part(options: Options) -> int:
    """Run all cases, or those that are named, and print the table."""
    everything: list[Case] = []
    if not options.ids:
        everything = list(cases())
        random.Random(options.seed).shuffle(everything)  # a run that is cut off has looked everywhere
        print(f"{len(everything)} cases", flush=True)
    return run_cases(Progress.open(PART, options), everything[: options.count], options)


def run_cases(progress: Progress, cases: Sequence[Case], options: Options) -> int:
    """Run those that have no verdict yet, or else the named ones, and print the table."""
    missing = [case for case in cases if case.id not in progress.verdicts]
    chosen = [Case.parse(case_id) for case_id in options.ids] or missing
    began, of = time.monotonic(), len(progress.verdicts) + len(chosen)
    for verdict in _verdicts(chosen, options.jobs):
        if options.ids:
            print(f"{verdict.id}: {verdict.ended}; {len(verdict.broken)} rules broken", flush=True)
        progress.add(verdict, of=of)
    print(progress.table())
    print(f"{len(chosen)} cases in {time.monotonic() - began:.0f} s with {options.jobs} processes")
    return 1 if any(verdict.broken for verdict in progress.verdicts.values()) else 0


__all__ = ["Case", "Gate", "Played", "Way", "cases", "counts_of", "run_case", "run_part", "shutil"]
