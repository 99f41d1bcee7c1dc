"""Activity of a station: the errand that runs, the view that is up, and whether anybody is there.

Rules: one errand at a time, and another inside it where an administrator begins it from the menu; while a command of the fleet
moves something (`exclusive`) no errand begins.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kiosk.ports import Clock
from kiosk.views import View

QUIET_S = 5.0
"""Seconds after the last touch of the home screen during which somebody may still stand there."""
HOME = "home"


class StationActivity:
    """The errand that runs and the view that is up. `on_view` is called when another view is put up."""

    def __init__(self, on_view: Callable[[], None] = lambda: None) -> None:
        self.errand: str | None = None
        self.view: View[Any] | None = None
        self.exclusive = asyncio.Lock()
        """Held while a command of the fleet moves something: no errand begins."""
        self._on_view = on_view

    @property
    def view_name(self) -> str:
        """The name of the view that is up; empty where none is."""
        return self.view.name if self.view else ""

    def show(self, view: View[Any]) -> None:
        """Note which view is up."""
        self.view = view
        self._on_view()


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Presence of people at the station, as far as it can know: errand, view, touches, service door, presence sensor."""

    activity: StationActivity
    clock: Clock
    touched: Callable[[], float]
    """When somebody last touched the screen, by the monotonic clock."""
    door_open: Callable[[], bool]
    present: Callable[[], bool]

    def is_free(self) -> bool:
        """Return whether nobody is there: no errand, the home screen up and untouched for a while, the service door shut."""
        quiet = self.clock.monotonic() - self.touched() >= QUIET_S
        at_home = self.activity.errand is None and self.activity.view_name == HOME
        return at_home and quiet and not (self.door_open() or self.present())
