"""What a test changes of its process and does not put back is found, by name."""

import contextlib
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.left_behind import changes, programs, state, threads


def a_logger_of_ours() -> Callable[[], object]:
    logger = logging.getLogger("fleet.made-up")
    logger.propagate = False
    return lambda: setattr(logger, "propagate", True)


def a_handler() -> Callable[[], object]:
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    return lambda: logging.root.removeHandler(handler)


def silence() -> Callable[[], object]:
    logging.disable()
    return lambda: logging.disable(logging.NOTSET)


def a_variable() -> Callable[[], object]:
    os.environ["KORTKIOSK_MADE_UP"] = "1"
    return lambda: os.environ.pop("KORTKIOSK_MADE_UP")


def a_folder() -> Callable[[], object]:
    before = Path.cwd()
    os.chdir("/")
    return lambda: os.chdir(before)


def a_mask() -> Callable[[], object]:
    before = os.umask(0o077)
    return lambda: os.umask(before)


def a_signal() -> Callable[[], object]:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    return lambda: signal.signal(signal.SIGUSR1, before)


def a_time_out() -> Callable[[], object]:
    socket.setdefaulttimeout(7.0)
    return lambda: socket.setdefaulttimeout(None)


def a_path() -> Callable[[], object]:
    sys.path.append("/made-up")
    return lambda: sys.path.remove("/made-up")


def no_collector() -> Callable[[], object]:
    gc.disable()
    return gc.enable


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (a_logger_of_ours, "logger fleet.made-up"),
        (a_handler, "root logger"),
        (silence, "logging.disable"),
        (a_variable, "environment KORTKIOSK_MADE_UP"),
        (a_folder, "folder"),
        (a_mask, "umask"),
        (a_signal, "signal SIGUSR1"),
        (a_time_out, "time-out of sockets"),
        (a_path, "sys.path"),
        (no_collector, "collector"),
    ],
)
def test_what_is_left_changed_is_named(change: Callable[[], Callable[[], object]], name: str) -> None:
    before = state()
    put_back = change()
    found = changes(before, state())
    put_back()
    assert [line.partition(":")[0] for line in found] == [name]
    assert not changes(before, state())


def test_a_thread_that_the_process_would_wait_for_is_found() -> None:
    before, end = threads(), threading.Event()
    one, other = threading.Thread(target=end.wait), threading.Thread(target=end.wait, daemon=True)
    one.start()
    other.start()
    assert threads() - before == {one}
    end.set()
    one.join()
    other.join()
    assert threads() == before


def test_a_program_that_still_runs_is_found() -> None:
    before = programs()
    with contextlib.ExitStack() as stack:
        started = stack.enter_context(subprocess.Popen(["cat"], stdin=subprocess.PIPE))
        # the kernel's list may miss a child while others end (proc(5), /proc/pid/task/tid/children)
        assert any(programs().keys() - before.keys() == {started.pid} for _ in range(5))
    assert programs() == before
