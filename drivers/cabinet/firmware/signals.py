"""Lamps and buzzer in their patterns. Pure.

Rules: nothing blinks more than three times a second; the buzzer ends by itself.
"""

from drivers.cabinet.firmware.ports import Pins
from drivers.cabinet.messages import BUZZER_LONG, BUZZER_SHORT, BUZZER_TWICE, LAMP_FAST, LAMP_ON, LAMP_SLOW

_HALF_MS = {LAMP_SLOW: 500, LAMP_FAST: 200}
_SOUNDS = {BUZZER_SHORT: ((0, 100),), BUZZER_TWICE: ((0, 100), (200, 300)), BUZZER_LONG: ((0, 600),)}
"""Spans in ms from the start, of each pattern."""


class Signals:
    """All lamps and the buzzer."""

    def __init__(self, pins: Pins, lamps: int) -> None:
        self._pins = pins
        self._patterns = [0] * lamps
        self._lit = [False] * lamps
        self._sound: tuple[tuple[int, int], ...] = ()
        self._began = 0
        self._sounding = False

    def lamp(self, number: int, pattern: int) -> None:
        """Give one lamp (from 1) a pattern."""
        self._patterns[number - 1] = pattern

    def buzz(self, pattern: int, now: int) -> None:
        """Sound a pattern, or nothing."""
        self._sound, self._began = _SOUNDS.get(pattern, ()), now

    def off(self) -> None:
        """All dark and quiet."""
        self._patterns = [0] * len(self._patterns)
        self._sound = ()

    def tick(self, now: int) -> None:
        """Once each turn of the loop."""
        for index, pattern in enumerate(self._patterns):
            half = _HALF_MS.get(pattern)
            lit = pattern == LAMP_ON if half is None else now // half % 2 == 0
            if lit != self._lit[index]:
                self._lit[index] = lit
                self._pins.lamp(index + 1, lit)
        since = now - self._began
        sounding = any([begins <= since < ends for begins, ends in self._sound])
        if sounding != self._sounding:
            self._sounding = sounding
            self._pins.buzzer(sounding)
