"""Mirrored layout of languages that are written from right to left.

A screen is laid out as for the others, and drawn in a mirror (`Layers`); what must be read or recognized is mirrored back in its
own place: texts, drawings of the machine, most glyphs. So no layout knows of it, and whatever is new is mirrored too.
"""

from kivy.graphics import Canvas, PopMatrix, PushMatrix, Scale

from kiosk.screens.layout import Flow

MIRRORED_GLYPHS = frozenset({"arrow-left", "arrow-right", "chevron-right", "logout"})
"""Glyphs that point along the way of reading."""


class Mirror:
    """Turns over what a canvas draws, left for right."""

    def __init__(self, canvas: Canvas) -> None:
        self._scale = Scale(-1, 1, 1)
        canvas.before.insert(0, self._scale)
        canvas.before.insert(0, PushMatrix())
        canvas.after.add(PopMatrix())

    def stand_at(self, x: float) -> None:
        """The mirror stands upright there."""
        self._scale.origin = (x, 0)


class Upright(Flow):
    """A part that stands as it does, whichever way one reads."""

    _mirror: Mirror | None = None

    def place(self, x: float, top: float, width: float, height: float) -> None:
        super().place(x, top, width, height)
        if self.theme.rtl:
            self._mirror = self._mirror or Mirror(self.canvas)
            self._mirror.stand_at(self.center_x)
