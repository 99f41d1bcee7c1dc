"""The station's list of cards: it changes with events alone, takes in what the office says, and can be made anew."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.cabinet.port import SlotReading
from fleet.agent import outbox
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages.link import Order
from fleet.messages.vocabulary import EventType
from kiosk.station import journal
from kiosk.station.journal import Journal
from kiosk.stock import repository as stock
from kiosk.stock.repository import StationStock
from kiosk.stock.stocktaking import Ledger, StoredCard, cards_to_take_out, compare, free_slots
from sim.stories.clock import HandClock
from sim.stories.devices import order_of
from sim.stories.room import quick_folder

NOW = "2026-11-25T08:00:00Z"
ONE, TWO = order_of(1), order_of(5)


@dataclass
class CardList:
    """A journal, its list, and the orders of the office."""

    journal: Journal
    stock: StationStock
    here: list[Order] | None = field(default_factory=list)

    async def tells(self, kind: str, **content: Any) -> None:
        """An event."""
        await self.journal.transact(lambda cx: self.journal.event(cx, kind, None, {"errand": "e", **content}))

    async def slots(self) -> dict[int, str]:
        """Which card the list has in which slot."""
        return {one.slot: one.card_number for one in (await self.stock.look()).lying}

    async def offered(self, *orders: Order) -> dict[str, int]:
        """The orders of which the card can be handed out, and where it is."""
        found = await self.journal.transact(lambda cx: stock.locate_orders(cx, orders, NOW))
        return {one.order: one.slot for one in found}


@pytest.fixture
def cards(tmp_path: Path) -> Iterator[CardList]:
    with quick_folder(tmp_path) as folder:
        store = StationStore.open(folder / "station.sqlite", schemas=[outbox.SCHEMA, journal.SCHEMA])
        clock = HandClock()
        kept = Journal(store, EventChain("entre-a", 1, "boot"), clock)

        async def here() -> tuple[Order, ...] | None:
            return None if made.here is None else tuple(made.here)

        made = CardList(kept, StationStock(kept, here))
        yield made
        store.close()


def stored(order: Order, slot: int) -> dict[str, Any]:
    """The content of a card that was put in."""
    return {"card_number": order.card_number, "order": order.order, "slot": slot, "by": "SE1-A"}


async def test_an_order_with_a_slot_lies_there_and_one_without_is_offered_once_it_is_put_in(cards: CardList) -> None:
    coming = msgspec.structs.replace(TWO, slot=0)
    cards.here = [ONE, coming]
    assert await cards.slots() == {2: ONE.card_number}
    assert await cards.offered(ONE, coming) == {ONE.order: 2}
    await cards.tells(EventType.CARD_STORED, **stored(TWO, 7))
    assert await cards.slots() == {2: ONE.card_number, 7: TWO.card_number}
    assert await cards.offered(ONE, coming) == {ONE.order: 2, TWO.order: 7}
    (card,) = [one for one in (await cards.stock.look()).lying if one.slot == 7]
    assert (card.last_day, card.product) == (TWO.last_day, TWO.product), "what the office knows is taken in"


async def test_a_card_that_its_holder_took_is_out_and_its_order_can_still_be_finished(cards: CardList) -> None:
    cards.here = [ONE]
    await cards.tells(EventType.EFFECT_DONE, effect="slot.take", outcome="taken", slot=2, order=ONE.order)
    assert await cards.slots() == {}, "the office's slot does not put it back"
    assert await cards.offered(ONE) == {ONE.order: 2}


async def test_a_wrong_card_lies_there_unknown_until_the_office_gives_another_slot(cards: CardList) -> None:
    cards.here = [ONE]
    await cards.tells(EventType.EFFECT_DONE, effect="slot.return", outcome="wrong_card", slot=2, order=ONE.order)
    assert await cards.slots() == {2: ""}
    assert await cards.offered(ONE) == {}
    moved = msgspec.structs.replace(ONE, slot=4)
    cards.here = [moved]
    assert await cards.slots() == {2: "", 4: ONE.card_number}
    assert await cards.offered(moved) == {ONE.order: 4}
    await cards.tells(EventType.CARD_TAKEN_OUT, card_number="", slot=2, why="misplaced", by="SE1-A")
    assert await cards.slots() == {4: ONE.card_number}


async def test_a_card_that_is_not_genuine_lies_there_quarantined_until_it_is_taken_out(cards: CardList) -> None:
    cards.here = [ONE]
    await cards.tells(EventType.EFFECT_DONE, effect="slot.return", outcome="not_genuine", slot=2, order=ONE.order)
    ledger = await cards.stock.look()
    assert ledger.quarantined == {2}
    assert [why for _, why in cards_to_take_out(ledger, "2026-11-25")] == ["not_genuine"]
    assert await cards.slots() == {2: ""}
    assert await cards.offered(ONE) == {}, "the order waits for another card"
    await cards.tells(EventType.CARD_TAKEN_OUT, card_number="", slot=2, why="not_genuine", by="SE1-A")
    assert (await cards.stock.look()).quarantined == frozenset()
    assert await cards.slots() == {}


async def test_who_put_a_card_in_is_known_until_it_is_put_in_again(cards: CardList) -> None:
    cards.here = [ONE]
    assert await cards.stock.stocked_by(ONE.card_number) == (), "the office gave the slot, and nobody here put it in"
    await cards.tells(EventType.CARD_STORED, **stored(ONE, 7), second="SE1-B")
    assert await cards.stock.stocked_by(ONE.card_number) == ("SE1-A", "SE1-B")
    await cards.tells(EventType.CARD_STORED, **stored(ONE, 8))
    assert await cards.stock.stocked_by(ONE.card_number) == ("SE1-A",)


async def test_a_card_that_nobody_vouches_for_makes_two_put_cards_in_from_then_on(cards: CardList) -> None:
    assert not (await cards.stock.look()).keyless
    cards.here = [ONE]
    await cards.tells(EventType.EFFECT_DONE, effect="slot.return", outcome="not_vouched", slot=2, order=ONE.order)
    ledger = await cards.stock.look()
    assert (ledger.keyless, ledger.quarantined) == (True, frozenset())
    assert await cards.offered(ONE) == {}


async def test_what_was_taken_out_stays_out_though_the_office_has_not_heard_of_it(cards: CardList) -> None:
    cards.here = [ONE]
    await cards.slots()
    await cards.tells(EventType.CARD_STORED, **stored(ONE, 9))
    await cards.tells(
        EventType.CARD_TAKEN_OUT, card_number=ONE.card_number, slot=9, why="other", by="SE1-A", order=ONE.order
    )
    assert await cards.slots() == {}
    cards.here = [msgspec.structs.replace(ONE, slot=9)]
    assert await cards.slots() == {}, "an echo of our own word is no new slot"
    assert await cards.offered(*cards.here) == {}


async def test_a_slot_that_another_card_lies_in_is_not_taken_over(cards: CardList) -> None:
    await cards.tells(EventType.CARD_STORED, **stored(TWO, 2))
    cards.here = [ONE]
    assert await cards.slots() == {2: TWO.card_number}
    assert await cards.offered(ONE) == {}
    await cards.tells(EventType.CARD_STORED, **stored(ONE, 2))
    assert await cards.slots() == {2: ONE.card_number}, "who looked into the slot is right"


async def test_a_card_without_order_moves_and_does_not_double(cards: CardList) -> None:
    for slot in (3, 5):
        await cards.tells(EventType.CARD_STORED, card_number="9999000077770001", slot=slot, by="SE1-A")
    assert await cards.slots() == {5: "9999000077770001"}


async def test_the_bin_holds_the_numbers_that_fell_until_it_is_emptied(cards: CardList) -> None:
    for number in ("9999000010260001", ""):
        about = {"old_card": number} if number else {}
        await cards.tells(EventType.EFFECT_DONE, effect="drop.card", outcome="dropped", **about)
    await cards.tells(EventType.EFFECT_DONE, effect="drop.card", outcome="kept", old_card="9999000010260002")
    assert await cards.stock.binned() == ("9999000010260001", "")
    typed = {"old_card": "9999000010260003", "by_number": True}
    await cards.tells(EventType.EFFECT_DONE, effect="drop.card", outcome="dropped", **typed)
    assert await cards.stock.returned_by_number() == ("9999000010260003",)
    await cards.tells(
        EventType.EFFECT_DONE, effect="drop.card", outcome="dropped", old_card="9999000010260004", found=True
    )
    assert await cards.stock.found_in_bin() == ("9999000010260004",)
    await cards.tells(EventType.BIN_EMPTIED, seal="1")
    assert (
        await cards.stock.binned() == await cards.stock.returned_by_number() == await cards.stock.found_in_bin() == ()
    )


async def test_the_list_is_made_anew_of_the_events_that_are_kept(cards: CardList) -> None:
    await cards.tells(EventType.CARD_STORED, **stored(ONE, 9))
    await cards.tells(EventType.EFFECT_DONE, effect="drop.card", outcome="dropped", old_card="9999000010260001")

    def lose(cx: Any) -> None:
        cx.execute("DELETE FROM stock_card")
        cx.execute("DELETE FROM bin_card")
        cx.execute("DELETE FROM stock_made")
        stock.rebuild(cx, NOW, outbox.sound_events)
        stock.rebuild(cx, NOW, outbox.sound_events)

    await cards.journal.transact(lose)
    assert await cards.slots() == {9: ONE.card_number}
    assert await cards.stock.binned() == ("9999000010260001",)


CARD = StoredCard(3, "9999000020269999", "A-0001", "ordinary", "2026-12-31", "2026-11-01")


def test_every_slot_is_compared_and_what_differs_stands_first() -> None:
    slots = (
        SlotReading(1, "empty", "closed"), SlotReading(2, "unknown", "closed"), SlotReading(3, "present", "closed"),
        SlotReading(4, "present", "closed"), SlotReading(5, "empty", "closed"), SlotReading(6, "empty", "open"),
    )  # fmt: skip
    found = compare(Ledger((CARD, replace(CARD, slot=5)), None), slots)
    assert [(one.slot, one.what) for one in found] == [
        (2, "unseen"), (4, "unlisted"), (5, "missing"), (6, "open"), (1, "agree"), (3, "agree"),
    ]  # fmt: skip


def test_a_card_gets_the_slot_that_the_office_gave_else_the_lowest_that_is_free_and_meant_for_nobody() -> None:
    slots = [SlotReading(number, "empty", "closed") for number in range(1, 7)]
    slots[0] = SlotReading(1, "present", "closed")
    slots[4] = SlotReading(5, "empty", "open")
    here = (msgspec.structs.replace(ONE, slot=2), msgspec.structs.replace(TWO, slot=6))
    ledger = Ledger((CARD,), here)
    assert free_slots(ledger, slots, TWO.card_number, 6) == (6, 4, 2)
    assert free_slots(ledger, slots, "9999000077770001") == (4, 2, 6)
    assert free_slots(ledger, slots, TWO.card_number, 6, but={6, 4}) == (2,)


def test_what_must_go_out_stands_first_and_of_reserve_cards_the_oldest() -> None:
    lying = (
        replace(CARD, slot=1),
        replace(CARD, slot=2, order="", since="2026-10-02"),
        replace(CARD, slot=3, order="", since="2026-10-01"),
        replace(CARD, slot=4, last_day="2026-11-24"),
        replace(CARD, slot=5, order="A-0099"),
        StoredCard(6, "", "", "", "", "2026-11-20"),
    )
    here = (msgspec.structs.replace(ONE, order="A-0001"),)
    told = [(card.slot, why) for card, why in cards_to_take_out(Ledger(lying, here), "2026-11-25")]
    assert told == [(6, "misplaced"), (4, "expired"), (5, "voided"), (3, "reserve"), (1, "other"), (2, "other")]
    assert (5, "other") in [(card.slot, why) for card, why in cards_to_take_out(Ledger(lying, None), "2026-11-25")]
