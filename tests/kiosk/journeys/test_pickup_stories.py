"""The pick-up as people live it: each row is a person's story, and what is left of it in the journal and on the card."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from drivers.printer.port import CoverOpen, NotPrinted, OutOfPaper, PrintUnknown
from drivers.reader.virtual.personas import person
from kiosk.receipts import Genuine, Trust, document_bytes, verify
from kiosk.receipts.signatures import load
from tests.fakes.person import Person, Story, first, jams, puts, puts_back
from tests.fakes.room import OLD_PIN, Room, persona_of, seal
from tests.fakes.stories import NEW_PIN, Setting, attended, come_back, own_card

WRONG_PIN, WRONG_PUK = "60606060", "50505050"
STARTED = ["errand.started"]
TAKEN = [*STARTED, "slot.open opened", "slot.take taken"]
CODED = [*TAKEN, "card.unblock accepted", "card.activated"]
SIGNED = [*CODED, "receipt.issued"]
PAPER = [*SIGNED, "receipt.print printed"]
DONE = ["drop.open opened", "drop.card dropped", "ended done"]
BACK = ["slot.reopen opened", "slot.return wrong_card", "ended refused"]


@dataclass(frozen=True)
class Tale:
    """One story and its end."""

    title: str
    story: Callable[[], Story]
    setting: Setting = field(default_factory=Setting)
    outcome: str = "done"
    reason: str = ""
    events: list[str] | None = None
    pin_tries: int | None = 3
    """Tries left on the new card, where it was met."""
    puk_tries: int | None = 10
    pin: str | None = NEW_PIN
    """The code that the new card has in the end."""
    views: tuple[str, ...] = ()
    """Views that must have been seen, in this order."""
    old_tries: int = 3


def old(**changed: Any) -> Callable[[], Story]:
    return lambda: own_card(**changed)


def with_administrator(**changed: Any) -> Callable[[], Story]:
    return lambda: attended(**changed)


FIRST_PIN = person(1).new.pin
UNTOUCHED: dict[str, Any] = {"pin": FIRST_PIN}
WRONG_SLOT = Setting(slots={2: "10:new"}, hand=("1:old", "10:old", "13:new"))


def refused(title: str, reason: str, story: Callable[[], Story], *, events: list[str] = STARTED, **more: Any) -> Tale:
    return Tale(title, story, outcome="refused", reason=reason, events=[*events, "ended refused"], **UNTOUCHED | more)


TALES = [
    Tale("own old card, paper, old card into the drop", own_card, events=[*PAPER, *DONE]),
    Tale(
        "an administrator attends with the second reader",
        with_administrator(),
        Setting(second_reader=True),
        events=[*PAPER, "ended done"],
    ),
    Tale(
        "an administrator attends, both cards in turn in the one reader",
        with_administrator(reader="holder"),
        events=[*PAPER, "ended done"],
        views=("pickup.document", "pickup.take_administrator", "pickup.which", "pickup.insert_new"),
    ),
    Tale("protected identity", old(number=5), Setting(number=5), events=[*PAPER, *DONE]),
    Tale(
        "wrong PIN, then right",
        old(pin_old=[WRONG_PIN, OLD_PIN], pin_old_wrong="again"),
        events=[*PAPER, *DONE],
        views=("pickup.pin_old", "pickup.pin_old_wrong", "pickup.pin_old", "pickup.take_old"),
    ),
    Tale(
        "the last try of the old card is used, and right",
        old(pin_old=[WRONG_PIN, WRONG_PIN, OLD_PIN, OLD_PIN], pin_old_wrong="again", pin_old_last="yes"),
        events=[*PAPER, *DONE],
    ),
    refused(
        "the last try of the old card is kept",
        "last_try_kept",
        old(pin_old=WRONG_PIN, pin_old_wrong="again", pin_old_last="no", **{"stop.last_try_kept": "end"}),
        old_tries=1,
    ),
    refused(
        "the last try of the old card is used, and wrong",
        "own_card_locked",
        old(pin_old=WRONG_PIN, pin_old_wrong="again", pin_old_last="yes"),
        old_tries=0,
    ),
    refused("the old card has expired", "own_card_expired", old(number=4), setting=Setting(number=4), pin=None),
    refused("no order waits", "no_order", own_card, setting=Setting(orders=())),
    refused(
        "an LoA2 card cannot fetch an LoA3 one",
        "level_too_low",
        own_card,
        setting=Setting(changed={"1:old": replace(persona_of("1:old"), loa=2)}),
    ),
    refused("no envelope at hand", "no_envelope", old(envelope="no")),
    refused("no envelope any more, at the PUK", "no_envelope", old(puk="no_envelope"), events=TAKEN),
    Tale(
        "wrong PUK, then right: the card judges",
        old(puk=[WRONG_PUK, person(1).new.puk], puk_wrong="again"),
        events=[*TAKEN, "card.unblock wrong_code", *CODED[3:], *PAPER[5:], *DONE],
    ),
    Tale(
        "wrong PUK, then right: the server judges, and the card never sees the wrong one",
        old(puk=[WRONG_PUK, person(1).new.puk], puk_wrong="again"),
        Setting(server=True),
        events=[*PAPER, *DONE],
    ),
    refused(
        "PUK down to the floor, and no lower",
        "puk_floor",
        old(puk=WRONG_PUK, puk_wrong="again"),
        events=[*TAKEN, *["card.unblock wrong_code"] * 8],
        puk_tries=2,
    ),
    refused(
        "too many guesses at the envelope",
        "too_many_guesses",
        old(puk=WRONG_PUK, puk_wrong="again"),
        setting=Setting(server=True),
        events=TAKEN,
    ),
    Tale(
        "the codes differ, then agree",
        old(repeat_pin=["83920175", NEW_PIN]),
        events=[*PAPER, *DONE],
        views=("pickup.repeat_pin", "pickup.new_pin", "pickup.repeat_pin", "pickup.write"),
    ),
    Tale(
        "back from the repeated code to the first",
        old(repeat_pin=["back", NEW_PIN]),
        events=[*PAPER, *DONE],
        views=("pickup.repeat_pin", "pickup.new_pin", "pickup.repeat_pin"),
    ),
    Tale(
        "back from the new code to the PUK",
        old(new_pin=["back", NEW_PIN]),
        events=[*PAPER, *DONE],
        views=("pickup.new_pin", "pickup.puk", "pickup.new_pin"),
    ),
    Tale(
        "back from writing to the PUK",
        old(write=["back", "write"]),
        events=[*PAPER, *DONE],
        views=("pickup.write", "pickup.puk", "pickup.new_pin", "pickup.write"),
    ),
    refused(
        "a wrong card in the slot, seen at the slot and put back",
        "wrong_card_in_slot",
        old(take=first(lambda p: p.world.take(2), then="wrong"), put_back=puts_back(2, "10:new")),
        setting=WRONG_SLOT,
        events=[*STARTED, "slot.open opened", "slot.return wrong_card"],
    ),
    refused(
        "a wrong card in the slot, left there by who sees it",
        "wrong_card_in_slot",
        old(take="wrong", put_back=puts_back(2, "10:new")),
        setting=WRONG_SLOT,
        events=[*STARTED, "slot.open opened", "slot.return wrong_card"],
    ),
    refused(
        "a wrong card in the slot, found by its printed number",
        "wrong_card_in_slot",
        old(printed=person(10).new.card_number[-8:], printed_differs="wrong", put_back=puts_back(2, "10:new")),
        setting=WRONG_SLOT,
        events=[*TAKEN, *BACK[:2]],
    ),
    refused(
        "the printed number does not fit three times",
        "wrong_card_in_slot",
        old(printed="00000000", printed_differs="again", put_back=puts_back(2, "1:new")),
        events=[*TAKEN, *BACK[:2]],
    ),
    refused(
        "a wrong card in the slot, found by its chip",
        "wrong_card_in_slot",
        old(insert_new=puts("10:new"), wrong_card="wrong", put_back=puts_back(2, "10:new")),
        setting=WRONG_SLOT,
        events=[*TAKEN, *BACK[:2]],
    ),
    Tale(
        "the old card goes in instead of the new one",
        old(insert_new=[puts("1:old"), puts("1:new")], wrong_card="again"),
        events=[*PAPER, *DONE],
        views=("pickup.insert_new", "pickup.wrong_card", "pickup.insert_new"),
    ),
    Tale(
        "the new card upside down, then right",
        old(insert_new=[puts("1:new", upside_down=True), puts("1:new")]),
        events=[*PAPER, *DONE],
    ),
    Tale(
        "no printer",
        old(no_paper="next"),
        Setting(printer=None),
        events=[*SIGNED, *DONE],
        views=("pickup.no_paper",),
    ),
    Tale(
        "out of paper, new roll, printed",
        old(no_paper="print"),
        Setting(printer=(NotPrinted(OutOfPaper()),)),
        events=[*SIGNED, "receipt.print not_printed", "receipt.print printed", *DONE],
    ),
    Tale(
        "cover open, the receipt by phone",
        old(no_paper="next", done=["phone", "end"], on_phone="next"),
        Setting(printer=(NotPrinted(CoverOpen()),)),
        events=[*SIGNED, "receipt.print not_printed", *DONE],
        views=("pickup.no_paper", "pickup.done", "pickup.on_phone", "pickup.done"),
    ),
    Tale(
        "the printer's line broke off, and the receipt is whole",
        old(look_at_paper="yes"),
        Setting(printer=(PrintUnknown(),)),
        events=[*SIGNED, "receipt.print unknown", "receipt.print printed", *DONE],
    ),
    Tale(
        "the printer's line broke off, and the receipt is not whole",
        old(look_at_paper="no", no_paper="print"),
        Setting(printer=(PrintUnknown(),)),
        events=[*SIGNED, "receipt.print unknown", "receipt.print not_printed", "receipt.print printed", *DONE],
    ),
    Tale(
        "the old card is kept",
        old(drop_old="keep"),
        reason="old_card_kept",
        events=[*PAPER, "drop.open opened", "drop.card kept", "ended done"],
    ),
    Tale(
        "the old card jams in the drop slot",
        old(drop_old=jams("1:old")),
        reason="old_card_kept",
        events=[*PAPER, "drop.open opened", "drop.card jam", "ended done"],
    ),
    Tale(
        "an administrator who is none, then one",
        with_administrator(
            reader="holder",
            insert_administrator=[puts("14:new"), puts("13:new")],
            not_an_administrator="again",
        ),
        events=[*PAPER, "ended done"],
    ),
    refused(
        "the administrator's own order is not offered",
        "nothing_waits",
        with_administrator(reader="holder"),
        setting=Setting(order={"hsa_id": person(13).hsa_id}),
    ),
    Tale(
        "signed later",
        old(receipt="later"),
        outcome="cancelled",
        reason="unsigned",
        events=[*CODED, "ended cancelled"],
    ),
    Tale(
        "the verifier is silent once",
        old(verifier_silent="again"),
        Setting(server=True),
        events=[*PAPER, *DONE],
        views=("pickup.puk", "pickup.checking", "pickup.verifier_silent", "pickup.puk"),
    ),
    refused("the verifier is away", "offline", own_card, setting=Setting(server=True)),
    refused(
        "the slot is jammed",
        "slot_jammed",
        own_card,
        events=[*STARTED, "slot.open not_opened"],
    ),
    Tale(
        "the cabinet's answer is lost, and its sensors tell",
        own_card,
        events=[*STARTED, "slot.open unknown", "slot.open opened", "slot.take taken", *PAPER[3:], *DONE],
    ),
    Tale(
        "the flap's answer is lost, and its sensors tell",
        old(sign_pin=first(lambda p: p.world.cabinet.lose_next_answer(), then=NEW_PIN)),
        events=[*PAPER, "drop.open unknown", "drop.open opened", "drop.card dropped", "ended done"],
    ),
]
PREPARED: dict[str, Callable[[Room], None]] = {
    "the verifier is silent once": lambda room: room.desk.envelopes.silent.append(True),  # type: ignore[attr-defined]
    "the verifier is away": lambda room: setattr(room.desk.envelopes, "online", False),
    "the slot is jammed": lambda room: room.world.jam(2, True),
    "the cabinet's answer is lost, and its sensors tell": lambda room: room.world.cabinet.lose_next_answer(),
}


def with_ending(story: Story, reason: str) -> Story:
    """The story with its last word, where one is said."""
    return {f"pickup.stop.{reason}": "end", **story} if reason else story


@pytest.mark.parametrize("tale", TALES, ids=[tale.title for tale in TALES])
async def test_story(tale: Tale, make_room: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    room = make_room(tale.setting)
    PREPARED.get(tale.title, lambda _: None)(room)
    someone = Person(room.world, room.clock, with_ending(tale.story(), tale.reason))
    ended = await room.errand(someone)
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
    await assert_no_code_anywhere(room, someone, caplog)


def assert_seen(names: list[str], wanted: tuple[str, ...]) -> None:
    left = iter(names)
    assert all(name in left for name in wanted), f"{wanted} in {names}"


def assert_cards(room: Room, tale: Tale) -> None:
    number = tale.setting.number
    new, own = room.world.card(f"{number}:new"), room.world.card(f"{number}:old")
    assert (new.tries_left, own.tries_left[0]) == ((tale.pin_tries, tale.puk_tries), tale.old_tries)
    if tale.pin is not None:
        assert new._codes.pin.value == tale.pin.encode()


async def assert_no_code_anywhere(room: Room, someone: Person, caplog: pytest.LogCaptureFixture) -> None:
    """Reliability I5: no code in the file (events, journal, receipts), the log, or any view."""
    sinks = {"file": await room.written(), "log": caplog.text, "views": repr(someone.shown)}
    for code in {typed for _, typed in someone.typed}:
        for name, text in sinks.items():
            assert code not in text, f"a code is in the {name}"
            assert code.encode().hex() not in text


async def test_protected_identity_is_named_nowhere(make_room: Any) -> None:
    room = make_room(Setting(number=5))
    someone = Person(room.world, room.clock, own_card(5))
    await room.errand(someone)
    shown = repr(someone.shown) + repr(room.desk.printer.papers) + await room.written()
    for name in (person(5).new.given_name, person(5).new.surname):
        assert name not in shown
    assert person(5).hsa_id in repr(room.desk.printer.papers)


async def test_receipt_that_was_issued_is_genuine_and_printed_with_its_number(make_room: Any) -> None:
    room = make_room(Setting())
    ended = await room.errand(Person(room.world, room.clock, own_card()))
    issued = next(e.content() for e in await room.chain() if e.type.endswith("receipt.issued"))
    assert issued["number"] == ended.receipt
    assert issued["signed"] == "card"
    assert ended.receipt in repr(room.desk.printer.papers)
    trust = Trust(authorities=(load(seal().chain[1]),))
    verdict = verify(document_bytes(issued["receipt"]), trust)
    assert isinstance(verdict, Genuine)
    assert {signer.role for signer in verdict.signers} == {"station", "card"}


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
    assert room.world.card("1:new")._codes.pin.value == another.encode()


async def test_an_unknown_card_is_said_to_be_unknown_and_the_right_one_goes_on(make_room: Any) -> None:
    room = make_room(Setting())
    insert = [puts_stranger, puts("1:new")]
    someone = Person(room.world, room.clock, own_card(insert_new=insert))
    assert (await room.errand(someone)).outcome == "done"
    notes = [view.note.text.key for view in someone.shown if view.name == "pickup.insert_new" and view.note]
    assert notes[-1] == "strange.unknown"


def puts_stranger(someone: Person) -> None:
    """A card that no driver knows; the next deed pulls it."""
    someone.world.slots["holder"].insert(Stranger())
    someone.world._in_reader["holder"] = "12:old"
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
    room.desk.envelopes.silent.extend([True, True])
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
