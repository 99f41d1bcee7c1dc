"""Share of the machine that each of several programs takes while something is measured, with their children."""

import os
import time
from types import TracebackType
from typing import Self

import psutil


class Shares:
    """`taken`: by name, 1 is all cores."""

    def __init__(self, **programs: int) -> None:
        self._programs = programs
        self._began = 0.0
        self._before: dict[str, float] = {}
        self.taken: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        self._before = {name: cpu_s(pid) for name, pid in self._programs.items()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        all_s = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        self.taken = {name: (cpu_s(pid) - self._before[name]) / all_s for name, pid in self._programs.items()}

    @property
    def text(self) -> str:
        return ", ".join(f"{name} {share:.0%}" for name, share in self.taken.items()) + " of the machine"


def cpu_s(pid: int) -> float:
    """Seconds of CPU that this program and its children have taken."""
    return sum(used.user + used.system for used in (process.cpu_times() for process in family(pid)))


def family(pid: int) -> list[psutil.Process]:
    """The program and its children."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
