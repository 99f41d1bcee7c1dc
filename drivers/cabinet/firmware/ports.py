"""Ports of the logic to a board: pins, flash, chip. Bases for the real ones and for those of tests.

Rules: no method waits. Times are whole milliseconds of a clock that never goes back, passed in by the caller.
"""


class Pins:
    """Outputs and sensors in the order of the wiring data."""

    def release(self) -> None:
        """Switch all coils off, at once and whatever state they are in."""
        raise NotImplementedError

    def drive(self, output: int, limit_ms: int) -> None:
        """Switch one coil on: slot number, or FLAP_COIL. A board with a timer of its own also ends it after the limit."""
        raise NotImplementedError

    def servo(self, unlocked: bool) -> None:
        """Turn the flap's servo."""
        raise NotImplementedError

    def lamp(self, number: int, on: bool) -> None:
        """Lamps from 1."""
        raise NotImplementedError

    def buzzer(self, on: bool) -> None:
        """The buzzer."""
        raise NotImplementedError

    def scan(self) -> tuple[int, int, int, int]:
        """All sensors as bits: doors that are open, cards that are present (slot 1 lowest), drop slot, the rest.

        Drop slot: DROP_FLAP, DROP_FIRST, DROP_SECOND, DROP_BIN. The rest: REST_FULL, REST_BIN_DOOR, REST_TAMPER,
        REST_SERVICE.
        """
        raise NotImplementedError


class Flash:
    """Small files that outlive a restart. Writing may be torn by a loss of power."""

    def read(self, name: str) -> "bytes | None":
        """The content; None where there is no such file."""
        raise NotImplementedError

    def write(self, name: str, content: bytes) -> None:
        """Replace it. Raises OSError."""
        raise NotImplementedError


class Chip:
    """The microcontroller itself."""

    board_id = bytes(8)
    """Unique and lasting."""
    reset_cause = 0
    """Number of `messages.CAUSES`."""

    def random(self, size: int) -> bytes:
        """Random bytes; the firmware does not rely on them alone."""
        raise NotImplementedError

    def feed(self) -> None:
        """Tell the watchdog that all is well."""
        raise NotImplementedError

    def restart(self) -> None:
        """Start again, as after power on. On a real board it does not come back."""
        raise NotImplementedError

    def bootloader(self) -> None:
        """Restart as a USB drive. On a real board it does not come back."""
        raise NotImplementedError


FLAP_COIL = 255

DROP_FLAP, DROP_FIRST, DROP_SECOND, DROP_BIN = 1, 2, 4, 8
REST_FULL, REST_BIN_DOOR, REST_TAMPER, REST_SERVICE = 1, 2, 4, 8
