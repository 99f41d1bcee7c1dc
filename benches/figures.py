"""What a bench reports, and the table that a person reads.

>>> Figure("identify", 24.0, "ms", beside="floor", ratio=1.2).ratio
1.2
"""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


class CannotMeasureError(RuntimeError):
    """Something that a bench needs is not on this machine. The text says what."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line. `ratio` is this figure's value over the value of the line `beside` names, where there is one."""

    what: str
    value: float
    unit: str
    note: str = ""
    beside: str = ""
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What one bench found: its figures, or why there are none."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    missing: str = ""


def against(floor: Figure, what: str, value: float, note: str = "") -> Figure:
    """A figure of the same unit beside `floor`."""
    return Figure(what, value, floor.unit, note, floor.what, value / floor.value if floor.value else None)


def median_ms(work: Callable[[], object], times: int = 5, before: Callable[[], object] = lambda: None) -> float:
    """How long `work` takes, in milliseconds: the median, after one run that does not count. `before` is not timed."""
    _timed_ms(work, before)
    return statistics.median(_timed_ms(work, before) for _ in range(times))


def _timed_ms(work: Callable[[], object], before: Callable[[], object]) -> float:
    before()
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def table(reports: Iterable[Report]) -> str:
    """All reports as text."""
    lines: list[str] = []
    for report in reports:
        lines += [f"{report.name}: {report.title}"]
        lines += [f"  not measured: {report.missing}"] if report.missing else [_line(one) for one in report.figures]
        lines += [""]
    return "\n".join(lines).rstrip()


def _line(one: Figure) -> str:
    ratio = f"{one.ratio:.2f} x {one.beside}" if one.ratio is not None else ""
    rest = "  ".join(part for part in (ratio, one.note) if part)
    return f"  {one.what:<44}{_number(one.value):>10} {one.unit:<12}{rest}".rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
