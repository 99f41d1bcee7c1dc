"""A pen for line drawings in units of their own: y runs down, strokes are centred on the edge, dashes are short lines."""

from collections.abc import Iterator, Sequence
from math import cos, hypot, pi, sin
from typing import Any

from kivy.core.text import Label as CoreLabel
from kivy.graphics import Color, Ellipse, Line, Mesh, Rectangle, RoundedRectangle

from kiosk.screens.theme import Colour

Point = tuple[float, float]


class Pen:
    """Draws on a Kivy canvas. `left` and `top` are pixels of the drawing's origin, `scale` pixels of one unit."""

    def __init__(self, canvas: Any, left: float, top: float, scale: float) -> None:
        self._canvas = canvas
        self.left, self.top, self.scale = left, top, scale

    def moved(self, x: float, y: float, scale: float) -> "Pen":
        """A pen whose origin lies at (x, y) and whose units are `scale` of these."""
        return Pen(self._canvas, self.left + x * self.scale, self.top - y * self.scale, self.scale * scale)

    def rect(
        self, x: float, y: float, width: float, height: float, radius: float = 0, fill: Colour | None = None,
        stroke: Colour | None = None, thick: float = 0.7,
    ) -> None:  # fmt: skip
        """A rectangle, rounded where `radius` is given."""
        place = *self._at(x, y + height), width * self.scale, height * self.scale
        round_px = max(radius * self.scale, 0.01)
        if fill:
            self._colour(fill)
            self._canvas.add(RoundedRectangle(pos=place[:2], size=place[2:], radius=[round_px], segments=16))
        if stroke:
            self._colour(stroke)
            shape = (*place, round_px, 24)
            self._canvas.add(Line(rounded_rectangle=shape, width=self._half(thick), close=True))

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: Colour, thick: float = 1.0) -> None:
        """A line with round ends."""
        self._colour(colour)
        points = [*self._at(x1, y1), *self._at(x2, y2)]
        self._canvas.add(Line(points=points, width=self._half(thick), cap="round", cap_precision=8))

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A full circle round (x, y)."""
        self._colour(colour)
        side = 2 * radius * self.scale
        self._canvas.add(Ellipse(pos=self._at(x - radius, y + radius), size=(side, side), segments=48))

    def dome(self, x: float, y: float, across: float, high: float, colour: Colour) -> None:
        """Half an ellipse standing on y, its middle at x: the shoulders of a person."""
        self._colour(colour)
        rim = [(x - across / 2 * cos(pi * step / 24), y - high * sin(pi * step / 24)) for step in range(25)]
        vertices = [number for point in [(x, y), *rim] for number in (*self._at(*point), 0, 0)]
        self._canvas.add(Mesh(vertices=vertices, indices=range(len(rim) + 1), mode="triangle_fan"))

    def arc(
        self, x: float, y: float, radius: float, colour: Colour, thick: float, start: float = 0, end: float = 360
    ) -> None:
        """Part of a ring, in degrees clockwise from the top, with round ends."""
        self._colour(colour)
        centre = *self._at(x, y), radius * self.scale
        if end - start >= 360:
            self._canvas.add(Line(circle=(*centre, 0, 360, 120), width=self._half(thick), close=True))
        elif end > start:
            steps = max(2, int((end - start) / 3))
            turns = [(start + (end - start) * step / steps) * pi / 180 for step in range(steps + 1)]
            points = [n for turn in turns for n in self._at(x + radius * sin(turn), y - radius * cos(turn))]
            self._canvas.add(Line(points=points, width=self._half(thick), cap="round", cap_precision=16, joint="round"))

    def arrow(self, x: float, start: float, end: float, colour: Colour, thick: float = 1.6) -> None:
        """An upright arrow from `start` to `end`."""
        back = 4.0 if end < start else -4.0
        self.line(x, start, x, end, colour, thick)
        for side in (-4.0, 4.0):
            self.line(x, end, x + side, end + back, colour, thick)

    def dashed(
        self, x: float, y: float, width: float, height: float, radius: float, colour: Colour,
        thick: float = 0.7, dash: float = 2.4, within: tuple[float, float] = (-1e9, 1e9),
    ) -> None:  # fmt: skip
        """A dashed rounded rectangle; only what lies between the two heights of `within` is drawn."""
        self._colour(colour)
        for part in dashes(outline(x, y, width, height, radius), dash):
            inside = [point for point in part if within[0] <= point[1] <= within[1]]
            if len(inside) > 1:
                points = [number for point in inside for number in self._at(*point)]
                self._canvas.add(Line(points=points, width=self._half(thick), cap="none"))

    def text(self, words: str, x: float, baseline: float, size: float, font: str, colour: Colour) -> None:
        """Words centred at x on a baseline."""
        label = CoreLabel(text=words, font_size=max(1, round(size * self.scale)), font_name=font, font_hinting=None)
        label.refresh()
        width, height = label.texture.size
        left, bottom = self._at(x, baseline)
        self._colour((*colour[:3], 1.0))
        place = round(left - width / 2), round(bottom - 0.2 * height)
        self._canvas.add(Rectangle(texture=label.texture, pos=place, size=(width, height)))

    def _at(self, x: float, y: float) -> Point:
        return self.left + x * self.scale, self.top - y * self.scale

    def _half(self, thick: float) -> float:
        return max(1.0001, thick * self.scale / 2) if thick * self.scale > 1.2 else 1.0

    def _colour(self, colour: Colour) -> None:
        self._canvas.add(Color(*colour))


def outline(x: float, y: float, width: float, height: float, radius: float) -> list[Point]:
    """Points round a rounded rectangle, closed, beginning at the middle of its left side."""
    corners = (
        (x + radius, y + radius, pi),
        (x + width - radius, y + radius, 1.5 * pi),
        (x + width - radius, y + height - radius, 0.0),
        (x + radius, y + height - radius, 0.5 * pi),
    )
    points: list[Point] = [(x, y + height / 2)]
    for cx, cy, start in corners:
        turns = [start + pi / 2 * step / 6 for step in range(7)]
        points += [(cx + radius * cos(turn), cy + radius * sin(turn)) for turn in turns]
    return [*points, points[0]]


def dashes(path: Sequence[Point], length: float) -> Iterator[list[Point]]:
    """The path cut into dashes of that length with gaps as long, as lists of points."""
    on, left, part = True, length, [path[0]]
    for (x1, y1), (x2, y2) in zip(path, path[1:], strict=False):
        whole = hypot(x2 - x1, y2 - y1)
        done = 0.0
        while whole - done > left:
            done += left
            cut = (x1 + (x2 - x1) * done / whole, y1 + (y2 - y1) * done / whole)
            if on:
                yield [*part, cut]
            on, left, part = not on, length, [cut]
        left -= whole - done
        part.append((x2, y2))
    if on and len(part) > 1:
        yield part
