"""A damaged memory of the broker is set aside and told, and never in the way of a start; another fault leaves it in its place."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.server.broker.mosquitto import MEMORY, Broker, BrokerError, answers_in_tls
from fleet.server.process.addresses import Address
from provisioning.authority import Authority
from tests.fakes.brokers.mosquitto import is_listening, until_listens
from tests.fakes.fleet.station_peer import FleetStation
from tests.fleet.server.conftest import broker_files, enrolled

pytestmark = pytest.mark.broker
ANYWHERE = Address("127.0.0.1", 0)
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing in it": lambda whole: b"",
    "1 byte": lambda whole: whole[:1],
    "7 bytes": lambda whole: whole[:7],
    "40 bytes": lambda whole: whole[:40],
    "200 bytes": lambda whole: whole[:200],
    "3 short": lambda whole: whole[:-3],
    "turned over": lambda whole: bytes(255 - byte for byte in whole),
    "zeros": lambda whole: bytes(len(whole)),
    "a bit of a length": lambda whole: whole[:20] + bytes([whole[20] ^ 0x40]) + whole[21:],
}


async def remembered(authority: Authority, folder: Path) -> bytes:
    """What a broker writes that knows a station and keeps its presence."""
    async with Broker(folder / "first", ANYWHERE, broker_files(authority)) as broker:
        enrolled(authority, folder / "entre-a", "entre-a", broker.address.port)
        station = FleetStation("entre-a", folder / "entre-a", broker.address.port)
        await asyncio.to_thread(station.start)
        await asyncio.to_thread(station.stop)
    return (folder / "first" / MEMORY).read_bytes()


async def test_a_memory_that_is_damaged_in_any_way_keeps_no_broker_from_starting(
    authority: Authority, tmp_path: Path
) -> None:
    whole = await remembered(authority, tmp_path)
    aside = {}
    for number, (name, damage) in enumerate(DAMAGES.items()):
        folder, told = tmp_path / str(number), list[str]()
        folder.mkdir()
        (folder / MEMORY).write_bytes(damage(whole))
        async with Broker(folder, ANYWHERE, broker_files(authority), on_set_aside=told.append) as broker:
            assert await is_listening(broker.address), name
            assert [(folder / one).read_bytes() for one in told] == [damage(whole)] * len(told)
        aside[name] = len(told)
    assert aside == {**dict.fromkeys(DAMAGES, 1), "nothing in it": 0}


async def test_a_memory_that_is_damaged_while_the_broker_runs_is_tried_once_and_set_aside(
    authority: Authority, tmp_path: Path
) -> None:
    told = list[str]()
    async with Broker(tmp_path / "broker", ANYWHERE, broker_files(authority), on_set_aside=told.append) as broker:
        first = broker.pid
        assert first is not None
        (tmp_path / "broker" / MEMORY).write_bytes(b"\x00\xb5\x00mosquitto db")
        os.kill(first, signal.SIGKILL)
        await until_listens(broker.address, lambda: broker.pid not in (None, first) and bool(told))
    assert [name.startswith(f"{MEMORY}.damaged-") for name in told] == [True]


async def test_a_memory_on_which_it_crashes_again_and_again_is_set_aside(authority: Authority, tmp_path: Path) -> None:
    """As mosquitto may that believes a damaged length: it listens, and dies."""
    told = list[str]()
    async with Broker(tmp_path / "broker", ANYWHERE, broker_files(authority), on_set_aside=told.append) as broker:
        for _ in range(2):
            crashing = broker.pid
            assert crashing is not None
            (tmp_path / "broker" / MEMORY).unlink(missing_ok=True)
            os.kill(crashing, signal.SIGUSR1)  # it writes its memory
            async with asyncio.timeout(60):
                while not (tmp_path / "broker" / MEMORY).exists():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert told == []
            os.kill(crashing, signal.SIGSEGV)
            await another_answers(broker, crashing)
    assert len(told) == 1


async def another_answers(broker: Broker, dead: int) -> None:
    """Until one and the same new process was there before and after it answered: one may end at once, and a signal that comes
    before the next one listens would end that."""
    async with asyncio.timeout(60):
        while True:
            asked = broker.pid
            if asked not in (None, dead) and await answers_in_tls(broker.address) and broker.pid == asked:
                return
            await asyncio.sleep(0.02)


async def test_where_something_else_is_the_fault_the_memory_stays_in_its_place(
    authority: Authority, tmp_path: Path
) -> None:
    whole = await remembered(authority, tmp_path)
    (tmp_path / "broken.pem").write_text("no certificate")
    files = replace(broker_files(authority), certificate=tmp_path / "broken.pem")
    told = list[str]()
    with pytest.raises(BrokerError):
        async with Broker(tmp_path / "first", ANYWHERE, files, on_set_aside=told.append):
            pass
    assert ((tmp_path / "first" / MEMORY).read_bytes(), told) == (whole, [])
