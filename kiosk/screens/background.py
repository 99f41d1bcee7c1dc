"""Backgrounds with crisp edges: plain, or round with a border. Colours come from kv."""

from typing import Any

from kivy.graphics import Color, Rectangle, SmoothRoundedRectangle
from kivy.properties import ColorProperty, NumericProperty

from kiosk.screens.layout import Flow


class Painted(Flow):
    """Flow with a ground of its own. It is painted when it is placed and when its colours change: drawing instructions that
    follow each property by themselves would take a third of a change of the screen."""

    fill = ColorProperty((0, 0, 0, 0))

    _placed = False

    def on_fill(self, *_: Any) -> None:
        """Kivy: the colour is another one."""
        if self._placed:
            self._paint()

    def place(self, x: float, top: float, width: float, height: float) -> None:
        super().place(x, top, width, height)
        self._placed = True
        self._paint()

    def _paint(self) -> None:
        raise NotImplementedError


class Flat(Painted):
    """A plain rectangle in one colour, to the last pixel."""

    def _paint(self) -> None:
        self.canvas.before.clear()
        if self.fill[3]:
            self.canvas.before.add(Color(*self.fill))
            self.canvas.before.add(Rectangle(pos=self.pos, size=self.size))


class Framed(Painted):
    """A rounded rectangle: `fill`, and a border of `border` pixels in `edge`. Its smooth edge is half a pixel inside."""

    edge = ColorProperty((0, 0, 0, 0))
    border = NumericProperty(0)
    radius = NumericProperty(0)

    def _paint(self) -> None:
        self.canvas.before.clear()
        if self.border:
            self._block(self.edge, 0.5)
        if self.fill[3]:
            self._block(self.fill, self.border + 0.5)

    def _block(self, colour: Any, inside: float) -> None:
        """The shape in one colour, so many pixels inside its place."""
        size = max(0.0, self.width - 2 * inside), max(0.0, self.height - 2 * inside)
        radius = max(0.5, self.radius - inside)
        pos = self.x + inside, self.y + inside
        self.canvas.before.add(Color(*colour))
        self.canvas.before.add(SmoothRoundedRectangle(pos=pos, size=size, radius=[radius], segments=24))
