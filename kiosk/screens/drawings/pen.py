"""A pen for line drawings in units of their own: y runs down, strokes are centred on the edge, dashes are short lines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import cos, hypot, pi, sin
from typing import Any

from kivy.graphics import Color, Mesh, Rectangle, ScissorPop, ScissorPush, SmoothLine, SmoothRoundedRectangle

from kiosk.screens.fonts import ICONS
from kiosk.screens.theme import Colour
from kiosk.screens.unhinted import core_label

Point = tuple[float, float]
FAR = 100_000
"""Pixels beyond every window."""
SOFT = 0.5
"""Pixels that a smooth edge reaches out of its shape."""


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
        """A rectangle, rounded where `radius` is given. A stroke lies half outside."""
        if stroke and fill:
            half = self._stroke(thick) / self.scale / 2
            for out, colour in ((half, stroke), (-half, fill)):
                self._block(x - out, y - out, width + 2 * out, height + 2 * out, max(0.0, radius + out), colour)
        elif fill:
            self._block(x, y, width, height, radius, fill)
        elif stroke:
            path = [number for point in outline(x, y, width, height, radius)[:-1] for number in self._at(*point)]
            self._colour(stroke)
            self._canvas.add(SmoothLine(points=path, width=self._half(thick), close=True))

    @contextmanager
    def between(self, top: float, bottom: float) -> Iterator[None]:
        """Clip all drawing meanwhile to the space between the two heights, `top` being the smaller number."""
        high = round((bottom - top) * self.scale)
        self._canvas.add(ScissorPush(x=0, y=round(self._at(0, bottom)[1]), width=FAR, height=high))
        yield
        self._canvas.add(ScissorPop())

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: Colour, thick: float = 1.0) -> None:
        """A line with round ends."""
        half = self._stroke(thick) / self.scale / 2
        if x1 == x2 or y1 == y2:
            left, top = min(x1, x2) - half, min(y1, y2) - half
            self._block(left, top, abs(x2 - x1) + 2 * half, abs(y2 - y1) + 2 * half, half, colour)
            return
        self._colour(colour)
        self._canvas.add(SmoothLine(points=[*self._at(x1, y1), *self._at(x2, y2)], width=self._half(thick)))
        for x, y in ((x1, y1), (x2, y2)):
            self.disc(x, y, half, colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A full circle round (x, y)."""
        self._block(x - radius, y - radius, 2 * radius, 2 * radius, radius, colour)

    def _block(self, x: float, y: float, width: float, height: float, radius: float, colour: Colour) -> None:
        pos, size = self._at(x, y + height), (width * self.scale, height * self.scale)
        self._colour(colour)
        if radius * self.scale < 0.75:
            self._canvas.add(Rectangle(pos=pos, size=size))
        else:
            pos, size = (pos[0] + SOFT, pos[1] + SOFT), (max(0.0, size[0] - 2 * SOFT), max(0.0, size[1] - 2 * SOFT))
            shape = SmoothRoundedRectangle(pos=pos, size=size, radius=[radius * self.scale - SOFT], segments=24)
            self._canvas.add(shape)

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
        whole = end - start >= 360
        if end <= start:
            return
        steps = max(2, int((end - start) / 3))
        turns = [(start + (end - start) * step / steps) * pi / 180 for step in range(steps + (0 if whole else 1))]
        rim = [(x + radius * sin(turn), y - radius * cos(turn)) for turn in turns]
        self._colour(colour)
        points = [number for point in rim for number in self._at(*point)]
        self._canvas.add(SmoothLine(points=points, width=self._half(thick), close=whole))
        if not whole:
            for end_x, end_y in (rim[0], rim[-1]):
                self.disc(end_x, end_y, thick / 2, colour)

    def arrow(self, x: float, start: float, end: float, colour: Colour, thick: float = 1.6) -> None:
        """An upright arrow from `start` to `end`."""
        back = 4.0 if end < start else -4.0
        self.line(x, start, x, end, colour, thick)
        for side in (-4.0, 4.0):
            self.line(x, end, x + side, end + back, colour, thick)

    def turn(self, x: float, y: float, radius: float, colour: Colour, thick: float = 1.6) -> None:
        """Most of a ring round (x, y), with an arrow's point at its end: turn it over."""
        self.arc(x, y, radius, colour, thick, 40, 320)
        end = 320 * pi / 180
        tip = x + radius * sin(end), y - radius * cos(end)
        for side in (-0.7, 0.7):
            way = end + pi + side
            self.line(*tip, tip[0] + 4.6 * cos(way), tip[1] + 4.6 * sin(way), colour, thick)

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
                self._canvas.add(SmoothLine(points=points, width=self._half(thick)))

    def text(
        self, words: str, x: float, baseline: float, size: float, font: str, colour: Colour, *, before: float = 0.5
    ) -> None:
        """Words on a baseline, centred at x; `before` is the share of them that stands before it: 0 begins there, 1 ends."""
        label = core_label(words, font, max(1, round(size * self.scale)))
        label.refresh()
        width, height = label.texture.size
        left, bottom = self._at(x, baseline)
        self._colour((*colour[:3], 1.0))
        place = round(left - width * before), round(bottom - 0.2 * height)
        self._canvas.add(Rectangle(texture=label.texture, pos=place, size=(width, height)))

    def glyph(self, glyph: str, x: float, y: float, size: float, colour: Colour) -> None:
        """A glyph of the icon font, its middle at (x, y)."""
        label = core_label(glyph, ICONS, max(1, round(size * self.scale)))
        label.refresh()
        width, height = label.texture.size
        left, bottom = self._at(x, y)
        self._colour((*colour[:3], 1.0))
        place = round(left - width / 2), round(bottom - height / 2)
        self._canvas.add(Rectangle(texture=label.texture, pos=place, size=(width, height)))

    def _at(self, x: float, y: float) -> Point:
        return self.left + x * self.scale, self.top - y * self.scale

    def _stroke(self, thick: float) -> float:
        """Pixels of a stroke: never under one."""
        return max(1.0, thick * self.scale)

    def _half(self, thick: float) -> float:
        return max(1.0, self._stroke(thick) / 2)

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
    for (x1, y1), (x2, y2) in pairwise(path):
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
