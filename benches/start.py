"""The start of a program: CPU time, user and system, until it has said what needs no work, beside OpenSC's tools."""

import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benches.figures import CannotMeasureError, Figure, compared_with, with_limit

TIMES = 10
MOST_MS = 120.0
OURS = {
    "kortkiosk card list": ("kiosk.cli", "card", "list"),
    "kortkiosk --help": ("kiosk.cli", "--help"),
    "kortkiosk-fleet --help": ("fleet.server.cli", "--help"),
}


def measure(_folder: Path) -> list[Figure]:
    """OpenSC's list of readers, and ours; then the help of both programs."""
    theirs = Figure("opensc-tool --list-readers", median_cpu_ms(["opensc-tool", "--list-readers"]), "ms")
    ours = [
        with_limit(compared_with(theirs, name, median_cpu_ms([sys.executable, "-m", *words])), MOST_MS)
        for name, words in OURS.items()
    ]
    return [theirs, compared_with(theirs, "python -c pass", median_cpu_ms([sys.executable, "-c", "pass"])), *ours]


def median_cpu_ms(words: Sequence[str]) -> float:
    """CPU time of a process, the median, after one run that does not count. It may fail: there may be no PC/SC service."""
    times = [_cpu_ms(words) for _ in range(TIMES + 1)]
    return statistics.median(times[1:])


def _cpu_ms(words: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        subprocess.run(words, capture_output=True, timeout=60, check=False)
    except FileNotFoundError:
        raise CannotMeasureError(f"{words[0]} is not installed") from None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
