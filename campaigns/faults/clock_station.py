"""Part `clock-station` of `make campaign`: the wall clock leaps at each question of each errand; the monotonic clock goes on.

A case's id is `clock-station:STORY:QUESTION:LEAP`: at that question (counted from 1) the clock leaps by so much, and is set right
again once the errand is over. `LEAP` is one of `LEAPS`, or `spring` and `autumn`: the errand begins half a minute before the
clock of Stockholm is put forward or back, and each question takes ten seconds. Then the person comes back, a month passes, and
the oracle of part `single` reads everything.
"""

import asyncio
import os
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from campaigns.faults.gathering import gather
from campaigns.faults.oracle import Found, judge
from campaigns.faults.parts import Options, Progress, Verdict
from campaigns.faults.single import WRITES, code_card, pass_a_month, playground, stories
from campaigns.faults.visitor import Visitor
from campaigns.faults.world import Station, World
from kiosk.ports import Ended
from sim.stories.clock import HandClock

PART = "clock-station"
LEAPS: dict[str, timedelta] = {
    "+1h": timedelta(hours=1), "-1h": timedelta(hours=-1), "+1d": timedelta(days=1), "-1d": timedelta(days=-1),
    "+10y": timedelta(days=3652), "-10y": timedelta(days=-3652),
}  # fmt: skip
CHANGES = {
    "spring": datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC),
    "autumn": datetime(2026, 10, 25, 0, 59, 30, tzinfo=UTC),
}
"""Half a minute before the clock is put forward, and back (Europe/Stockholm)."""
ZONE = "Europe/Stockholm"
THINKS_S = 10.0
AHEAD = "more than an hour ahead of the server's"
"""What the server tells of events that a clock which leapt has dated: it must."""


class LeapingClock(HandClock):
    """A hand clock whose wall time can be set, as somebody or a time server does."""

    offset = timedelta()

    def now(self) -> datetime:
        return super().now() + self.offset


@cache
def questions_of(story: str) -> int:
    """Return how many questions the story has when the clock is right."""
    with playground() as folders:
        _, someone, _ = asyncio.run(_played(story, 0, "none", *folders, closes=True))
    return someone.asked


@cache
def quiet_end(story: str, change: str) -> tuple[str, str]:
    """Play the errand to its end two hours after that change, when no clock does anything; the story's cards may have expired."""
    with playground() as folders:
        _, _, ended = asyncio.run(_played(story, 0, change, *folders, after=timedelta(hours=2), closes=True))
    assert ended is not None
    return str(ended.outcome), ended.reason


def cases() -> Iterator[str]:
    """Ids of all."""
    for story in stories():
        yield from (f"{PART}:{story}:1:{change}" for change in CHANGES)
        for at in range(1, questions_of(story) + 1):
            yield from (f"{PART}:{story}:{at}:{leap}" for leap in LEAPS)


async def _played(
    story: str,
    at: int,
    leap: str,
    folder: Path,
    templates: Path,
    *,
    after: timedelta = timedelta(),
    closes: bool = False,
) -> tuple[World, Visitor, Ended | None]:
    """The first visit, in which the clock leaps; or one so long after the change. `closes`: the world is closed then."""
    clock = LeapingClock(CHANGES[leap] + after) if leap in CHANGES else LeapingClock()
    world = World(folder, templates, stories()[story], clock)
    world.here.gate.enter(asyncio.get_running_loop())

    def befall(number: int) -> None:
        if leap in CHANGES:
            clock.advance(THINKS_S)
        elif number == at:
            clock.offset = LEAPS[leap]

    someone, ended = await _visit(world, world.here, befall=befall)
    clock.offset = timedelta()
    if closes:
        await world.close()
    return world, someone, ended


async def _visit(
    world: World, station: Station, *, befall: object = None, persists: bool = False
) -> tuple[Visitor, Ended | None]:
    tale = world.tale
    someone = Visitor(station.world, world.clock, tale.story(), world.knows, persists=persists)
    if callable(befall):
        someone.befalls = befall
    ended = await station.visit(someone)
    someone.learn(ended, code_card(tale), written=tale.errand in WRITES)
    world.take_cards()
    return someone, ended


async def run_case(case: str) -> tuple[str, list[Found]]:
    """Play and judge."""
    _, story, at, leap = case.split(":")
    tale = stories()[story]
    expected = await asyncio.to_thread(quiet_end, story, leap) if leap in CHANGES else (tale.outcome, tale.reason)
    with playground() as folders:
        world, first, ended = await _played(story, int(at), leap, *folders)
        try:
            await world.here.sync()
            world.pass_time(days=1)
            visits = [(world.here, first, ended)]
            if ended is not None and (ended.outcome, ended.reason) != expected:
                visits.append((world.here, *await _visit(world, world.here, persists=True)))
            await pass_a_month(world)
            evidence = await gather(world, visits)
            findings = [
                finding for finding in judge(replace(evidence, expected=expected)) if AHEAD not in finding.where
            ]
        finally:
            await world.close()
    return ", then ".join(
        visit_end.reason or str(visit_end.outcome) for _, _, visit_end in visits if visit_end is not None
    ), findings


def run_part(options: Options) -> int:
    """Run all cases, or those that are named, and print the table."""
    os.environ["TZ"] = ZONE
    time.tzset()
    progress = Progress.open(PART, options)
    chosen = list(options.ids)
    if not chosen:
        everything = list(cases())
        random.Random(options.seed).shuffle(everything)
        chosen = list(progress.missing(everything[: options.count]))
        print(f"{len(everything)} cases, {len(chosen)} to run", flush=True)
    for case in chosen:
        ended, findings = asyncio.run(run_case(case))
        if options.ids:
            print(f"{case}: {ended}; {len(findings)} rules broken", flush=True)
        _, story, _, leap = case.split(":")
        progress.add(
            Verdict(case, leap, story, tuple(str(finding) for finding in findings), ended),
            of=len(progress.verdicts) + 1,
        )
    print(progress.table())
    return 1 if any(verdict.broken for verdict in progress.verdicts.values()) else 0
