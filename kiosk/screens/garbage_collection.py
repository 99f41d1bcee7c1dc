"""Garbage collection of replaced screens while touches do not count, never while the next screen is built.

The toolkit's widgets hold each other in rings, so only the collector frees them. Left alone it works in the middle of
building, and looks through every module each time: that took two thirds of a change of the screen.

    tidying = Tidying()
    tidying.soon()          # after each change
"""

import gc

from kivy.clock import Clock

AFTER_S = 0.1
"""The new picture is drawn by then, and touches do not count yet (`layers.GUARD_S`)."""
THRESHOLDS = (50_000, 20, 50)
"""More objects than one screen makes: the collector comes by itself only where nothing changes on the screen for long."""


class GarbageCollector:
    """The collector of this process, which works when it is told."""

    def __init__(self) -> None:
        gc.set_threshold(*THRESHOLDS)
        self._settled = False
        self._soon = Clock.create_trigger(lambda passed: self._tidy(), AFTER_S)

    def soon(self) -> None:
        self._soon()

    def _tidy(self) -> None:
        gc.collect()
        if not self._settled:
            self._settled = True
            gc.freeze()  # modules and styles stay for good, and are not looked through again
