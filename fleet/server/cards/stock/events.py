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
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
SlotNumber = Annotated[int, msgspec.Meta(ge=1, le=999)]


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """An administrator has put the card of an order into a slot, or taken it out, or found that it is not there."""

    order: str
    what: Literal["stored", "taken_out", "missing"]
    slot: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CardDropped:
    """A card has fallen into the bin. `card_number` is empty where the station did not say."""

    card_number: str
    at: datetime


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


def _stored(data: bytes, at: datetime) -> tuple[StockChange, ...]:
    said = msgspec.json.decode(data, type=_Stored)
    if said.order is None:
        return (ReservePlaced(said.card_number, said.slot, True, at),)
    return (OrderPlaced(said.order, "stored", said.slot, at),)


def _taken_out(data: bytes, at: datetime) -> tuple[StockChange, ...]:
    said = msgspec.json.decode(data, type=_TakenOut)
    if said.order is None:
        return (ReservePlaced(said.card_number, said.slot, False, at),)
    return (OrderPlaced(said.order, "missing" if said.why == "missing" else "taken_out", said.slot, at),)


def _emptied(data: bytes, at: datetime) -> tuple[StockChange, ...]:
    said = msgspec.json.decode(data, type=_Emptied)
    return (BinEmptied(at=at, **msgspec.structs.asdict(said)),)


READERS: dict[str, Read] = {
    EventType.CARD_STORED: _stored,
    EventType.CARD_TAKEN_OUT: _taken_out,
    EventType.BIN_EMPTIED: _emptied,
}
