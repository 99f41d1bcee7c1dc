"""MCP23017 port expanders on an I2C bus: 16 pins each, `mcp32:0` to `mcp39:15`. Pure; the bus is given.

Rules: all outputs low before any pin becomes one. An expander that does not answer raises OSError, which ends the program
with all coils off. Register names are those of the data sheet (Microchip DS20001952, table 3-3, IOCON.BANK = 0).
"""

IODIRA, GPPUA, GPIOA, OLATA = 0x00, 0x0C, 0x12, 0x14


class Expanders:
    """All expanders that the wiring names."""

    def __init__(self, bus, outputs: tuple[str, ...], inputs: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
        """`bus` has `writeto_mem(address, register, bytes)` and `readfrom_mem(address, register, size)`."""
        self._bus = bus
        self._latches: dict[int, int] = {}
        self._levels: dict[int, int] = {}
        directions: dict[int, int] = {}
        for pin in outputs + inputs:
            if pin.startswith("mcp"):
                address, number = place(pin)
                mask = directions.get(address, 0xFFFF)
                directions[address] = mask & ~(1 << number) if pin in outputs else mask
        for address, mask in directions.items():
            self._latches[address] = self._levels[address] = 0
            self._put(address, OLATA, 0)
            self._put(address, GPPUA, mask)
            self._put(address, IODIRA, mask)
        self._changed: set[int] = set()

    def set(self, pin: str, on: bool) -> None:
        """One output, as of the next `write`."""
        address, number = place(pin)
        latch = self._latches[address]
        latch = latch | 1 << number if on else latch & ~(1 << number)
        if latch != self._latches[address]:
            self._latches[address] = latch
            self._changed.add(address)

    def level(self, pin: str) -> bool:
        """One input, as of the last `read`."""
        address, number = place(pin)
        return bool(self._levels[address] >> number & 1)

    def write(self) -> None:
        """Outputs that have changed."""
        for address in self._changed:
            self._put(address, OLATA, self._latches[address])
        self._changed.clear()

    def read(self) -> None:
        """All inputs."""
        for address in self._levels:
            self._levels[address] = int.from_bytes(self._bus.readfrom_mem(address, GPIOA, 2), "little")

    def _put(self, address: int, register: int, value: int) -> None:
        self._bus.writeto_mem(address, register, value.to_bytes(2, "little"))


def place(pin: str) -> tuple[int, int]:
    """`mcp32:5` as (32, 5)."""
    address, number = pin[3:].split(":")
    return int(address), int(number)
