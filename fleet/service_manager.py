"""Service manager notifications (sd_notify(3)): ready, status in words, watchdog, stopping.

Rules: without NOTIFY_SOCKET nothing is sent; a manager that does not listen never stops the program. The watchdog is told from
the loop that does the work, after each round of it: a loop that hangs tells nothing, and systemd starts the program anew. No
status holds a name or a number of a person or card.

>>> ServiceManager({}).send("READY=1")
False
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

ROUNDS_OF_WATCHDOG = 3
"""The watchdog is told so often within its time."""
STATUS_EVERY_S = 20.0
"""Seconds between two words where there is no watchdog."""


class ServiceManager:
    """The manager that started this process, as its environment names it."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        limit = environment.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(limit) / 1_000_000 if mine and limit.isascii() and limit.isdigit() else None
        """Seconds after which the process is ended that told nothing; None where nobody watches."""

    @property
    def listens(self) -> bool:
        """Return whether there is anybody to tell."""
        return bool(self._address)

    def send(self, *lines: str) -> bool:
        """Tell it; False where it could not be told."""
        if not self.listens:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as to:
                to.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True

    def ready(self, status: str) -> None:
        """The program does its work from here on."""
        self.send("READY=1", status_line(status))

    def stopping(self) -> None:
        """The program ends, in its own time."""
        self.send("STOPPING=1", status_line("Ends"))


async def tell_manager(
    manager: ServiceManager,
    work_round: Callable[[], Awaitable[None]],
    status: Callable[[], str],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Tell that the program is ready after the first round of its work, and that it lives after each one, until cancelled.

    Args:
        work_round: waits until the loop has come round once more.
        status: what the program does, in words.
    """
    if not manager.listens:
        return
    every_s = (manager.watchdog_s or STATUS_EVERY_S * ROUNDS_OF_WATCHDOG) / ROUNDS_OF_WATCHDOG
    await work_round()
    manager.ready(status())
    while True:
        await work_round()
        manager.send("WATCHDOG=1", status_line(status()))
        await sleep(every_s)


def status_line(status: str) -> str:
    """The status as a line of the protocol; a word cannot bring a line of its own."""
    return "STATUS=" + " ".join(status.split())
