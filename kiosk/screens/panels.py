"""Panels and rows of a body: notes, rules, numbered points, facts, badges and tries."""

from itertools import accumulate
from pathlib import Path
from typing import Any

from kivy.lang import Builder
from kivy.properties import StringProperty

from kiosk.screens.background import Flat, Framed
from kiosk.screens.framed import FramedBox, SheetPanel
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.text import Icon, Small, Strong, Text
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Fact, Note, Point, Task, Tries

NOTE_ICONS = {"info": "information-outline", "warning": "alert", "clock": "clock-outline"}
BADGE_ICONS = {"success": "check-bold", "warning": "alert", "failure": "alert"}
JUDGED = {"good": ("check-circle", "success"), "bad": ("close-circle", "failure")}
DOTS_MOST = {"10": 7, "7": 5, "p": 10}
"""So many tries stand in one row of their panel."""
TASKS = {
    "done": ("check-circle", "success"),
    "failed": ("close-circle", "failure"),
    "now": ("timer-sand", "primary"),
    "later": ("circle-outline", "edge"),
}


class NotePanel(FramedBox):
    """Information, a consequence or a deadline: its lines beside a glyph."""

    kind = StringProperty("info")

    def __init__(self, lines: list[Flow], kind: str, theme: Theme, **kwargs: Any) -> None:
        small = theme.small_panel
        icon = Icon(
            theme=theme,
            name=NOTE_ICONS[kind],
            size_mm=5.5 if small else 7,
            tone="warning" if kind == "warning" else "primary",
        )
        self.lines = FlowColumn(lines, theme=theme, grow=True)
        row = FlowRow([icon, self.lines], theme=theme, gap=2.6 if small else 4, top=True)
        padding = (3.2, 2.4) if small else (5, 3.6)
        super().__init__(row, theme=theme, kind=kind, padding=padding, **kwargs)

    def pieces(self, width: float, height: float) -> list[Flow]:
        across, along = (2 * self.mm(side) for side in self.padding)
        beside = width - across - self.mm(5.5 + 2.6 if self.theme.small_panel else 7 + 4)
        lines = self.lines.pieces(beside, height - along)
        return [NotePanel([line], self.kind, self.theme) for line in lines]


def note_panel(note: Note, words: ScreenTexts, theme: Theme, *, band: bool = False, drop: int = 0) -> NotePanel:
    """The panel of a note. `band` is the warning above the buttons, in body text."""
    role = Text if band else Small
    lines: list[Flow] = [role(theme=theme, text=words(note.text))]
    if note.title:
        lines.insert(0, role(theme=theme, text=f"[b]{words(note.title)}[/b]"))
    return NotePanel(lines, note.kind, theme, drop=drop)


class Badge(Framed):
    """Round when done, square when not."""

    kind = StringProperty("success")

    def __init__(self, icon: str, size_mm: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size_mm = size_mm
        self.icon = Icon(theme=self.theme, name=icon or BADGE_ICONS[self.kind], size_mm=size_mm * 0.65, tone="surface")
        self.add_widget(self.icon)

    def wanted_width(self) -> float:
        return self.mm(self.size_mm)

    def height_for(self, width: float) -> float:
        return self.mm(self.size_mm)

    def arrange(self) -> None:
        side = self.icon.wanted_width()
        self.icon.place(self.center_x - side / 2, self.center_y + side / 2, side, side)


class Number(Framed):
    """A number in a disc, or a small mark in it."""

    def __init__(self, text: str, size_mm: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size_mm = size_mm
        self.label = Strong(theme=self.theme, text=text, tone="on_primary", halign="center")
        self.add_widget(self.label)

    def wanted_width(self) -> float:
        return self.mm(self.size_mm)

    def height_for(self, width: float) -> float:
        return self.mm(self.size_mm)

    def arrange(self) -> None:
        high = self.label.height_for(self.width)
        self.label.place(self.x, self.center_y + high / 2, self.width, high)


def rule(
    theme: Theme, text: str, icon: str, icon_tone: str, *, tone: str = "ink", top: bool = False, drop: int = 0
) -> FlowRow:
    """A glyph and a line of text: a rule, a task, a fact to compare."""
    size = 8.4 if theme.large else 6.4
    mark = FlowBox(Icon(theme=theme, name=icon, size_mm=size, tone=icon_tone), theme=theme, padding=(0.3, 0))
    return FlowRow([mark, Text(theme=theme, text=text, tone=tone, grow=True)], theme=theme, gap=2.4, top=top, drop=drop)


def task_row(task: Task, words: ScreenTexts, theme: Theme) -> FlowRow:
    """A line of the busy list."""
    icon, tone = TASKS[task.state]
    text = words(task.text)
    strong = f"[b]{text}[/b]" if task.state == "now" else text
    return rule(theme, strong, icon, tone, tone="muted" if task.state == "later" else "ink")


def point_row(point: Point, number: int, words: ScreenTexts, theme: Theme) -> FlowRow:
    """A point: numbered, judged good or bad, or with a glyph of its own and a second line."""
    text = words(point.text)
    if point.bullet == "number":
        high = 0.4 if theme.small_panel else 0.9
        column = FlowColumn([Spacer(high, theme=theme), Text(theme=theme, text=text)], theme=theme, grow=True)
        return FlowRow([Number(str(number), theme.sizes.step, theme=theme), column], theme=theme, gap=3.5, top=True)
    icon, tone = JUDGED.get(point.bullet, (point.icon or "information-outline", "primary"))
    judged = point.bullet in JUDGED
    if point.detail is None or (judged and (theme.large or theme.small_panel)):
        whole = text if theme.large else _both(point, words)
        return rule(theme, whole, icon, tone, drop=0 if judged else 2, top=not theme.large)
    lines: list[Flow] = [Strong(theme=theme, text=text)]
    if not theme.large and not theme.small_panel:
        lines.append(Text(theme=theme, text=words(point.detail), tone="muted"))
    icon_mm = 6.4 if theme.small_panel else 8
    mark = FlowBox(Icon(theme=theme, name=icon, size_mm=icon_mm, tone=tone), theme=theme)
    return PointRow(
        [mark, TwoLines(lines, theme=theme, grow=True)], theme=theme, gap=5 if not theme.small_panel else 3, top=True
    )


class TwoLines(FlowColumn):
    """A point and its second line, which goes where there is no room."""

    def squeeze(self) -> None:
        for item in self.items[1:]:
            self.remove_widget(item)
        del self.items[1:]


class PointRow(FlowRow):
    """A point with its glyph."""

    def squeeze(self) -> None:
        for item in self.items:
            item.squeeze()


def point_rows(points: tuple[Point, ...], words: ScreenTexts, theme: Theme) -> list[Flow]:
    """All points of a view; numbered ones stand closer together."""
    numbers = list(accumulate(int(point.bullet == "number") for point in points))
    sole = numbers[-1:] == [1]
    rows: list[Flow] = [
        rule(theme, words(point.text), "arrow-right", "primary", top=True)  # a list of one has no number
        if sole and point.bullet == "number"
        else point_row(point, at, words, theme)
        for at, point in zip(numbers, points, strict=True)
    ]
    if points and all(point.bullet == "number" for point in points):
        for at, row in enumerate(rows):
            row.drop = at if theme.large else 0
        gap = {"10": 3.0, "7": 2.0, "p": 7.0}[theme.panel.name]
        return [FlowColumn(rows, theme=theme, gap=gap, grow=theme.large)]
    return rows


def _both(point: Point, words: ScreenTexts) -> str:
    return f"[b]{words(point.text)}.[/b] {words(point.detail)}" if point.detail else words(point.text)


class FactDivider(Flat):
    """Hairline that divides two rows of facts."""


class FactTable(Flow):
    """Labelled values in two columns, a hairline between the rows. A value that is too long for one line beside its label
    stands below it."""

    def __init__(self, facts: tuple[Fact, ...], words: ScreenTexts, *, between: float = 1.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        theme = self.theme
        self.between, self.facts, self.words = between, facts, words
        self.rows = [
            (Small(theme=theme, text=words(fact.label), tone="muted"), _value(fact, words, theme)) for fact in facts
        ]
        self.lines = [FactDivider(theme=theme) for _ in facts[1:]]
        for widget in (*(part for row in self.rows for part in row), *self.lines):
            self.add_widget(widget)

    def wanted_width(self) -> float:
        return self._first() + max((value.wanted_width() for _, value in self.rows), default=0.0)

    def height_for(self, width: float) -> float:
        return sum(self._heights(width))

    def arrange(self) -> None:
        first, y, theme_size = self._first(), self.top, self.theme.sizes
        stand = [(*row, self._below(row[1], self.width)) for row in self.rows]  # measured before anything is placed
        for place, ((label, value, below), height) in enumerate(zip(stand, self._heights(self.width), strict=True)):
            if place:
                self.lines[place - 1].place(self.x, y, self.width, self.theme.border(0.2))
            inner = y - self.mm(self.between)
            drop = (self.mm(theme_size.body) - label.font_size) * 0.85
            label.place(self.x, inner if below else inner - drop, first, label.height_for(first))
            left, wide = (0.0, self.width) if below else (first, self._beside(value, self.width))
            inner -= label.height if below else 0.0
            value.place(self.x + left, inner, wide, value.height_for(wide))
            y -= height

    def parts(self, width: float) -> list[Flow]:
        """Its rows. Their values begin below each other."""
        rows = [FactTable((fact,), self.words, theme=self.theme, between=self.between) for fact in self.facts]
        for row in rows:
            row.column = self._first()
        return list(rows)

    column = 0.0
    """Pixels before the values, where other rows have a say."""

    def _first(self) -> float:
        return self.column or max((label.wanted_width() for label, _ in self.rows), default=0.0) + self.mm(
            3 if self.theme.small_panel else 6
        )

    def _heights(self, width: float) -> list[float]:
        first, room = self._first(), 2 * self.mm(self.between)
        return [
            room + label.height_for(first) + value.height_for(width)
            if self._below(value, width)
            else room + max(label.height_for(first), value.height_for(self._beside(value, width)))
            for label, value in self.rows
        ]

    def _below(self, value: Flow, width: float) -> bool:
        return value.wanted_width() > width - self._first() + 1  # a pixel is lost to rounding

    def _beside(self, value: Flow, width: float) -> float:
        return max(width - self._first(), value.wanted_width())  # that pixel: no number is broken for it


class Value(Text):
    """The value of a fact."""


def _value(fact: Fact, words: ScreenTexts, theme: Theme) -> Flow:
    tone = {"plain": "ink", "good": "success", "bad": "failure"}[fact.tone]
    text = words(fact.value)
    label = Value(theme=theme, text=text if fact.tone == "plain" else f"[b]{text}[/b]", tone=tone, grow=True)
    if not fact.icon:
        return label
    return FlowRow([Icon(theme=theme, name=fact.icon, size_mm=4.6, tone=tone), label], theme=theme, gap=1.2)


class Dot(Framed):
    """A try: full when left, crossed when used."""

    left = StringProperty("yes")

    def __init__(self, size_mm: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size_mm = size_mm
        self.cross = Icon(theme=self.theme, name="close", size_mm=size_mm * 0.66, tone="muted")
        if self.left == "no":
            self.add_widget(self.cross)

    def wanted_width(self) -> float:
        return self.mm(self.size_mm)

    def height_for(self, width: float) -> float:
        return self.mm(self.size_mm)

    def arrange(self) -> None:
        side = self.cross.wanted_width()
        self.cross.place(self.center_x - side / 2, self.center_y + side / 2, side, side)


def tries_panel(tries: Tries, words: ScreenTexts, theme: Theme, **kwargs: Any) -> SheetPanel:
    """Tries left as dots, with the sentence that says where we stop."""
    dots = _dots(tries, {"10": 7.0, "7": 5.4, "p": 9.0}[theme.panel.name], theme)
    gap, most = 1.4 if theme.small_panel else 2, DOTS_MOST[theme.panel.name]
    rows: list[Flow] = [FlowRow(dots[at : at + most], theme=theme, gap=gap) for at in range(0, len(dots), most)]
    lines: list[Flow] = [TriesLeft(theme=theme, text=words(tries.left_text)), FlowColumn(rows, theme=theme, gap=gap)]
    if not theme.small_panel and not theme.large:
        lines.append(Small(theme=theme, text=words(tries.text), tone="muted"))
    padding, between = ((4, 3.4), 2.4) if theme.small_panel else ((6, 5), 3.4)
    return SheetPanel(FlowColumn(lines, theme=theme, gap=between), theme=theme, padding=padding, **kwargs)


def tries_row(tries: Tries, words: ScreenTexts, theme: Theme) -> Flow:
    """The same in one row, above a pad."""
    dots = _dots(tries, {"10": 5.0, "7": 3.6, "p": 6.5}[theme.panel.name], theme)
    row: list[Flow] = [
        TriesLeft(theme=theme, text=words(tries.left_text)),
        FlowBox(FlowRow(dots, theme=theme, gap=1.2 if theme.small_panel else 1.6), theme=theme, centre=True),
    ]
    return FlowRow([*row, Spacer(theme=theme)], theme=theme, gap=3 if theme.small_panel else 5)


def _dots(tries: Tries, size_mm: float, theme: Theme) -> list[Flow]:
    """The used ones first."""
    return [Dot(size_mm, theme=theme, left="no" if at < tries.used else "yes") for at in range(tries.used + tries.left)]


class TriesLeft(Text):
    """Number of tries that are left, in words."""


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
