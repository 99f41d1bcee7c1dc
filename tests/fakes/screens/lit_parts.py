"""Which reader a drawing lights: a pen that draws nothing and notes the readers that it is asked for.

A reader close up is a plate of 68 by 26; the thumbnail of the machine is a front of 112 by 136, drawn small.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kiosk.screens.drawings.pen import Pen

PLATE, FRONT, SMALL = (68, 26), (112, 136), 0.5


class NotingPen(Pen):
    """Notes rectangles with their places. `lamp` is the colour of what is lit."""

    def __init__(self, lamp: Any, left: float = 0, top: float = 0, scale: float = 1, notes: Any = None) -> None:
        super().__init__(None, left, top, scale)
        self._lamp = lamp
        self.notes: list[tuple[float, float, tuple[float, float], bool]] = [] if notes is None else notes
        """Left, scale, size in its own units, and whether it is lit."""

    def moved(self, x: float, y: float, scale: float) -> "NotingPen":
        left, top = self.left + x * self.scale, self.top - y * self.scale
        return NotingPen(self._lamp, left, top, self.scale * scale, self.notes)

    def rect(
        self, x: float, y: float, width: float, height: float, radius: float = 0, fill: Any = None,
        stroke: Any = None, thick: float = 0.7,
    ) -> None:  # fmt: skip
        lit = self._lamp in (fill, stroke)
        self.notes.append((self.left + x * self.scale, self.scale, (width, height), lit))

    @contextmanager
    def between(self, top: float, bottom: float) -> Iterator[None]:
        yield

    def __getattribute__(self, name: str) -> Any:
        """What is neither a reader nor a thumbnail is let be."""
        if name in ("line", "arrow", "dashed", "disc", "dome", "text", "turn", "arc"):
            return lambda *places, **more: None
        return super().__getattribute__(name)

    def lit_close_up(self) -> list[str]:
        """The lit readers: "only" where no other is drawn, else its side."""
        plates = sorted((left, lit) for left, scale, size, lit in self.notes if scale > SMALL and size == PLATE)
        sides = ("left", "right") if len(plates) > 1 else ("only",)
        return [side for side, (_, lit) in zip(sides, plates, strict=True) if lit]

    def lit_in_thumbnail(self) -> list[str]:
        """The lit part's side of the machine."""
        small = [(left, scale, size, lit) for left, scale, size, lit in self.notes if scale < SMALL]
        ((start, whole),) = [(left, size[0] * scale) for left, scale, size, _ in small if size == FRONT]
        middles = [left + size[0] * scale / 2 for left, scale, size, lit in small if lit]
        return ["left" if middle < start + whole / 2 else "right" for middle in middles]
