"""Process runner: a program runs until SIGTERM or SIGINT, or until one of its parts ends, then its threads are joined.

Rules: a word to stop counts at any moment, also while the parts begin; a part that ends by itself ends the program as an error.
Threads cannot be cancelled: those that still work when all parts have ended (a statement of a database that does not answer) are
waited for a little, named in the log, and left; to the store that is a power cut, which it knows.

One arena of memory for all threads: glibc gives them arenas of their own. A buffer that one thread takes and another gives back
leaves a hole that the others cannot use, and memory grows for weeks although nothing is held. Python's own small objects do not
come from there.
"""

import asyncio
import ctypes
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, Self

from fleet.server.process.open_files import raise_open_files
from fleet.service_manager import ServiceManager, tell_manager

DONE, OWN_ERROR, INTERRUPTED = 0, 1, 130
SWITCH_S = 0.0005
"""How long a thread that comes back from the disk may wait for the one that reads the network."""
THREADS_S = 5.0
_CODES = {signal.SIGTERM: DONE, signal.SIGINT: INTERRUPTED}

_log = logging.getLogger(__name__)


_M_ARENA_MAX = -8  # malloc.h of glibc


def share_one_arena() -> bool:
    """Before the first thread begins. False where the C library has no such setting (musl)."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    return set_option is not None and set_option(_M_ARENA_MAX, 1) == 1


class RunningProgram(Protocol):
    """Program that has a beginning, an end, and may end by itself."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def wait(self) -> None:
        """Until a part ends by itself. Raises what it ended with."""


async def until_told(name: str, program: RunningProgram, say_ready: Callable[[], None]) -> int:
    """Run it, and give the exit code. Raises what it cannot begin with."""
    loop = asyncio.get_running_loop()
    exit_code: asyncio.Future[int] = loop.create_future()
    for number, code in _CODES.items():
        loop.add_signal_handler(number, _tell, exit_code, code)
    began = asyncio.Event()
    living = asyncio.create_task(_live(program, say_ready, began), name=name)
    either: set[asyncio.Future[Any]] = {exit_code, living}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not exit_code.done():
        if not began.is_set():
            living.result()
        _log.error("a part of the %s has ended", name, exc_info=living.exception())
        return OWN_ERROR
    ServiceManager().stopping()
    living.cancel()
    await asyncio.wait({living})
    if not living.cancelled() and living.exception() is not None:
        _log.error("the %s has not ended in order", name, exc_info=living.exception())
        return OWN_ERROR
    return exit_code.result()


def settle() -> None:
    """Once all is loaded: what the interpreter is to do differently in a program that reads the network and writes to a disk."""
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()  # what was loaded stays: looking through it again and again would hold every answer up


async def _live(program: RunningProgram, say_ready: Callable[[], None], began: asyncio.Event) -> None:
    async with program:
        say_ready()
        began.set()
        telling = asyncio.create_task(tell_manager(ServiceManager(), lambda: asyncio.sleep(0), lambda: "Runs"))
        try:
            await program.wait()
        finally:
            telling.cancel()


def _tell(exit_code: "asyncio.Future[int]", code: int) -> None:
    if not exit_code.done():
        exit_code.set_result(code)


def run(main: Coroutine[Any, Any, int], limit_s: float = THREADS_S, leave: Callable[[int], object] = os._exit) -> int:
    """Run it to its end, give its exit code, and wait for threads at most `limit_s`; then `leave`, which ends the process.

    It may have as many files open as the machine allows.
    """
    before = set(threading.enumerate())
    raise_open_files()
    share_one_arena()
    with asyncio.Runner() as runner:
        code = runner.run(main)
        over = threading.Event()
        threading.Thread(
            target=_watch, args=(over, limit_s, before, lambda: leave(code)), name="stop-watch", daemon=True
        ).start()
    for thread in _working(before):  # the runner has waited for those of its own executor
        thread.join()
    over.set()
    return code


def _watch(over: threading.Event, limit_s: float, before: set[threading.Thread], leave: Callable[[], object]) -> None:
    if over.wait(limit_s):
        return
    for thread in _working(before):
        _log.error("%s has not ended within %.1f s and is left: %s", thread.name, limit_s, _doing(thread))
    sys.stdout.flush()
    sys.stderr.flush()
    leave()


def _working(before: set[threading.Thread]) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]


def _doing(thread: threading.Thread) -> str:
    """Return the place in our code where the thread is: file, line and function."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and "fleet" not in Path(frame.f_code.co_filename).parts:
        frame = frame.f_back
    code = frame.f_code if frame else None
    return f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}" if frame and code else "not in code of ours"
