"""Stories of `stock`: what people do, how it ends, and what is left then."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fleet.messages.vocabulary import EventType
from kiosk.barcodes import envelope_code, order_code
from kiosk.region import StockRules
from kiosk.stock import repository as stock
from sim.reader.personas import person
from sim.stories.administrators import administrator
from sim.stories.devices import order_of
from sim.stories.errand_stories import ErrandStory
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import Story, StoryAction, first, pulls_lit, puts, takes
from sim.stories.register import both
from sim.stories.room import OLD_PIN, Room, authority
from sim.stories.setting import Setting
from sim.stories.stock import before, told

ONE, TWO = order_of(1), order_of(5)
RESERVE = "9999000077770001"
"""A card that no order names."""
HAND = ("1:new", "5:new", "10:new", "10:old", "13:new", "14:new")
COMING = Setting(slots={}, hand=HAND, order={"slot": 0}, second_reader=True)
LYING = Setting(slots={2: "1:new"}, hand=HAND[1:], second_reader=True)


def lays(slot: int, card: str) -> StoryAction:
    """Put a card into the open slot and close the door."""
    return first(lambda p: p.world.put(slot, card), lambda p: p.world.close_door(slot))


def shuts(slot: int) -> StoryAction:
    """Close the door, and nothing else."""
    return first(lambda p: p.world.close_door(slot))


def shuts_and(slot: int) -> StoryAction:
    """Close that door and go on."""
    return first(lambda p: p.world.close_door(slot), then="next")


def at_work(*tasks: str, reader: str = "administrator", **changed: Any) -> Callable[[], Story]:
    """Log in, do these, end."""
    story: dict[str, Any] = {
        "insert_administrator": puts("13:new", reader),
        "pin_administrator": OLD_PIN,
        "what": [*tasks, "end"],
        "no_paper": "next",
        **changed,
    }
    return lambda: {f"stock.{name}": action for name, action in story.items()} | {"closing.take_card": pulls_lit}


def delivery(*scans: str, slot: int = 1, card: str = "1:new", **changed: Any) -> Callable[[], Story]:
    story: dict[str, Any] = {"scan": [*scans, "back"], "place": "open", "put": lays(slot, card)}
    return at_work("deliver", **(story | changed))


def lies(**slots: str) -> Callable[[Room], None]:
    """Return a check of the station's list in the end: `s2="A-0001"`, the order or, where there is none, the number of
    the card."""
    expected = {int(name[1:]): label for name, label in slots.items()}

    def look(room: Room) -> None:
        rows = room.store.transact_now(
            lambda cx: cx.execute(
                "SELECT slot, order_no, card_number FROM stock_card WHERE slot IS NOT NULL"
            ).fetchall()
        )
        assert {slot: order or number for slot, order, number in rows} == expected

    return look


def with_two(room: Room) -> None:
    """Two administrators, and a region in which two put cards in."""
    second = person(14)
    room.orders.administrators[second.hsa_id] = administrator(second.hsa_id, second.name)
    room.equip(region=room.caps.region.model_copy(update={"stock": StockRules(two_administrators=True)}))


def quarantined(room: Room, slot: int) -> None:
    """The card in that slot could not show that it is genuine."""
    content = {"effect": "slot.return", "outcome": "not_genuine", "slot": slot, "order": ONE.order}
    room.store.transact_now(lambda cx: stock.apply_event(cx, EventType.EFFECT_DONE, content, room.journal.now()))


def jammed_before(slot: int) -> Callable[[Room], None]:
    """The slot did not open in an errand before."""
    errand = "INSERT INTO errand (id, kind, started) VALUES ('before', 'pickup', '')"
    effect = "INSERT INTO effect (errand, name, facts, intended, outcome) VALUES ('before', 'slot.open', ?, '', 'not_opened')"

    def prepare(room: Room) -> None:
        room.store.transact_now(lambda cx: cx.execute(errand))
        room.store.transact_now(lambda cx: cx.execute(effect, (json.dumps({"slot": slot, "fault": "jammed"}),)))

    return prepare


def older(slot: int) -> Callable[[Room], None]:
    """The card in that slot was put in a month ago."""
    since = ("UPDATE stock_card SET since = '2026-02-01' WHERE slot = ?", (slot,))
    return lambda room: room.store.transact_now(lambda cx: cx.execute(*since)) and None


def with_issuer(room: Room) -> None:
    """A register that takes a hold."""
    issuer = SimulatedIssuer(authority(), room.clock)
    room.equip(**{name: port for name, port in issuer.ports().items() if name == "blocking"})


IN = ("slot.open opened", "card.stored")
PRINTED = ("receipt.issued", "receipt.print printed")


STORIES = [
    ErrandStory(
        "stock: a card is scanned, a slot is proposed, and it lies there", "stock", delivery(ONE.card_number), COMING,
        events=(*IN, *PRINTED), views=("stock.scan", "stock.place", "stock.put", "stock.scan", "stock.what"),
        check=both(
            lies(s1="A-0001"),
            told("card.stored", slot=1, order="A-0001", card_number=ONE.card_number, by=person(13).hsa_id),
        ), troubled=True,
    ),
    ErrandStory(
        "stock: a region in which two administrators put cards in", "stock",
        delivery(ONE.card_number, two_wanted="next", take_administrator=pulls_lit, insert_second=puts("14:new", "administrator")),
        COMING, prepare=with_two, events=(*IN, *PRINTED),
        views=("stock.two_wanted", "stock.take_administrator", "stock.insert_second", "stock.scan"),
        check=told("card.stored", by=person(13).hsa_id, second=person(14).hsa_id),
    ),
    ErrandStory(
        "stock: a card that could not show that it is genuine goes out first", "stock",
        at_work("take_out", which_out="2", nothing_in="next", take=takes(2)),
        LYING, prepare=lambda room: quarantined(room, 2),
        events=("slot.open opened", "card.taken_out", *PRINTED), views=("stock.which_out", "stock.take"),
        check=told("card.taken_out", why="not_genuine", slot=2, card_number=""),
    ),
    ErrandStory(
        "stock: in the one reader, by the code of the order", "stock",
        delivery(order_code(ONE.order), insert_administrator=puts("13:new")), replace(COMING, second_reader=False),
        events=(*IN, *PRINTED), check=lies(s1="A-0001"), touched=True,
    ),
    ErrandStory(
        "stock: by the code of the envelope, into the slot that the office gave", "stock",
        delivery(envelope_code(ONE.card_number), slot=2), replace(COMING, order={"slot": 2}), events=(*IN, *PRINTED),
        check=lies(s2="A-0001"),
    ),
    ErrandStory(
        "stock: a card that lies in the cabinet already", "stock", delivery(ONE.card_number, already_in="next"), LYING,
        events=(), views=("stock.already_in", "stock.scan"), check=lies(s2="A-0001"),
    ),
    ErrandStory(
        "stock: an order that nobody knows, then a card that has none here", "stock",
        delivery(order_code("A-4711"), RESERVE, not_known="next", no_order="back"), COMING, events=(), check=lies(),
        views=("stock.not_known", "stock.no_order", "stock.scan"),
    ),
    ErrandStory(
        "stock: a reserve card with its envelope whole", "stock",
        delivery(RESERVE, no_order="reserve", unbroken="yes", card="10:new"), COMING, events=(*IN, *PRINTED),
        check=both(lies(s1=RESERVE), told("card.stored", order=None)), troubled=True,
    ),
    ErrandStory(
        "stock: a reserve card whose envelope was opened is on hold at once", "stock",
        delivery(RESERVE, no_order="reserve", unbroken="no", broken="next"), COMING, prepare=with_issuer, check=lies(),
        views=("stock.unbroken", "stock.broken", "stock.scan"),
    ),
    ErrandStory(
        "stock: the order's own card is a reserve card, and its envelope is asked for too", "stock",
        delivery(ONE.card_number, unbroken="yes"), replace(COMING, order={"slot": 0, "product": "reserve"}),
        events=(*IN, *PRINTED), check=lies(s1="A-0001"),
    ),
    ErrandStory(
        "stock: another slot is wanted", "stock", delivery(ONE.card_number, slot=2, place=["other", "open"]), COMING,
        events=(*IN, *PRINTED), check=lies(s2="A-0001"),
    ),
    ErrandStory(
        "stock: the first slot is jammed, the next one is not", "stock",
        delivery(ONE.card_number, slot=2, not_open="next", place=["open", "open"]), COMING,
        prepare=lambda room: room.world.jam(1, True), events=("slot.open not_opened", *IN, *PRINTED),
        views=("stock.not_open", "stock.place", "stock.put"), check=lies(s2="A-0001"),
    ),
    ErrandStory(
        "stock: a slot that jammed in another errand is not proposed", "stock", delivery(ONE.card_number, slot=2), COMING,
        prepare=jammed_before(1), events=(*IN, *PRINTED), check=lies(s2="A-0001"),
    ),
    ErrandStory(
        "stock: another door stands open, is shut, and it goes on", "stock",
        delivery(ONE.card_number, not_open=shuts_and(24), place=["other", "open", "open"], slot=3),
        COMING, prepare=lambda room: room.world.open_door(24), events=("slot.open not_opened", *IN, *PRINTED),
        check=lies(s3="A-0001"),
    ),
    ErrandStory(
        "stock: the cabinet is silent", "stock", at_work(**{"stop.cabinet_out": "end"}), COMING,
        prepare=lambda room: room.world.cabinet.set_mute(), outcome="fault", reason="cabinet_out", events=(),
    ),
    ErrandStory(
        "stock: the cabinet's answer is lost, and its sensors tell", "stock", delivery(ONE.card_number), COMING,
        prepare=lambda room: room.world.cabinet.lose_next_answer(),
        events=("slot.open unknown", "slot.open opened", "card.stored", *PRINTED), check=lies(s1="A-0001"),
    ),
    ErrandStory(
        "stock: the card is not put in after all", "stock",
        delivery(ONE.card_number, put="back", shut=shuts(1)), COMING, events=("slot.open opened",), check=lies(),
    ),
    ErrandStory(
        "stock: not put in, said the person, but it lies there when the door is shut", "stock",
        delivery(ONE.card_number, put="back", shut=lays(1, "1:new")), COMING, events=(*IN, *PRINTED),
        check=lies(s1="A-0001"),
    ),
    ErrandStory(
        "stock: every slot agrees", "stock", at_work("count", count=["2", "back"], slot_agree="back"), LYING,
        events=("stock.counted", *PRINTED), check=both(lies(s2="A-0001"), told("stock.counted", slots=24, differences=[])),
        views=("stock.count", "stock.slot_agree", "stock.count", "stock.what"),
    ),
    ErrandStory(
        "stock: a card lies in another slot than the list says, and is read there", "stock",
        at_work("count", count=["7", "back"], unlisted="look", read_card=ONE.card_number,
                put=first(lambda p: p.world.close_door(7))),
        replace(LYING, slots={7: "1:new"}),
        events=("stock.counted", "slot.open opened", "card.stored", *PRINTED),
        check=both(
            lies(s7="A-0001"),
            told("stock.counted", differences=[{"slot": 2, "what": "missing"}, {"slot": 7, "what": "unlisted"}]),
        ), troubled=True,
    ),
    ErrandStory(
        "stock: a card that nobody can name goes out", "stock",
        at_work("count", count=["7", "back"], unlisted="look", read_card="unknown", remove=takes(7)),
        replace(LYING, slots={2: "1:new", 7: "10:new"}),
        events=("stock.counted", "slot.open opened", "card.taken_out", *PRINTED),
        check=both(lies(s2="A-0001"), told("card.taken_out", why="misplaced", slot=7, card_number="")),
    ),
    ErrandStory(
        "stock: a card that is listed and gone is told as missing", "stock",
        at_work("count", count=["2", "back"], not_there="gone"), replace(LYING, slots={}),
        events=("stock.counted", "card.taken_out", *PRINTED),
        check=both(lies(), told("card.taken_out", why="missing", order="A-0001", slot=2)),
    ),
    ErrandStory(
        "stock: an open door and a jammed look", "stock",
        at_work("count", count=["5", "7", "back"], slot_open="back", unlisted="look", not_open=shuts_and(5)),
        replace(LYING, slots={2: "1:new", 7: "10:new"}), prepare=lambda room: room.world.open_door(5),
        events=("stock.counted", "slot.open not_opened", *PRINTED),
    ),
    ErrandStory(
        "stock: an expired card stands first and goes out", "stock",
        at_work("take_out", which_out=["2", "back"], take=takes(2), nothing_in="next"),
        replace(LYING, order={"last_day": "2026-02-28"}), prepare=before((ONE, 2)),
        events=("slot.open opened", "card.taken_out", *PRINTED),
        check=both(lies(), told("card.taken_out", why="expired", order="A-0001", slot=2)), troubled=True, touched=True,
    ),
    ErrandStory(
        "stock: the oldest reserve card is handed out first", "stock",
        at_work("take_out", which_out=["4", "back"], take=takes(4)),
        Setting(slots={3: "10:new", 4: "5:new"}, hand=("13:new", "10:old"), orders=(), second_reader=True),
        prepare=both(before((RESERVE, 4), ("9999000077770002", 3)), older(4)), events=None,
        check=both(lies(s3="9999000077770002"), told("card.taken_out", why="reserve", card_number=RESERVE, order=None)),
    ),
    ErrandStory(
        "stock: taken out of an empty slot is missing, or left as it is", "stock",
        at_work("take_out", which_out=["2", "2", "back"], not_there=["back", "gone"], nothing_in="next"),
        replace(LYING, slots={}), events=("card.taken_out", *PRINTED), check=both(lies(), told("card.taken_out", why="missing")),
    ),
    ErrandStory(
        "stock: left where it was", "stock",
        at_work("take_out", which_out=["2", "back"], take="back", shut=shuts(2)), LYING, events=("slot.open opened",),
        check=lies(s2="A-0001"),
    ),
    ErrandStory(
        "stock: no slot is free", "stock", delivery(ONE.card_number, full="next"),
        replace(COMING, slots=dict.fromkeys(range(1, 25), "10:new")),
        events=(), views=("stock.full", "stock.scan"), check=lies(),
    ),
]  # fmt: skip
