"""Orders behind the journeys' port: what the office says, and where the station's own list has the card."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet.agent import outbox
from fleet.agent.keeping import AskTimeout, LinkDown
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages.link import Answer, Delivery, HandOverAsk, Order
from fleet.messages.vocabulary import Effect, EventType, Outcome
from kiosk.station import journal
from kiosk.station.fleet_orders import FleetOrders
from kiosk.station.journal import Journal
from sim.stories.clock import HandClock
from sim.stories.devices import order_of
from sim.stories.room import quick_folder

ONE = order_of(1)
LATER = msgspec.structs.replace(ONE, order="A-0002", card_number="9999000020269999", slot=6, last_day="2027-01-31")


@dataclass
class Book:
    """The signed list, and the server's newest word where there is a connection."""

    orders: list[Order] = field(default_factory=list)
    newest: Order | None = None
    second: Order | None = None
    """Another one of that person, by the server's newest word."""
    online: bool = False
    fresh: bool = True

    def waiting(self, today: date) -> tuple[Order, ...]:
        return tuple(self.orders)

    def owed(self) -> tuple[Order, ...]:
        return ()

    def is_fresh(self, now: datetime) -> bool:
        return self.fresh

    said: Answer | None = None
    """To whether a card is handed over; None: no answer comes."""
    listed: Delivery | None = None
    asked: list[Any] = field(default_factory=list)

    async def ask(self, message: Any, timeout_s: float) -> Answer:
        self.asked.append(message)
        if self.said is None:
            raise AskTimeout
        return self.said

    def pending_hand_over(self, card_number: str) -> Delivery | None:
        return self.listed

    async def offered_online(self, hsa_id: str, timeout_s: float) -> tuple[Order, ...]:
        if not self.online:
            raise LinkDown
        return tuple(order for order in (self.newest, self.second) if order is not None)


@dataclass
class Counter:
    """A station's journal and orders."""

    journal: Journal
    book: Book
    orders: FleetOrders

    async def stored(self, order: Order, slot: int) -> None:
        """An administrator puts the card in."""
        content = {"errand": "e", "card_number": order.card_number, "order": order.order, "slot": slot, "by": "SE1-A"}
        await self.journal.transact(lambda cx: self.journal.event(cx, EventType.CARD_STORED, None, content))

    async def found(self) -> tuple[str, int] | None:
        """Which order the holder is offered, and from which slot."""
        order = await self.orders.find(ONE.hsa_id)
        return None if order is None else (order.order, order.slot)


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    with quick_folder(tmp_path) as folder:
        store = StationStore.open(
            folder / "station.sqlite", schemas=[outbox.SCHEMA, "CREATE TABLE sync_collected (id TEXT)", journal.SCHEMA]
        )
        clock, book = HandClock(), Book()
        kept = Journal(store, EventChain("entre-a", 1, "boot"), clock)
        orders: Any = FleetOrders(book, book, kept, clock)  # type: ignore[arg-type]  # both parts that are needed
        yield Counter(kept, book, orders)
        store.close()


async def test_a_card_on_its_way_is_offered_once_it_was_put_in(counter: Counter) -> None:
    counter.book.orders = [msgspec.structs.replace(ONE, slot=0)]
    assert (await counter.found(), await counter.orders.waiting()) == (None, ())
    assert await counter.orders.here() == tuple(counter.book.orders)
    await counter.stored(ONE, 9)
    assert await counter.found() == ("A-0001", 9)
    assert [one.slot for one in await counter.orders.waiting()] == [9]


async def test_of_two_orders_the_one_that_lies_here_is_offered_and_of_both_the_first_to_end(counter: Counter) -> None:
    counter.book.orders = [LATER, msgspec.structs.replace(ONE, slot=0)]
    assert await counter.found() == ("A-0002", 6)
    await counter.stored(ONE, 9)
    assert await counter.found() == ("A-0001", 9)


async def test_the_newest_word_of_the_server_counts_and_the_list_has_the_slot(counter: Counter) -> None:
    counter.book.orders, counter.book.online = [LATER], True
    assert await counter.found() is None, "the server knows of no order any more"
    counter.book.newest = msgspec.structs.replace(ONE, slot=0)
    assert await counter.found() is None, "the card is on its way"
    await counter.stored(ONE, 4)
    assert await counter.found() == ("A-0001", 4)


async def test_where_the_first_orders_card_lies_in_a_quarantined_slot_the_next_one_is_offered(counter: Counter) -> None:
    counter.book.online, counter.book.newest, counter.book.second = True, ONE, LATER
    assert await counter.found() == ("A-0001", ONE.slot)
    returned = {"errand": "e", "effect": Effect.SLOT_RETURN, "outcome": Outcome.NOT_GENUINE}
    content = {**returned, "order": ONE.order, "slot": ONE.slot}
    await counter.journal.transact(lambda cx: counter.journal.event(cx, EventType.EFFECT_DONE, None, content))
    assert await counter.found() == ("A-0002", LATER.slot)
    owed = msgspec.structs.replace(LATER, order="A-0003", slot=0, receipt_owed=True)
    counter.book.second = owed
    assert (await counter.orders.find(ONE.hsa_id)) == owed, "a receipt that is owed needs no slot"


async def test_a_list_that_is_too_old_says_nothing_about_what_is_open(counter: Counter) -> None:
    counter.book.orders, counter.book.fresh = [ONE], False
    assert await counter.orders.here() is None


async def test_a_card_that_goes_by_post_waits_in_no_slot_and_is_found_by_its_number(counter: Counter) -> None:
    posted = msgspec.structs.replace(ONE, slot=0, delivery="post")
    counter.book.orders = [posted, LATER]
    assert await counter.orders.posted(ONE.hsa_id, ONE.card_number) == posted
    assert await counter.orders.posted("TEST000000-9999", ONE.card_number) == posted, (
        "whoever the card says that it is of"
    )
    assert await counter.orders.posted(ONE.hsa_id, LATER.card_number) is None, "that one waits in a slot"
    await counter.stored(ONE, 9)
    assert (await counter.found(), await counter.orders.here()) == (("A-0002", 6), (LATER,))


async def test_a_card_that_goes_by_post_to_another_stations_holder_is_found_where_the_server_is_asked(
    counter: Counter,
) -> None:
    counter.book.newest = posted = msgspec.structs.replace(ONE, slot=0, delivery="post")
    assert await counter.orders.posted(ONE.hsa_id, ONE.card_number) is None
    counter.book.online = True
    assert await counter.orders.posted(ONE.hsa_id, ONE.card_number) == posted
    assert await counter.found() is None


BAD_ASK = Answer(ok=False, error="bad_ask")
"""What a server says that does not know the question."""


@pytest.mark.parametrize(
    ("online", "said", "listed", "pending"),
    [
        (True, Answer(ok=True, delivery="post"), None, "post"),
        (True, Answer(ok=True), "post", None),
        (True, BAD_ASK, None, None),
        (True, BAD_ASK, "station", "station"),
        (True, None, "post", "post"),
        (False, None, "post", "post"),
        (False, None, None, None),
    ],
    ids=["the server", "the server, against the list", "an older server", "an older server beside a list", "no answer",
         "offline", "a list that is too old"],
)  # fmt: skip
async def test_the_server_says_whether_a_card_is_handed_over_else_the_list(
    counter: Counter, online: bool, said: Answer | None, listed: Delivery | None, pending: Delivery | None
) -> None:
    book = counter.book
    book.online, book.said, book.listed = online, said, listed
    assert await counter.orders.pending_hand_over(ONE.card_number) == pending
    assert book.asked == ([HandOverAsk(ONE.card_number)] if online else [])


async def test_what_was_handed_over_here_is_not_refused_while_the_server_has_not_heard_of_it(counter: Counter) -> None:
    counter.book.listed = "post"
    log = await counter.journal.start("activate")
    await log.about(ONE)
    assert await counter.orders.pending_hand_over(ONE.card_number) == "post"
    receipt = "INSERT INTO receipt VALUES ('N-1', ?, x'7b7d', 'KK1', '')"
    await counter.journal.transact(lambda cx: cx.execute(receipt, (ONE.order,)))
    assert await counter.orders.pending_hand_over(ONE.card_number) is None
    assert await counter.orders.pending_hand_over(LATER.card_number) == "post"
