"""Sensors without their bounce: a bit counts as changed when it has stayed so for a while. Pure."""


class Inputs:
    """Up to 64 bits of one kind of sensor."""

    def __init__(self, settle_ms: int, bits: int) -> None:
        """`bits` is how they stand at the start, which is no change."""
        self._settle_ms = settle_ms
        self.bits = bits
        """As they stand, without bounce."""
        self._moving: dict[int, int] = {}

    def scan(self, bits: int, now: int) -> list[int]:
        """Numbers (from 0, lowest first) of the bits that have just changed."""
        moving = bits ^ self.bits
        if not moving:
            if self._moving:
                self._moving = {}
            return []
        since = {bit: self._moving.get(bit, now) for bit in numbers(moving)}
        changed = sorted([bit for bit in since if now - since[bit] >= self._settle_ms])
        for bit in changed:
            self.bits ^= 1 << bit
            del since[bit]
        self._moving = since
        return changed

    def on(self, bit: int) -> bool:
        """Return how one bit stands."""
        return bool(self.bits >> bit & 1)


def numbers(bits: int) -> list[int]:
    """Return which bits are set, lowest first."""
    set_bits, number = [], 0
    while bits:
        if bits & 1:
            set_bits.append(number)
        bits >>= 1
        number += 1
    return set_bits
