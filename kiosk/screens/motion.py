"""Animation of drawings in poses; a picture of the window shows each in its first pose.

Poses change at most every half second and there is nothing between them, so the window is drawn anew only then. A station
stands idle all night: where nobody touches anything for a minute what moves rests in its first pose, and what teaches whoever
comes by goes on to another pose every half minute.

    motion = Motion()
    motion.watch(frame)     # its drawings move; those before it no longer do
    motion.wake()           # a touch, a key: they move for another minute
    motion.rest()           # all in their first pose; `go_on` lets them move again
"""

import math
from collections.abc import Iterator
from typing import Any

from kivy.clock import Clock
from kivy.uix.widget import Widget

from kiosk.screens.drawings.figure import LESSON_S, MovingFigure

MOVES_S = 60.0
SELDOM_S = 30.0
"""So long stands each pose of a lesson while nobody is there."""


class Motion:
    """The clock of the drawings. Off: all stay in their first pose."""

    def __init__(self, on: bool = True) -> None:
        self._on = on
        self.next_steps: dict[MovingFigure, Any] = {}
        self._rounds: dict[MovingFigure, int] = {}
        """How many more times each shows all its poses."""

    def watch(self, shown: Widget) -> None:
        """Move the drawings of what is shown now, from their first pose on."""
        self.stop()
        if self._on:
            for figure in _moving(shown):
                self._begin(figure)

    def wake(self) -> None:
        """Somebody is there."""
        for figure, event in self.next_steps.items():
            event.cancel()
            self._begin(figure)

    def stop(self) -> None:
        """No drawing moves any more."""
        for event in self.next_steps.values():
            event.cancel()
        self.next_steps.clear()
        self._rounds.clear()

    def rest(self) -> None:
        """Show all that move in their first pose."""
        for figure in self.next_steps:
            figure.show_pose(0)

    def go_on(self) -> None:
        """After `rest`: their poses as they were meant to be now."""
        for figure in self.next_steps:
            figure.show_pose(figure.pose)

    def _begin(self, figure: MovingFigure) -> None:
        self._rounds[figure] = _rounds_of(figure)
        self._wait(figure)

    def _wait(self, figure: MovingFigure) -> None:
        seconds = figure.poses[figure.pose].seconds if self._rounds[figure] else SELDOM_S
        self.next_steps[figure] = Clock.schedule_once(lambda passed: self._step(figure), seconds)

    def _step(self, figure: MovingFigure) -> None:
        figure.step()
        if figure.pose == 0:
            self._rounds[figure] = max(0, self._rounds[figure] - 1)
        if self._rounds[figure] or min(pose.seconds for pose in figure.poses) >= LESSON_S:
            self._wait(figure)


def _rounds_of(figure: MovingFigure) -> int:
    return math.ceil(MOVES_S / sum(pose.seconds for pose in figure.poses))


def _moving(widget: Widget) -> Iterator[MovingFigure]:
    if isinstance(widget, MovingFigure):
        yield widget
    for child in widget.children:
        yield from _moving(child)
