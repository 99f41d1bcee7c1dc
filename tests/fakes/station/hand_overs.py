"""Hand-overs of the first made-up person's new card, by pick-up or by post, with an issuer that knows it."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from fleet.messages.issuing import CardRecord, DirectoryPerson
from kiosk.errands.activate.journey import activate
from kiosk.ports import Ended
from kiosk.texts import LANGUAGES, Texts
from kiosk.views import Say
from sim.reader.administrative_key import key_of
from sim.reader.personas import person
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import Person, Story
from sim.stories.room import Room, authority, persona_of

NEW, ADMINISTRATOR = person(1).new, persona_of("13:new")


def issuer_of(room: Room, *, key: bool = True, puk: bool = True) -> SimulatedIssuer:
    """An issuer whose register knows the holder and the new card, that is not in use yet; `key`, `puk`: what it has of it."""
    issuer, hsa_id = SimulatedIssuer(authority(), room.clock), person(1).hsa_id
    issuer.add(DirectoryPerson(hsa_id, "Alva"), CardRecord(NEW.card_number, hsa_id, "6XX", "waiting"))
    issuer.administrators = {ADMINISTRATOR.hsa_id: ADMINISTRATOR.name}
    if key:
        issuer.management_keys[NEW.card_number] = key_of(persona_of("1:new").serial)
    else:
        issuer.declines["unblock"] = "no_key"
    if puk:
        issuer.pukes[NEW.card_number] = NEW.puk
    room.equip(**issuer.ports())
    return issuer


async def visit(room: Room, errand: str, story: Story) -> tuple[Person, Ended]:
    someone = Person(room.world, room.clock, story)
    if errand == "pickup":
        return someone, await room.errand(someone)
    return someone, await room.errand(someone, activate, "activate")


def assert_sayable(someone: Person) -> None:
    """Every sentence of every view that was seen can be said in both languages."""
    for view in someone.shown:
        for sentence in sentences(view):
            for language in LANGUAGES:
                assert Texts.load().plain(sentence, language), view.name


def sentences(part: Any) -> Iterator[Say]:
    """All sentences in a view, however deep."""
    if isinstance(part, Say):
        yield part
    elif isinstance(part, tuple):
        for one in part:
            yield from sentences(one)
    elif is_dataclass(part):
        for one in fields(part):
            yield from sentences(getattr(part, one.name))
