"""The pick-up through the Kivy screens, with real touches under Xvfb, on the station and server programs themselves."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.cabinet.messages import FIRMWARE
from sim.bench.socket_server import move
from sim.bench.virtual_bench import BenchMoveError
from sim.demo import processes, story
from sim.demo.player import Player
from sim.demo.processes import DemoProcess
from sim.demo.run import virtual_display
from sim.demo.story import StoryScene
from sim.reader.personas import person
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.region import Region

pytestmark = [pytest.mark.screen, pytest.mark.broker]


@pytest.fixture
def served(region: Region) -> Iterator[Region]:
    """A region with its server running."""
    with region.serve():
        yield region


@asynccontextmanager
async def station(region: Region) -> AsyncIterator[tuple[DemoProcess, Player]]:
    """The station's program on a virtual screen, and a person in front of it."""
    async with virtual_display() as display:
        program = processes.station(region.places, display)
        await program.start()
        try:
            yield program, Player(display, region.places.bench / "bench.sock")
        finally:
            await program.stop()


def pictures(tmp_path: Path) -> Path:
    """Where pictures go: kept where the environment names a folder."""
    return Path(os.environ.get("KORTKIOSK_PICTURES", str(tmp_path / "pictures")))


async def test_a_holder_collects_a_card_by_touch(served: Region, tmp_path: Path) -> None:
    """From the home screen to the home screen, with the old card; the server then holds the receipt. It has no
    issuer: what the card has signed waits at the station.

    The slot is opened, and the old card counted, by the real firmware on MicroPython's Unix port."""
    folder = pictures(tmp_path)
    async with station(served) as (_, player):
        await player.play(story.own_card(person(1)), pictures=folder)
        await player.await_view("home")
        world = (await move(served.places.bench / "bench.sock", do="look"))["world"]
    assert world["board"]["firmware"] == ".".join(str(part) for part in FIRMWARE)
    assert (world["slots"]["2"], world["bin"], world["in_bin"]) == (None, 1, ["1:old"])
    served.becomes(
        "orders", lambda said: ("2026-0001", "taken") in {(row["order"], row["state"]) for row in said["items"]}
    )
    assert len(list(folder.glob("*.png"))) == len(story.own_card(person(1)))
    assert len(list((served.places.bench / "receipts").glob("*.png"))) == 1


async def test_an_administrator_attends_for_a_protected_identity(served: Region, tmp_path: Path) -> None:
    """The administrator's card in the second reader; no name of the holder reaches the server."""
    someone = person(5)
    async with station(served) as (_, player):
        await player.play(story.attended(someone))
        await player.await_view("home")
    (errand,) = served.becomes("errands", all_ended)["items"]
    assert (errand["outcome"], errand["order"]) == ("done", "2026-0005")
    for path in served.places.fleet_data.rglob("*"):
        if path.is_file():
            assert someone.new.surname.encode() not in path.read_bytes(), path.name


async def test_an_administrator_looks_after_the_machine_and_starts_the_program_anew(served: Region) -> None:
    """From the second reader to the menu by touch; the program becomes itself again, under its number, and works."""
    async with station(served) as (program, player):
        assert program.process is not None
        number, door = program.process.pid, served.places.bench / "bench.sock"
        await player.await_view("home")
        first = door.stat().st_ino
        await player.play(story.looked_after())
        async with asyncio.timeout(LIMIT_S):
            while not door.exists() or door.stat().st_ino == first:  # noqa: ASYNC110 - a new program has a new door
                await asyncio.sleep(0.1)
        await player.await_view("home")
        await player.play(story.looked_after()[:2])
        await player.await_view("administrate.home")
        assert (program.process.pid, program.process.returncode) == (number, None)
    errands = served.becomes("errands", lambda said: len(said["items"]) >= 3)["items"]
    assert sorted(errand["kind"] for errand in errands) == ["administrate", "administrate", "service"]


async def test_the_power_goes_and_the_holder_comes_back(served: Region) -> None:
    """Cut between the slot and the new code: the station says so, and the holder goes on without another slot opening."""
    someone = person(1)
    scenes = story.own_card(someone)
    cut = next(i for i, scene in enumerate(scenes) if scene.view == "pickup.new_pin")
    async with station(served) as (program, player):
        await player.play(scenes[:cut])
        await player.await_view("pickup.new_pin")
        program.kill()
        assert program.process is not None
        await program.process.wait()
        await program.start()
        await player.await_view("home")
        await player.move("remove", reader="holder")
        await player.play(_again(scenes))
        await player.await_view("home")
    errands = served.becomes("errands", lambda said: len(said["items"]) == 2 and all_ended(said))["items"]
    assert sorted(errand["outcome"] for errand in errands) == ["done", "interrupted"]
    opened = [
        event
        for errand in errands
        for event in served.api(f"errands/{errand['errand']}")["events"]
        if event["content"].get("effect") == "slot.open"
    ]
    assert len(opened) == 1, "the slot was opened once, in the errand that was cut off"


def all_ended(errands: Any) -> bool:
    """Whether the server has heard of the end of each of at least one."""
    return bool(errands["items"]) and all(errand["outcome"] for errand in errands["items"])


def _again(scenes: tuple[StoryScene, ...]) -> tuple[StoryScene, ...]:
    return tuple(scene for scene in scenes if scene.view != "pickup.take")


async def test_the_open_service_door_closes_the_station_until_it_is_shut(served: Region, tmp_path: Path) -> None:
    """By the virtual pins: the screen has nothing to touch, the server hears of both, and the station goes on."""
    async with station(served) as (_, player):
        await player.await_view("home")
        await player.move("pins", what="door", on=True)
        assert await player.within(LIMIT_S, lambda screen: bool(screen) and "pickup" not in screen["targets"])
        await player.picture(pictures(tmp_path) / "door.png")
        await player.move("pins", what="door", on=False)
        assert await player.within(LIMIT_S, lambda screen: "pickup" in screen.get("targets", ()))
        with pytest.raises(BenchMoveError, match="no contact 'window'"):
            await player.move("pins", what="window")
