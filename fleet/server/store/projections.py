"""What an event changes in what pages show: a pure function of the event.

Rules: unknown types change nothing. Known ones whose data does not fit change nothing either, and say so (`Unfit`): a
station may be newer or wrong, and the event is stored all the same. Changes may be applied in any order and more than
once with the same end.

>>> changes_of(event)  # of a card.activated  # doctest: +SKIP
(OrderMoved(order='O-1', state='collected', at=...), ErrandConcerns(errand='...', at=..., order='O-1',
card_number='...'))
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

from fleet.messages import kinds
from fleet.messages.events import Event

OrderState = Literal["waiting", "taken", "misplaced", "collected"]
"""`misplaced`: another card lay in the slot; the order is not offered until its row is imported anew."""

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Number = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]


@dataclass(frozen=True, slots=True)
class ErrandStarted:
    errand: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ErrandConcerns:
    """What the errand turned out to be about; None where the event does not say."""

    errand: str
    at: datetime
    order: str | None
    card_number: str | None


@dataclass(frozen=True, slots=True)
class ErrandEnded:
    errand: str
    kind: str
    started: datetime
    at: datetime
    outcome: str
    order: str | None
    card_number: str | None
    hsa_id: str | None


@dataclass(frozen=True, slots=True)
class OrderMoved:
    """The order has come at least as far as `state`: waiting, taken, misplaced, collected."""

    order: str
    state: OrderState
    at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptKept:
    number: str
    errand: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """The data does not fit its type. `reason` names the field, never the content."""

    reason: str


Change = ErrandStarted | ErrandConcerns | ErrandEnded | OrderMoved | ReceiptKept | Unfit


class _Started(msgspec.Struct):
    errand: Short
    kind: Word


class _Effect(msgspec.Struct):
    errand: Short
    effect: str
    outcome: str = ""
    order: Short | None = None


class _Activated(msgspec.Struct):
    errand: Short
    order: Short
    card_number: Number


class _Receipt(msgspec.Struct):
    errand: Short
    order: Short
    card_number: Number
    number: Short
    receipt: msgspec.Raw


class _Ended(msgspec.Struct):
    errand: Short
    kind: Word
    outcome: Word
    seconds: Annotated[float, msgspec.Meta(ge=0, le=10**7)]
    order: Short | None = None
    card_number: Number | None = None
    hsa_id: Short | None = None


class _Errand(msgspec.Struct):
    errand: str | None = None


_MOVED: dict[tuple[str, str], OrderState] = {
    ("slot.take", "taken"): "taken",
    ("slot.return", "wrong_card"): "misplaced",
}


def changes_of(event: Event, received: datetime) -> tuple[Change, ...]:
    """All that follows from one event. `received` bounds the station's clock: nothing happened after we heard of it."""
    reader = _READERS.get(event.type)
    if reader is None or event.data is None:
        return ()
    try:
        return reader(event.data, event.subject, _happened(event.time, received))
    except (msgspec.MsgspecError, RecursionError) as error:
        return (Unfit(f"{event.type}: {error}"),)


def errand_of(event: Event) -> str | None:
    """The errand that an event of any type belongs to, where its data names one."""
    try:
        found = msgspec.json.decode(event.data or b"{}", type=_Errand).errand
    except (msgspec.MsgspecError, RecursionError):
        return None
    return found if found and len(found) <= 64 else None


def receipt_bytes(data: bytes) -> bytes:
    """The exact bytes of the receipt in the data of a receipt.issued."""
    return bytes(msgspec.json.decode(data, type=_Receipt).receipt)


def _started(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    said = msgspec.json.decode(data, type=_Started)
    return (ErrandStarted(said.errand, said.kind, at),)


def _effect(data: bytes, subject: str | None, at: datetime) -> tuple[Change, ...]:
    said = msgspec.json.decode(data, type=_Effect)
    order = said.order or _order_in(subject)
    state = _MOVED.get((said.effect, said.outcome))
    if state is None or order is None:
        return ()
    return (OrderMoved(order, state, at), ErrandConcerns(said.errand, at, order, None))


def _activated(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    said = msgspec.json.decode(data, type=_Activated)
    return (OrderMoved(said.order, "collected", at), ErrandConcerns(said.errand, at, said.order, said.card_number))


def _receipt(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    said = msgspec.json.decode(data, type=_Receipt)
    return (
        ReceiptKept(said.number, said.errand),
        OrderMoved(said.order, "collected", at),
        ErrandConcerns(said.errand, at, said.order, said.card_number),
    )


def _ended(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    said = msgspec.json.decode(data, type=_Ended)
    began = at - timedelta(seconds=said.seconds)
    end = ErrandEnded(said.errand, said.kind, began, at, said.outcome, said.order, said.card_number, said.hsa_id)
    if said.kind == "pickup" and said.outcome == "done" and said.order:
        return (end, OrderMoved(said.order, "collected", at))
    return (end,)


_READERS: dict[str, Callable[[bytes, str | None, datetime], tuple[Change, ...]]] = {
    kinds.ERRAND_STARTED: _started,
    kinds.EFFECT_DONE: _effect,
    kinds.CARD_ACTIVATED: _activated,
    kinds.RECEIPT_ISSUED: _receipt,
    kinds.ERRAND_ENDED: _ended,
}


def _order_in(subject: str | None) -> str | None:
    kind, _, name = (subject or "").partition("/")
    return name if kind == "order" and 0 < len(name) <= 64 else None


def _happened(time: str, received: datetime) -> datetime:
    try:
        said = datetime.fromisoformat(time)
        return min(said if said.tzinfo else said.replace(tzinfo=UTC), received).astimezone(UTC)
    except (ValueError, OverflowError):
        return received
