"""Figures that a bench reports, and the table that a person reads.

>>> Figure("identify", 24.0, "ms", beside="floor", ratio=1.2).ratio
1.2
"""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace


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
    wanted: str = ""
    """What it should be, in words; empty where nothing is wanted of it."""
    reached: bool | None = None
    measured: str = ""
    """What is held against `wanted`, in words."""


@dataclass(frozen=True, slots=True)
class Report:
    """Report of one bench: its figures, or why there are none."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    missing: str = ""


def compared_with(floor: Figure, label: str, value: float, note: str = "") -> Figure:
    """A figure of the same unit beside `floor`."""
    return Figure(label, value, floor.unit, note, floor.what, value / floor.value if floor.value else None)


def ratio_of(figure: Figure, at_least: float) -> Figure:
    """The same, and whether its ratio is what it should be."""
    ratio = figure.ratio or 0.0
    measured = f"{ratio:.2f} of {figure.beside}"
    return replace(figure, wanted=f"at least {at_least:.2f}", reached=ratio >= at_least, measured=measured)


def with_limit(figure: Figure, most: float) -> Figure:
    """The same, and whether its value is what it should be."""
    measured = f"{figure.value:.3g} {figure.unit}"
    limit = f"at most {_number(most)} {figure.unit}"
    return replace(figure, wanted=limit, reached=figure.value <= most, measured=measured)


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` (0 to 1) of them do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def median_ms(work: Callable[[], object], times: int = 5, before: Callable[[], object] = lambda: None) -> float:
    """Return how long `work` takes, in milliseconds: the median, after one run that does not count. `before` is not timed."""
    _timed_ms(work, before)
    return statistics.median(_timed_ms(work, before) for _ in range(times))


def _timed_ms(work: Callable[[], object], before: Callable[[], object]) -> float:
    before()
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def table(reports: Iterable[Report]) -> str:
    lines: list[str] = []
    for report in reports:
        lines += [f"{report.name}: {report.title}"]
        lines += (
            [f"  not measured: {report.missing}"] if report.missing else [_line(figure) for figure in report.figures]
        )
        lines += [""]
    return "\n".join(lines).rstrip()


def targets_table(reports: Iterable[Report]) -> str:
    """All figures of which something is wanted, one line each: what was measured, what is wanted, whether it is reached."""
    lines = []
    for row in (figure for report in reports for figure in report.figures if figure.wanted):
        lines.append(f"  {'reached' if row.reached else 'MISSED ':<8}{row.what:<58}{row.wanted:<20}{row.measured}")
    return "\n".join(lines)


def _line(figure: Figure) -> str:
    ratio = f"{figure.ratio:.2f} x {figure.beside}" if figure.ratio is not None else ""
    limit = f"wanted: {figure.wanted}" if figure.wanted else ""
    rest = "  ".join(part for part in (ratio, limit, figure.note) if part)
    return f"  {figure.what:<44}{_number(figure.value):>10} {figure.unit:<12}{rest}".rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
