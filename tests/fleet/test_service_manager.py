"""What a program tells systemd: ready, alive, in words, stopping; and nothing from a loop that hangs."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from fleet.server.process.run import DONE, run, until_told
from fleet.service_manager import ServiceManager, status_line, tell_manager
from tests.fakes.machine.notify_socket import NotifySocket, notify_socket


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotifySocket]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@kortkiosk-test-{os.getpid()}"
    with notify_socket(address) as bound:
        yield bound


def told(manager: NotifySocket, **environment: str) -> ServiceManager:
    return ServiceManager({"NOTIFY_SOCKET": manager.address, **environment})


async def test_a_program_is_ready_once_and_then_alive(manager: NotifySocket) -> None:
    rounds, slept = iter(range(4)), []

    async def work_round() -> None:
        if next(rounds) == 3:
            raise asyncio.CancelledError

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with pytest.raises(asyncio.CancelledError):
        await tell_manager(told(manager, WATCHDOG_USEC="30000000"), work_round, lambda: "Waits for\nvisitors", sleep)
    status = "STATUS=Waits for visitors"
    assert manager.drain() == [["READY=1", status], *[["WATCHDOG=1", status]] * 2]
    assert slept == [10.0, 10.0]


async def test_who_is_not_ready_says_nothing(manager: NotifySocket) -> None:
    """A screen that never stands: systemd ends the start."""
    telling = asyncio.create_task(tell_manager(told(manager), asyncio.Event().wait, lambda: ""))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    telling.cancel()
    assert manager.drain() == []


def test_a_loop_that_is_blocked_tells_nothing(manager: NotifySocket) -> None:
    blocked, free = threading.Event(), threading.Event()

    async def work_round() -> None:
        if len(rounds) == 5:
            blocked.set()
            free.wait()
        rounds.append(None)

    async def rest(seconds: float) -> None:
        if len(rounds) > 5:
            raise asyncio.CancelledError

    async def main() -> None:
        await asyncio.wait({asyncio.create_task(tell_manager(told(manager), work_round, lambda: "", rest))})

    rounds: list[None] = []
    working = threading.Thread(target=asyncio.run, args=(main(),))
    working.start()
    try:
        assert blocked.wait(60)
        assert len(manager.drain()) == 5  # ready, and after each of the four rounds before the one that hangs
        assert manager.drain() == []
    finally:
        free.set()
        working.join()


def test_without_a_manager_nothing_is_told_and_nothing_fails(tmp_path: Path) -> None:
    assert not ServiceManager({}).send("READY=1")
    assert not ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).send("READY=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [({}, None), ({"WATCHDOG_USEC": "x"}, None), ({"WATCHDOG_USEC": "6000000"}, 6.0),
     ({"WATCHDOG_USEC": "6000000", "WATCHDOG_PID": "1"}, None)],
)  # fmt: skip
def test_the_watchdog_is_this_process_s(environment: dict[str, str], seconds: float | None) -> None:
    assert ServiceManager(environment).watchdog_s == seconds


def test_a_status_is_one_line() -> None:
    assert status_line("a\nREADY=1") == "STATUS=a READY=1"


class Program:
    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def wait(self) -> None:
        await asyncio.Event().wait()


def test_server_worker_and_verifier_tell_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with notify_socket(str(tmp_path / "notify")) as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
        monkeypatch.setenv("WATCHDOG_USEC", "3000000")

        def stop_when_alive() -> None:
            messages.extend(manager.read_until("WATCHDOG=1"))
            os.kill(os.getpid(), signal.SIGTERM)

        messages: list[list[str]] = []
        watching = threading.Thread(target=stop_when_alive)
        assert run(until_told("server", Program(), watching.start)) == DONE
        watching.join()
        assert messages[0][0] == "READY=1"
        assert manager.drain()[-1][0] == "STOPPING=1"
