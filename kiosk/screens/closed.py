"""The dark screen of a closed station: why, since when, that no card is inside, and who helps instead. Title and last line
are also said in the other language.

It lies over everything while nothing can be had (`ClosedScreen`), and is the home screen while a lost card can still be
reported (`ClosedShape`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kivy.lang import Builder

from kiosk.screens.background import Flat, Framed
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, FlowRow
from kiosk.screens.shape import Actions, Shape
from kiosk.screens.text import Display, Icon, Lead, Small
from kiosk.screens.words import ScreenTexts
from kiosk.views import Button, ClosedHome, Fact, Say

LOST = "report_lost"
"""A lost card does not wait until the station is open again: its button stands to the right."""


@dataclass(frozen=True)
class OutOfOrder:
    """The station is out of order: why, and whom to ask. Each line of `lead` has its icon; the title is also said in the other
    language, with the last line."""

    title: Say
    lead: tuple[Say, ...]
    icons: tuple[str, ...]
    contacts: tuple[Fact, ...] = ()


class ClosedTitle(Display):
    """Headline of the closed screen."""


class BoardAndText(FlowRow):
    """The sign beside the words, which have its room too where they need it though the line in the other language goes."""

    loose_mm = 12.0
    """About that line and its gap."""

    def arrange(self) -> None:
        if self.height_for(self.width) > self.height + self.mm(self.loose_mm):
            self.remove_widget(self.items.pop(0))
        super().arrange()


class ClosedPanel(Flow):
    """A sign and the words above a line; who helps below it. `brief`: large text beside it leaves no room for more than words."""

    def __init__(
        self, closed: OutOfOrder | ClosedHome, words: ScreenTexts, sign: str, *, brief: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        theme = self.theme
        small = theme.small_panel
        side = 22.0 if small else 40.0
        glyph = Icon(theme=theme, name=sign, size_mm=side * 0.6, tone="on_rail")
        board = Sign(glyph, theme=theme, padding=(side * 0.2, side * 0.2), width_mm=side)
        lines: list[Flow] = [
            ClosedTitle(theme=theme, text=words(closed.title)),
            FlowColumn(list(self._lines(closed, words)), theme=theme, gap=1 if small else 2),
            Faint(theme=theme, text=_in_short(closed, words.other), drop=1),
        ]
        head: Flow
        if brief:
            head = FlowColumn(lines, theme=theme, gap=3, grow=True)
        elif theme.portrait:
            both = FlowColumn(
                [FlowRow([board], theme=theme), FlowColumn(lines, theme=theme, gap=5)], theme=theme, gap=12
            )
            head = FlowBox(both, theme=theme, grow=True, centre=True)
        else:
            text = FlowBox(
                FlowColumn(lines, theme=theme, gap=5 if not small else 3), theme=theme, grow=True, centre=True
            )
            head = BoardAndText([board, text], theme=theme, gap=12 if not small else 6, grow=True)
        self.rule = Flat(theme=theme, fill=theme.colours.rail_edge)
        self.head, self.below = head, self._below([] if brief else closed.contacts, words)
        for part in (head, *([self.rule, self.below] if self.below else [])):
            self.add_widget(part)

    def _lines(self, closed: OutOfOrder | ClosedHome, words: ScreenTexts) -> Sequence[Flow]:
        theme = self.theme
        role = Small if theme.small_panel else Lead
        return [
            FlowRow(
                [
                    Icon(theme=theme, name=icon, size_mm=theme.sizes.lead * 1.2, tone="on_rail"),
                    role(theme=theme, text=words(line), tone="on_rail", grow=True),
                ],
                theme=theme,
                gap=3,
            )
            for icon, line in zip(closed.icons, closed.lead, strict=True)
        ]

    def _below(self, contacts: Sequence[Fact], words: ScreenTexts) -> Flow | None:
        theme = self.theme
        columns = [self._contact(fact, words) for fact in contacts]
        if not columns:
            return None
        if theme.portrait:
            return FlowColumn(columns, theme=theme, gap=6)
        return FlowRow(columns, theme=theme, gap=8 if not theme.small_panel else 4, top=True)

    def _contact(self, fact: Fact, words: ScreenTexts) -> Flow:
        theme = self.theme
        label = Lead(theme=theme, text=f"[b]{words(fact.label)}[/b]", tone="on_rail", line=1.25)
        value = Small(theme=theme, text=words(fact.value), tone="on_rail", line=1.35)
        return FlowColumn([label, value], theme=theme, gap=0.8, grow=True)

    def arrange(self) -> None:
        top = self.top
        if self.below is None:
            self.head.place(self.x, top, self.width, self.height)
            return
        low = self.below.height_for(self.width)
        line = self.y + low + self.mm(6 if not self.theme.small_panel else 3)
        self.below.place(self.x, self.y + low, self.width, low)
        self.rule.place(self.x, line, self.width, self.theme.border(0.3))
        gap = self.mm(8 if not self.theme.small_panel else 3)
        self.head.place(self.x, top, self.width, top - line - gap)


class ClosedScreen(Flat):
    """The whole screen dark. Nothing to touch."""

    def __init__(self, closed: OutOfOrder, words: ScreenTexts, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.theme = self.theme.large_text(False)
        self.panel = ClosedPanel(closed, words, "wrench-outline", theme=self.theme)
        self.add_widget(self.panel)

    def arrange(self) -> None:
        across, top, bottom = (self.mm(side) for side in ((6, 4, 5) if self.theme.small_panel else (18, 14, 11)))
        self.panel.place(self.x + across, self.top - top, self.width - 2 * across, self.height - top - bottom)


class ClosedShape(Shape):
    """The home screen of a closed station: the same, with what can still be had in the action bar."""

    view: ClosedHome
    dark = True
    turns = False

    def build(self) -> Flow:
        theme = self.theme
        return ClosedPanel(self.view, self.words, "door-closed-lock", brief=theme.large, theme=theme.large_text(False))

    def actions(self) -> Actions:
        options = {option.value: option for option in self.view.options}
        lost = options.pop(LOST, None)
        first = [self.button(Button(option.value, option.title)) for option in options.values()]
        return Actions(first, self.button(Button(LOST, lost.title, lost.icon)) if lost else None)

    @property
    def side_is_under_help(self) -> bool:
        return False


def _in_short(closed: OutOfOrder | ClosedHome, words: ScreenTexts) -> str:
    """Title and last line."""
    return ". ".join(words(line).rstrip(".") for line in (closed.title, closed.lead[-1])) + "."


class Sign(FlowBox, Framed):
    """The sign in its outline."""


class Faint(Lead):
    """Line in the other language."""


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
