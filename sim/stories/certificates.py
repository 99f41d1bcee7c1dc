"""Certificates in stories: what a card and the issuer hold before, and what the card has in the end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.issuing import CardRecord, CardState, DirectoryPerson
from kiosk.issuer.ports import Offer
from kiosk.region import BothLanguages, ByPeople
from kiosk.steps.certificate.from_portal import LOOK_S
from sim.stories.card_contents import held
from sim.stories.clock import NOW
from sim.stories.errand_stories import OWN
from sim.stories.issuer import SimulatedIssuer
from sim.stories.own_card import MINE, code_is
from sim.stories.person import Person, StoryAction
from sim.stories.room import OLD_PIN, Room, authority, persona_of

NUMBER, HOLDER = persona_of(MINE).card_number, persona_of(MINE).hsa_id
LAST_DAY = (NOW + timedelta(days=1500)).date().isoformat()
KINDS = {kind: replace(OWN, kind=kind) for kind in "ABCD"}
MADE = ("card.generate_key generated", "certificate.request issued", "card.write_certificate accepted")
GONE = {
    "B": ("card.delete_certificate accepted", "card.delete_key accepted"),
    "C": ("card.delete_certificate accepted",),
    "D": ("card.delete_certificate accepted", "card.delete_key accepted"),
}
PRINTED = ("receipt.issued",)
SIGNATURE_PIN = "90817263"
TWO_CODES = replace(OWN, changed={MINE: replace(persona_of(MINE), signature_pin=SIGNATURE_PIN)})


def issuer(
    *profiles: str, online: bool = True, state: CardState = "active", reserve: bool = False, **offer: Any
) -> Callable[[Room], None]:
    """An issuer that knows the card, and what it offers."""

    def prepare(room: Room) -> None:
        simulator = SimulatedIssuer(authority(), room.clock)
        simulator.add(DirectoryPerson(HOLDER, "Alva"), CardRecord(NUMBER, HOLDER, "6XX", state, reserve=reserve))
        loa = 2 if reserve else 3
        simulator.offered = [Offer(profile, loa, LAST_DAY, **offer) for profile in profiles]  # type: ignore[arg-type]
        simulator.online = online
        simulator.administrators = {persona_of(name).hsa_id: persona_of(name).name for name in ("13:new", "14:new")}
        room.equip(**simulator.ports())

    return prepare


def by_people(*profiles: str, at_once: bool = False) -> Callable[[Room], None]:
    """An issuer whose certificates people make in its portal, and who that is. `at_once`: somebody is free."""

    def prepare(room: Room) -> None:
        issuer(*profiles)(room)
        simulator = issuer_of(room)
        simulator.certificates_by_people, simulator.somebody_carries = True, at_once
        by = BothLanguages(sv="Kortkontoret", en="The card office")
        region = room.caps.region.model_copy(update={"certificates_by_hand": ByPeople(by=by, hours=24)})
        room.equip(region=region)

    return prepare


def portal_makes(room: Room) -> StoryAction:
    """Somebody makes the certificate in the portal while the holder waits, and the station looks again."""

    def action(person: Person) -> None:
        issuer_of(room).make_certificates()
        person.clock.advance(LOOK_S)

    return action


def issuer_of(room: Room) -> SimulatedIssuer:
    """The issuer of the room."""
    simulator = room.caps.issuer
    assert isinstance(simulator, SimulatedIssuer)
    return simulator


def certificates(room: Room) -> list[bytes]:
    """DER of all that the card holds for log-in and signature, as a reader finds them."""
    return held(room.world.card(MINE), room.settings.profiles)


def old_is(there: bool, *, new: bool) -> Callable[[Room], None]:
    """Return a check whether the card still has the certificate that it came with, and whether it has the issuer's new one."""

    def look(room: Room) -> None:
        code_is(OLD_PIN, tries=room.world.card(MINE).tries_left)(room)
        holds = certificates(room)
        old = room.world.card(MINE).keys[0].certificate.public_bytes(Encoding.DER)
        issued = [issuance.chain[0] for issuance in issuer_of(room).issued.values()]
        assert (old in holds) is there
        assert any(certificate in holds for certificate in issued) is new

    return look


ONE = issuer("identification")
