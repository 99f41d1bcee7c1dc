"""The administrator's board: the slots as they are, the parts of the machine, and what can be done.

>>> from kiosk.views import say
>>> Board(name="admin.home", title=say("admin.title"), parts_title=say("admin.machine")).actions
()
"""

from dataclasses import dataclass
from typing import Literal

from kiosk.views.parts import Button, Say
from kiosk.views.shapes import View


@dataclass(frozen=True, slots=True)
class BoardSlot:
    """One slot: how it looks, told by colour and by a mark, and its number."""

    number: int
    look: Literal["card", "reserve", "soon", "broken", "empty", "open"]


@dataclass(frozen=True, slots=True)
class BoardPart:
    """One part of the machine: how it is, in a word. `share` is how full, 0 to 1."""

    title: Say
    state: Say
    icon: str
    tone: Literal["plain", "good", "warning", "bad"] = "plain"
    detail: Say | None = None
    share: float | None = None


@dataclass(frozen=True, kw_only=True)
class Board(View[str]):
    """Look, and choose what to do. The answer is a button's value; `actions` stand beside the way out."""

    slots: tuple[BoardSlot, ...] = ()
    parts: tuple[BoardPart, ...] = ()
    parts_title: Say
    until: Say | None = None
    """What ends it, for the strip."""
    actions: tuple[Button, ...] = ()
