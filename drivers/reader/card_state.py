"""Card state: a closed union of frozen values, matched exhaustively by the caller.

`CardReader.state` looks and reads; `CardVisit.state` says what became of a visit's card. Both are made of three pure
functions, for callers that keep the visit: what the reader shows, what was read, what came instead. What is no state of a
card (another program holds it, the station's own count cannot be kept) has none, and stays the fault that it is.

>>> state_of_presence(Presence.EMPTY), state_of_fault(NoReaderError("unplugged"))
(CardAbsent(reader_there=True), CardAbsent(reader_there=False))
"""

from dataclasses import dataclass, field
from typing import assert_never

from drivers.reader.errors import (
    CardAnswerError,
    CardChangedError,
    CardGoneError,
    CommandRefusedError,
    Guard,
    MuteCardError,
    NoCardError,
    NoReaderError,
    ReaderError,
    UnknownCardError,
)
from drivers.reader.model import CardFacts, Exchange
from drivers.reader.outcomes import Role
from drivers.reader.port import Presence


@dataclass(frozen=True, slots=True)
class CardAbsent:
    """No card, or one that has left. `reader_there`: False where there is no reader either."""

    reader_there: bool = True


@dataclass(frozen=True, slots=True)
class CardMute:
    """Mute card: it is there, but does not answer, or no longer; often it is in backwards."""


@dataclass(frozen=True, slots=True)
class CardUnreadable:
    """A card that cannot be read: of no known kind, or not as its kind has to be. Nothing was written to it."""

    atr: bytes
    tried: tuple[str, ...]
    """Where was looked, or what the card refused."""
    exchange: Exchange = field(default=Exchange(), compare=False)
    why: Guard = ""
    product: str = ""
    """The profile that its answer to reset names, where its directory is of a form of its own."""
    """What it wants before it can be read, where that is known."""


@dataclass(frozen=True, slots=True)
class CardRead:
    """A card that was read. What is wrong with it otherwise its facts tell."""

    facts: CardFacts


@dataclass(frozen=True, slots=True)
class CardLocked:
    """A card that was read, and no PIN of it can be used. `for_good`: nor can its PUK, which nobody can mend."""

    facts: CardFacts
    for_good: bool


@dataclass(frozen=True, slots=True)
class CardSwapped:
    """The card that answers is not the one that was identified (reliability I2). The visit is over."""


CardState = CardAbsent | CardMute | CardUnreadable | CardRead | CardLocked | CardSwapped


def state_of_presence(presence: Presence) -> CardAbsent | CardMute | None:
    """State by the presence that the reader reports; None where there is a card, which has to be read."""
    match presence:
        case Presence.NO_READER:
            return CardAbsent(reader_there=False)
        case Presence.EMPTY:
            return CardAbsent()
        case Presence.MUTE:
            return CardMute()
        case Presence.PRESENT:
            return None
        case other:
            assert_never(other)


def state_of_facts(facts: CardFacts) -> CardRead | CardLocked:
    """State by the facts of a card that was read. A code whose tries nobody knows counts as one that can be used."""
    pins = [pin for pin in facts.pins if pin.role is not Role.PUK]
    if not pins or any(pin.state != "locked" for pin in pins):
        return CardRead(facts)
    puk = facts.pin(Role.PUK)
    return CardLocked(facts, for_good=puk is not None and puk.state == "locked")


def state_of_fault(fault: ReaderError) -> CardAbsent | CardMute | CardUnreadable | CardSwapped | None:
    """State by the fault that came instead of a visit; None where the fault says nothing of a card."""
    match fault:
        case NoReaderError():
            return CardAbsent(reader_there=False)
        case NoCardError() | CardGoneError():
            return CardAbsent()
        case MuteCardError():
            return CardMute()
        case UnknownCardError():
            return CardUnreadable(fault.atr, fault.tried, fault.exchange, fault.why, fault.product)
        case CardAnswerError() | CommandRefusedError():
            return CardUnreadable(b"", (str(fault),))
        case CardChangedError():
            return CardSwapped()
        case _:
            return None
