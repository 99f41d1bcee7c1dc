"""One board: bytes and time in, bytes out. Pure.

Rules: whoever runs it calls `turn` at least every few milliseconds and lets nothing wait in between. A fault in here
ends the program with all coils off; the board's watchdog starts it again.

    firmware = Firmware(Wiring(STANDARD), pins, flash, chip, now)
    while True:
        line.write(firmware.turn(line.read(), now()))
"""

from drivers.cabinet.firmware.link import Link
from drivers.cabinet.firmware.parts import Parts
from drivers.cabinet.firmware.ports import Chip, Flash, Pins
from drivers.cabinet.firmware.wiring import Wiring

MOST_BYTES = 256
"""Read at one turn at most, so that the coil is looked at in time however much comes."""


class Firmware:
    """The program of one board."""

    def __init__(self, wiring: Wiring, pins: Pins, flash: Flash, chip: Chip, now: int) -> None:
        pins.release()
        self._pins = pins
        self._chip = chip
        self.parts = Parts(wiring, pins, flash, now)
        self.link = Link(self.parts, flash, chip)

    def turn(self, data: bytes, now: int) -> bytes:
        """One turn of the loop: what came from the line, and what is for it. Raises what broke, with all coils off."""
        try:
            self.parts.tick(now)
            if data:
                self.link.feed(data, now)
            self.link.tick(now)
        except BaseException:
            self._pins.release()
            raise
        self._chip.feed()
        return self.link.take()

    def leave(self) -> bool:
        """Return whether to go to the bootloader, now that the answer is on the line."""
        return self.link.commands.to_bootloader

    def restart(self) -> bool:
        """Return whether to start again, with other wiring."""
        return self.parts.rewiring.done
