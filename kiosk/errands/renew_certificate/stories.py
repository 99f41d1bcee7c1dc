"""Stories of `renew_certificate`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from kiosk.issuer.ports import Offer
from kiosk.steps.certificate.from_portal import LOOK_S
from sim.reader.piv.objects import certificate_object
from sim.reader.piv.references import CERTIFICATE_OBJECTS
from sim.reader.pkcs15_codes import PIN_TRIES, SIGNATURE_PIN_REFERENCE
from sim.reader.pki import KeyPurpose, TestAuthority
from sim.stories.certificates import (
    GONE,
    KINDS,
    LAST_DAY,
    MADE,
    ONE,
    PRINTED,
    SIGNATURE_PIN,
    TWO_CODES,
    by_people,
    issuer,
    issuer_of,
    old_is,
)
from sim.stories.clock import NOW
from sim.stories.errand_stories import OWN, ErrandStory
from sim.stories.issuer import SimulatedIssuer
from sim.stories.own_card import MINE, locked
from sim.stories.person import Story, lingers, pulls, puts
from sim.stories.register import NUMBER, both
from sim.stories.room import OLD_PIN, Room, authority, persona_of


def declining(request: str, reason: str) -> Callable[[Room], None]:
    """The issuer does not do that."""
    return lambda room: issuer_of(room).declines.update({request: reason})


def another_management_key(room: Room) -> None:
    """The issuer's file of keys has another card's for this one."""
    issuer_of(room).management_keys[NUMBER] = bytes(24)


def guarded_by_the_second(room: Room) -> None:
    """The key that was made is used with the card's second code, of which no try was lost."""
    memory = room.world.card(MINE).memory
    made = [file for file in memory.written.values() if file is not None and file.private is not None]
    assert [file.rights[0] >> 4 for file in made] == [SIGNATURE_PIN_REFERENCE]
    assert memory.signature_pin is not None
    assert memory.signature_pin.tries_left == PIN_TRIES


def renew(**changed: Any) -> Callable[[], Story]:
    """The holder has the card and its code, and lets the old one go."""
    story = {
        "insert": puts(MINE),
        "which": "identification",
        "begin": "begin",
        "pin": OLD_PIN,
        "pulled": puts(MINE),
        "old": "remove",
        "done": "end",
        **changed,
    }
    return lambda: {f"renew_certificate.{name}": act for name, act in story.items()} | {"closing.take_card": pulls()}


def stops(reason: str, **changed: Any) -> Callable[[], Story]:
    """A renewal that ends there."""
    return renew(**{f"stop.{reason}": "end"}, **changed)


class Careless(SimulatedIssuer):
    """Gives certificates that last longer than it said."""

    async def certificate(self, request: bytes, offer: Offer, **more: Any) -> Any:
        return await super().certificate(request, replace_day(offer), **more)


def replace_day(offer: Offer) -> Offer:
    """The same, ten days longer."""
    longer = (NOW + timedelta(days=1510)).date().isoformat()
    return msgspec.structs.replace(offer, not_after=longer)


def careless(room: Room) -> None:
    simulator = Careless(authority(), room.clock)
    simulator.offered = [Offer("identification", 3, LAST_DAY)]
    room.equip(**simulator.ports())


class Strange(SimulatedIssuer):
    """Gives certificates of an authority that nobody trusts."""

    async def certificate(self, request: bytes, offer: Offer, **more: Any) -> Any:
        self._authority = TestAuthority.create(NOW)
        return await super().certificate(request, offer, **more)


def strange(room: Room) -> None:
    simulator = Strange(authority(), room.clock)
    simulator.offered = [Offer("identification", 3, LAST_DAY)]
    room.equip(**simulator.ports())


def filled(purpose: KeyPurpose) -> Callable[[Room], None]:
    """Old certificates of that purpose are in every spare place of the card."""

    def prepare(room: Room) -> None:
        card = room.world.card(MINE)
        older = replace(card.persona, issued_days_ago=1820)
        assert card.memory.piv is not None
        for slot in (0x94, 0x95):
            key = card.keys[0].private.public_key()
            content = certificate_object(authority().issue(older, key, purpose, NOW), compressed=False)
            card.memory.piv.objects[CERTIFICATE_OBJECTS[slot]] = content

    return prepare


ASKED = ("card.generate_key generated", "certificate.request in_portal")
FRESH = replace(OWN, changed={MINE: replace(persona_of(MINE), issued_days_ago=30)})


STORIES = [
    *(
        ErrandStory(
            f"renew_certificate: kind {kind}, and the old one goes", "renew_certificate", renew(), KINDS[kind], prepare=ONE,
            events=(*MADE, *GONE[kind], *PRINTED), check=old_is(False, new=True), troubled=kind == "D",
            touched=kind == "D",
            views=("renew_certificate.working_key", "renew_certificate.working_test", "renew_certificate.old"),
        )
        for kind in "BCD"
    ),
    ErrandStory(
        "renew_certificate: the old one is kept", "renew_certificate", renew(old="keep"), prepare=ONE,
        events=(*MADE, *PRINTED), check=old_is(True, new=True),
    ),
    ErrandStory(
        "renew_certificate: for signatures, of two that near their end", "renew_certificate", renew(which="signature"),
        prepare=issuer("identification", "signature"), events=(*MADE, *GONE["B"], *PRINTED), check=old_is(True, new=True),
    ),
    ErrandStory(
        "renew_certificate: for signatures, on a card that wants the code each time", "renew_certificate",
        renew(which="signature"), KINDS["D"], prepare=issuer("identification", "signature"),
        events=(*MADE, *GONE["D"], *PRINTED), check=old_is(True, new=True),
    ),
    ErrandStory(
        "renew_certificate: a card with two codes renews its log-in with one of them", "renew_certificate", renew(),
        TWO_CODES, prepare=issuer("identification", "signature"), events=(*MADE, *GONE["B"], *PRINTED),
        check=old_is(False, new=True), views=("renew_certificate.pin", "renew_certificate.working_key"),
    ),
    ErrandStory(
        "renew_certificate: for signatures, on a card with two codes, each asked for", "renew_certificate",
        renew(which="signature", signature_pin=SIGNATURE_PIN), TWO_CODES,
        prepare=issuer("identification", "signature"), events=(*MADE, *GONE["B"], *PRINTED),
        check=both(old_is(True, new=True), guarded_by_the_second), troubled=True,
        views=("renew_certificate.pin", "renew_certificate.signature_pin", "renew_certificate.working_key"),
    ),
    *(
        ErrandStory(
            f"renew_certificate: kind {kind}, and somebody makes it in the issuer's portal while the holder waits",
            "renew_certificate", renew(portal_certificate=lingers(LOOK_S)), KINDS[kind],
            prepare=by_people("identification", at_once=True), events=(*ASKED, *MADE[1:], *GONE[kind], *PRINTED),
            check=old_is(False, new=True), troubled=kind == "B",
            views=("renew_certificate.portal_certificate", "renew_certificate.old"), reasons=frozenset({"certificate_noted"}),
        )
        for kind in "BC"
    ),
    ErrandStory(
        "renew_certificate: its holder comes back for what is made in the issuer's portal", "renew_certificate",
        renew(portal_certificate="later", portal_comes_back="end"), prepare=by_people("identification"),
        reason="certificate_noted", events=ASKED, check=old_is(True, new=False),
        views=("renew_certificate.begin", "renew_certificate.portal_certificate", "renew_certificate.portal_comes_back"),
    ),
    ErrandStory(
        "renew_certificate: kind A takes nothing, which is said first", "renew_certificate", stops("not_writable"),
        KINDS["A"], prepare=ONE, outcome="refused", reason="not_writable", events=(),
    ),
    ErrandStory(
        "renew_certificate: old certificates take up the room", "renew_certificate", stops("no_room"), KINDS["D"],
        prepare=both(ONE, filled("identification")), outcome="refused", reason="no_room", events=(),
    ),
    ErrandStory(
        "renew_certificate: a card that has no place for another key", "renew_certificate", stops("not_writable"),
        KINDS["D"], prepare=both(ONE, filled("encryption")), outcome="refused", reason="not_writable", events=(),
    ),
    ErrandStory(
        "renew_certificate: it lasts long still", "renew_certificate", stops("too_early"), FRESH, prepare=ONE,
        outcome="refused", reason="too_early", events=(), check=old_is(True, new=False),
    ),
    ErrandStory(
        "renew_certificate: the issuer offers nothing", "renew_certificate", stops("not_offered"), prepare=issuer(),
        outcome="refused", reason="not_offered", events=(),
    ),
    ErrandStory(
        "renew_certificate: a reserve card has its own errand", "renew_certificate", stops("use_reserve"),
        prepare=issuer("reserve", reserve=True), outcome="refused", reason="use_reserve", events=(),
    ),
    ErrandStory(
        "renew_certificate: nobody can be asked", "renew_certificate", stops("issuer_away"),
        prepare=issuer("identification", online=False), outcome="fault", reason="issuer_away", events=(),
        check=old_is(True, new=False),
    ),
    ErrandStory(
        "renew_certificate: the code is locked", "renew_certificate", stops("card_locked"), prepare=both(ONE, locked),
        outcome="refused", reason="card_locked", events=(), check=old_is(True, new=False),
    ),
    ErrandStory(
        "renew_certificate: the issuer gives no certificate", "renew_certificate", stops("certificate_declined"),
        prepare=both(ONE, declining("certificate", "not_offered")), outcome="refused", reason="certificate_declined",
        events=("card.generate_key generated", "certificate.request declined"), check=old_is(True, new=False),
    ),
    ErrandStory(
        "renew_certificate: the card makes no key, because its management key is another", "renew_certificate",
        stops("not_written"), replace(OWN, kind="C"), prepare=both(ONE, another_management_key), outcome="refused",
        reason="not_written", check=old_is(True, new=False),
    ),
    ErrandStory(
        "renew_certificate: a certificate that lasts too long is not written", "renew_certificate",
        stops("not_as_offered"), prepare=careless, outcome="fault", reason="not_as_offered",
        events=MADE[:2], check=old_is(True, new=False),
    ),
    ErrandStory(
        "renew_certificate: a certificate of a stranger is tested, and taken off", "renew_certificate",
        stops("new_failed"), prepare=strange, outcome="fault", reason="new_failed",
        events=(*MADE, "card.test failed", "card.delete_certificate accepted"), check=old_is(True, new=False),
    ),
]  # fmt: skip
