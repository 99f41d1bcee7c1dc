"""Stocktaking: the station's own list of cards in the cabinet against its sensors, and which card goes where. Pure.

Rules of hand-over and return: a card is put into a slot that is empty by list and by sensor; the oldest reserve card is
handed out first; a card whose order has expired or is void goes out. List and sensor are never made to agree by
themselves: a person looks.

>>> ledger = Ledger((StoredCard(3, "9999", "A-1", "ordinary", "2026-12-31", "2026-11-01"),), None)
>>> [(row.slot, row.what) for row in compare(ledger, (SlotReading(3, "empty", "closed"), SlotReading(4, "present", "closed")))]
[(3, 'missing'), (4, 'unlisted')]
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from drivers.cabinet.port import SlotReading
from fleet.messages.link import Order

What = Literal["agree", "missing", "unlisted", "unseen", "open"]
"""List and sensor agree; the list has a card and the sensor sees none; the other way round; the sensor does not say; the door is
open."""
Why = Literal["not_genuine", "expired", "voided", "misplaced", "reserve", "other", "missing"]
"""Why a card goes out of its slot. `missing`: it was not there; `not_genuine`: it could not show that it is genuine."""
RESERVE = "reserve"
"""The product of reserve cards."""


@dataclass(frozen=True, slots=True)
class StoredCard:
    """A card in a slot. `card_number` is empty where nobody knows which card it is, `order` where it has none. Days are ISO 8601;
    `since` is the day on which it was put in."""

    slot: int
    card_number: str
    order: str
    product: str
    last_day: str
    since: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The cards in the slots, and the orders of this station that are still open; None while their list is too old to
    go by.

    `broken`: slots whose lock or door jammed and that have not opened since.
    """

    lying: tuple[StoredCard, ...]
    here: tuple[Order, ...] | None
    broken: frozenset[int] = frozenset()
    quarantined: frozenset[int] = frozenset()
    """Slots with a card that could not show that it is genuine, until an administrator takes it out."""
    keyless: bool = False
    """A card that cannot show it before any code was met here: two administrators put cards in."""

    def at(self, slot: int) -> StoredCard | None:
        """Return what the list has in that slot."""
        return next((card for card in self.lying if card.slot == slot), None)

    def where(self, card_number: str) -> StoredCard | None:
        return next((card for card in self.lying if card_number and card.card_number == card_number), None)

    def order_of(self, *, card_number: str = "", order: str = "") -> Order | None:
        """The open order of a card, or of that number."""
        orders = (
            open_order
            for open_order in self.here or ()
            if card_number == open_order.card_number or order == open_order.order
        )
        return next(orders, None)


class Stock(Protocol):
    """The station's list of cards, durable, in the file that holds the journal. It changes with events alone."""

    async def look(self) -> Ledger:
        """Return which card lies where, with the slots that the office gave since."""

    async def stocked_by(self, card_number: str) -> tuple[str, ...]:
        """The administrators (HSA-ids) who put that card in when it was put in last; none where it was not put in here."""

    async def binned(self) -> tuple[str, ...]:
        """Numbers of the cards that fell into the bin since it was last emptied, in that order. Empty where one is not known."""

    async def returned_by_number(self) -> tuple[str, ...]:
        """Return those of the binned cards that were returned by their printed number alone, so that no reader has seen
        the card."""

    async def found_in_bin(self) -> tuple[str, ...]:
        """Return those of the binned cards that a colleague of their holder handed in: they go back to the holder."""


@dataclass(frozen=True, slots=True)
class SlotComparison:
    """One slot by list and by sensor."""

    slot: int
    what: What
    listed: StoredCard | None


def compare(ledger: Ledger, slots: Iterable[SlotReading]) -> tuple[SlotComparison, ...]:
    """Every slot of the cabinet, those that differ first."""
    comparisons = [
        SlotComparison(slot.number, _what(ledger.at(slot.number), slot), ledger.at(slot.number)) for slot in slots
    ]
    return tuple(sorted(comparisons, key=lambda comparison: (comparison.what == "agree", comparison.slot)))


def _what(listed: StoredCard | None, seen: SlotReading) -> What:
    if seen.door != "closed":
        return "open"
    if seen.card == "unknown":
        return "unseen"
    if (listed is not None) == (seen.card == "present"):
        return "agree"
    return "unlisted" if listed is None else "missing"


def free_slots(
    ledger: Ledger, slots: Iterable[SlotReading], card_number: str, preferred: int = 0, but: Collection[int] = ()
) -> tuple[int, ...]:
    """Slots for a card, the best first: the one `preferred` for it, then the lowest that nothing is in or meant for. None that is
    broken."""
    others = [other for other in ledger.here or () if other.card_number != card_number]
    meant = {other.slot for other in others if ledger.where(other.card_number) is None}
    taken = {card.slot for card in ledger.lying if card.card_number != card_number} | ledger.broken
    empty = [
        slot.number
        for slot in slots
        if slot.card == "empty" and slot.door == "closed" and slot.number not in taken and slot.number not in but
    ]
    return tuple(sorted(empty, key=lambda number: (number != preferred, number in meant, number)))


def is_reserve(card: StoredCard) -> bool:
    """A card for whoever needs one: it has no order yet."""
    return bool(card.card_number) and not card.order


def oldest_reserves(ledger: Ledger) -> list[StoredCard]:
    """Reserve cards that may be handed out, the oldest first."""
    reserves = (card for card in ledger.lying if is_reserve(card) and card.slot not in ledger.quarantined)
    return sorted(reserves, key=lambda card: (card.since, card.slot))


def cards_to_take_out(ledger: Ledger, today: str) -> tuple[tuple[StoredCard, Why], ...]:
    """Every card that lies here, with why it would go out: those that must first, then the oldest reserve card, then the rest."""
    rank: dict[Why, int] = {"not_genuine": -1, "misplaced": 0, "expired": 1, "voided": 2, "reserve": 3, "other": 4}
    oldest = next(iter(oldest_reserves(ledger)), None)
    cards = [(card, "reserve" if card is oldest else _why(ledger, card, today)) for card in ledger.lying]
    return tuple(sorted(cards, key=lambda pair: (rank[pair[1]], pair[0].slot)))


def _why(ledger: Ledger, card: StoredCard, today: str) -> Why:
    if card.slot in ledger.quarantined:
        return "not_genuine"
    if not card.card_number:
        return "misplaced"
    if card.order and card.last_day < today:
        return "expired"
    if card.order and ledger.here is not None and ledger.order_of(order=card.order) is None:
        return "voided"
    return "other"
