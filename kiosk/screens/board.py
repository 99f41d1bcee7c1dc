"""Screen of `Board`: the slots of the cabinet with a legend, and the parts of the machine beside them.

A look is told by a mark and a frame, never by colour alone.
"""

from pathlib import Path

from kivy.lang import Builder
from kivy.properties import StringProperty

from kiosk.screens.background import Flat, Framed
from kiosk.screens.framed import Grid
from kiosk.screens.layout import Beside, Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.shape import Actions, Shape
from kiosk.screens.text import Icon, Lead, Small, Strong, Text
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Board, BoardPart, BoardSlot, say

COLUMNS = 6
MARKS = {
    "card": "smart-card-outline",
    "reserve": "star-four-points-outline",
    "soon": "calendar-clock",
    "broken": "wrench-outline",
    "open": "door-open",
}
"""The mark of a look; an empty slot has none."""
TONES = {"soon": "warning", "broken": "failure"}
SLOT_MM = {"10": 15.0, "7": 7.4, "p": 24.0}
PARTS_MM = {"10": 73.0, "7": 46.0, "p": 0.0}


class BoardTitle(Lead):
    """Heading over slots and machine."""


class SlotTile(Framed):
    """One slot: its number, and the mark of its look."""

    look = StringProperty("empty")

    def __init__(self, slot: BoardSlot, theme: Theme) -> None:
        super().__init__(theme=theme, look=slot.look)
        small = theme.small_panel
        number = Strong(theme=theme, text=str(slot.number), tone=TONES.get(slot.look, "muted"))
        if small and not theme.large:
            number.font_size = theme.px(theme.sizes.label)  # two digits and a mark stand beside each other
        parts: list[Flow] = [number, Spacer(theme=theme)]
        if slot.look in MARKS:
            size = 3.8 if small else 9.0 if theme.portrait else 6.4
            mark = Icon(theme=theme, name=MARKS[slot.look], size_mm=size, tone=TONES.get(slot.look, "primary"))
            parts.append(mark if small else FlowColumn([Spacer(theme=theme), mark], theme=theme, tall=True))
        self.inside = FlowBox(
            FlowRow(parts, theme=theme, top=True), theme=theme, padding=(1.0, 0.5) if small else (1.7, 1.2)
        )
        self.add_widget(self.inside)

    def height_for(self, width: float) -> float:
        return max(self.mm(SLOT_MM[self.theme.panel.name]), self.inside.height_for(width) if self.theme.large else 0.0)

    def arrange(self) -> None:
        self.inside.place(self.x, self.top, self.width, self.height)


class LevelBar(Framed):
    """Bar of a part's level, 0 to 1."""

    def __init__(self, share: float, tone: str, theme: Theme) -> None:
        super().__init__(theme=theme)
        self.share = share
        self.done = Flat(theme=theme, fill=getattr(theme.colours, tone))
        self.add_widget(self.done)

    def height_for(self, width: float) -> float:
        return self.mm(1.6)

    def arrange(self) -> None:
        self.done.place(self.x, self.top, self.width * self.share, self.height)


class BoardShape(Shape):
    """Slots to the left, machine to the right; below each other in portrait."""

    view: Board

    def build(self) -> Flow:
        theme = self.theme
        machine = FlowColumn(self._machine(), theme=theme, gap=1.2 if theme.small_panel else 2.6)
        if not self.view.slots:
            return machine
        slots = FlowColumn(self._cabinet(), theme=theme, gap=1.6 if theme.small_panel else 3, grow=True)
        if theme.portrait:
            return FlowColumn([slots, machine], theme=theme, gap=9)
        beside = FlowBox(machine, theme=theme, width_mm=PARTS_MM[theme.panel.name])
        return Beside([slots, beside], theme=theme, gap=4 if theme.small_panel else 7, top=True)

    def actions(self) -> Actions:
        return Actions([self.button(action) for action in self.view.actions], self.primary())

    def _cabinet(self) -> list[Flow]:
        theme, view = self.theme, self.view
        tiles: list[Flow] = [SlotTile(slot, theme) for slot in view.slots]
        gap = 1.2 if theme.small_panel else 2.2
        head: list[Flow] = [BoardTitle(theme=theme, text=self.words(view.title))]
        if not theme.large:
            head += [Text(theme=theme, text=self.words(line), tone="muted", drop=1) for line in view.lead]
        grid = Grid(tiles, columns=COLUMNS, gap=gap, most_mm=SLOT_MM[theme.panel.name], theme=theme)
        return [FlowRow([*head, Spacer(theme=theme)], theme=theme, gap=3), grid, *self._legend()]

    def _legend(self) -> list[Flow]:
        """Return the legend of the marks that are to be seen."""
        theme, seen = self.theme, {slot.look for slot in self.view.slots}
        if theme.large:
            return []
        marks: list[Flow] = [
            FlowRow(
                [
                    Icon(theme=theme, name=MARKS[look], size_mm=5, tone=TONES.get(look, "primary")),
                    Small(theme=theme, text=self.words(say(f"admin.look.{look}")), tone="muted"),
                ],
                theme=theme,
                gap=0.8,
            )
            for look in MARKS
            if look in seen
        ]
        beside = 2 if theme.small_panel else len(marks)
        rows: list[Flow] = [
            FlowRow([*marks[at : at + beside], Spacer(theme=theme)], theme=theme, gap=3.6)
            for at in range(0, len(marks), beside or 1)
        ]
        return [FlowColumn(rows, theme=theme, gap=0.4, drop=2)] if rows else []

    def _machine(self) -> list[Flow]:
        theme = self.theme
        rows: list[Flow] = [BoardTitle(theme=theme, text=self.words(self.view.parts_title))]
        for place, part in enumerate(self.view.parts):
            if place and not theme.small_panel:
                rows.append(Hairline(theme=theme, drop=1))
            rows.append(part_row(part, self.words, theme, drop=max(0, place - 1)))
        return rows


class Hairline(Flat):
    """A line between two parts."""

    def height_for(self, width: float) -> float:
        return float(self.theme.border(0.2))


def part_row(part: BoardPart, words: ScreenTexts, theme: Theme, drop: int) -> Flow:
    """One part of the machine: its name, how full it is, and how it is."""
    tone = {"plain": "ink", "good": "success", "warning": "warning", "bad": "failure"}[part.tone]
    lines: list[Flow] = [Strong(theme=theme, text=words(part.title))]
    if part.share is not None and not theme.small_panel:
        lines.append(LevelBar(part.share, "primary" if part.tone in ("plain", "good") else tone, theme))
    elif part.detail is not None and not theme.small_panel and not theme.large:
        lines.append(Small(theme=theme, text=words(part.detail), tone="muted"))
    mark = {"good": "check-circle", "warning": "alert", "bad": "alert"}.get(part.tone)
    state: list[Flow] = [Icon(theme=theme, name=mark, size_mm=4.4, tone=tone)] if mark else []
    if not mark or not theme.large:
        state.append(Strong(theme=theme, text=words(part.state), tone=tone))
    if theme.small_panel and not theme.large and part.tone in ("warning", "bad"):
        return FlowColumn([*lines, FlowRow([*state, Spacer(theme=theme)], theme=theme, gap=1)], theme=theme, drop=drop)
    row: list[Flow] = [FlowColumn(lines, theme=theme, gap=1, grow=True), FlowRow(state, theme=theme, gap=1)]
    if not theme.small_panel and not theme.large:
        row.insert(0, Icon(theme=theme, name=part.icon, size_mm=6.4, tone="muted", drop=1))
    return FlowRow(row, theme=theme, gap=2.4, drop=drop)


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
