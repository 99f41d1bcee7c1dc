"""Projection of stock events: what an event says of cards in slots and in the bin. Pure.

Rules: of two words on one order the later one counts, whichever came first; what was dropped before the bin was last emptied is
not in it any more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from fleet.messages.vocabulary import EventType

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Number = Annotated[str, msgspec.Meta(max_length=40)]
Numbers = Annotated[tuple[Number, ...], msgspec.Meta(max_length=1000)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
SlotNumber = Annotated[int, msgspec.Meta(ge=1, le=999)]


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """The station tells that an administrator has put the card of an order into a slot, or taken it out, or found that it is not
    there. It is shown, and moves nothing: the order follows what the administrator proves (`stock.moved`)."""

    order: str
    what: Literal["stored", "taken_out", "missing"]
    slot: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CardDropped:
    """A card has fallen into the bin. `card_number` is empty where the station did not say; `by_number`: it was typed, and nobody
    has seen the card."""

    card_number: str
    at: datetime
    by_number: bool = False


@dataclass(frozen=True, slots=True)
class BinEmptied:
    """Two administrators have emptied the bin and signed for it."""

    at: datetime
    by: str
    second: str
    counted: int
    expected: int
    sensor: int | None
    seal: str
    reason: str
    reference: str
    missing: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    never_seen: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """True where these were not the cards of the station's list."""
        return self.counted != self.expected or bool(self.missing or self.unlisted)

    @property
    def is_explained(self) -> bool:
        """True where list and sensor agree with what came out, or the reason fits the difference and there is a case for it."""
        sensor_differs = self.sensor not in (None, self.counted)
        if not (self.differs or sensor_differs):
            return True
        fits = {
            "unlisted": self.counted > self.expected or bool(self.unlisted),
            "missing": self.counted < self.expected or bool(self.missing),
            "never_put_in": bool(self.never_seen),
            "sensor": sensor_differs and not self.differs,
            "other": True,
        }
        return fits.get(self.reason, False) and bool(self.reference.strip("0"))


@dataclass(frozen=True, slots=True)
class ReservePlaced:
    """A card without an order has been put into a slot, or taken out of it (`lies` is False); or one that could not show that it
    is genuine went back there (`quarantined`)."""

    card_number: str
    slot: int
    lies: bool
    at: datetime
    quarantined: bool = False


StockChange = OrderPlaced | CardDropped | BinEmptied | ReservePlaced
Read = Callable[[bytes, datetime], tuple[StockChange, ...]]


class _Stored(msgspec.Struct):
    slot: SlotNumber
    card_number: Number = ""
    order: Short | None = None


class _TakenOut(msgspec.Struct):
    slot: SlotNumber
    why: Word
    card_number: Number = ""
    order: Short | None = None


class _Emptied(msgspec.Struct):
    by: Short
    second: Short
    counted: Count
    expected: Count
    seal: Word
    sensor: Count | None = None
    reason: Annotated[str, msgspec.Meta(max_length=32)] = ""
    reference: Annotated[str, msgspec.Meta(max_length=32)] = ""
    missing: Numbers = ()
    unlisted: Numbers = ()
    never_seen: Numbers = ()


def _stored(data: bytes, at: datetime) -> tuple[StockChange, ...]:
    stored = msgspec.json.decode(data, type=_Stored)
    if stored.order is None:
        return (ReservePlaced(stored.card_number, stored.slot, True, at),)
    return (OrderPlaced(stored.order, "stored", stored.slot, at),)


def _taken_out(data: bytes, at: datetime) -> tuple[StockChange, ...]:
    taken_out = msgspec.json.decode(data, type=_TakenOut)
    if taken_out.order is None:
        return (ReservePlaced(taken_out.card_number, taken_out.slot, False, at),)
    return (OrderPlaced(taken_out.order, "missing" if taken_out.why == "missing" else "taken_out", taken_out.slot, at),)


def _emptied(data: bytes, at: datetime) -> tuple[StockChange, ...]:
    emptied = msgspec.json.decode(data, type=_Emptied)
    return (BinEmptied(at=at, **msgspec.structs.asdict(emptied)),)


READERS: dict[str, Read] = {
    EventType.CARD_STORED: _stored,
    EventType.CARD_TAKEN_OUT: _taken_out,
    EventType.BIN_EMPTIED: _emptied,
}
