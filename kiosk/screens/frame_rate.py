"""Frame rate of the window: low while nobody is there, high from the first touch on.

A station stands idle all night, and each look costs. Under a desktop a finger is down for a tenth of a second and more, so the
first look finds it in time, and the next ones are frequent before it is let go. Without one a touch wakes the loop.

    pace = FrameRate()
    pace.wake()         # a touch, a key, another screen
"""

from kivy.clock import Clock

from kiosk.screens import kivy_environment as env

LIVELY_PER_S = 90
LIVELY_S = 1.0
"""Longer than a fade, and than a finger stays down."""


class FrameRate:
    """The frames in a second of this process. Kivy reads its own number anew before each frame."""

    def __init__(self) -> None:
        self._calm = Clock.create_trigger(lambda passed: self._set(env.looks_per_s()), LIVELY_S)

    def wake(self) -> None:
        """Be quick for a while, from now on where the clock can be woken."""
        self._calm.cancel()
        self._calm()
        self._set(LIVELY_PER_S)
        Clock.schedule_once(lambda passed: None)

    @staticmethod
    def _set(frames: float) -> None:
        Clock._max_fps = frames
