"""Looks for text that is cut, hangs out of the window, or lies over another text."""

from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

SLACK = 2
"""Pixels that rounding may take."""


class Place(NamedTuple):
    """Where the lines of a text lie, in pixels; the empty part of a line does not count. Read once, compared with all others."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    letters: float
    """The size of the letters."""


def clipped(root: Any) -> list[str]:
    """One line for each text that a person could not read whole, in a tree of Kivy widgets."""
    from kivy.core.window import Window

    from kiosk.screens.text import Icon, Text

    shown = [widget for widget in root.walk() if isinstance(widget, Text) and widget.text]
    found = []
    for label in shown:
        text = f"{type(label).__name__} {label.text[:40]!r}"
        across, along = label.texture_size
        if across > label.width + SLACK and not isinstance(label, Icon):
            found.append(f"{text}: {across} px in a width of {label.width}")
        if along > label.height * 1.3 + SLACK:
            found.append(f"{text}: {along} px in a height of {label.height}")
        if (
            not isinstance(label, Icon)
            and _widest(label.text, label.font_name, round(label.font_size)) > label.width + SLACK
        ):
            found.append(f"{text}: a word is broken")
        outside = (
            label.x < -SLACK
            or label.y < -SLACK
            or label.right > Window.width + SLACK
            or label.top > Window.height + SLACK
        )
        if outside:
            found.append(f"{text}: outside the window")
        if _hangs_out(label):
            found.append(f"{text}: hangs out of its frame")
    found += [
        f"{one.text[:30]!r} lies over {other.text[:30]!r}"
        for one, other in combinations(map(_place, shown), 2)
        if _overlap(one, other)
    ]
    return found


def lowest(root: Any) -> float:
    """Where the lowest thing that is seen in a tree of Kivy widgets ends: a text, a glyph, a drawing, a panel."""
    from kiosk.screens.background import Painted
    from kiosk.screens.drawings.figure import Figure
    from kiosk.screens.text import Text

    seen = [
        each.y
        for each in root.walk(restrict=True)
        if each is not root and (isinstance(each, Figure | Painted) or (isinstance(each, Text) and each.text))
    ]
    return float(min(seen, default=root.top))


def _hangs_out(label: Any) -> bool:
    """Whether it is higher than what is drawn around it, further in."""
    from kiosk.screens.background import Framed

    around = label.parent
    while around is not None and not isinstance(around, Framed):
        around = around.parent if around.parent is not around else None
    return around is not None and (label.y < around.y - SLACK or label.top > around.top + SLACK)


@cache
def _widest(text: str, font_name: str, font_size: int) -> int:
    """Pixels of the widest word; the same words stand on many screens."""
    from kiosk.screens.text import longest_word

    return longest_word(text, font_name, font_size)


def _overlap(one: Place, other: Place) -> bool:
    """Whether the lines of two texts lie over each other."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.top, other.top) - max(one.bottom, other.bottom)
    return wide > SLACK * 2 and high > 0.3 * min(one.letters, other.letters)


def _place(label: Any) -> Place:
    across = min(label.width, label.texture_size[0])
    spare = label.width - across
    left = float(label.x + (spare / 2 if label.halign == "center" else spare if label.halign == "right" else 0))
    return Place(label.text, left, left + float(across), label.y, label.top, label.font_size)
