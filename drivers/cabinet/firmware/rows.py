"""Rows of sensors as numbers, worked out once: inputs that follow each other on the chain are taken together. Pure.

Rules: the first pin of a row is the lowest bit. A pin that is not there reads 0, also where its kind is inverted.

>>> row = Row(("in:8", "in:9", None, "gpio:4"), (True, True, True, False), lambda pin: lambda: 1)
>>> row.read(0b01 << 8)
10
"""


class Row:
    """Sensors of one number."""

    def __init__(self, pins, inverted: "tuple[bool, ...]", level_of) -> None:  # type: ignore[no-untyped-def]
        """`pins` are names, or None; `level_of` gives for a pin off the chain what is called to read it."""
        self._runs: "list[tuple[int, int, int]]" = []  # noqa: UP037 - MicroPython keeps it as text
        self._singles = []
        self._flip = 0
        for at, pin in enumerate(pins):
            if pin is None:
                continue
            if inverted[at]:
                self._flip |= 1 << at
            if pin.startswith("in:"):
                self._chained(int(pin[3:]), at)
            else:
                self._singles.append((level_of(pin), at))

    def read(self, chain: int) -> int:
        """The row, where the chain's inputs are the bits of `chain`."""
        bits = 0
        for first, mask, at in self._runs:
            bits |= (chain >> first & mask) << at
        for level, at in self._singles:
            if level():
                bits |= 1 << at
        return bits ^ self._flip

    def _chained(self, number: int, at: int) -> None:
        if self._runs:
            first, mask, start = self._runs[-1]
            if number - first == at - start and mask == (1 << at - start) - 1:
                self._runs[-1] = (first, mask << 1 | 1, start)
                return
        self._runs.append((number, 1, at))
