"""System calls of a program that fail, kill it or stop it at a chosen place: a small library (`failing_calls.c`) before libc.

    plan = Plan.create(folder / "plan")
    subprocess.Popen(command, env={**os.environ, **plan.environment()})
    plan.arm(Strike("write", "station.sqlite", at=7, act="fail_once", error=errno.EIO))

The library is built with the C compiler when it is first needed.
"""

import errno
import functools
import mmap
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "build" / "campaign" / "failing_calls.so"
Call = Literal["write", "sync", "open", "send"]
Act = Literal["fail_once", "fail_for_good", "kill", "stop"]
CALLS: tuple[Call, ...] = ("write", "sync", "open", "send")
ACTS: tuple[Act, ...] = ("fail_once", "fail_for_good", "kill", "stop")
_LAYOUT = struct.Struct("7i100s")
"""As `struct plan` in the C source: armed, call, act, error, at, count, struck, word."""


@dataclass(frozen=True)
class Strike:
    """Strike at the call number `at` of files whose path has that word in it."""

    call: Call
    word: str
    at: int
    act: Act
    error: int = errno.EIO


class Plan:
    """The plan that programs with the library read; nothing happens until it is armed."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(bytes(_LAYOUT.size))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), _LAYOUT.size)

    def environment(self) -> dict[str, str]:
        """Return the variables that a program is started with beside its own environment."""
        return {"LD_PRELOAD": str(library()), "KORTKIOSK_FAILING_CALLS": str(self.file)}

    def arm(self, strike: Strike) -> None:
        """From now on calls are counted, and one is struck."""
        call, act = CALLS.index(strike.call) + 1, ACTS.index(strike.act) + 1
        self._map[:] = _LAYOUT.pack(0, call, act, strike.error, strike.at, 0, 0, strike.word.encode())
        self._map[:4] = struct.pack("i", 1)

    def disarm(self) -> tuple[int, int]:
        """Nothing happens any more. Gives how many calls there were, and how many were struck."""
        self._map[:4] = struct.pack("i", 0)
        _, _, _, _, _, count, struck, _ = _LAYOUT.unpack(self._map[:])
        return count, struck

    def close(self) -> None:
        self._map.close()


@functools.cache
def library() -> Path:
    """The built library. Raises CalledProcessError, FileNotFoundError where there is no compiler."""
    source = HERE / "failing_calls.c"
    if not BUILT.exists() or BUILT.stat().st_mtime < source.stat().st_mtime:
        BUILT.parent.mkdir(parents=True, exist_ok=True)
        part = BUILT.with_suffix(f".{os.getpid()}")
        command = [
            "gcc",
            "-std=gnu11",
            "-O1",
            "-Wall",
            "-Werror",
            "-shared",
            "-fPIC",
            "-o",
            str(part),
            str(source),
            "-ldl",
        ]
        subprocess.run(command, check=True)
        part.replace(BUILT)
    return BUILT
