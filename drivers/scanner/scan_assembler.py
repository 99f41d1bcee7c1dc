"""Scan assembler: characters become scans. Pure: time is passed in.

Rules: a scan ends with Enter or Tab, which a scanner is set to send; a pause of `PAUSE_S` forgets what came before it, so that
half a scan never becomes the beginning of the next; more than `LONGEST` characters are counted, not kept.

>>> gathering = Gathering()
>>> [gathering.feed(char, 0.0) for char in "99\\n"]
[None, None, Scan(2 characters)]
"""

from dataclasses import dataclass, field

from drivers.scanner.port import LONGEST, Scan

PAUSE_S = 0.5
ENDS = frozenset("\n\r\t")


@dataclass(slots=True)
class Gathering:
    """Buffer of the characters of one scan."""

    _text: list[str] = field(default_factory=list)
    _count: int = 0
    _last: float = 0.0

    def feed(self, char: str, at: float) -> Scan | None:
        """One character more, at that second; the scan, where it ended one."""
        if self._count and at - self._last > PAUSE_S:
            self.forget()
        self._last = at
        if char in ENDS:
            return self._end()
        self._count += 1
        if len(self._text) < LONGEST:
            self._text.append(char)
        return None

    def forget(self) -> None:
        """The scanner is gone, and with it the end of what it was reading."""
        self._text, self._count = [], 0

    def _end(self) -> Scan | None:
        scan = Scan("".join(self._text), whole=self._count == len(self._text)) if self._count else None
        self.forget()
        return scan
