"""Ports of the journeys: narrow capabilities, passed in, never fetched.

Readers, printer and cabinet are the drivers' own ports; the rest is stated here. Nothing of Kivy, pyscard, paho or SQLite is
named, so a test (or `walk`) can be the person, and a journey can be rerun with a cancel or a pulled card at any question.
"""

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NewType, Protocol, TypeVar

from drivers.cabinet.port import Cabinet
from drivers.printer.port import Printer
from drivers.reader.port import Presence, Reader
from drivers.reader.port import StationVisit as Visit
from drivers.reader.secret import Secret
from fleet.messages.leavers import Stop
from fleet.messages.link import Administrator, Delivery, Order
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome
from kiosk.receipts import Receipt
from kiosk.views import View

PairingCode = NewType("PairingCode", str)
"""Why the cabinet's board could not be paired: a code of docs/operations-reference.md."""

FOUND_AGAIN = "found_again"
"""Begins `report_lost` where its first question is answered: the card that is in is on hold, and its holder has found it."""
FOUND_CARD = "found_card"
"""Begins `return_card` where its first question is answered: the card is somebody else's."""
UNLOCK_WITHOUT_LETTER = "unlock_without_letter"
"""Begins `unblock` at its other ways: the holder has been told that the card that is in is locked, and has no letter."""


@dataclass(frozen=True, slots=True)
class Ended:
    """End of an errand. `reason` is a stable code; empty when all went as it should."""

    outcome: ErrandOutcome
    reason: str = ""
    order: Order | None = None
    receipt: str | None = None
    """The receipt's number."""
    card_number: str | None = None
    """The card that the errand was about."""
    then: str = ""
    """The errand that the person goes on to at once, with the card still in (or FOUND_AGAIN); empty where that was all."""


@dataclass(frozen=True, slots=True)
class NamedOutcome:
    """Outcome of an effect, with a name of its own (see `ErrandLog.effect`)."""

    outcome: Outcome | PairingCode


T = TypeVar("T")
U = TypeVar("U")
A = TypeVar("A")

__all__ = [
    "Administrator",
    "Ask",
    "Cabinet",
    "CardPulledError",
    "Clock",
    "EnvelopeVerdict",
    "Envelopes",
    "ErrandCancelledError",
    "ErrandEndedError",
    "ErrandLog",
    "NamedOutcome",
    "Order",
    "Orders",
    "Pledge",
    "Presence",
    "Printer",
    "Reader",
    "Screen",
    "TimedOutError",
    "Visit",
]  # fmt: skip


class ErrandEndedError(Exception):
    """The errand ends here, by the person or by the station. Journeys let it pass; the supervisor shows why."""


class ErrandCancelledError(ErrandEndedError):
    """The person chose the way out."""


class TimedOutError(ErrandEndedError):
    pass


class CardPulledError(ErrandEndedError):
    """The card that the question needed was taken out."""


class Clock(Protocol):
    """Time is passed in. `monotonic` is seconds for time-outs; `now` is the station's trusted time, aware, UTC."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Ask(Protocol):
    """Show a view and wait for its answer: the one question of a journey.

    With `until`, a device may answer first: then its result is returned and the view withdrawn. While a `Busy` view is up,
    `until` is shielded: nothing but itself ends it. Raises ErrandCancelledError, TimedOutError, CardPulledError.
    """

    async def __call__(self, view: View[A], *, until: Awaitable[U] | None = None) -> A | U: ...


class Screen(Protocol):
    """Place on which a view is drawn (or printed, or answered by a script). One view at a time."""

    @property
    def patience(self) -> float:
        """Factor of the usual time that the person has for a question."""

    async def show(self, view: View[Any]) -> Any:
        """Draw the view; return its answer. Cancelled when the question is withdrawn."""

    async def warn(self, view: View[Any], seconds: float) -> bool:
        """Lay the time-out warning over `view` for that long. True: more time is wanted; False: end now."""

    def set_activity(self, notice: "Activity") -> None:
        """Set the function that is told of each touch or key, so that the idle time starts again."""


class Activity(Protocol):
    """Called at each sign of a person."""

    def __call__(self) -> None: ...


class Orders(Protocol):
    """Orders and administrators as last synced, and the server's newest word where it can be had."""

    async def find(self, hsa_id: str) -> Order | None:
        """The order of that person at this station that can be handed out today."""

    async def posted(self, hsa_id: str, card_number: str) -> Order | None:
        """The order of that card, which came to that person by post: to be activated today, or whose receipt is owed. From the
        list that was synced also where the order is another person's."""

    async def past(self, hsa_id: str, card_number: str = "") -> Order | None:
        """The order of that person (where a number is given: of that card) that can be handed out no more, because its last day
        is over."""

    async def administrator(self, hsa_id: str) -> Administrator | None:
        """The ID administrator with that HSA-id, or None where that person is none."""

    async def has_left(self, certificates: Iterable[bytes]) -> bool:
        """Return whether one of these certificates (DER) is a leaver's, by the list that came last, however old it is."""

    async def listed_stop(self, certificates: Iterable[bytes]) -> Stop | None:
        """Why the card with these certificates (DER) proves nobody, as the list that came last tells, however old it is."""

    async def are_recent(self) -> bool:
        """Return whether the lists are young enough to stand in for the register at level 3 while nobody can be asked."""

    async def pending_hand_over(self, card_number: str) -> Delivery | None:
        """Return the delivery of a card that is still to be handed over to its holder: by the server, else by a list that is
        valid now. None of any other card, and where nobody knows."""

    async def waiting(self) -> tuple[Order, ...]:
        """All orders that wait at this station today, for an administrator to pick from."""

    async def owed(self) -> tuple[Order, ...]:
        """All that were handed out here and whose holder is still to sign the receipt."""

    async def owed_as_of(self) -> datetime | None:
        """The server's time of the list that `owed` is read from; None where it is too old, and `owed` knows nothing."""

    async def here(self) -> tuple[Order, ...] | None:
        """All that is open here today, also what is on its way; None where nobody knows: the list is too old."""


CodeThatApplies = Literal["before", "new", "unknown"]
"""Which code a card has after an errand: the one from before, the one that was chosen, or nobody knows."""


class EnvelopeVerdict(StrEnum):
    """Verdict on the PUK before the card sees it."""

    MATCH = "match"
    NO_MATCH = "no_match"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    """The verifier cannot be reached."""
    CARD_DECIDES = "card_decides"
    """`envelope.verify` is `card`: the card itself judges, above its floor."""


class Envelopes(Protocol):
    """Verifier of PUKs from code letters."""

    async def available(self) -> bool:
        """Can a pick-up by envelope go on at all now?"""

    async def verify(self, order: Order, puk: Secret) -> EnvelopeVerdict: ...

    async def release(self, order: Order, code: Secret) -> EnvelopeVerdict:
        """Verify the release code of the order's letter. Never `CARD_DECIDES`: only the verifier knows."""


class Pledge(Protocol):
    """Duty that follows from an effect or errand whatever befalls the station: kept with its intent, done once its outcome is
    written."""

    def keep(self, transaction: Any, effect: int) -> None:
        """Keep it inside the transaction that writes the intent of that number."""


class ErrandLog(Protocol):
    """The journal of one errand. An intent is durable before each effect; outcome and event follow in one transaction."""

    id: str

    async def about(self, order: Order) -> None:
        """From here on the errand is about that order: its events say so."""

    async def about_card(self, card_number: str, hsa_id: str) -> None:
        """From here on the errand is about that card: its events say so, unless an order is named too."""

    async def progress(self) -> frozenset[str]:
        """Names of the effects that are done for this order, in this errand or one before that was left half way."""

    async def may_have_begun(self, effect: Effect) -> bool:
        """Return whether that effect was begun for this order, and is not known to have failed: done, or nobody knows."""

    async def made_key(self, key_id: str) -> bool:
        """Return whether the key in that place of this card was made here, and has had no certificate that was taken off
        since."""

    async def receipt(self) -> Receipt | None:
        """The receipt that was issued for this order before, where there is one."""

    async def effect(self, name: Effect, act: Awaitable[T], *, pledge: Pledge | None = None, **facts: str | int) -> T:
        """Write the intent, await `act`, write the outcome. An exception out of `act` is written as `unknown`.

        The outcome is that of the result's type (`kiosk.station.journal_schema.OUTCOMES`), or what a `NamedOutcome` says.
        `pledge`: what follows from the outcome, in its very transaction. Facts go into the event, never a code.
        """

    async def settled(self, effect: Effect, how: Outcome) -> None:
        """An effect whose outcome was unknown has been looked into: `how` is what is now known."""

    async def note(self, kind: EventType, *, pledge: Pledge | None = None, **content: Any) -> None:
        """Commit one event (`fleet.messages.vocabulary`) of this errand. `pledge`: what is told with proofs once the errand has
        ended, in place of what was pledged before."""

    async def issued(self, receipt: Receipt, *, pledge: Pledge | None = None, **content: Any) -> None:
        """Keep the receipt and commit its event, in one transaction; `pledge` is due at once."""

    async def end(self, ended: Ended) -> None:
        """Commit how the errand ended, before it is told. Only the first word counts."""
