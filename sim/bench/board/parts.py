"""What the panels are made of: words, things to press, panels, and the contract between a panel and the board."""

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
from sim.bench.picture import Picture


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the person has pointed at."""

    card: str | None = None
    person: int | None = None
    slot: int | None = None
    upside_down: bool = False


class Hands(Protocol):
    """What a panel may ask of the board."""

    def move(self, do: str, **request: Any) -> None:
        """Make a move in the world; what comes of it shows in the next picture, or in the status line."""

    def choose(self, **changes: Any) -> None:
        """Point at something: fields of `Chosen`."""


class Words(Label):
    """Text on one line or more, from the left. `tone` is a colour of the theme."""

    tone = StringProperty("ink")


class Heading(Words):
    """The name of a panel."""


class Figures(Words):
    """Numbers to be read off: a code, a card number."""


class Row(BoxLayout):
    """Things beside each other, as high as a button."""


class Box(BoxLayout):
    """A panel: a surface with a thin border."""


class Press(ButtonBehavior, Label):
    """Something to press. `target` names it for tests; `chosen` is pointed at or switched on."""

    target = StringProperty("")
    chosen = BooleanProperty(False)
    tone = StringProperty("ink")

    def __init__(self, press: Callable[[], None], **kwargs: Any) -> None:
        self._press = press
        super().__init__(**kwargs)

    def on_release(self) -> None:
        """The finger, or the mouse button, has gone up on it."""
        self._press()


class Toggle(Press):
    """A fault that is on or off."""


class Cell(Press):
    """A place in a table: flat until it is pointed at."""


def glyph(name: str, size: int = 16) -> str:
    """An icon inside a text with markup."""
    return f"[font={fonts.ICONS}][size={size}]{fonts.glyph(name)}[/size][/font]"


def plain(text: str) -> str:
    """Text of the world inside a text with markup."""
    return str(escape_markup(text))


class Panel(Box):
    """One panel of the board."""

    def draw(self, picture: Picture, chosen: Chosen) -> None:
        """Show this picture."""
        raise NotImplementedError


Builder.load_file(str(Path(__file__).parent / "looks.kv"))
