"""Map of pins to their use, as data: `wiring.json` in the board's flash. Pure.

Told entry by entry in docs/cabinet-protocol.md.

Rules: a pin is named where it is: `gpio:7` (the Pico's own), `out:3` and `in:3` (bit of the chain of shift registers),
`mcp32:3` (pin 3 of an MCP23017 port expander at address 32). `out:0..23` are 24 of them in a row. No pin is named twice.
Limits only lower those of the firmware. What does not fit raises WiringError with the name of the entry.

    {"name": "24 slots", "locks": "out:0..23", "doors": "in:0..23", "coil_power": "gpio:7", "chain": {...}, ...}
"""

from drivers.cabinet.messages import COIL_LIMIT_MS, MAX_SLOTS

MAX_LAMPS = 16
GPIO = tuple(range(23)) + (26, 27, 28)
"""Those of a Pico that are led out."""
CHAIN_BITS = 256
DROP_SENSORS = ("flap_sensor", "first", "second", "bin", "full", "bin_door")
DROP_SETTINGS = ("servo", "solenoid", "locked_us", "unlocked_us", "holds")
INVERTIBLE = ("locks", "doors", "cards", "lamps", "buzzer", "tamper", "service", "solenoid") + DROP_SENSORS
CONTROL = {"chain": ("clock", "mosi", "miso", "latch", "load", "enable"), "bus": ("sda", "scl")}
"""Pins of the Pico that lead to what carries others: the chain of shift registers, the bus of port expanders."""
_KNOWN = (
    "name", "locks", "doors", "cards", "lamps", "buzzer", "tamper", "service", "drop", "inverted", "coil_limit_ms",
    "coil_power", "chain", "bus",
)  # fmt: skip

STANDARD = {
    "name": "standard 24",
    "locks": "out:0..23",
    "doors": "in:0..23",
    "cards": "in:24..47",
    "lamps": "out:24..27",
    "buzzer": "gpio:14",
    "tamper": "gpio:20",
    "service": "gpio:21",
    "inverted": ["tamper", "service"],
    "coil_limit_ms": 400,
    "drop": {
        "servo": "gpio:15", "unlocked_us": 1900, "locked_us": 1100, "holds": 50, "flap_sensor": "gpio:16",
        "first": "gpio:17", "second": "gpio:18", "bin": "gpio:19", "full": "gpio:22", "bin_door": "gpio:26",
    },
    "coil_power": "gpio:7",
    "chain": {"clock": 2, "mosi": 3, "miso": 4, "latch": 5, "enable": 6, "load": 8},
}  # fmt: skip
"""What a board without wiring data takes: 24 slots on shift registers, sensors of the drop slot on the Pico itself."""


class WiringError(ValueError):
    """The wiring data do not fit; names the entry."""


class Wiring:
    """Wiring data that fit. Pins are names, in the order of slots and lamps."""

    def __init__(self, data: "dict[str, object]") -> None:
        """Raises WiringError."""
        for key in data:
            if key not in _KNOWN:
                raise WiringError(f"{key} is not known")
        self._used: set[str] = set()
        self.name = text_of(data, "name")
        self.locks = self._row(data, "locks", MAX_SLOTS)
        self.doors = self._row(data, "doors", MAX_SLOTS)
        self.cards = self._row(data, "cards", MAX_SLOTS) if "cards" in data else ()
        self.lamps = self._row(data, "lamps", MAX_LAMPS) if "lamps" in data else ()
        self.coil_power = self._row(data, "coil_power", 1)[0]
        """The Pico's pin that gives all coils their current, for one measured time."""
        self.buzzer, self.tamper, self.service = [self._one(data, key) for key in ("buzzer", "tamper", "service")]
        self.coil_limit_ms = number_of(data, "coil_limit_ms", 1, COIL_LIMIT_MS, COIL_LIMIT_MS)
        self.control = {key: self._control(data, key) for key in CONTROL if key in data}
        self._drop(data.get("drop"))
        self.inverted = self._inverted(data.get("inverted", []))
        if not self.coil_power.startswith("gpio:"):
            raise WiringError("coil_power must be a pin of the Pico")
        if len(self.doors) != len(self.locks) or len(self.cards) not in (0, len(self.locks)):
            raise WiringError("locks, doors and cards: as many of each")

    @property
    def slots(self) -> int:
        """Number of slots."""
        return len(self.locks)

    def _drop(self, drop: object) -> None:
        self.has_drop = drop is not None
        self.servo: str | None = None
        self.solenoid: str | None = None
        self.drop_sensors: dict[str, str] = {}
        self.servo_us = (0, 0)
        self.holds = 0
        if drop is None:
            return
        if not isinstance(drop, dict):
            raise WiringError("drop")
        for key in drop:
            if key not in DROP_SENSORS + DROP_SETTINGS:
                raise WiringError(f"drop: {key} is not known")
        self.servo, self.solenoid = self._one(drop, "servo"), self._one(drop, "solenoid")
        if (self.servo is None) == (self.solenoid is None):
            raise WiringError("drop: either a servo or a solenoid")
        self.servo_us = (number_of(drop, "locked_us", 500, 2500, 1100), number_of(drop, "unlocked_us", 500, 2500, 1900))
        self.holds = number_of(drop, "holds", 1, 1000, 50)
        for key in DROP_SENSORS:
            pin = self._one(drop, key)
            if pin is not None:
                self.drop_sensors[key] = pin
            elif key in ("flap_sensor", "first", "second", "bin"):
                raise WiringError(f"drop: {key} is missing")

    def _inverted(self, names: object) -> tuple[str, ...]:
        if not isinstance(names, (list, tuple)):
            raise WiringError("inverted")
        for name in names:
            if name not in INVERTIBLE:
                raise WiringError(f"inverted: {name}")
        return tuple(names)

    def _control(self, data: "dict[str, object]", chain: str) -> dict[str, int]:
        pins = data[chain]
        if not isinstance(pins, dict) or sorted(pins) != sorted(CONTROL[chain]):
            raise WiringError(f"{chain}: {', '.join(CONTROL[chain])}")
        for number in pins.values():
            self._claim(f"gpio:{number}", chain)
        if chain == "bus" and (pins["sda"] % 2 or pins["scl"] != pins["sda"] + 1):
            raise WiringError("bus: an even sda, and the scl after it")
        return pins

    def _one(self, data: "dict[str, object]", key: str) -> "str | None":
        return self._row(data, key, 1)[0] if key in data else None

    def _row(self, data: "dict[str, object]", key: str, most: int) -> tuple[str, ...]:
        value = data.get(key)
        names = value if isinstance(value, list) else [value]
        pins: list[str] = []
        for name in names:
            pins.extend(row_of(name, key))
        for pin in pins:
            self._claim(pin, key)
        if not 1 <= len(pins) <= most:
            raise WiringError(f"{key}: 1 to {most} pins")
        return tuple(pins)

    def _claim(self, pin: str, key: str) -> None:
        if pin in self._used:
            raise WiringError(f"{key}: {pin} is used twice")
        check_pin(pin, key)
        self._used.add(pin)


def row_of(name: object, key: str) -> list[str]:
    """`in:0..3` as four names. Raises WiringError."""
    if not isinstance(name, str) or name.count(":") != 1:
        raise WiringError(f"{key}: a pin is like gpio:7")
    where, numbers = name.split(":")
    ends = numbers.split("..")
    if len(ends) > 2 or not all([end.isdigit() and len(end) < 4 for end in ends]):
        raise WiringError(f"{key}: {name}")
    return [f"{where}:{number}" for number in range(int(ends[0]), int(ends[-1]) + 1)]


def check_pin(pin: str, key: str) -> None:
    """Raises WiringError for a pin that no board has."""
    where, number = pin.split(":")
    if where == "gpio":
        exists = number.isdigit() and int(number) in GPIO
    elif where in ("in", "out"):
        exists = int(number) < CHAIN_BITS
    else:
        exists = where[:3] == "mcp" and where[3:] in [str(address) for address in range(32, 40)] and int(number) < 16
    if not exists:
        raise WiringError(f"{key}: there is no {pin}")


def text_of(data: "dict[str, object]", key: str) -> str:
    """A short printable text. Raises WiringError."""
    value = data.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 24 or not all([" " <= sign <= "~" for sign in value]):
        raise WiringError(f"{key}: 1 to 24 printable signs")
    return value


def number_of(data: "dict[str, object]", key: str, least: int, most: int, otherwise: int) -> int:
    """A whole number within bounds. Raises WiringError."""
    value = data.get(key, otherwise)
    if not isinstance(value, int) or not least <= value <= most:
        raise WiringError(f"{key}: {least} to {most}")
    return value


def standard(slots: int) -> "dict[str, object]":
    """The standard wiring with another number of slots (1 to 64), as a virtual board wants it."""
    data: dict[str, object] = dict(STANDARD)
    data["name"] = f"standard {slots}"
    data["locks"], data["doors"] = f"out:0..{slots - 1}", f"in:0..{slots - 1}"
    data["cards"], data["lamps"] = f"in:{slots}..{2 * slots - 1}", f"out:{slots}..{slots + 3}"
    return data
