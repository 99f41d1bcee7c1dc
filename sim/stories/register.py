"""Register of the issuer in stories: a card's state there, and whether anybody can be asked."""

from collections.abc import Callable
from typing import Any

from fleet.messages.issuing import CardRecord, CardState, DirectoryPerson
from kiosk.region import BothLanguages, ReceiptRules, WithoutHold
from sim.stories.issuer import SimulatedIssuer
from sim.stories.own_card import MINE
from sim.stories.room import Room, authority, persona_of

NUMBER = persona_of(MINE).card_number
HOLDER = persona_of(MINE).hsa_id


def register(state: CardState = "active", *, online: bool = True, **facts: Any) -> Callable[[Room], None]:
    """A register that knows the card."""

    def prepare(room: Room) -> None:
        issuer = SimulatedIssuer(authority(), room.clock)
        held_from: CardState | None = "active" if state == "held" else None
        issuer.add(
            DirectoryPerson(HOLDER, "Alva", **facts), CardRecord(NUMBER, HOLDER, "6XX", state, held_from=held_from)
        )
        issuer.administrators = {persona_of("13:new").hsa_id: persona_of("13:new").name}
        issuer.online = online
        room.equip(**issuer.ports())

    return prepare


def mailed(room: Room) -> None:
    """The region mails receipts, and the server has an address of the holder."""
    issuer = room.caps.directory
    assert isinstance(issuer, SimulatedIssuer)
    issuer.mailboxes.add(HOLDER)
    room.equip(region=room.caps.region.model_copy(update={"receipts": ReceiptRules(mail=True)}))


def empty_register(room: Room) -> None:
    """A register that knows no card at all."""
    issuer = SimulatedIssuer(authority(), room.clock)
    issuer.others = set()
    room.equip(**issuer.ports())


def declined(question: str) -> Callable[[Room], None]:
    """The issuer will not, for a reason of its own."""

    def prepare(room: Room) -> None:
        issuer = room.caps.blocking
        assert isinstance(issuer, SimulatedIssuer)
        issuer.declines[question] = "not_now"

    return prepare


def both(*steps: Callable[[Room], None]) -> Callable[[Room], None]:
    """One thing after the other."""

    def prepare(room: Room) -> None:
        for step in steps:
            step(room)

    return prepare


def told(*expected: tuple[str, ...]) -> Callable[[Room], None]:
    """Return a check of what the issuer was told, and in which state the card is then; nothing else was asked to be changed."""

    def look(room: Room) -> None:
        issuer = room.caps.blocking
        assert isinstance(issuer, SimulatedIssuer)
        assert tuple(issuer.told) == expected

    return look


def queued(action: str, reason: str, by: str) -> Callable[[Room], None]:
    """Return a check of what waits until there is a connection."""

    def look(room: Room) -> None:
        issuer = room.caps.blocking
        assert isinstance(issuer, SimulatedIssuer)
        assert issuer.queue == [(action, NUMBER, reason, by)]

    return look


PRINTED = ("receipt.issued", "receipt.print printed")


def marks_only(room: Room) -> None:
    """The issuer's system has no hold, as the region's file says too."""
    issuer = room.caps.blocking
    assert isinstance(issuer, SimulatedIssuer)
    issuer.holds = False
    by = BothLanguages(sv="ID-administratören på kontoret", en="the ID administrator at the office")
    room.equip(region=room.caps.region.model_copy(update={"without_hold": WithoutHold(by=by, hours=24)}))


def portal(room: Room) -> None:
    """Nor an interface for blocks: people make them in its portal."""
    marks_only(room)
    issuer, instead = room.caps.blocking, room.caps.region.without_hold
    assert isinstance(issuer, SimulatedIssuer)
    assert instead is not None
    issuer.by_people = True
    by_people = instead.model_copy(update={"blocks": True})
    room.equip(region=room.caps.region.model_copy(update={"without_hold": by_people}))
