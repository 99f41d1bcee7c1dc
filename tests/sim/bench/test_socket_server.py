"""The bench's door: moves, refusals and watching, over a real socket."""

import asyncio
import json
import stat
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sim.bench.socket_client import BenchClient, BenchGoneError
from sim.bench.socket_server import BenchControl, move
from sim.bench.view_model import BenchView
from sim.bench.virtual_bench import BenchMoveError
from sim.stories.patience import LIMIT_S
from tests.sim.bench.conftest import open_world


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[BenchControl]:
    control = BenchControl(open_world(tmp_path / "bench"), tmp_path / "bench.sock")
    await control.start()
    yield control
    await control.stop()


async def seen(pictures: AsyncGenerator[BenchView | None, None]) -> BenchView | None:
    async with asyncio.timeout(LIMIT_S):
        return await anext(pictures)


async def raw(path: Path, line: bytes) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line + b"\n")
    answer: dict[str, Any] = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return answer


async def test_only_its_owner_may_open_the_door(control: BenchControl) -> None:
    assert stat.S_IMODE(control.path.stat().st_mode) == 0o600


async def test_a_card_is_inserted_from_outside(control: BenchControl) -> None:
    await move(control.path, do="insert", card="6:old", reader="holder")
    answer = await move(control.path, do="look")
    assert answer["world"]["readers"] == {"holder": "6:old", "administrator": None}


MOVES = [
    {"do": "insert", "card": "6:old", "reader": "administrator", "upside_down": True},
    {"do": "remove", "reader": "administrator"},
    {"do": "open_door", "slot": 1},
    {"do": "take", "slot": 1},
    {"do": "put", "slot": 1, "card": "6:old"},
    {"do": "close_door", "slot": 1},
    {"do": "jam", "slot": 2, "jammed": True},
    {"do": "hold_flap"},
    {"do": "hold_flap", "held": False},
    {"do": "printer", "faults": {"out_of_paper": True}},
    {"do": "network", "cut": True},
    {"do": "empty_bin"},
]


async def test_every_move_of_hands_can_be_made_from_outside(control: BenchControl) -> None:
    for request in MOVES:
        await move(control.path, **request)
    world = (await move(control.path, do="look"))["world"]
    assert world["slots"]["1"] == "6:old"
    assert world["jammed"] == [2]
    assert not world["network"]
    assert world["printer"]["faults"]["out_of_paper"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"do": "fish"}', "no card lies in the drop slot"),
        (b'{"do": "fly"}', "there is no move 'fly'"),
        (b'{"do": "insert", "card": "6:old"}', "the move needs 'reader'"),
        (b'{"do": "take", "slot": "first"}', "invalid literal"),
        (b'{"do": "printer", "faults": 3}', "attribute"),
        (b"[1, 2]", "attribute"),
        (b"not json", "Expecting value"),
        (b"\xff", "codec"),
        (b'{"do": "take", "slot": 1e999}', "infinity"),
        (b"[" * 20_000, "recursion"),
    ],
)
async def test_what_cannot_be_done_is_answered_with_a_reason(control: BenchControl, line: bytes, why: str) -> None:
    answer = await raw(control.path, line)
    assert not answer["ok"]
    assert why in answer["why"]


async def test_the_station_adds_moves_of_its_own(control: BenchControl) -> None:
    scanned: list[str] = []

    def scan(request: dict[str, Any]) -> None:
        if len(request["text"]) != 16:
            raise BenchMoveError("nothing asks for that number now")
        scanned.append(request["text"])

    control.extra["scan"] = scan
    client = BenchClient(control.path)
    await client.move(do="scan", text="9999000020260006")
    with pytest.raises(BenchMoveError, match="nothing asks"):
        await client.move(do="scan", text="1")
    assert scanned == ["9999000020260006"]


async def test_whoever_watches_sees_each_move(control: BenchControl) -> None:
    client = BenchClient(control.path)
    pictures = client.watch()
    first = await seen(pictures)
    assert first is not None
    assert first.cards["6:old"].place == "hand"
    await client.move(do="insert", card="6:old", reader="holder")
    second = await seen(pictures)
    assert second is not None
    assert second.cards["6:old"].place == "holder's reader"
    await pictures.aclose()


async def test_a_watcher_is_told_of_a_power_cut_once_and_finds_the_station_again(control: BenchControl) -> None:
    tries: list[float] = []
    tried, back = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        tries.append(seconds)
        if len(tries) == 3:
            tried.set()
            await back.wait()

    pictures = BenchClient(control.path, sleep=sleep).watch()
    assert await seen(pictures) is not None
    await control.stop()
    assert await seen(pictures) is None
    coming = asyncio.ensure_future(seen(pictures))
    await tried.wait()
    await control.start()
    back.set()
    assert await coming is not None
    await pictures.aclose()


async def test_a_move_without_a_station_says_that_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(BenchGoneError, match=r"nobody listens at bench\.sock"):
        await BenchClient(tmp_path / "bench.sock").move(do="fish")


async def test_a_station_that_dies_before_it_answers_is_gone(tmp_path: Path) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_unix_server(die, tmp_path / "bench.sock")
    with pytest.raises(BenchGoneError):
        await BenchClient(tmp_path / "bench.sock").move(do="fish")
    server.close()
