"""Stories of `change_pin`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from drivers.reader.profiles import Profiles, builtin
from kiosk.region import ReceiptRules
from sim.reader.personas import SIGNATURE_PIN, person
from sim.stories.errand_stories import OWN, ErrandStory
from sim.stories.foreign import known_without_ours
from sim.stories.issuer import SimulatedIssuer
from sim.stories.own_card import (
    MINE,
    WRONG_PIN,
    change_first,
    code_is,
    knowing,
    locked,
    of_unknown_product,
    product,
    traited,
    trusting,
)
from sim.stories.person import Story, pulls, pulls_lit, puts
from sim.stories.register import both, mailed, register
from sim.stories.room import OLD_PIN, Room, persona_of
from sim.stories.setting import NEW_PIN, Setting


def change(**changed: Any) -> Callable[[], Story]:
    """The code is known, and a new one is chosen."""
    story = {
        "insert": puts(MINE),
        "pin": OLD_PIN,
        "new_pin": NEW_PIN,
        "repeat_pin": NEW_PIN,
        "done": "end",
        "pulled": puts(MINE),
        "check_code": NEW_PIN,
        **changed,
    }
    return lambda: {f"change_pin.{name}": action for name, action in story.items()} | {"closing.take_card": pulls()}


def one_try(room: Room) -> None:
    """Two wrong codes were typed somewhere else."""
    room.world.card(MINE).codes.pin.tries_left = 1


def nobody_has_mail(room: Room) -> None:
    """The directory has no address."""
    issuer = room.caps.directory
    assert isinstance(issuer, SimulatedIssuer)
    issuer.mailboxes.clear()


def in_a_region_without_mail(room: Room) -> None:
    room.equip(region=room.caps.region.model_copy(update={"receipts": ReceiptRules()}))


SIX_DIGITS = "482915"
"""Shorter than the field: filler follows it."""


def of_untried_family(room: Room) -> None:
    """Its answer to reset has another version than that of a product which nobody has tried."""
    of_unknown_product()(room)
    untried = builtin().match_name("virtual-b").model_copy(update={"proved": "none"})
    knowing(Profiles([*known_without_ours(), untried]))(room)


TWO_CODES = replace(OWN, changed={MINE: replace(persona_of(MINE), signature_pin=OLD_PIN)})


POSTED = Setting(slots={}, hand=("1:new", "10:old"), order={"delivery": "post", "slot": 0})


STORIES = [
    ErrandStory(
        "change_pin: the start PIN of a card that nobody has handed over",
        "change_pin",
        change(insert=puts("1:new"), pin=person(1).new.pin, **{"stop.not_handed_over": "end"}),
        POSTED,
        outcome="refused",
        reason="not_handed_over",
        events=(),
        check=code_is(person(1).new.pin, of="1:new"),
    ),
    ErrandStory(
        "change_pin: by who knows it",
        "change_pin",
        change(),
        events=("card.change accepted", "receipt.issued"),
        check=code_is(NEW_PIN),
        troubled=True, touched=True,
    ),
    ErrandStory(
        "change_pin: the receipt by e-mail",
        "change_pin",
        change(done=["receipt", "end"], receipt_way="mail", receipt_mailed="next"),
        events=("card.change accepted", "receipt.issued", "receipt.mail_wanted"),
        prepare=both(register(), mailed),
        views=("change_pin.done", "change_pin.receipt_way", "change_pin.receipt_mailed", "change_pin.done"),
        check=code_is(NEW_PIN),
        troubled=True, touched=True,
    ),
    ErrandStory(
        "change_pin: the receipt on paper, on the phone, and then not at all",
        "change_pin",
        change(done=["receipt", "receipt", "receipt", "end"], receipt_way=["paper", "phone", "nothing"], on_phone="next"),
        events=("card.change accepted", "receipt.issued", "receipt.print printed"),
        prepare=both(register(), mailed),
    ),
    ErrandStory(
        "change_pin: no address is known, so the receipt is printed",
        "change_pin",
        change(done=["receipt", "end"]),
        events=("card.change accepted", "receipt.issued", "receipt.print printed"),
        prepare=both(register(), mailed, nobody_has_mail),
    ),
    ErrandStory(
        "change_pin: the region mails nothing",
        "change_pin",
        change(done=["receipt", "end"]),
        events=("card.change accepted", "receipt.issued", "receipt.print printed"),
        prepare=both(register(), mailed, in_a_region_without_mail),
    ),
    ErrandStory(
        "change_pin: without a connection nobody knows the address, and the receipt is printed",
        "change_pin",
        change(done=["receipt", "end"]),
        events=("card.change accepted", "receipt.issued", "receipt.print printed"),
        prepare=both(register(online=False), mailed),
    ),
    ErrandStory(
        "change_pin: of a protected identity nothing is mailed",
        "change_pin",
        change(done=["receipt", "end"]),
        events=("card.change accepted", "receipt.issued", "receipt.print printed"),
        prepare=both(register(protected=True), mailed),
    ),
    ErrandStory(
        "change_pin: a card that signs nothing before its code was changed",
        "change_pin",
        change(),
        events=("card.change accepted", "receipt.issued"),
        prepare=change_first,
        check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "change_pin: the second PIN guards no key yet",
        "change_pin",
        change(which_code="signature", signature_pin=SIGNATURE_PIN, cannot_test="next", untested="end"),
        reason="no_certificate",
        events=("card.change accepted",),
        prepare=traited("idle-second-pin"),
        views=("change_pin.which_code", "change_pin.cannot_test", "change_pin.signature_pin", "change_pin.untested"),
        check=code_is(OLD_PIN),
    ),
    ErrandStory(
        "change_pin: the same code again, then two that differ, then a good one",
        "change_pin",
        change(
            new_pin=[OLD_PIN, NEW_PIN, NEW_PIN], repeat_pin=[OLD_PIN, "83920175", NEW_PIN], same_as_old="again"
        ),
        check=code_is(NEW_PIN),
        views=("change_pin.same_as_old", "change_pin.new_pin", "change_pin.done"),
    ),
    ErrandStory(
        "change_pin: nobody can check the issuer here, which is said before the code",
        "change_pin",
        change(cannot_test="next", untested="end"),
        reason="unchecked",
        prepare=trusting(),
        views=("change_pin.insert", "change_pin.cannot_test", "change_pin.pin", "change_pin.testing", "change_pin.untested"),
        events=("card.change accepted",),
        check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "change_pin: the same wrong code twice, of which the card hears one",
        "change_pin",
        change(pin=[WRONG_PIN, WRONG_PIN, OLD_PIN], pin_wrong="again", pin_same="again"),
        views=("change_pin.pin_wrong", "change_pin.pin", "change_pin.pin_same", "change_pin.pin", "change_pin.new_pin"),
        check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "change_pin: a card that nobody knows, whose directory lies about its codes",
        "change_pin",
        change(pin=SIX_DIGITS, pin_wrong="again", pin_same="other_form"),
        replace(OWN, changed={MINE: replace(persona_of(MINE), pin=SIX_DIGITS)}),
        prepare=of_unknown_product("pads-00"),
        views=("change_pin.pin_wrong", "change_pin.pin", "change_pin.pin_same", "change_pin.new_pin", "change_pin.done"),
        check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "change_pin: a card that nobody knows, which wants its codes filled and does not say so",
        "change_pin",
        change(pin=SIX_DIGITS, pin_refused="other_form"),
        replace(OWN, changed={MINE: replace(persona_of(MINE), pin=SIX_DIGITS)}),
        prepare=of_unknown_product("padding-untold"),
        views=("change_pin.pin", "change_pin.pin_refused", "change_pin.new_pin", "change_pin.done"),
        check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "change_pin: a new code that the card calls too easy, and another",
        "change_pin",
        change(new_pin=["97731824", NEW_PIN], repeat_pin=["97731824", NEW_PIN], new_refused="again"),
        prepare=traited("refuses-weak-codes"),
        events=("card.change refused", "card.change accepted", "receipt.issued"),
        views=("change_pin.new_refused", "change_pin.new_pin", "change_pin.done"),
        check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "change_pin: the last try is kept",
        "change_pin",
        change(pin=[WRONG_PIN, "60606061"], pin_wrong="again", pin_last="no", **{"stop.last_try_kept": "end"}),
        outcome="refused",
        reason="last_try_kept",
        check=code_is(OLD_PIN, tries=(1, 10)),
    ),
    ErrandStory(
        "change_pin: a card that comes with one try is asked about it first",
        "change_pin",
        change(pin_last="yes"),
        prepare=one_try,
        views=("change_pin.insert", "change_pin.pin_last", "change_pin.pin"),
        check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "change_pin: the card is locked",
        "change_pin",
        change(**{"stop.card_locked": "end"}),
        outcome="refused",
        reason="card_locked",
        prepare=locked,
        check=code_is(OLD_PIN, tries=(0, 10)),
    ),
    ErrandStory(
        "change_pin: nobody has tried the product, which is said before any code",
        "change_pin",
        change(**{"stop.read_only": "end"}),
        prepare=product(proved="none"),
        outcome="refused",
        reason="read_only",
        views=("change_pin.insert", "change_pin.stop.read_only"),
        check=code_is(OLD_PIN),
    ),
    ErrandStory(
        "change_pin: a card of an untried product's family, for which an administrator answers",
        "change_pin",
        lambda: {
            **change(
                resembles_untried="administrator", insert_administrator=puts("13:new", "administrator"),
                pin_administrator=OLD_PIN, document="driving_licence", document_digits="0815",
            )(),
            "closing.take_card": pulls_lit,
        }, replace(OWN, second_reader=True, hand=(MINE, "13:new")), prepare=both(register(), of_untried_family),
        check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "change_pin: a card of an untried product's family, and nobody answers for it",
        "change_pin",
        change(resembles_untried="end", **{"stop.read_only": "end"}), prepare=of_untried_family,
        outcome="refused", reason="read_only",
        check=code_is(OLD_PIN),
    ),
    ErrandStory(
        "change_pin: both codes of a card to one",
        "change_pin",
        change(which_code="both", signature_pin=OLD_PIN),
        TWO_CODES,
        events=("card.change accepted", "card.change accepted", "receipt.issued"),
        check=code_is(NEW_PIN),
    ),
]  # fmt: skip
