"""Stories of `pickup`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from drivers.printer.port import CoverOpen, NotLaidOut, NotPrinted, OutOfPaper, PrintUnknown
from drivers.reader.profiles import Profiles, builtin
from fleet.messages.vocabulary import EventType
from kiosk.stock import repository as stock
from sim.reader.personas import person
from sim.reader.rogue import false_new_card
from sim.stories.administrator import too_old
from sim.stories.devices import RELEASE_CODE, order_of
from sim.stories.errand_stories import ErrandStory
from sim.stories.own_card import OTHER_EMPLOYER, WRONG_PIN, WRONG_PUK, WRONG_PUKS, product, two_employers
from sim.stories.person import Story, first, jams, puts, puts_back
from sim.stories.register import both, mailed, register, told
from sim.stories.room import OLD_PIN, Room, persona_of
from sim.stories.setting import NEW_PIN, Setting, attended, own_card, released

STARTED = ["errand.started"]
TAKEN = [*STARTED, "slot.open opened", "slot.take taken"]
CODED = [*TAKEN, "card.unblock accepted", "card.activated"]
SIGNED = [*CODED, "receipt.issued"]
PAPER = [*SIGNED, "receipt.print printed"]
ATTESTED = [PAPER[0], "identity.attested", *PAPER[1:]]
DONE = ["drop.open opened", "drop.card dropped", "ended done"]
BACK = ["slot.reopen opened", "slot.return wrong_card", "ended refused"]


@dataclass(frozen=True)
class PickupStory:
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
LOA2 = Setting(number=12, server=True)
WRONG_SLOT = Setting(slots={2: "10:new"}, hand=("1:old", "10:old", "13:new"))


def refused(
    title: str, reason: str, story: Callable[[], Story], *, events: list[str] = STARTED, **more: Any
) -> PickupStory:
    return PickupStory(
        title, story, outcome="refused", reason=reason, events=[*events, "ended refused"], **UNTOUCHED | more
    )


PICKUP_STORIES = [
    PickupStory("own old card, paper, old card into the drop", own_card, events=[*PAPER, *DONE]),
    PickupStory(
        "an administrator attends with the second reader",
        with_administrator(),
        Setting(second_reader=True),
        events=[*ATTESTED, "ended done"],
    ),
    PickupStory(
        "an administrator attends, both cards in turn in the one reader",
        with_administrator(reader="holder"),
        events=[*ATTESTED, "ended done"],
        views=(
            "pickup.document",
            "pickup.which",
            "pickup.pin_administrator",
            "pickup.take_administrator",
            "pickup.insert_new",
        ),
    ),
    PickupStory("protected identity", old(number=5), Setting(number=5), events=[*PAPER, *DONE]),
    PickupStory(
        "wrong PIN, then right",
        old(pin_old=[WRONG_PIN, OLD_PIN], pin_old_wrong="again"),
        events=[*PAPER, *DONE],
        views=("pickup.pin_old", "pickup.pin_old_wrong", "pickup.pin_old", "pickup.take_old"),
    ),
    PickupStory(
        "the last try of the old card is used, and right",
        old(pin_old=[WRONG_PIN, "60606061", OLD_PIN], pin_old_wrong="again", pin_old_last="yes"),
        events=[*PAPER, *DONE],
    ),
    refused(
        "the last try of the old card is kept",
        "last_try_kept",
        old(pin_old=[WRONG_PIN, "60606061"], pin_old_wrong="again", pin_old_last="no", **{"stop.last_try_kept": "end"}),
        old_tries=1,
    ),
    refused(
        "the last try of the old card is used, and wrong",
        "own_card_locked",
        old(pin_old=[WRONG_PIN, "60606061", "60606062"], pin_old_wrong="again", pin_old_last="yes"),
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
    refused("no envelope at hand", "no_envelope", old(terms="no_envelope")),
    refused("no envelope any more, at the PUK", "no_envelope", old(puk="no_envelope"), events=TAKEN),
    PickupStory(
        "wrong PUK, then right: the card judges",
        old(puk=WRONG_PUK, puk_wrong=person(1).new.puk),
        events=[*TAKEN, "card.unblock wrong_code", *CODED[3:], *PAPER[5:], *DONE],
    ),
    PickupStory(
        "wrong PUK, then right: the server judges, and the card never sees the wrong one",
        old(puk=WRONG_PUK, puk_wrong=person(1).new.puk),
        Setting(server=True),
        events=[*PAPER, *DONE],
    ),
    PickupStory(
        "the PUK of another card's envelope, then the right one: the card never sees the other",
        old(puk=person(3).new.puk, puk_wrong=person(1).new.puk),
        Setting(server=True),
        events=[*PAPER, *DONE],
        views=("pickup.puk", "pickup.puk_wrong", "pickup.new_pin"),
    ),
    PickupStory(
        "a product that takes no new code: the one that the card came with applies",
        old(old_code_applies="known", pin=FIRST_PIN, sign_pin=FIRST_PIN),
        events=[*PAPER, *DONE],
        views=("pickup.write", "pickup.old_code_applies", "pickup.pin", "pickup.receipt", "pickup.done"),
        pin=FIRST_PIN,
    ),
    refused(
        "PUK down to the floor, and no lower",
        "puk_floor",
        old(puk=WRONG_PUK, puk_wrong=[*WRONG_PUKS]),
        events=[*TAKEN, *["card.unblock wrong_code"] * 8],
        puk_tries=2,
    ),
    refused(
        "too many guesses at the envelope",
        "too_many_guesses",
        old(puk=WRONG_PUK, puk_wrong=WRONG_PUK),
        setting=Setting(server=True),
        events=TAKEN,
    ),
    PickupStory(
        "the codes differ, then agree",
        old(repeat_pin=["83920175", NEW_PIN]),
        events=[*PAPER, *DONE],
        views=("pickup.repeat_pin", "pickup.new_pin", "pickup.repeat_pin", "pickup.write"),
    ),
    PickupStory(
        "back from the repeated code to the first",
        old(repeat_pin=["back", NEW_PIN]),
        events=[*PAPER, *DONE],
        views=("pickup.repeat_pin", "pickup.new_pin", "pickup.repeat_pin"),
    ),
    PickupStory(
        "back from the new code to the PUK",
        old(new_pin=["back", NEW_PIN]),
        events=[*PAPER, *DONE],
        views=("pickup.new_pin", "pickup.puk", "pickup.new_pin"),
    ),
    PickupStory(
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
    PickupStory(
        "the old card goes in instead of the new one",
        old(insert_new=[puts("1:old"), puts("1:new")], wrong_card="again"),
        events=[*PAPER, *DONE],
        views=("pickup.insert_new", "pickup.wrong_card", "pickup.insert_new"),
    ),
    PickupStory(
        "the new card upside down, then right",
        old(insert_new=[puts("1:new", upside_down=True), puts("1:new")]),
        events=[*PAPER, *DONE],
    ),
    *[
        refused(
            f"a false new card of kind {kind} in the slot, found out before any code",
            "new_card_not_genuine",
            old(put_back_false=puts_back(2, "1:new")),
            setting=Setting(kind=kind),
            events=[*TAKEN, "card.not_genuine", "slot.reopen opened", "slot.return not_genuine"],
            pin_tries=tries,
            puk_tries=3,
            old_tries=tries,
            views=("pickup.insert_new", "pickup.proving", "pickup.put_back_false"),
        )
        for kind, tries in (("C", 5), ("D", 3))
    ],
    *[
        refused(
            f"a false new card of kind {kind} in the slot, found out by its test",
            "new_card_heard_codes",
            old(put_back_false=puts_back(2, "1:new")),
            setting=Setting(kind=kind),
            events=[
                *TAKEN,
                "card.unblock accepted",
                "card.test failed",
                "card.hold declined",
                "card.not_genuine",
                "slot.reopen opened",
                "slot.return not_genuine",
            ],
            puk_tries=tries,
            views=("pickup.puk", "pickup.new_pin", "pickup.testing", "pickup.put_back_false"),
        )
        for kind, tries in (("A", 5), ("B", 10))
    ],
    refused(
        "a card without a key of its own that one administrator put in",
        "stocked_by_one",
        old(put_back_unvouched=puts_back(2, "1:new")),
        events=[*TAKEN, "slot.reopen opened", "slot.return not_vouched"],
        views=("pickup.insert_new", "pickup.proving", "pickup.put_back_unvouched"),
    ),
    refused(
        "a card of a product that nobody has tried",
        "new_card_read_only",
        old(put_back_read_only=puts_back(2, "1:new")),
        events=[*TAKEN, "slot.reopen opened", "slot.return read_only"],
        views=("pickup.insert_new", "pickup.put_back_read_only"),
    ),
    PickupStory("a card without a key of its own that two administrators put in", own_card, events=[*PAPER, *DONE]),
    PickupStory(
        "signed, and no paper is wanted",
        old(receipt="without_paper", done=["phone", "end"], on_phone="next"),
        events=[*SIGNED, *DONE],
        views=("pickup.receipt", "pickup.drop_old", "pickup.done", "pickup.on_phone", "pickup.done"),
    ),
    PickupStory(
        "no printer",
        old(no_paper="next"),
        Setting(printer=None),
        events=[*SIGNED, *DONE],
        views=("pickup.no_paper",),
    ),
    PickupStory(
        "out of paper, new roll, printed",
        old(no_paper="print"),
        Setting(printer=(NotPrinted(OutOfPaper()),)),
        events=[*SIGNED, "receipt.print not_printed", "receipt.print printed", *DONE],
    ),
    PickupStory(
        "cover open, the receipt by phone",
        old(no_paper="next", done=["phone", "end"], on_phone="next"),
        Setting(printer=(NotPrinted(CoverOpen()),)),
        events=[*SIGNED, "receipt.print not_printed", *DONE],
        views=("pickup.no_paper", "pickup.done", "pickup.on_phone", "pickup.done"),
    ),
    PickupStory(
        "the receipt does not fit on the paper, and is taken by phone",
        old(no_paper="next"),
        Setting(printer=(NotLaidOut("qr"),)),
        events=[*SIGNED, "receipt.print not_laid_out", *DONE],
        views=("pickup.no_paper",),
    ),
    PickupStory(
        "the printer's line broke off, and the receipt is whole",
        old(look_at_paper="yes"),
        Setting(printer=(PrintUnknown(),)),
        events=[*SIGNED, "receipt.print unknown", "receipt.print printed", *DONE],
    ),
    PickupStory(
        "the printer's line broke off, and the receipt is not whole",
        old(look_at_paper="no", no_paper="print"),
        Setting(printer=(PrintUnknown(),)),
        events=[*SIGNED, "receipt.print unknown", "receipt.print not_printed", "receipt.print printed", *DONE],
    ),
    PickupStory(
        "the old card is kept",
        old(drop_old="keep"),
        reason="old_card_kept",
        events=[*PAPER, "drop.open opened", "drop.card kept", "ended done"],
    ),
    PickupStory(
        "the old card jams in the drop slot",
        old(drop_old=jams("1:old")),
        reason="old_card_kept",
        events=[*PAPER, "drop.open opened", "drop.card jam", "ended done"],
    ),
    PickupStory(
        "an administrator who is none, then one",
        with_administrator(
            reader="holder",
            insert_administrator=[puts("14:new"), puts("13:new")],
            not_an_administrator="again",
        ),
        events=[*ATTESTED, "ended done"],
    ),
    refused(
        "no card lies in the slot, and it stays shut",
        "slot_empty",
        old(),
        setting=Setting(slots={}, hand=("1:old", "13:new")),
        events=[*STARTED, "slot.look empty"],
    ),
    refused(
        "the order's last day is over",
        "order_expired",
        old(),
        setting=Setting(order={"last_day": "2026-01-01"}),
    ),
    PickupStory(
        "LoA2: the release code from the letter",
        released,
        LOA2,
        events=[*PAPER, "ended done"],
        views=("pickup.release_number", "pickup.release_code", "pickup.release_checking", "pickup.terms"),
    ),
    PickupStory(
        "LoA2: a number that nobody waits for, a wrong code, then the right ones",
        lambda: released(
            release_number=["99999999", *[person(12).new.card_number[-8:]] * 2],
            release_code=[RELEASE_CODE, "11111111", RELEASE_CODE],
        ),
        LOA2,
        events=[*PAPER, "ended done"],
        views=("pickup.release_wrong", "pickup.release_wrong", "pickup.terms"),
    ),
    PickupStory(
        "LoA2: the number of another's order, then the right one",
        lambda: released(release_number=[person(1).new.card_number[-8:], person(12).new.card_number[-8:]]),
        replace(LOA2, orders=(1, 12)),
        events=[*PAPER, "ended done"],
        views=("pickup.release_code", "pickup.release_wrong", "pickup.release_number", "pickup.terms"),
    ),
    refused(
        "LoA2: wrong release codes until the station stops",
        "too_many_releases",
        lambda: released(release_code="11111111"),
        setting=LOA2,
    ),
    refused(
        "LoA2: numbers that nobody waits for until the station stops",
        "too_many_releases",
        lambda: released(release_number="99999999"),
        setting=LOA2,
    ),
    refused(
        "LoA2: a release code where only the card judges",
        "offline",
        released,
        setting=Setting(number=12),
    ),
    refused(
        "the administrator's own order is not offered",
        "nothing_waits",
        with_administrator(reader="holder"),
        setting=Setting(order={"hsa_id": person(13).hsa_id}),
    ),
    PickupStory(
        "signed later",
        old(receipt="later"),
        outcome="cancelled",
        reason="unsigned",
        events=[*CODED, "ended cancelled"],
    ),
    PickupStory(
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
    PickupStory(
        "the cabinet's answer is lost, and its sensors tell",
        own_card,
        events=[*STARTED, "slot.open unknown", "slot.open opened", "slot.take taken", *PAPER[3:], *DONE],
    ),
    PickupStory(
        "the flap's answer is lost, and its sensors tell",
        old(receipt=first(lambda p: p.world.cabinet.lose_next_answer(), then="sign")),
        events=[*PAPER, "drop.open unknown", "drop.card dropped", "drop.open opened", "ended done"],
    ),
]


def lay_false_card(room: Room) -> None:
    """Somebody has laid a copy of the new card into its slot, and kept the card."""
    room.world.cards["1:new"] = false_new_card(room.world.card("1:new"))


def stocked_by(second: str) -> Callable[[Room], None]:
    """The new card was put in here, by one administrator or with another."""

    def prepare(room: Room) -> None:
        profiles = Profiles(profile.model_copy(update={"stocked_by": 2}) for profile in builtin())
        room.readers[0].settings = replace(room.settings, profiles=profiles)
        card, order = person(1).new.card_number, order_of(1).order
        content = {"card_number": card, "order": order, "slot": 2, "by": person(13).hsa_id, "second": second}
        room.store.transact_now(lambda cx: stock.apply_event(cx, EventType.CARD_STORED, content, room.journal.now()))

    return prepare


PREPARED: dict[str, Callable[[Room], None]] = {
    "a false new card of kind C in the slot, found out before any code": lay_false_card,
    "a false new card of kind D in the slot, found out before any code": lay_false_card,
    "a false new card of kind A in the slot, found out by its test": lay_false_card,
    "a false new card of kind B in the slot, found out by its test": lay_false_card,
    "a card without a key of its own that one administrator put in": stocked_by(""),
    "a card without a key of its own that two administrators put in": stocked_by(person(14).hsa_id),
    "a card of a product that nobody has tried": product(proved="none"),
    "a product that takes no new code: the one that the card came with applies": product(commands={"unblock": "puk"}),
    "the verifier is silent once": lambda room: room.caps.envelopes.silent.append(True),  # type: ignore[attr-defined]
    "the verifier is away": lambda room: setattr(room.caps.envelopes, "online", False),
    "the slot is jammed": lambda room: room.world.jam(2, True),
    "the cabinet's answer is lost, and its sensors tell": lambda room: room.world.cabinet.lose_next_answer(),
}


def two_orders(room: Room) -> None:
    """An own card of two employers, for each of which a card waits."""
    two_employers()(room)
    room.orders.all = (*room.orders.all, order_of(3, order="A-0002", hsa_id=OTHER_EMPLOYER))


STORIES = [
    ErrandStory(
        "pickup: a card of two employers, for each of which an order waits", "pickup",
        old(employer=person(1).hsa_id), Setting(), prepare=two_orders,
        views=("pickup.insert_old", "pickup.employer", "pickup.pin_old"),
    ),
    ErrandStory(
        "pickup: who does not know for which employer", "pickup",
        lambda: own_card(employer="unknown") | {"pickup.stop.employer_not_known": "end"}, Setting(),
        prepare=two_orders,
        outcome="refused", reason="employer_not_known", events=(),
    ),
    ErrandStory(
        "pickup: the new card is the administrator's own too", "pickup",
        lambda: attended(put_back_untested=puts_back(2, "1:new")) | {"pickup.stop.own_card_attended": "end"},
        Setting(second_reader=True), prepare=two_employers("1:new", person(13).hsa_id, days=-10),
        outcome="refused", reason="own_card_attended",
    ),
    ErrandStory(
        "pickup: the old card was proved by its key, and is blocked once it has fallen", "pickup", own_card, Setting(),
        events=(*PAPER[1:], *DONE[:2], "card.block blocked"), prepare=register(),
        check=told(("block", person(1).old.card_number, "replaced", person(1).hsa_id)),
        views=("pickup.drop_old", "pickup.telling", "pickup.done"),
    ),
    ErrandStory(
        "pickup: without paper, and the receipt by e-mail", "pickup",
        lambda: own_card(receipt="without_paper", done=["receipt", "end"], receipt_way="mail", receipt_mailed="next"),
        Setting(), prepare=both(register(), mailed),
        views=("pickup.done", "pickup.receipt_way", "pickup.receipt_mailed", "pickup.done"),
    ),
    ErrandStory(
        "pickup: without connection for longer than the list counts", "pickup",
        lambda: own_card(**{"stop.list_too_old": "end"}), Setting(), prepare=too_old, outcome="fault", reason="list_too_old",
        events=(),
    ),
]  # fmt: skip
