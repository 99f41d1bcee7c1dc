"""Received-sequence set of one chain, as a value: the highest, and the gaps below it.

Rules: what is held is never forgotten; a gap is an inclusive range. `through` is what the station may delete;
`wanted` is what it should send again. A chain with too many gaps takes no event that would open one more: the station
keeps it and sends it again.

>>> ReceivedSequences().with_sequence(1).with_sequence(4).gaps
((2, 3),)
>>> ReceivedSequences().with_sequence(1).with_sequence(4).through
1
"""

import msgspec

MAX_GAPS = 1_000
MAX_WANTED = 64
"""Ranges named in one acknowledgement: the next ones are named when these are filled."""

Range = tuple[int, int]

_NO_GAPS = "[]"


class ReceivedSequences(msgspec.Struct, frozen=True, gc=False):
    """Sequences 1 to `highest` without those in `gaps` (sorted, disjoint, inclusive)."""

    highest: int = 0
    gaps: tuple[Range, ...] = ()

    @property
    def through(self) -> int:
        """The highest sequence up to which all are held."""
        return self.gaps[0][0] - 1 if self.gaps else self.highest

    @property
    def wanted(self) -> tuple[Range, ...]:
        """The first gaps, as many as fit one acknowledgement."""
        return self.gaps[:MAX_WANTED]

    @property
    def missing(self) -> int:
        """Number of sequences that are known to exist and are not held."""
        return 0 if not self.gaps else sum(last - first + 1 for first, last in self.gaps)

    def has(self, sequence: int) -> bool:
        """Return whether this sequence is held."""
        if sequence > self.highest or not self.gaps:
            return sequence <= self.highest
        return not any(first <= sequence <= last for first, last in self.gaps)

    def has_room(self, sequence: int) -> bool:
        """Return whether taking this sequence keeps the number of gaps within bounds."""
        if sequence == self.highest + 1 or len(self.gaps) < MAX_GAPS:
            return True
        return any(first <= sequence <= last for first, last in self.gaps)

    def with_sequence(self, sequence: int) -> "ReceivedSequences":
        """The same with this one held too."""
        if sequence == self.highest + 1:
            return ReceivedSequences(sequence, self.gaps)
        if sequence > self.highest:
            return ReceivedSequences(sequence, (*self.gaps, (self.highest + 1, sequence - 1)))
        gaps = tuple(part for gap in self.gaps for part in _without(gap, sequence))
        return ReceivedSequences(self.highest, gaps)

    def without(self, sequence: int) -> "ReceivedSequences":
        """The same with this one not held.

        >>> ReceivedSequences(5).without(3).gaps
        ((3, 3),)
        >>> ReceivedSequences(5, ((4, 4),)).without(5)
        ReceivedSequences(highest=3, gaps=())
        """
        if not self.has(sequence):
            return self
        gaps: list[Range] = []
        for first, last in sorted([*self.gaps, (sequence, sequence)]):
            if gaps and gaps[-1][1] == first - 1:
                gaps[-1] = gaps[-1][0], last
            else:
                gaps.append((first, last))
        if gaps[-1][1] != self.highest:
            return ReceivedSequences(self.highest, tuple(gaps))
        return ReceivedSequences(gaps[-1][0] - 1, tuple(gaps[:-1]))


def gaps_to_text(received: ReceivedSequences) -> str:
    return _NO_GAPS if not received.gaps else msgspec.json.encode(received.gaps).decode()


def gaps_from_text(text: str) -> tuple[Range, ...]:
    return () if text == _NO_GAPS else msgspec.json.decode(text, type=tuple[Range, ...])


def _without(gap: Range, sequence: int) -> tuple[Range, ...]:
    first, last = gap
    if not first <= sequence <= last:
        return (gap,)
    parts = ((first, sequence - 1), (sequence + 1, last))
    return tuple(part for part in parts if part[0] <= part[1])
