"""Mirrored layout of languages that are written from right to left.

A screen is laid out as for the others, and drawn in a mirror (`Layers`); what must be read or recognized is mirrored back in its
own place: texts, drawings of the machine, most glyphs. So no layout knows of it, and whatever is new is mirrored too.
"""

from kivy.graphics import Canvas, PopMatrix, PushMatrix, Scale

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
