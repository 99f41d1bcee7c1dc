"""GPIO pin assignment, as validated data. Pure.

Rules: a pin is named by its BCM number; numbers 0 and 1 belong to the identification of add-on boards, 14 and 15 to the
console; no pin has two roles. A contact that means danger is wired so that a cut wire means it too: the service door is
closed to ground when shut, and a pulled-up pin reads open.

>>> reference_wiring()["door"]
GpioPin(bcm=27, way='in', active='high', pull='up')
>>> header_position(27)
13
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

Role = Literal["lamp", "backlight", "door", "headphones", "presence"]
ROLES: tuple[Role, ...] = get_args(Role)
OUTPUTS: frozenset[Role] = frozenset({"lamp", "backlight"})
RESERVED = {0: "identification of add-on boards", 1: "identification of add-on boards", 14: "console", 15: "console"}
WIRING = Path(__file__).parent / "wiring.toml"

PLACES = {
    2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21, 25: 22, 11: 23,
    8: 24, 7: 26, 0: 27, 1: 28, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40,
}  # fmt: skip
"""Place on the 40-pin header by BCM number (Raspberry Pi documentation, "GPIO and the 40-pin header")."""
GROUNDS = (6, 9, 14, 20, 25, 30, 34, 39)
"""Places that are ground."""
VOLTS_3V3 = (1, 17)
VOLTS_5V = (2, 4)


class GpioWiringError(ValueError):
    """Wiring that cannot be; the text names role, pin and reason."""


@dataclass(frozen=True, slots=True)
class GpioPin:
    """One pin. `active` is the level that means lit, open, plugged in, present. Raises GpioWiringError."""

    bcm: int
    way: Literal["in", "out"]
    active: Literal["high", "low"] = "high"
    pull: Literal["up", "down", "none"] = "none"

    def __post_init__(self) -> None:
        if self.bcm in RESERVED:
            raise GpioWiringError(f"pin {self.bcm} is reserved: {RESERVED[self.bcm]}")
        if self.bcm not in PLACES:
            raise GpioWiringError(f"there is no pin {self.bcm}: BCM numbers go from 2 to 27")
        if self.way == "out" and self.pull != "none":
            raise GpioWiringError(f"pin {self.bcm} is driven: it takes no pull resistor")


Wiring = Mapping[Role, GpioPin]


def header_position(bcm: int) -> int:
    """Return where on the header the pin is. Raises KeyError for a number that is no pin's."""
    return PLACES[bcm]


def validate_wiring(wiring: Wiring) -> Wiring:
    """The wiring, if no pin has two roles and each role's pin goes the right way. Raises GpioWiringError."""
    taken: dict[int, Role] = {}
    for role, pin in wiring.items():
        if (pin.way == "out") != (role in OUTPUTS):
            raise GpioWiringError(f"{role}: the pin goes the wrong way")
        if pin.bcm in taken:
            raise GpioWiringError(f"{role}: pin {pin.bcm} is the {taken[pin.bcm]}'s already")
        taken[pin.bcm] = role
    return dict(wiring)


@cache
def reference_parts() -> dict[Role, tuple[GpioPin, str]]:
    """The shipped wiring: pin, and what is connected to it, by role."""
    tables: dict[Role, dict[str, Any]] = tomllib.loads(WIRING.read_text(encoding="utf-8"))  # type: ignore[assignment]
    return {
        role: (GpioPin(**{k: v for k, v in table.items() if k != "part"}), table["part"])
        for role, table in tables.items()
    }


def reference_wiring() -> dict[Role, GpioPin]:
    """The shipped wiring: pins by role."""
    return {role: pin for role, (pin, _) in reference_parts().items()}
