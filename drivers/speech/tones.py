"""Earcons: short tones that say by ear what the screen shows by eye. Rules: each is told from the others by its rhythm and
direction, not by pitch alone, and none lasts longer than half a second; pitches are those that ageing ears still hear.

>>> len(tone_samples("card_in", volume=3)) // BYTES, SAMPLES_A_SECOND
(5733, 22050)
"""

from array import array
from functools import cache
from math import pi, sin
from typing import Literal, Protocol

Tone = Literal["card_in", "card_out", "slot", "done", "fault", "warning"]
SAMPLES_A_SECOND, BYTES = 22_050, 2
"""Of one channel: 16 bits, the lower byte first."""
_EDGE_S = 0.01
"""So long each note fades in and out: no click."""
_VOLUMES = (0.08, 0.16, 0.3, 0.5, 0.8)
"""By step of volume, 1 to 5, in parts of the loudest."""
_SILENT = 0.0
TONES: dict[Tone, tuple[tuple[float, float], ...]] = {
    "card_in": ((523.0, 0.1), (784.0, 0.16)),
    "card_out": ((784.0, 0.1), (523.0, 0.16)),
    "slot": ((659.0, 0.08), (_SILENT, 0.06), (659.0, 0.08), (_SILENT, 0.06), (659.0, 0.12)),
    "done": ((523.0, 0.1), (659.0, 0.1), (1047.0, 0.2)),
    "fault": ((330.0, 0.16), (_SILENT, 0.06), (262.0, 0.24)),
    "warning": ((880.0, 0.2), (_SILENT, 0.1), (880.0, 0.2)),
}
"""Notes: their pitch in hertz, and seconds."""


class ToneError(Exception):
    """The tone could not be sounded: no sound device."""


class Sound(Protocol):
    """A sound device."""

    async def play(self, tone: Tone, volume: int) -> None:
        """Returns once it has sounded. `volume` has the steps 1 to 5. Raises ToneError."""


@cache
def tone_samples(tone: Tone, *, volume: int) -> bytes:
    """The sound of a tone."""
    loud = 32_767 * _VOLUMES[volume - 1]
    wave = array("h")
    for pitch, seconds in TONES[tone]:
        count, edge = round(seconds * SAMPLES_A_SECOND), _EDGE_S * SAMPLES_A_SECOND
        turn = 2 * pi * pitch / SAMPLES_A_SECOND
        wave.extend(round(loud * min(1.0, at / edge, (count - at) / edge) * sin(turn * at)) for at in range(count))
    return wave.tobytes()
