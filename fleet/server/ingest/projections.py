"""Projections: what an event changes in the read models of pages, as a pure function of the event.

Rules: unknown types change nothing. Known ones whose data does not fit change nothing either, and say so (`UnfitData`): a
station may be newer or wrong, and the event is stored all the same. Changes may be applied in any order and more than
once with the same end.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from fleet.messages.events import Event
from fleet.messages.vocabulary import Effect, EventType, Outcome
from fleet.server.cards.stock import events as stocking
from fleet.server.cards.stock.events import BinEmptied, CardDropped, OrderPlaced, ReservePlaced
from fleet.server.cards.stock.projection import Origin
from fleet.server.ingest.receipt_verification import ReceiptOrigin, receipt_fault
from fleet.server.orders.model import OrderEvent, OrderMoved
from fleet.server.stations.alarms import (
    ASK_UNREADABLE,
    BIN_DIFFERS,
    CARD_NOT_GENUINE,
    CHAIN_BEGUN,
    EVENTS_DAMAGED,
    LISTS_DROPPED,
    NOT_LAID_OUT,
    RECEIPT_UNPROVED,
    RETURN_NOT_FOUND,
    UNFIT,
)

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Number = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]


class ErrandStarted(msgspec.Struct, frozen=True, gc=False):
    errand: str
    kind: str
    at: datetime


class ErrandConcerns(msgspec.Struct, frozen=True, gc=False):
    """Order and card that the errand turned out to be about; None where the event does not say."""

    errand: str
    at: datetime
    order: str | None
    card_number: str | None


class ErrandEnded(msgspec.Struct, frozen=True, gc=False):
    errand: str
    kind: str
    started: datetime
    at: datetime
    outcome: str
    order: str | None
    card_number: str | None
    hsa_id: str | None


class ReceiptKept(msgspec.Struct, frozen=True, gc=False):
    number: str
    errand: str


class ReceiptMailWanted(msgspec.Struct, frozen=True, gc=False):
    """The holder wants that receipt by e-mail. `statement`: the text of its QR code."""

    number: str
    errand: str
    statement: str
    at: datetime


class AlarmRaised(msgspec.Struct, frozen=True, gc=False):
    """The station tells what a person should look at: a code of `store.alarms`, and which (a receipt, a list)."""

    code: str
    which: str


class CheckpointSigned(msgspec.Struct, frozen=True, gc=False):
    """The station has signed how far its chain has come; nobody has judged the signature yet."""

    at: datetime


class UnfitData(msgspec.Struct, frozen=True, gc=False):
    """The data does not fit its type, or proves nothing: nothing follows from it. `reason` names the field, never the content;
    `code` is the alarm."""

    reason: str
    code: str = UNFIT


Change = (
    ErrandStarted
    | ErrandConcerns
    | ErrandEnded
    | OrderMoved
    | CardDropped
    | BinEmptied
    | ReservePlaced
    | ReceiptKept
    | ReceiptMailWanted
    | AlarmRaised
    | CheckpointSigned
    | UnfitData
)


class EventFacts(msgspec.Struct, frozen=True, gc=False):
    """Content of an event by its station's own clock: found while it is read, before the store is waited for."""

    errand: str | None
    at: datetime
    changes: tuple[Change, ...]


MOST_AHEAD = timedelta(hours=1)
"""So far may an event's time be ahead of the server's before somebody is told. Nothing happens later than now."""

_LATEST, _EARLIEST = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)


_Reader = Callable[[bytes, str | None, datetime], tuple[Change, ...]]
"""From data, subject, and when it happened."""


class _Started(msgspec.Struct):
    errand: Short
    kind: Word


class _CardNotGenuine(msgspec.Struct):
    card_number: Word
    why: Word


class _AskUnreadable(msgspec.Struct):
    kind: Annotated[str, msgspec.Meta(max_length=32)]
    card_number: Annotated[str, msgspec.Meta(max_length=40)]
    wanted: Short


class _ListsDropped(msgspec.Struct):
    lists: Annotated[list[Word], msgspec.Meta(max_length=8)]


class _ChainBegun(msgspec.Struct):
    before: int
    after: int
    moved: int
    why: Word


class _EventsDamaged(msgspec.Struct):
    count: int
    first: Word


class _Effect(msgspec.Struct):
    errand: Short
    effect: str
    outcome: str = ""
    order: Short | None = None
    old_card: Annotated[str, msgspec.Meta(max_length=40)] = ""
    receipt: Annotated[str, msgspec.Meta(max_length=64)] = ""
    why: Annotated[str, msgspec.Meta(max_length=32)] = ""
    slot: Annotated[int, msgspec.Meta(ge=0, le=999)] = 0
    card_number: Annotated[str, msgspec.Meta(max_length=40)] = ""
    by_number: bool = False


class _Activated(msgspec.Struct):
    errand: Short
    order: Short
    card_number: Number


class _Receipt(msgspec.Struct):
    errand: Short
    number: Short
    receipt: msgspec.Raw
    order: Short | None = None
    card_number: Annotated[str, msgspec.Meta(max_length=40)] = ""


class _ReceiptMail(msgspec.Struct):
    errand: Short
    number: Short
    statement: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class _Ended(msgspec.Struct):
    errand: Short
    kind: Word
    outcome: Word
    seconds: Annotated[float, msgspec.Meta(ge=0, le=10**7)]
    order: Short | None = None
    card_number: Number | None = None
    hsa_id: Short | None = None


class _Checkpoint(msgspec.Struct):
    jws: Annotated[str, msgspec.Meta(min_length=1, max_length=16 * 1024)]


class _Errand(msgspec.Struct):
    errand: str | None = None


_errand_decoder = msgspec.json.Decoder(_Errand)


_MOVED: dict[tuple[str, str], OrderEvent] = {
    (Effect.SLOT_TAKE, Outcome.TAKEN): "taken",
    (Effect.SLOT_TAKE, Outcome.GONE): "missing",
    (Effect.SLOT_RETURN, Outcome.WRONG_CARD): "wrong_card",
    (Effect.SLOT_RETURN, Outcome.NOT_GENUINE): "wrong_card",
    (Effect.SLOT_RETURN, Outcome.NOT_VOUCHED): "wrong_card",
    (Effect.SLOT_RETURN, Outcome.READ_ONLY): "wrong_card",
    (Effect.SLOT_RETURN, Outcome.NOT_TESTED): "wrong_card",
    (Effect.SLOT_RETURN, Outcome.FORMER_NAME): "wrong_card",
}


def changes_of(event: Event, received: datetime) -> tuple[Change, ...]:
    """All that follows from one event. `received` bounds the station's clock: nothing happened after we heard of it."""
    reader = READERS.get(event.type)
    return () if reader is None else _read(reader, event, _happened(event.time, received))


def facts_of(event: Event) -> EventFacts:
    """Return what can be known of an event before it is received: see `changes_at`."""
    reader = READERS.get(event.type)
    if reader is None:
        return EventFacts(errand_of(event), _EARLIEST, ())
    at = _happened(event.time, _LATEST)
    return EventFacts(errand_of(event), at, _read(reader, event, at))


def changes_at(facts: EventFacts, event: Event, received: datetime) -> tuple[Change, ...]:
    """The same as `changes_of`, and `UnfitData` where the event is dated far ahead.

    Derived anew only where the station's clock is ahead of ours or cannot be read.
    """
    if facts.at <= received:
        return facts.changes
    changes = changes_of(event, received)
    if facts.at - received <= MOST_AHEAD:
        return changes
    return (*changes, UnfitData(f"{event.type}: its time is no time, or more than an hour ahead of the server's"))


def errand_of(event: Event) -> str | None:
    """The errand that an event of any type belongs to, where its data names one."""
    try:
        errand = _errand_decoder.decode(event.data or b"{}").errand
    except (msgspec.MsgspecError, RecursionError):
        return None
    return errand if errand and len(errand) <= 64 else None


def _read(reader: _Reader, event: Event, at: datetime) -> tuple[Change, ...]:
    if event.data is None:
        return ()
    try:
        changes = reader(event.data, event.subject, at)
        if event.type == EventType.RECEIPT_ISSUED and event.salt is not None:  # else it was erased
            changes = _unproved_receipt(event.station, event.data) or changes
        return changes
    except (msgspec.MsgspecError, RecursionError, OverflowError) as error:
        return (UnfitData(f"{event.type}: {error}"),)


def checkpoint_text(data: bytes) -> str:
    """The signed statement in the data of a chain.checkpoint, which has been projected."""
    return msgspec.json.decode(data, type=_Checkpoint).jws


def receipt_bytes(data: bytes) -> bytes:
    """The exact bytes of the receipt in the data of a receipt.issued."""
    return bytes(msgspec.json.decode(data, type=_Receipt).receipt)


def _started(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    started = msgspec.json.decode(data, type=_Started)
    return (ErrandStarted(started.errand, started.kind, at),)


def _effect(data: bytes, subject: str | None, at: datetime) -> tuple[Change, ...]:
    effect = msgspec.json.decode(data, type=_Effect)
    order = effect.order or _order_in(subject)
    if (effect.effect, effect.outcome) == (Effect.DROP_CARD, Outcome.DROPPED):
        return (CardDropped(effect.old_card, at, effect.by_number),)
    if effect.outcome == Outcome.NOT_LAID_OUT:
        return (AlarmRaised(NOT_LAID_OUT, f"{effect.receipt or effect.effect}: {effect.why}"),)
    order_event = _MOVED.get((effect.effect, effect.outcome))
    if order_event is None or order is None:
        return ()
    moved = (OrderMoved(order, order_event, at), ErrandConcerns(effect.errand, at, order, None))
    if effect.outcome == Outcome.NOT_GENUINE and effect.slot:
        return (*moved, ReservePlaced(effect.card_number, effect.slot, True, at, quarantined=True))
    return moved


def _card_not_genuine(data: bytes, _subject: str | None, _at: datetime) -> tuple[Change, ...]:
    card = msgspec.json.decode(data, type=_CardNotGenuine)
    return (AlarmRaised(CARD_NOT_GENUINE, f"{card.card_number}: {card.why}"),)


def _lists_dropped(data: bytes, _subject: str | None, _at: datetime) -> tuple[Change, ...]:
    return (AlarmRaised(LISTS_DROPPED, ", ".join(sorted(msgspec.json.decode(data, type=_ListsDropped).lists))),)


def _ask_unreadable(data: bytes, _subject: str | None, _at: datetime) -> tuple[Change, ...]:
    ask = msgspec.json.decode(data, type=_AskUnreadable)
    return (AlarmRaised(ASK_UNREADABLE, f"{ask.card_number or '?'}: {ask.kind or '?'}, {ask.wanted}"),)


def _chain_begun(data: bytes, _subject: str | None, _at: datetime) -> tuple[Change, ...]:
    begun = msgspec.json.decode(data, type=_ChainBegun)
    return (AlarmRaised(CHAIN_BEGUN, f"{begun.before}:{begun.after} {begun.why}, {begun.moved}"),)


def _events_damaged(data: bytes, _subject: str | None, _at: datetime) -> tuple[Change, ...]:
    damage = msgspec.json.decode(data, type=_EventsDamaged)
    return (AlarmRaised(EVENTS_DAMAGED, f"{damage.first}, {damage.count}" if damage.count else "indexes"),)


def _activated(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    activated = msgspec.json.decode(data, type=_Activated)
    return (ErrandConcerns(activated.errand, at, activated.order, activated.card_number),)


def _receipt(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    receipt = msgspec.json.decode(data, type=_Receipt)
    about = ErrandConcerns(receipt.errand, at, receipt.order, receipt.card_number or None)
    return (ReceiptKept(receipt.number, receipt.errand), about)


def _unproved_receipt(station: str, data: bytes) -> tuple[UnfitData, ...]:
    """Return the fault of the receipt, if it has one: it is kept with its event, and nothing follows from it then."""
    receipt = msgspec.json.decode(data, type=_Receipt)
    origin = ReceiptOrigin(station, receipt.number, receipt.order or "", receipt.card_number)
    fault = receipt_fault(bytes(receipt.receipt), origin)
    return () if fault is None else (UnfitData(f"{receipt.number}: {fault}", RECEIPT_UNPROVED),)


def _receipt_mail(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    mail = msgspec.json.decode(data, type=_ReceiptMail)
    return (ReceiptMailWanted(mail.number, mail.errand, mail.statement, at),)


def _ended(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    ended = msgspec.json.decode(data, type=_Ended)
    began = at - timedelta(seconds=ended.seconds)
    return (
        ErrandEnded(ended.errand, ended.kind, began, at, ended.outcome, ended.order, ended.card_number, ended.hsa_id),
    )


def _checkpoint(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    msgspec.json.decode(data, type=_Checkpoint)
    return (CheckpointSigned(at),)


def _bin_emptied(data: bytes, _subject: str | None, at: datetime) -> tuple[Change, ...]:
    (emptied,) = stocking.READERS[EventType.BIN_EMPTIED](data, at)
    assert isinstance(emptied, BinEmptied)
    changes: list[Change] = [emptied]
    if not emptied.is_explained:
        changes.append(AlarmRaised(BIN_DIFFERS, f"{emptied.seal}: {emptied.counted}/{emptied.expected}"))
    if emptied.never_seen:
        changes.append(AlarmRaised(RETURN_NOT_FOUND, f"{emptied.seal}: {len(emptied.never_seen)}"))
    return tuple(changes)


def _without_subject(read: stocking.Read) -> _Reader:
    """Without what is only shown."""
    return lambda data, _subject, at: tuple(change for change in read(data, at) if not isinstance(change, OrderPlaced))


READERS: dict[str, _Reader] = {
    EventType.ERRAND_STARTED: _started,
    EventType.EFFECT_DONE: _effect,
    EventType.CARD_ACTIVATED: _activated,
    EventType.RECEIPT_ISSUED: _receipt,
    EventType.RECEIPT_MAIL_WANTED: _receipt_mail,
    EventType.ERRAND_ENDED: _ended,
    EventType.CHAIN_CHECKPOINT: _checkpoint,
    EventType.LISTS_DROPPED: _lists_dropped,
    EventType.ASK_UNREADABLE: _ask_unreadable,
    EventType.CHAIN_BEGUN: _chain_begun,
    EventType.EVENTS_DAMAGED: _events_damaged,
    EventType.CARD_NOT_GENUINE: _card_not_genuine,
    **{kind: _without_subject(read) for kind, read in stocking.READERS.items()},
    EventType.BIN_EMPTIED: _bin_emptied,
}
"""Types of events from which something follows."""
KEPT_ALONE = frozenset(
    {
        EventType.STATION_STARTED,
        EventType.STATION_RESET,
        EventType.DOOR_OPENED,
        EventType.DOOR_SHUT,
        EventType.COMMAND_TAKEN,
        EventType.COMMAND_ENDED,
        EventType.UPDATE_STEP,
        EventType.SETTINGS_APPLIED,
        EventType.SETTINGS_REFUSED,
        EventType.CARD_LEFT_IN,
        EventType.CARD_LEFT_IN_TAKEN,
        EventType.EFFECT_UNKNOWN,
        EventType.STOCK_COUNTED,
        EventType.ADMINISTRATOR_LOGGED_IN,
        EventType.IDENTITY_ATTESTED,
    }
)
"""Types of events that are kept and shown, and change nothing else."""


def _order_in(subject: str | None) -> str | None:
    kind, _, name = (subject or "").partition("/")
    return name if kind == "order" and 0 < len(name) <= 64 else None


def _happened(time: str, received: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(time)
        return min(moment if moment.tzinfo else moment.replace(tzinfo=UTC), received).astimezone(UTC)
    except (ValueError, OverflowError):
        return received


class Step(msgspec.Struct, frozen=True, gc=False):
    """Changes that follow from one event, which was received at that time."""

    origin: Origin
    changes: tuple[Change, ...]
    received: datetime
