"""Keyboard wedge detection: a scanner is told from a person by the time between two characters. Pure.

Rules: a scan is at least `LEAST` characters and Enter, with no gap over `GAP_S` and `MEAN_S` from one to the next on
average. A window hears keys once a frame, so a gap may be as long as a slow frame; nobody types so fast on average. What
is longer than a scan can be is one all the same, cut, so that nothing pasted or played is ever typing.

>>> wedge = Wedge()
>>> [wedge.feed(char, at / 100) for at, char in enumerate("99990001")][-1], wedge.end(0.08)
(None, Scan(8 characters))
>>> [wedge.feed(char, at / 5) for at, char in enumerate("99990001")][-1], wedge.end(1.6)
(None, None)
"""

from dataclasses import dataclass, field

from drivers.scanner.port import LONGEST, Scan

GAP_S = 0.1
MEAN_S = 0.035
LEAST = 6


@dataclass(slots=True)
class Wedge:
    """The burst that comes in, if it is one."""

    _text: list[str] = field(default_factory=list)
    _count: int = 0
    _first: float = 0.0
    _last: float = 0.0

    def begins(self, at: float) -> bool:
        """Return whether a character at that second is the first of a new burst."""
        return self._count == 0 or at - self._last > GAP_S

    def feed(self, char: str, at: float) -> None:
        if self.begins(at):
            self._text, self._count, self._first = [], 0, at
        self._last = at
        self._count += 1
        if len(self._text) < LONGEST:
            self._text.append(char)

    def end(self, at: float) -> Scan | None:
        """Enter: the scan, if that was one; None where a person typed."""
        count, took = self._count, at - self._first
        scanned = count >= LEAST and not self.begins(at) and took <= MEAN_S * count
        scan = Scan("".join(self._text), whole=count == len(self._text)) if scanned else None
        self._text, self._count = [], 0
        return scan
