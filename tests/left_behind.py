"""A test that leaves its process changed is told of: whoever runs after it there would depend on the order of the files.

It is a warning in the summary; with `KORTKIOSK_LEFT_BEHIND=fail` the test fails.

Looked at after each test: logging as a whole and our own loggers, the environment, the folder and the mask for new files, signal
handlers, asyncio's policy, locale, time zone, `sys.path`, the collector, limits of the interpreter, the default time-out of
sockets. And threads that would keep the process from ending; after each file also programs that still run, and the threads of
loops, which last as long as their loop: one that a file shares is closed at its end.

A fixture of a module or of the session may change them for as long as it lives: a test is only asked for what it changed itself,
a file for what its own fixtures have not put back. Warning filters are not looked at; pytest puts them back after each test.

>>> changes({"umask": "0022"}, {"umask": "0077"})
['umask: 0022 -> 0077']
"""

import asyncio
import contextlib
import gc
import locale
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

OURS = ("kortkiosk", "kiosk", "drivers", "fleet", "provisioning", "sim")
"""Our loggers begin with one of these."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2)
"""SIGALRM is that of pytest-timeout."""
PYTEST = ("PYTEST_", "COV_")
AS_MADE = (logging.NOTSET, False, True, [])
"""A logger that nobody has changed."""
FAILS = os.environ.get("KORTKIOSK_LEFT_BEHIND", "tell") == "fail"
OF_A_LOOP = "asyncio_"
"""How asyncio names the threads of a loop's own executor."""
GRACE_S = 2.0
"""In which a thread or a program that was told to end may do so."""

State = dict[str, object]


def state() -> State:
    """What a test must leave as it was, by name."""
    root = logging.getLogger()
    found: State = {
        "logging.disable": logging.root.manager.disable,
        "root logger": (root.level, _handlers(root)),
        "folder": Path.cwd(),
        "umask": _umask(),
        "blocked signals": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "asyncio's policy": type(asyncio.get_event_loop_policy()),
        "locale": locale.setlocale(locale.LC_ALL),
        "time zone": time.tzname,
        "time-out of sockets": socket.getdefaulttimeout(),
        "sys.path": tuple(sys.path),
        "collector": (gc.isenabled(), gc.get_threshold()),
        "interpreter": (sys.getswitchinterval(), sys.getrecursionlimit(), sys.excepthook, threading.excepthook),
    }
    found |= {f"signal {number.name}": signal.getsignal(number) for number in SIGNALS}
    found |= {f"environment {name}": value for name, value in os.environ.items() if not name.startswith(PYTEST)}
    return found | dict(_loggers())


def changes(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Each thing that is not as it was."""
    names = sorted(before.keys() | after.keys())
    return [f"{name}: {before.get(name)} -> {after.get(name)}" for name in names if before.get(name) != after.get(name)]


def threads() -> set[threading.Thread]:
    """Those that the process waits for when it ends."""
    return {one for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()}


def programs() -> dict[int, str]:
    """Children of this process that run, by number. The look through /proc is saved where there are none."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return {}
    return dict(_children())


class Guard:
    """What this process is allowed to be like; a plugin of pytest."""

    def __init__(self) -> None:
        self._file: State = {}
        self._test: State = {}
        self._threads: set[threading.Thread] = set()
        self._programs: set[int] = set()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        """The first test begins with what importing all files has left."""
        self._file = self._test = state()
        self._threads, self._programs = threads(), set(programs())

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        """What a fixture changes for longer than a test, it puts back itself, at the end of the file at the latest."""
        if fixturedef.scope == "function":
            return (yield)
        before = state()
        try:
            return (yield)
        finally:
            self._allow(before, for_the_run=fixturedef.scope in ("session", "package"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """A test that leaves its process changed is told of."""
        done = yield
        if left := self._left(last=nextitem is None or nextitem.path != item.path):
            self._tell(item, "left behind: " + "; ".join(left))
        return done

    def _tell(self, item: pytest.Item, words: str) -> None:
        if FAILS:
            pytest.fail(words, pytrace=False)
        item.warn(pytest.PytestWarning(f"{item.nodeid}: {words}"))

    def _allow(self, before: State, *, for_the_run: bool) -> None:
        changed = {name: value for name, value in state().items() if before.get(name, self) != value}
        self._test = self._test | changed
        self._file = self._file | changed if for_the_run else self._file
        self._threads |= threads()
        self._programs |= set(programs())

    def _left(self, *, last: bool) -> list[str]:
        """What the test that has just ended left behind; `last`: of its file. It is told once."""
        after = state()
        found = changes(self._file if last else self._test, after)
        if found or last:
            self._file = self._test = after
        found += [f"thread {one.name}" for one in self._left_threads(last=last)]
        return found + ([f"program {number}: {words}" for number, words in self._left_programs()] if last else [])

    def _left_threads(self, *, last: bool) -> set[threading.Thread]:
        deadline = time.monotonic() + GRACE_S
        for one in self._new_threads(last=last):
            one.join(max(0.0, deadline - time.monotonic()))
        left = self._new_threads(last=last)
        self._threads |= left
        return left

    def _new_threads(self, *, last: bool) -> set[threading.Thread]:
        return {one for one in threads() - self._threads if last or not one.name.startswith(OF_A_LOOP)}

    def _left_programs(self) -> list[tuple[int, str]]:
        deadline = time.monotonic() + GRACE_S
        while (left := programs().keys() - self._programs) and time.monotonic() < deadline:
            time.sleep(0.02)
        self._programs |= left
        return [(number, words) for number, words in programs().items() if number in left]


def _handlers(logger: logging.Logger) -> list[logging.Handler]:
    """Without those of pytest, which comes and goes."""
    return [handler for handler in logger.handlers if not type(handler).__module__.startswith("_pytest.")]


def _umask() -> str:
    """Read, not set and put back: a thread may just make a file."""
    status = Path("/proc/self/status").read_text()
    return status.partition("Umask:\t")[2].partition("\n")[0]


def _loggers() -> Iterator[tuple[str, object]]:
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in OURS:
            settings = (logger.level, logger.disabled, logger.propagate, _handlers(logger))
            if settings != AS_MADE:
                yield f"logger {name}", settings


def _children() -> Iterator[tuple[int, str]]:
    mine = str(os.getpid())
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            words = (folder / "cmdline").read_bytes() if parent == mine else b""
            if words:  # else it has ended, and only its result waits to be asked for
                yield int(folder.name), words.replace(b"\0", b" ").decode(errors="replace").strip()
