"""The outbox of one simulated station: its chain, in memory, and what is still owed to the server. Pure.

Rules as a station's: an event is owed until the server's `acked`, sent oldest first, at most a window ahead of its word; what is
wanted again is sent again, also where it was held before: the latest are kept for a server that was restored from a copy. A new
connection begins with all that is not held. A digest over all events in their order says what should be held in the end.

>>> outbox = Outbox("sim-00001", 1)
>>> event = outbox.append("boot", "se.kortkiosk.station.started", "2026-01-01T00:00:00Z", None, {"version": "0.1.0"})
>>> outbox.due(10) == [event], outbox.due(10)
(True, [])
"""

import hashlib
from collections import deque
from typing import Any

from fleet.messages.events import GENESIS, Event, Facts, seal
from fleet.messages.link import Acked

KEEP = 200
"""Events that the server holds and that are kept all the same, where nobody says otherwise."""


class Outbox:
    """One chain. `through` is what the server has held all of, `last` what has been told, `head` its hash."""

    def __init__(self, station: str, epoch: int, keep: int = KEEP) -> None:
        self.station = station
        self._keep = keep
        self.epoch = epoch
        self.last = 0
        self.through = 0
        self.resent = 0
        self.head = GENESIS
        self._digest = hashlib.sha256()
        self._kept: dict[int, Event] = {}
        """What the server does not hold."""
        self._held: dict[int, Event] = {}
        """The latest that it does."""
        self._forgotten: set[int] = set()
        """What it has held and wants again."""
        self._again: deque[int] = deque()
        self._sent = 0
        self._most_sent = 0

    def append(self, bootid: str, kind: str, time: str, subject: str | None, content: dict[str, Any]) -> Event:
        """Seal the next event of the chain."""
        self.last += 1
        event = seal(Facts(self.station, self.epoch, self.last, bootid, kind, time, subject, self.head), content)
        self.head = event.hash
        for part in (event.envelope, event.salt, event.data):
            self._digest.update(part.encode() if isinstance(part, str) else part or b"")
        self._kept[self.last] = event
        return event

    @property
    def depth(self) -> int:
        """Number of events that the server does not hold, as far as it has said."""
        return len(self._kept)

    @property
    def digest(self) -> str:
        """SHA-256 over envelope, salt and data of all events, exact bytes in their order."""
        return self._digest.hexdigest()

    def due(self, window: int) -> list[Event]:
        """Return what is to be sent now: what is wanted again, then the next ones within the window."""
        due_again = [event for number in self._again if (event := self._kept.get(number)) is not None]
        self._again.clear()
        self.resent += len(due_again)
        until = min(self.last, self.through + window)
        due_again += [self._kept[number] for number in range(self._sent + 1, until + 1) if number in self._kept]
        self.resent += max(0, min(until, self._most_sent) - self._sent)
        self._sent = max(self._sent, until)
        self._most_sent = max(self._most_sent, self._sent)
        return due_again

    def acked(self, word: Acked) -> int:
        """Obey the server. Gives how many events it has newly taken."""
        if word.epoch != self.epoch or word.through > self.last:
            return 0
        for first, end in word.wanted:
            self._forget(range(max(first, 1), min(end, self.through) + 1))
        newly_held = [*range(self.through + 1, word.through + 1), *(n for n in self._forgotten if n <= word.through)]
        for number in newly_held:
            if (event := self._kept.pop(number, None)) is not None and self._keep:
                self._held[number] = event
        self._forgotten.difference_update(newly_held)
        while len(self._held) > self._keep:
            del self._held[next(iter(self._held))]
        self.through = max(self.through, word.through)
        self._sent = max(self._sent, self.through)
        self._again.extend(n for first, end in word.wanted for n in range(first, min(end, self._sent) + 1))
        return len(newly_held)

    def begin_again(self) -> None:
        """A new connection, or too long no word: send all that is not held."""
        self._again = deque(sorted(self._forgotten))
        self._sent = self.through

    def _forget(self, numbers: range) -> None:
        """The server has these no more."""
        for number in numbers:
            if (event := self._held.pop(number, None)) is not None:
                self._kept[number] = event
                self._forgotten.add(number)
