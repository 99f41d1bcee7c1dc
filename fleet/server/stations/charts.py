"""Geometry of charts and drawings: errands by hour, and the station's front. Numbers only; templates write the SVG.

Units are those of the drawing's own view box. One front for all stations: only what differs is lit (design, "the
machine is drawn as it stands").
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fleet.messages.link import SlotState

CHART_WIDTH, CHART_HEIGHT = 286, 112
_BAR_WIDTH_MAX = 18
_HOURS_MIN = (7, 16)

SLOT_COLUMNS = 6
_SLOT_STEP_X, _SLOT_STEP_Y = 51, 46
SLOTS_TOP = 284


@dataclass(frozen=True, slots=True)
class SlotPart:
    """One part of a bar: `kind` is done, stopped or failed."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    hour: int
    x: float
    width: float
    parts: tuple[SlotPart, ...]
    counts: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars by hour with the values of its two lines, and the totals done, stopped and failed."""

    bars: tuple[Bar, ...]
    lines: tuple[tuple[int, float], ...]
    totals: tuple[int, int, int]

    @property
    def busiest(self) -> Bar | None:
        """The hour with most errands; None on a day without any."""
        bar = max(self.bars, key=lambda bar: sum(bar.counts))
        return bar if sum(bar.counts) else None


def chart(by_hour: Sequence[tuple[int, int, int, int]]) -> Chart:
    """Errands by local hour: (hour, done, stopped, failed). Hours without any inside the span are drawn empty."""
    counts = {hour: (done, stopped, failed) for hour, done, stopped, failed in by_hour}
    hours = range(min([*counts, _HOURS_MIN[0]]), max([*counts, _HOURS_MIN[1]]) + 1)
    step = CHART_WIDTH / len(hours)
    top = _round_up(max([sum(count) for count in counts.values()], default=0))
    scale = (CHART_HEIGHT - 14) / top
    width = min(_BAR_WIDTH_MAX, step * 0.7)
    bars = [
        Bar(
            hour,
            round(index * step + (step - width) / 2, 1),
            round(width, 1),
            _parts(counts.get(hour, (0, 0, 0)), scale),
            counts.get(hour, (0, 0, 0)),
        )
        for index, hour in enumerate(hours)
    ]
    lines = tuple((value, round(CHART_HEIGHT - value * scale, 1)) for value in (top // 2, top))
    done, stopped, failed = (sum(count[index] for count in counts.values()) for index in range(3))
    return Chart(tuple(bars), lines, (done, stopped, failed))


_FEW = 8
_TOPS = (10, 12, 16, 20, 30, 40, 50, 60, 80)


def _round_up(value: int) -> int:
    """The next round number whose half is round too."""
    if value <= _FEW:
        return _FEW if value > _FEW // 2 else _FEW // 2
    power = 1
    while value > _TOPS[-1] * power:
        power *= 10
    return next(size * power for size in _TOPS if value <= size * power)


def _parts(count: tuple[int, int, int], scale: float) -> tuple[SlotPart, ...]:
    parts: list[SlotPart] = []
    y = float(CHART_HEIGHT)
    for kind, value in zip(("done", "stopped", "failed"), count, strict=True):
        if value:
            y -= value * scale
            parts.append(SlotPart(kind, round(y, 1), round(max(value * scale - 1, 1.6), 1)))
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class SlotShape:
    """One slot of the front: `look` is present, empty, unknown or open."""

    number: int
    x: int
    y: int
    look: str


@dataclass(frozen=True, slots=True)
class Front:
    """The slots of a station's front and where the drawing ends below them."""

    slots: tuple[SlotShape, ...]
    bottom: int


def front(slots: Sequence[SlotState]) -> Front:
    """Place the slots in rows of six, in the order of their numbers."""
    ordered = sorted(slots, key=lambda slot: slot.number)
    shapes = tuple(
        SlotShape(
            slot.number,
            28 + index % SLOT_COLUMNS * _SLOT_STEP_X,
            SLOTS_TOP + index // SLOT_COLUMNS * _SLOT_STEP_Y,
            "open" if slot.door == "open" else slot.card,
        )
        for index, slot in enumerate(ordered)
    )
    rows = -(-len(ordered) // SLOT_COLUMNS)
    return Front(shapes, SLOTS_TOP + rows * _SLOT_STEP_Y + 12)
