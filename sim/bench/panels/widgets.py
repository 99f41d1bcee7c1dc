"""Widgets of the bench window: labels, buttons, panels, and the interface between a panel and the root widget."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kivy.lang import Builder
from kivy.properties import BooleanProperty, StringProperty
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.label import Label
from kivy.utils import escape_markup

from kiosk.screens import fonts
from sim.bench.view_model import BenchView


@dataclass(frozen=True, slots=True)
class Selection:
    """Card, slot and person that are selected."""

    card: str | None = None
    person: int | None = None
    slot: int | None = None
    upside_down: bool = False


class PanelActions(Protocol):
    """Requests that a panel may make of the root widget."""

    def move(self, do: str, **request: Any) -> None:
        """Make a move in the world; what comes of it shows in the next picture, or in the status line."""

    def choose(self, **changes: Any) -> None:
        """Point at something: fields of `Selection`."""


class TextLabel(Label):
    """Text on one line or more, from the left. `tone` is a colour of the theme."""

    tone = StringProperty("ink")


class PanelHeading(TextLabel):
    pass


class DigitsLabel(TextLabel):
    """Label for digits: a code, a card number."""


class ButtonRow(BoxLayout):
    """Row of widgets as high as a button."""


class PanelBox(BoxLayout):
    """A panel: a surface with a thin border."""


class BenchButton(ButtonBehavior, Label):
    """Button. `target` names it for tests; `chosen` is pointed at or switched on."""

    target = StringProperty("")
    chosen = BooleanProperty(False)
    tone = StringProperty("ink")

    def __init__(self, press: Callable[[], None], **kwargs: Any) -> None:
        self._press = press
        super().__init__(**kwargs)

    def on_release(self) -> None:
        """The finger, or the mouse button, has gone up on it."""
        self._press()


class FaultToggle(BenchButton):
    """A fault that is on or off."""


class TableCell(BenchButton):
    """Cell of a table: flat until it is selected."""


def glyph(name: str, size: int = 16) -> str:
    """An icon inside a text with markup."""
    return f"[font={fonts.ICONS}][size={size}]{fonts.glyph(name)}[/size][/font]"


def plain(text: str) -> str:
    """Text of the world inside a text with markup."""
    return str(escape_markup(text))


class BenchPanel(PanelBox):
    """Panel of the bench window."""

    def draw(self, picture: BenchView, chosen: Selection) -> None:
        """Update the widgets from the view model."""
        raise NotImplementedError


Builder.load_file(str(Path(__file__).parent / "looks.kv"))
