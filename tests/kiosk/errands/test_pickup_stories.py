"""The pick-up as people live it: each row is a person's story, and what is left of it in the journal and on the card."""

import logging
from typing import Any

import pytest

from fleet.messages.issuing import CardRecord
from fleet.messages.vocabulary import Effect, EventType, Outcome
from kiosk.errands.pickup.stories import PICKUP_STORIES, PREPARED, PickupStory
from kiosk.receipts import Genuine, ReceiptTrust, document_bytes, verify_receipt
from kiosk.receipts.signatures import read_certificate
from kiosk.steps.capabilities import Ended
from sim.reader.personas import person
from sim.stories.devices import order_of, seal
from sim.stories.own_card import WRONG_PIN
from sim.stories.person import Person, Story, first, puts, puts_back
from sim.stories.register import register
from sim.stories.room import Room
from sim.stories.setting import Setting, attended, come_back, own_card
from sim.stories.stock import before
from tests.docs.walk_questions import has_sample
from tests.fakes.station.hand_overs import assert_sayable
from tests.fakes.station.managed_card import proved_by_management_key
from tests.fakes.station.ticked_tasks import Witness


def with_ending(story: Story, reason: str) -> Story:
    """The story with its last word, where one is said."""
    return {f"pickup.stop.{reason}": "end", **story} if reason else story


@pytest.mark.parametrize("tale", PICKUP_STORIES, ids=[tale.title for tale in PICKUP_STORIES])
async def test_story(tale: PickupStory, make_room: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    room = make_room(tale.setting)
    PREPARED.get(tale.title, lambda _: None)(room)
    someone = Witness(room.world, room.clock, with_ending(tale.story(), tale.reason))
    someone.room = room
    ended = await room.errand(someone)
    assert someone.false_ticks == []
    if someone.failure is not None:
        raise someone.failure
    outcome = "fault" if tale.reason == "slot_jammed" else tale.outcome
    assert (ended.outcome, ended.reason) == (outcome, tale.reason)
    if tale.events is not None:
        assert await room.told() == [*tale.events[:-1], f"ended {outcome}"]
    assert_seen(someone.names, tale.views)
    assert_cards(room, tale)
    assert room.world.cabinet.drop.locked
    assert room.world.cabinet.open_slot_number is None
    assert not someone.card_in("holder")
    assert not someone.card_in("administrator")
    assert_sayable(someone)
    assert [name for name in someone.names if not has_sample(name)] == []
    await assert_no_code_anywhere(room, someone, caplog)


def assert_seen(names: list[str], wanted: tuple[str, ...]) -> None:
    left = iter(names)
    assert all(name in left for name in wanted), f"{wanted} in {names}"


def assert_cards(room: Room, tale: PickupStory) -> None:
    number = tale.setting.number
    new, own = room.world.card(f"{number}:new"), room.world.card(f"{number}:old")
    assert (new.tries_left, own.tries_left[0]) == ((tale.pin_tries, tale.puk_tries), tale.old_tries)
    if tale.pin is not None:
        assert new.codes.pin.value == tale.pin.encode()


async def assert_no_code_anywhere(room: Room, someone: Person, caplog: pytest.LogCaptureFixture) -> None:
    """Reliability I5: no code in the file (events, journal, receipts), the log, or any view."""
    sinks = {"file": await room.written(), "log": caplog.text, "views": repr(someone.shown)}
    for code in {typed for _, typed in someone.typed}:
        for name, text in sinks.items():
            assert code not in text, f"a code is in the {name}"
            assert code.encode().hex() not in text


@pytest.mark.parametrize("kind", ["C", "D"])
async def test_a_card_that_proves_itself_by_its_management_key_is_handed_out_once_the_server_answers(
    make_room: Any, kind: str
) -> None:
    room = make_room(Setting(kind=kind))
    issuer = proved_by_management_key(room, bytes(range(24)))
    issuer.online = False

    def comes_back(_: Person) -> str:
        issuer.online = True
        return "again"

    someone = Person(room.world, room.clock, own_card(verifier_silent=comes_back))
    assert (await room.errand(someone)).outcome == "done"
    assert_seen(someone.names, ("pickup.proving", "pickup.verifier_silent", "pickup.proving", "pickup.puk"))


@pytest.mark.parametrize("alone", [False, True])
async def test_a_card_whose_key_the_server_does_not_have_is_one_that_two_put_in(make_room: Any, alone: bool) -> None:
    room = make_room(Setting(kind="D"))
    proved_by_management_key(room, bytes(range(24))).management_keys.clear()
    if alone:
        before((order_of(1), 2))(room)
    story = with_ending(own_card(put_back_unvouched=puts_back(2, "1:new")), "stocked_by_one")
    assert (await room.errand(Person(room.world, room.clock, story))).reason == "stocked_by_one"
    assert room.world.card("1:new").tries_left == (3, 3)


async def test_protected_identity_is_named_nowhere(make_room: Any) -> None:
    room = make_room(Setting(number=5))
    someone = Person(room.world, room.clock, own_card(5))
    await room.errand(someone)
    shown = repr(someone.shown) + repr(room.caps.printer.papers) + await room.written()
    for name in (person(5).new.given_name, person(5).new.surname):
        assert name not in shown
    assert person(5).hsa_id in repr(room.caps.printer.papers)


async def test_receipt_that_was_issued_is_genuine_and_printed_with_its_number(make_room: Any) -> None:
    room = make_room(Setting())
    ended = await room.errand(Person(room.world, room.clock, own_card()))
    issued = next(e.content() for e in await room.chain() if e.type.endswith("receipt.issued"))
    assert issued["number"] == ended.receipt
    assert issued["signed"] == "card"
    assert ended.receipt in repr(room.caps.printer.papers)
    trust = ReceiptTrust(authorities=(read_certificate(seal().chain[1]),))
    verdict = verify_receipt(document_bytes(issued["receipt"]), trust)
    assert isinstance(verdict, Genuine)
    assert {signer.role for signer in verdict.signers} == {"station", "card"}


async def cut_at_the_open_slot(room: Room) -> None:
    """The power goes while the slot stands open for the holder; whoever passes by takes the card and shuts the door."""
    log = await room.journal.start("pickup")
    await log.about(order_of(1))
    await log.note(EventType.EFFECT_DONE, effect=Effect.SLOT_OPEN, outcome=Outcome.OPENED, slot=2)
    await log.end(Ended("interrupted"))


async def test_a_card_that_somebody_else_took_is_never_said_to_be_taken_by_its_holder(make_room: Any) -> None:
    room = make_room(Setting(slots={}, hand=("1:old",)))
    new = person(1).new.card_number
    register()(room)
    room.caps.blocking.cards[new] = CardRecord(new, person(1).hsa_id, "6XX", "waiting")
    await cut_at_the_open_slot(room)
    before_her = len(await room.told())
    someone = Person(room.world, room.clock, own_card(have_it="no", **{"stop.slot_gone": "end"}))
    ended = await room.errand(someone)
    assert (ended.outcome, ended.reason) == ("refused", "slot_gone")
    assert (await room.told())[before_her:] == [
        "errand.started", "slot.look gone", "slot.take gone", "card.hold held", "ended refused",
    ]  # fmt: skip
    assert room.caps.blocking.cards[new].state == "held"
    assert not {"pickup.printed", "pickup.insert_new"} & set(someone.names)


async def test_who_has_the_card_after_all_shows_it_and_only_then_it_is_taken(make_room: Any) -> None:
    room = make_room(Setting(slots={}, hand=("1:old", "1:new")))
    await cut_at_the_open_slot(room)
    before_her = len(await room.told())
    someone = Person(room.world, room.clock, own_card(have_it="yes"))
    assert (await room.errand(someone)).outcome == "done"
    assert (await room.told())[before_her:][:4] == [
        "errand.started", "slot.look gone", "slot.take taken", "card.unblock accepted",
    ]  # fmt: skip
    assert_seen(someone.names, ("pickup.have_it", "pickup.printed", "pickup.insert_new", "pickup.puk"))


async def test_holder_who_signs_later_comes_back_and_signs_without_slot_or_puk(make_room: Any) -> None:
    room = make_room(Setting())
    await room.errand(Person(room.world, room.clock, own_card(receipt="later", **{"stop.unsigned": "end"})))
    someone = Person(room.world, room.clock, come_back())
    assert (await room.errand(someone)).outcome == "done"
    assert someone.failure is None
    assert not {"pickup.take", "pickup.puk", "pickup.new_pin"} & set(someone.names)
    assert [e for e in await room.told() if e in ("receipt.issued", "card.unblock accepted", "slot.take taken")] == [
        "slot.take taken",
        "card.unblock accepted",
        "receipt.issued",
    ]
    assert await room.orders.find(person(1).hsa_id) is None, "collected: never offered again"


@pytest.mark.parametrize("remembered", ["forgotten", WRONG_PIN])
async def test_holder_who_comes_back_without_the_code_sets_another_with_the_puk(
    make_room: Any, remembered: str
) -> None:
    room = make_room(Setting())
    await room.errand(Person(room.world, room.clock, own_card(receipt="later", **{"stop.unsigned": "end"})))
    another = "47361528"
    story = come_back(code_from_before=remembered, new_pin=another, repeat_pin=another, sign_pin=another)
    someone = Person(room.world, room.clock, story)
    assert (await room.errand(someone)).outcome == "done"
    assert "pickup.puk" in someone.names
    assert "pickup.take" not in someone.names
    assert room.world.card("1:new").codes.pin.value == another.encode()


async def test_an_unknown_card_is_said_to_be_unknown_and_the_right_one_goes_on(make_room: Any) -> None:
    room = make_room(Setting())
    insert = [puts_stranger, puts("1:new")]
    someone = Person(room.world, room.clock, own_card(insert_new=insert))
    assert (await room.errand(someone)).outcome == "done"
    notes = [view.note.text.key for view in someone.shown if view.name == "pickup.insert_new" and view.note]
    assert notes[-1] == "strange.unknown"


def puts_stranger(someone: Person) -> None:
    """A card that no driver knows; the next action pulls it."""
    someone.world.slots["holder"].insert(Stranger())
    someone.world.in_reader["holder"] = "12:old"
    someone.world.hand.remove("12:old")


class Stranger:
    """Answers every command with 6A82 (ISO/IEC 7816-4 table 6: not found)."""

    atr = bytes.fromhex("3B00")
    protocol = "T=1"

    def power_on(self) -> bytes:
        return self.atr

    def power_off(self) -> None:
        """Nothing to forget."""

    reset = power_on

    def transmit(self, apdu: bytes) -> bytes:
        return bytes.fromhex("6A82")


async def test_verifier_that_goes_away_stops_before_the_slot_not_after(make_room: Any) -> None:
    room = make_room(Setting(server=True))
    room.caps.envelopes.silent.extend([True, True])
    someone = Person(room.world, room.clock, own_card(verifier_silent=["again", "cancel"]))
    assert (await room.errand(someone)).outcome == "cancelled"
    assert room.world.card("1:new").tries_left == (3, 10)


async def test_card_put_in_before_it_is_asked_for_counts_and_is_not_taken_for_pulled(make_room: Any) -> None:
    """A holder with the new card in the hand puts it in at once, while the printed number is still asked for."""
    room = make_room(Setting())
    early = first(puts("1:new"), then=person(1).new.card_number[-8:])
    someone = Person(room.world, room.clock, own_card(printed=early, insert_new=lambda p: None))
    assert (await room.errand(someone)).outcome == "done"


async def test_administrator_pages_through_many_orders(make_room: Any) -> None:
    numbers = (2, 3, 4, 6, 1)
    room = make_room(Setting(orders=numbers))
    someone = Person(room.world, room.clock, attended(reader="holder", which=["more", "A-0001"]))
    assert (await room.errand(someone)).outcome == "done"
    assert [len(view.options) for view in someone.shown if view.name == "pickup.which"] == [5, 2]
