"""Interface of the GPIO pins: a status lamp, the backlight, and what contacts say.

Every pin is optional: what is not fitted reads None, and writing to it does nothing.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from drivers.cabinet.gpio.lamp_pattern import Pattern

Door = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class PinsReady:
    """The pins can be read, and those that are driven follow. Contacts are as settled: shorter pulses do not count."""

    door: Door | None = None
    """The service door. A cut wire reads as open."""
    headphones: bool | None = None
    """Whether a plug is in."""
    present: bool | None = None
    """Whether somebody stands in front."""


@dataclass(frozen=True, slots=True)
class PinsStuck:
    """These pins do not follow what they are told: shorted, or driven by something else."""

    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PinsUnavailable:
    """The pins cannot be used at all; `reason` says why, for a technician."""

    reason: str


PinsState = PinsReady | PinsStuck | PinsUnavailable


class Pins(Protocol):
    """The pins of one station."""

    name: str
    virtual: bool

    async def state(self) -> PinsState:
        """Read every pin now; tries again to get hold of pins that were not to be had. Never raises."""

    def changes(self) -> AsyncIterator[PinsReady]:
        """The contacts now, and after each change that has settled. Ends by cancellation alone."""

    def set_lamp(self, pattern: Pattern) -> None:
        """Light the status lamp so, from now on. Never raises."""

    def set_backlight(self, share: float) -> None:
        """Light the panel with that share of its full brightness, 0 to 1. Never raises."""

    async def close(self) -> None:
        """Lamp off, backlight full, pins given back."""
