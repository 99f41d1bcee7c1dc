"""The end of the server's parts: in their order, none holds the others up, and who was late is in the log."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Self, cast

import pytest

from fleet.messages.topics import Topics
from fleet.server.broker.inbox import Inbox
from fleet.server.broker.mqtt5_client import Mqtt5Transport
from fleet.server.broker.transport import Incoming
from fleet.server.cluster import leader_election as leading
from fleet.server.database.database import Database
from fleet.server.ingest.parse import Arrival, Committed, parse_waiting
from fleet.server.ingest.service import Ingest
from fleet.server.ingest.write import Writer
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.process.run import DONE, INTERRUPTED, OWN_ERROR, run, until_told
from fleet.server.process.shutdown import Ending, cancelled
from fleet.server.readings.queries import StoreReadings
from fleet.server.server import FleetServer
from fleet.server.verifier.child_process import VerifierProcess
from fleet.server.web.listener import Listener
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_address
from tests.fleet.server.conftest import NOW, SIGNER, KeptChanges, MemoryTransport, SealingStation

SHORT_S = 0.02
ON_POSTGRES = cast(Database, SimpleNamespace(reading=SimpleNamespace(dialect=SimpleNamespace(name="postgresql"))))


async def never() -> None:
    await asyncio.Event().wait()


async def stubborn() -> None:
    """Does not end at the first word."""
    with contextlib.suppress(asyncio.CancelledError):
        await never()
    await never()


def late(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Which parts the log names, without how long they were waited for."""
    return [record.getMessage().partition(" has not ended")[0] for record in caplog.records]


async def ended(ending: Ending, *ways: tuple[str, Callable[[], Awaitable[object]]]) -> None:
    async with AsyncExitStack() as parts:
        for name, end in ways:
            ending.later(parts, name, end)


@pytest.mark.parametrize("slow", ["database", "broker", "ingest", "pages"])
async def test_whichever_part_is_slow_the_others_end_in_their_order(
    slow: str, caplog: pytest.LogCaptureFixture
) -> None:
    gone = []

    def ends(name: str) -> Callable[[], Awaitable[object]]:
        async def end() -> None:
            if name == slow:
                await never()
            gone.append(name)

        return end

    names = ["database", "broker", "ingest", "pages"]
    await ended(Ending(each_s=SHORT_S), *((name, ends(name)) for name in names))
    assert gone == [name for name in reversed(names) if name != slow]
    assert late(caplog) == [slow]


async def test_all_parts_together_have_an_end(caplog: pytest.LogCaptureFixture) -> None:
    ways = [(f"part {number}", never) for number in range(40)]
    began = asyncio.get_running_loop().time()
    await ended(Ending(each_s=5, all_s=0.1, least_s=0.001), *ways)
    assert asyncio.get_running_loop().time() - began < 100  # and not 40 times 5
    assert len(late(caplog)) == 40


async def test_a_task_that_will_not_end_is_told_again_and_left(caplog: pytest.LogCaptureFixture) -> None:
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await ended(Ending(each_s=SHORT_S), ("jobs", lambda: cancelled(task)))
    assert late(caplog) == ["jobs"]
    await asyncio.wait({task}, timeout=LIMIT_S)
    assert task.cancelled()


async def test_a_part_that_cannot_begin_is_not_ended_and_one_that_fails_at_its_end_says_so() -> None:
    ended_ones = []

    @contextlib.asynccontextmanager
    async def part(name: str, fails: str = "") -> AsyncIterator[str]:
        if fails == "begin":
            raise OSError(name)
        yield name
        ended_ones.append(name)
        if fails == "end":
            raise OSError(name)

    async def lived(*wanted: tuple[str, str]) -> None:
        ending = Ending()
        async with AsyncExitStack() as parts:
            for name, fails in wanted:
                assert await ending.enter(parts, name, part(name, fails)) == name

    with pytest.raises(OSError, match="second"):
        await lived(("first", ""), ("second", "begin"))
    assert ended_ones == ["first"]
    with pytest.raises(OSError, match="third"):
        await lived(("third", "end"))


class Program:
    """A program that ends by `failure`, or by being told to; or hangs at its beginning."""

    def __init__(self, failure: Exception | None = None, *, hangs: bool = False) -> None:
        self.failure, self.hangs, self.left = failure, hangs, False

    async def __aenter__(self) -> Self:
        if self.hangs:
            os.kill(os.getpid(), signal.SIGTERM)
            await never()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left = True

    async def wait(self) -> None:
        if self.failure is not None:
            raise self.failure
        await never()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, DONE), (signal.SIGINT, INTERRUPTED)])
def test_a_signal_ends_it_in_order(number: signal.Signals, code: int) -> None:
    program = Program()
    assert run(until_told("server", program, lambda: os.kill(os.getpid(), number))) == code
    assert program.left


def test_a_signal_ends_it_while_it_begins() -> None:
    assert run(until_told("server", Program(hangs=True), lambda: None)) == DONE


def test_a_part_that_ends_by_itself_is_an_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    program = Program(OSError("made up"))
    assert run(until_told("worker", program, lambda: None)) == OWN_ERROR
    assert program.left
    assert "a part of the worker has ended" in caplog.text


def test_what_it_cannot_begin_with_is_raised() -> None:
    class Unfit(Program):
        async def __aenter__(self) -> Self:
            raise OSError("made up")

    with pytest.raises(OSError, match="made up"):
        run(until_told("server", Unfit(), lambda: None))


def test_a_thread_that_hangs_is_named_and_left(caplog: pytest.LogCaptureFixture) -> None:
    free, left = threading.Event(), []

    async def main() -> int:
        asyncio.get_running_loop().run_in_executor(None, free.wait)
        return DONE

    def leave(code: int) -> None:  # in place of the end of this process
        left.append(code)
        free.set()

    assert run(main(), SHORT_S, leave) == DONE
    assert left == [DONE]
    assert "asyncio_0" in late(caplog)


def test_without_threads_at_work_nothing_is_left() -> None:
    async def main() -> int:
        return await asyncio.to_thread(lambda: 7)

    assert run(main(), 60.0, lambda _code: pytest.fail("left")) == 7


async def test_a_leader_whose_database_hangs_does_not_hold_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    free, asked, freed = threading.Event(), asyncio.Event(), list[bool]()
    loop = asyncio.get_running_loop()

    class Hung:
        def is_held(self) -> bool:
            loop.call_soon_threadsafe(asked.set)
            return True

        def release(self) -> None:
            freed.append(free.wait(LIMIT_S))

    monkeypatch.setattr(leading, "_try", lambda _database: Hung())
    task = asyncio.create_task(leading.lead(ON_POSTGRES, [never]))
    await asked.wait()
    task.cancel()
    await asyncio.sleep(0)
    loop.call_later(SHORT_S, free.set)  # comes only where the loop goes on
    await asyncio.wait({task}, timeout=LIMIT_S)
    assert task.cancelled()
    assert freed == [True]


async def test_a_commit_that_takes_long_does_not_hold_the_loop(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    """It is finished all the same."""
    free, asked = threading.Event(), threading.Event()

    class Slow:
        def commit(self, arrivals: Sequence[Arrival], now: datetime, _meanwhile: object) -> Committed:
            asked.set()
            free.wait(LIMIT_S)
            return writer.commit(arrivals, now)

    transport, loop = MemoryTransport(), asyncio.get_running_loop()
    inbox = Inbox(loop, parse_waiting)
    task = asyncio.create_task(
        Ingest(transport, cast(Writer, Slow()), KeptChanges(), lambda: NOW, inbox, SIGNER.sign).run()
    )
    event = station.pickup()[0]
    inbox.put(Incoming(Topics(event.station).events, event.wire, (event.epoch, event.sequence)))
    assert await asyncio.to_thread(asked.wait, LIMIT_S)
    task.cancel()
    loop.call_later(SHORT_S, free.set)  # comes only where the loop goes on
    await asyncio.wait({task}, timeout=LIMIT_S)
    assert task.cancelled()
    assert readings.station(event.station, NOW) is not None


HANGING = {
    "pages": (Listener, "leave"),
    "transport": (Mqtt5Transport, "stop"),
    "verifier": (VerifierProcess, "__aexit__"),
}
"""Parts of a server in the order in which they end, and how each does."""


async def test_a_server_whose_parts_all_hang_ends_all_the_same(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fleet.server.server.Ending", lambda: Ending(each_s=0.3))
    over = {name: asyncio.Event() for name in HANGING}

    def hang(name: str, end: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def hanging(*args: object) -> None:
            try:
                await never()
            finally:  # told again it does end, so that the test leaves nothing behind
                await end(*args)
                over[name].set()

        return hanging

    for name, (owner, method) in HANGING.items():
        monkeypatch.setattr(owner, method, hang(name, getattr(owner, method)))
    nobody, data = free_address(), tmp_path / "data"
    monkeypatch.setattr("fleet.server.broker.mqtt5_client.START_PATIENCE_S", 0.05)
    config = ServerConfig(data, authority.directory, http=Address("127.0.0.1", 0), broker=nobody)
    async with FleetServer(config):
        pass
    assert [name for name in late(caplog) if name in HANGING] == list(HANGING)
    async with asyncio.timeout(LIMIT_S):
        for one in over.values():
            await one.wait()


async def test_a_lead_that_comes_when_nobody_wants_it_any_more_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer, given_back = threading.Event(), threading.Event(), threading.Event()

    def take(_database: object) -> object:
        asked.set()
        answer.wait(LIMIT_S)
        return SimpleNamespace(release=given_back.set)

    monkeypatch.setattr(leading, "_try", take)
    task = asyncio.create_task(leading.lead(ON_POSTGRES, [never]))
    await asyncio.to_thread(asked.wait, LIMIT_S)
    task.cancel()
    await asyncio.sleep(0)
    answer.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert given_back.is_set()
