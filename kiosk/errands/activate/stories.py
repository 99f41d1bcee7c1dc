"""Stories of `activate`: what people do, how it ends, and what is left then."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.issuing import CardRecord, CardState, DirectoryPerson
from fleet.messages.leavers import leaver_digest
from fleet.messages.vocabulary import EventType
from kiosk.region import general
from sim.reader.administrative_key import key_of
from sim.reader.personas import person
from sim.reader.rogue import false_new_card
from sim.stories import own_card
from sim.stories.administrator import two
from sim.stories.errand_stories import ErrandStory
from sim.stories.issuer import SimulatedIssuer
from sim.stories.own_card import product
from sim.stories.person import Story, StoryAction, first, pulls, pulls_lit, puts
from sim.stories.register import both
from sim.stories.room import OLD_PIN, Room, authority, persona_of
from sim.stories.setting import NEW_PIN, Setting

NEW, CARD = "1:new", person(1).new
POSTED: dict[str, Any] = {"delivery": "post", "slot": 0}
HOME = Setting(slots={}, hand=(NEW, "10:new", "10:old", "13:new", "14:new"), order=POSTED)
"""The card came by post: no slot has it."""
TWO_READERS = replace(HOME, second_reader=True)
RESERVE = replace(TWO_READERS, order=POSTED | {"product": "reserve"})
STEPS = [step.id for step in general().identity_checks.steps]
ATTESTED = ("identity.attested",)
CODED = (*ATTESTED, "card.unblock accepted", "card.activated")
SIGNED = (*CODED, "receipt.issued", "receipt.print printed")
NEW_NUMBER = persona_of(NEW).card_number


def by_post(reader: str = "administrator", **changed: Any) -> Callable[[], Story]:
    """A holder with the card from the post and its letter, and an administrator beside. `changed`: other actions, by view."""
    story: dict[str, StoryAction | list[StoryAction]] = {
        "insert": puts(NEW),
        "needed": "here",
        "take_own": pulls(),
        "insert_administrator": puts("13:new", reader),
        "pin_administrator": OLD_PIN,
        "document": "passport",
        "document_digits": "4711",
        "check": list(STEPS),
        "take_administrator": pulls(reader),
        "terms": "accept",
        "code_from_before": NEW_PIN,
        "start_pin": CARD.pin,
        "puk": CARD.puk,
        "new_pin": NEW_PIN,
        "repeat_pin": NEW_PIN,
        "write": "write",
        "pulled": puts(NEW),
        "check_code": NEW_PIN,
        "not_written": "again",
        "receipt": "sign",
        "sign_pin": NEW_PIN,
        "done": "end",
        **changed,
    }
    rows = {f"activate.{name}": action for name, action in story.items()}
    return lambda: rows | {"closing.take_card": pulls_lit}


def here(room: Room) -> None:
    """The region's identity checks are the general ones."""
    room.equip(region=general())


def two_checks(room: Room) -> None:
    """A region with fewer identity checks."""
    checks = general().identity_checks
    fewer = checks.model_copy(update={"steps": checks.steps[:2]})
    room.equip(region=general().model_copy(update={"identity_checks": fewer}))


def register(state: CardState = "handed_out", left: str | None = None, **more: Any) -> Callable[[Room], None]:
    """The issuer's register has the card in that state, and the administrators."""

    def prepare(room: Room) -> None:
        issuer = SimulatedIssuer(authority(), room.clock)
        issuer.add(DirectoryPerson(CARD.hsa_id, "Alva", left=left), CardRecord(NEW_NUMBER, CARD.hsa_id, "6XX", state))
        issuer.administrators = {persona_of("13:new").hsa_id: persona_of("13:new").name}
        issuer.pukes = {NEW_NUMBER: CARD.puk}
        issuer.management_keys = {NEW_NUMBER: key_of(persona_of(NEW).serial)}
        for name, value in more.items():
            setattr(issuer, name, value)
        room.equip(**issuer.ports())

    return prepare


def of_product(**tables: dict[str, Any]) -> Callable[[Room], None]:
    """The card's product is another in that, and the region's checks are the general ones."""
    return both(here, product(**tables))


def code_is(pin: str) -> Callable[[Room], None]:
    """The code that the new card has in the end, with all its tries."""
    return own_card.code_is(pin, of=NEW)


def attested(room: Room) -> None:
    """The event names who attested, which document, and each check in the region's order."""
    rows = room.store.transact_now(lambda cx: cx.execute("SELECT envelope, data FROM outbox").fetchall())
    events = [(json.loads(envelope)["type"], json.loads(data)) for envelope, data in rows]
    (content,) = (data for kind, data in events if kind == EventType.IDENTITY_ATTESTED)
    assert content["checks"] == STEPS
    assert (content["administrator"], content["document"], content["document_digits"]) == (
        person(13).hsa_id,
        "passport",
        "4711",
    )


def lay_false_card(room: Room) -> None:
    """Somebody kept the true card on its way, and sent a copy."""
    here(room)
    room.world.cards[NEW] = false_new_card(room.world.card(NEW))


def has_left(room: Room) -> None:
    """The list that came last has the digests of the card's certificates."""
    room.orders.leavers = {
        leaver_digest(key.certificate.public_bytes(Encoding.DER)) for key in room.world.card(NEW).keys
    }


def refused(title: str, reason: str, story: Callable[[], Story] | None = None, **more: Any) -> ErrandStory:
    chosen_story = story or by_post(**{f"stop.{reason}": "end"})
    untouched = {"check": code_is(CARD.pin), "events": (), "prepare": here, "setting": TWO_READERS} | more
    return ErrandStory(f"activate: {title}", "activate", chosen_story, outcome="refused", reason=reason, **untouched)


STORIES = [
    ErrandStory(
        "activate: the card from the post, with an administrator in the second reader", "activate", by_post(), TWO_READERS,
        prepare=here, events=SIGNED, check=both(code_is(NEW_PIN), attested), touched=True,
        views=("activate.needed", "activate.insert_administrator", "activate.document", "activate.check", "activate.terms",
               "activate.puk", "activate.receipt", "activate.done"),
    ),
    ErrandStory(
        "activate: both cards in turn in the one reader", "activate",
        by_post("holder", insert=[puts(NEW), puts(NEW)], check=STEPS[:2]), HOME, prepare=two_checks,
        events=SIGNED, check=code_is(NEW_PIN),
        views=("activate.take_own", "activate.insert_administrator", "activate.take_administrator", "activate.insert"),
        troubled=True, reasons=frozenset({"unsigned", "no_envelope", "identity_disagrees", "no_administrator", "not_by_post"}),
    ),
    ErrandStory(
        "activate: another card comes back into the one reader, then the right one", "activate",
        by_post("holder", insert=[puts(NEW), puts("10:new"), puts(NEW)]), HOME, prepare=here, events=SIGNED,
    ),
    ErrandStory(
        "activate: a product that comes with a start PIN", "activate", by_post(), TWO_READERS,
        prepare=of_product(activation={"code": "start-pin"}),
        events=(*ATTESTED, "card.change accepted", "card.activated", "receipt.issued", "receipt.print printed"),
        check=code_is(NEW_PIN), views=("activate.start_pin", "activate.new_pin", "activate.done"),
    ),
    ErrandStory(
        "activate: a wrong start PIN, then the right one", "activate",
        by_post(start_pin=["60606060", CARD.pin], start_pin_wrong="again"), TWO_READERS,
        prepare=of_product(activation={"code": "start-pin"}), check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "activate: a product that the administrator releases, without a letter", "activate", by_post(), TWO_READERS,
        prepare=both(of_product(activation={"code": "administrator"}, unblocking={"admin": "none"}), register()),
        events=(*ATTESTED, "puk.release released", *SIGNED[1:]), check=code_is(NEW_PIN),
        views=("activate.terms", "activate.new_pin", "activate.asking", "activate.done"),
    ),
    ErrandStory(
        "activate: a product that the administrator releases, with the card's own key", "activate", by_post(), TWO_READERS,
        prepare=both(of_product(activation={"code": "administrator"}), register()), events=SIGNED, check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "activate: a product that the administrator releases, and the list alone knows them", "activate",
        by_post(**{"stop.unblock_offline": "end"}), TWO_READERS, prepare=of_product(activation={"code": "administrator"}),
        outcome="fault", reason="unblock_offline", events=(), check=code_is(CARD.pin),
    ),
    ErrandStory(
        "activate: a reserve card with LoA3 takes two administrators", "activate",
        by_post(insert_second=puts("14:new", "administrator"), pin_administrator=[OLD_PIN] * 2), RESERVE,
        prepare=both(here, two), events=SIGNED, check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "activate: the PUK of somebody else's letter, then the right one", "activate",
        by_post(puk=person(3).new.puk, puk_wrong=CARD.puk), replace(TWO_READERS, server=True), prepare=here,
        events=SIGNED, check=code_is(NEW_PIN),
    ),
    ErrandStory(
        "activate: a check that was ticked by mistake is taken back", "activate",
        by_post(check=[STEPS[0], STEPS[0], *STEPS]), TWO_READERS, prepare=here, events=SIGNED, check=attested,
    ),
    ErrandStory(
        "activate: signed later", "activate", by_post(receipt="later", **{"stop.unsigned": "end"}), TWO_READERS, prepare=here,
        outcome="cancelled", reason="unsigned", events=CODED, check=code_is(NEW_PIN),
    ),
    refused("nobody is there who may attend", "no_administrator", by_post(needed="nobody", **{"stop.no_administrator": "end"})),
    refused("the document does not agree", "identity_disagrees",
            by_post(check=[STEPS[0], "disagrees"], **{"stop.identity_disagrees": "end"})),
    refused("the card was not ordered by post", "not_by_post", setting=replace(TWO_READERS, order={})),
    refused("a card that nobody has ordered", "not_by_post", setting=replace(TWO_READERS, orders=())),
    refused("the card is ordered for somebody else", "order_of_another",
            setting=replace(TWO_READERS, order=POSTED | {"hsa_id": person(3).hsa_id})),
    refused("the card has another level than was ordered", "other_level",
            setting=replace(TWO_READERS, order=POSTED | {"loa": 2})),
    refused("the holder has left, and nobody can be asked", "holder_left", prepare=both(here, has_left)),
    refused("the holder has left", "holder_left", prepare=both(here, register(left="2026-01-01"))),
    refused("the card is held", "new_card_held", prepare=both(here, register("held"))),
    refused("the card is blocked", "new_card_blocked", prepare=both(here, register("blocked"))),
    refused("the card is active already", "already_active", prepare=both(here, register("active")),
            setting=replace(TWO_READERS, orders=())),
    refused("the order's last day is over", "order_expired",
            setting=replace(TWO_READERS, order=POSTED | {"last_day": "2025-12-31"})),
    refused("the server that verifies the letter is away", "activation_offline", setting=replace(TWO_READERS, server=True),
            prepare=both(here, lambda room: setattr(room.caps.envelopes, "online", False))),
    refused("no letter at hand", "no_envelope", by_post(terms="no_envelope", **{"stop.no_envelope": "end"}), events=ATTESTED),
    ErrandStory(
        "activate: the administrator is the holder", "activate",
        by_post(insert_administrator=[puts("13:new", "administrator"), first(pulls("administrator"))], not_the_same="cancel"),
        replace(TWO_READERS, changed={NEW: replace(persona_of(NEW), hsa_id=person(13).hsa_id)},
                order=POSTED | {"hsa_id": person(13).hsa_id}),
        prepare=here, outcome="cancelled", events=(), check=code_is(CARD.pin),
    ),
    ErrandStory(
        "activate: an administrator of another house", "activate", by_post(not_an_administrator="cancel"),
        TWO_READERS, prepare=both(here, register(declines={"log_in": "not_administrator"})), outcome="cancelled", events=(),
        check=code_is(CARD.pin),
    ),
    ErrandStory(
        "activate: a copy of the card in the post, found out by its test", "activate",
        by_post(**{"stop.new_card_heard_codes": "end"}), TWO_READERS, prepare=lay_false_card, outcome="refused",
        reason="new_card_heard_codes",
        events=(*ATTESTED, "card.unblock accepted", "card.test failed", "card.hold declined", "card.not_genuine"),
    ),
]  # fmt: skip
