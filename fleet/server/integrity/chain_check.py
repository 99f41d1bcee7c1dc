"""Check of one chain: its places, links, content and columns, what was erased of it, and what is kept beside it.

Rules: each envelope names station, epoch and place where it lies, and states the hash of the one before; columns say what the
envelope says; data and salt fit the hash in it, or both are gone and a record says that they were erased. Every place up to the
highest is an event, or was set aside, or is a gap that the chain's own row knows. A link that was broken when it came, of which
people were told then, is counted and is no difference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, select

from fleet.messages.events import GENESIS, Event, EventError, restore
from fleet.messages.vocabulary import EventType, lookup
from fleet.server.checkpoints.tables import erasures
from fleet.server.events.model import Difference, Fault
from fleet.server.events.received_sequences import Range, gaps_from_text
from fleet.server.events.tables import chains, events, quarantine
from fleet.server.ingest.projection_check import Pause
from fleet.server.ingest.projections import errand_of
from fleet.server.ingest.rebuild import same_place
from fleet.server.retention.pseudonyms import is_pseudonym
from fleet.server.stations.alarms import CHAIN_BROKEN
from fleet.server.stations.tables import alarms

PAGE = 500
_COLUMNS = ("type", "time", "subject")
"""Of the table of events, by the same name in the envelope."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """Point up to which a chain has been seen: all up to `through`, whose hash is `head` (None where it could not be read)."""

    through: int = 0
    head: str | None = GENESIS


@dataclass(slots=True)
class ChainCheck:
    """One chain, from `start` on. After `differences` has been read to its end the rest says what was seen."""

    connection: Connection
    station: int
    name: str
    epoch: int
    start: Watermark = field(default_factory=Watermark)
    pause: Pause = lambda: None
    events: int = 0
    known_breaks: int = 0
    errands: set[str] = field(default_factory=set)
    """Errands of which there is something."""
    end: Watermark = field(default_factory=Watermark)
    _last: int = 0
    _head: str | None = None
    _gaps: list[Range] = field(default_factory=list)
    _breaks: list[Difference] = field(default_factory=list)

    def differences(self) -> Iterator[Difference]:
        """Raises sqlalchemy.exc.SQLAlchemyError."""
        self.end, self._last, self._head = self.start, self.start.through, self.start.head
        for sequence, row in self._places():
            if sequence > self._last + 1:
                self._gaps.append((self._last + 1, sequence - 1))
            event = None
            if row is not None:
                self.events += 1
                event = self._event(row)
                yield from self._of_event(row, event)
            self._step(sequence, event)
        yield from self._of_chain()

    def _places(self) -> Iterator[tuple[int, Any]]:
        """Yield the sequences that are held, each with its row, in ascending order; None for what was set aside."""
        aside = and_(quarantine.c.station == self.station, quarantine.c.epoch == self.epoch)
        query = select(quarantine.c.sequence).where(aside, quarantine.c.sequence > self.start.through).distinct()
        waiting = sorted(self.connection.execute(query).scalars(), reverse=True)
        for row in self._rows():
            while waiting and waiting[-1] <= row.sequence:
                place = waiting.pop()
                if place < row.sequence:
                    yield place, None
            yield row.sequence, row
        yield from ((sequence, None) for sequence in reversed(waiting))

    def _rows(self) -> Iterator[Any]:
        last = self.start.through
        query = select(events, erasures.c.erased).outerjoin(erasures, same_place())
        query = query.where(events.c.station == self.station, events.c.epoch == self.epoch)
        while rows := self.connection.execute(
            query.where(events.c.sequence > last).order_by(events.c.sequence).limit(PAGE)
        ).all():
            yield from rows
            last = rows[-1].sequence
            self.pause()

    def _step(self, sequence: int, event: Event | None) -> None:
        """On to this place: does it follow?"""
        if event is not None:
            before = GENESIS if sequence == 1 else self._head if sequence == self._last + 1 else None
            if before is not None and event.prev != before:
                self._breaks.append(
                    self._difference("broken", f"{sequence - 1}-{sequence}", "prev", event.prev, before)
                )
            self.end = self.end if self._gaps else Watermark(sequence, event.hash)
        elif not self._gaps:
            self.end = Watermark(sequence, None)
        self._last, self._head = sequence, None if event is None else event.hash

    def _event(self, row: Any) -> Event | None:
        try:
            return restore(row.envelope, None, None)
        except EventError:
            return None

    def _of_event(self, row: Any, event: Event | None) -> Iterator[Difference]:
        place = str(row.sequence)
        if event is None:
            yield self._difference("unreadable", place)
            return
        for name, stored, expected in (
            ("station", self.name, event.station),
            ("epoch", row.epoch, event.epoch),
            ("sequence", row.sequence, event.sequence),
        ):
            if stored != expected:
                yield self._difference("differs", place, name, str(stored), str(expected))
        erased = row.data is None and row.salt is None
        for name in _COLUMNS:
            stored, expected = getattr(row, name), getattr(event, name)
            if stored != expected and not (erased and name == "subject" and _is_erased_subject(stored, expected)):
                yield self._difference("differs", place, name, stored, expected)
        yield from self._of_content(row, event, erased=erased)

    def _of_content(self, row: Any, event: Event, *, erased: bool) -> Iterator[Difference]:
        place = str(row.sequence)
        if erased:
            type_ = lookup(EventType, event.type)
            if row.erased is None or (type_ is not None and type_.retention is None):
                yield self._difference("gone", place)
            return
        if row.data is None or row.salt is None:
            yield self._difference("gone", place, "data" if row.data is None else "salt")
            return
        try:
            whole = restore(row.envelope, row.data, row.salt)
        except EventError:
            yield self._difference("altered", place, "data")
            return
        if row.erased is not None:
            yield Difference("kept", self.name, "erasures", f"{self.epoch}:{place}")
        errand = errand_of(whole)
        if row.errand != errand:
            yield self._difference("differs", place, "errand", row.errand, errand)
        self.errands.update(errand_id for errand_id in (row.errand, errand) if errand_id is not None)

    def _of_chain(self) -> Iterator[Difference]:
        """The chain's own row against what was seen."""
        here = and_(chains.c.station == self.station, chains.c.epoch == self.epoch)
        row = self.connection.execute(select(chains).where(here)).first()
        if row is None:
            yield Difference("missing", self.name, "chains", str(self.epoch))
            yield from self._breaks
            return
        noted_gaps = ranges_without(gaps_from_text(row.gaps), [(1, self.start.through)])
        beyond = [(self._last + 1, row.highest)] if row.highest > self._last else []
        yield from (
            self._difference("missing", _place(lost)) for lost in ranges_without((*self._gaps, *beyond), noted_gaps)
        )
        if row.highest < self._last:
            yield self._of_row("highest", row.highest, self._last)
        if excess := ranges_without(noted_gaps, (*self._gaps, *beyond)):
            yield self._of_row("gaps", _places(noted_gaps), _places(ranges_without(noted_gaps, excess)))
        if row.highest == self._last and row.head != self._head and (self._last, self._head) != (0, GENESIS):
            yield self._of_row("head", row.head, self._head)
        yield from self._of_links(intact=row.intact)

    def _of_links(self, *, intact: bool) -> Iterator[Difference]:
        if not self._breaks:
            if not intact and self.start.through == 0:
                yield self._of_row("intact", intact, True)
            return
        query = select(alarms.c.station).where(alarms.c.station == self.name, alarms.c.code == CHAIN_BROKEN)
        if not intact and self.connection.execute(query).first() is not None:
            self.known_breaks = len(self._breaks)
        else:
            yield from self._breaks

    def _difference(
        self, fault: Fault, place: str, column: str = "", stored: str | None = None, expected: str | None = None
    ) -> Difference:
        return Difference(fault, self.name, "events", f"{self.epoch}:{place}", column, stored, expected)

    def _of_row(self, column: str, stored: object, expected: object) -> Difference:
        actual, should = (None if value is None else str(value) for value in (stored, expected))
        return Difference("differs", self.name, "chains", str(self.epoch), column, actual, should)


def ranges_without(ranges: Sequence[Range], others: Sequence[Range]) -> list[Range]:
    """Return the parts of these inclusive ranges that are in none of the others; both ascend.

    >>> ranges_without([(1, 9)], [(3, 4), (9, 12)])
    [(1, 2), (5, 8)]
    """
    left = []
    for first, last in ranges:
        for begin, end in others:
            if end < first or begin > last:
                continue
            if begin > first:
                left.append((first, begin - 1))
            first = end + 1
        if first <= last:
            left.append((first, last))
    return left


def _place(range_: Range) -> str:
    first, last = range_
    return str(first) if first == last else f"{first}-{last}"


def _places(ranges: Sequence[Range]) -> str:
    return ", ".join(map(_place, ranges))


def _is_erased_subject(stored: str | None, subject: str | None) -> bool:
    """Return whether a card's pseudonym is stored in the place of its number."""
    kind, _, name = (stored or "").partition("/")
    return kind == "card" and (subject or "").startswith("card/") and is_pseudonym(name)
