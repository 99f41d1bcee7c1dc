"""A card that its holder left in the reader: heard, told, counted, until somebody takes it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet.messages.vocabulary import EventType
from kiosk.station.forgotten_card import EVERY_S, KEPT, ForgottenCardWatch
from sim.stories.errand_stories import OWN
from sim.stories.own_card import MINE
from sim.stories.patience import LIMIT_S
from sim.stories.room import Room, persona_of, quick_folder
from sim.stories.setting import room_for

NUMBER = persona_of(MINE).card_number


class Bench:
    """A station's reader with the watch over it; what it told, and how often it sounded."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.heard = asyncio.Event()
        self.tones = 0
        self.hushed = False
        self.watch = ForgottenCardWatch(
            room.readers[0], room.clock, self._record, self._sound, hushed=lambda: self.hushed
        )

    async def _record(self, kind: str, content: dict[str, Any]) -> None:
        self.told.append((kind, content))
        self.heard.set()

    def _sound(self) -> None:
        self.tones += 1

    async def until(self, count: int) -> None:
        """Until so many events were told."""
        async with asyncio.timeout(LIMIT_S):
            while len(self.told) < count:
                self.heard.clear()
                await self.heard.wait()

    async def pause(self) -> None:
        """The time between two tones."""
        for _ in range(50):
            await asyncio.sleep(0)
        self.room.clock.advance(EVERY_S)
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, OWN)
        bench = Bench(room)
        watching = asyncio.create_task(bench.watch.run())
        yield bench
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await room.close()


async def test_it_sounds_until_the_card_is_taken_and_both_are_told(bench: Bench) -> None:
    bench.room.world.insert(MINE, "holder")
    bench.watch.notice(True)
    await bench.until(1)
    assert bench.watch.since == bench.room.clock.now()
    await bench.pause()
    await bench.pause()
    assert bench.tones == 3
    bench.room.world.remove("holder")
    await bench.until(2)
    assert bench.told == [
        (EventType.CARD_LEFT_IN, {"card_number": NUMBER}),
        (EventType.CARD_LEFT_IN_TAKEN, {"card_number": NUMBER, "seconds": round(2 * EVERY_S)}),
    ]
    for _ in range(3):
        await asyncio.sleep(0)
    assert bench.watch.since is None


async def test_a_card_that_does_not_answer_is_told_without_a_number(bench: Bench) -> None:
    bench.room.world.insert(MINE, "holder", upside_down=True)
    bench.watch.notice(True)
    await bench.until(1)
    assert bench.told == [(EventType.CARD_LEFT_IN, {"card_number": ""})]


async def test_nothing_sounds_while_somebody_has_an_errand(bench: Bench) -> None:
    bench.hushed = True
    bench.room.world.insert(MINE, "holder")
    bench.watch.notice(True)
    await bench.until(1)
    await bench.pause()
    assert bench.tones == 0


async def test_one_card_is_told_once_however_often_the_home_screen_looks(bench: Bench) -> None:
    bench.watch.notice(False)
    bench.room.world.insert(MINE, "holder")
    for _ in range(3):
        bench.watch.notice(True)
        await bench.until(1)
    assert bench.watch.count_lately() == 1
    bench.room.clock.advance((KEPT + timedelta(seconds=1)).total_seconds())
    assert bench.watch.count_lately() == 0
