"""Return a card, report a card."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fleet.messages.issuing import CardRecord, CardState, Person
from kiosk.station.devices import NoReader
from tests.fakes.errand_tales.codes import MINE, locked
from tests.fakes.errands import OWN, ErrandTale
from tests.fakes.issuers.issuer import IssuerDesk
from tests.fakes.person import Story, drops, first, jams, pulls, puts
from tests.fakes.room import OLD_PIN, Room, authority, persona_of

NUMBER = persona_of(MINE).card_number
HOLDER = persona_of(MINE).hsa_id
ADMINISTRATED = replace(OWN, hand=("1:old", "10:old", "13:new"))


def register(state: CardState = "active", *, online: bool = True, **facts: Any) -> Callable[[Room], None]:
    """A register that knows the card."""

    def prepare(room: Room) -> None:
        issuer = IssuerDesk(authority(), room.clock)
        held_from: CardState | None = "active" if state == "held" else None
        issuer.add(Person(HOLDER, "Alva", **facts), CardRecord(NUMBER, HOLDER, "6XX", state, held_from=held_from))
        issuer.administrators = {persona_of("13:new").hsa_id: persona_of("13:new").name}
        issuer.online = online
        room.equip(**issuer.ports())

    return prepare


def both(*steps: Callable[[Room], None]) -> Callable[[Room], None]:
    """One thing after the other."""

    def prepare(room: Room) -> None:
        for step in steps:
            step(room)

    return prepare


def declined(question: str) -> Callable[[Room], None]:
    """The issuer will not, for a reason of its own."""

    def prepare(room: Room) -> None:
        issuer = room.caps.blocking
        assert isinstance(issuer, IssuerDesk)
        issuer.declines[question] = "not_now"

    return prepare


def no_reader(room: Room) -> None:
    """The holder's reader is missing."""
    room.equip(reader=NoReader())


def told(*wanted: tuple[str, ...]) -> Callable[[Room], None]:
    """What the issuer was told, and in which state the card is then; nothing else was asked to be changed."""

    def look(room: Room) -> None:
        issuer = room.caps.blocking
        assert isinstance(issuer, IssuerDesk)
        assert tuple(issuer.told) == wanted

    return look


def queued(what: str, reason: str, by: str) -> Callable[[Room], None]:
    """What waits until there is a connection."""

    def look(room: Room) -> None:
        issuer = room.caps.blocking
        assert isinstance(issuer, IssuerDesk)
        assert issuer.queue == [(what, NUMBER, reason, by)]

    return look


def back(**changed: Any) -> Callable[[], Story]:
    """The card, its code, and the drop."""
    story = {
        "insert": puts(MINE),
        "know_code": "yes",
        "pin": OLD_PIN,
        "take": pulls(),
        "why": "replaced",
        "confirm": "return",
        "drop_old": drops(MINE),
        "number": NUMBER,
        "no_paper": "next",
        "done": "end",
        **changed,
    }
    return lambda: {f"return_card.{name}": deed for name, deed in story.items()} | {"closing.take_card": pulls()}


def lost(what: str = "lost", **changed: Any) -> Callable[[], Story]:
    """A card that is not here."""
    story = {
        "what": what,
        "how": "number",
        "number": NUMBER,
        "insert": puts(MINE),
        "pin": OLD_PIN,
        "insert_administrator": puts("13:new"),
        "pin_administrator": OLD_PIN,
        "document": "passport",
        "document_digits": "4711",
        "take_administrator": pulls(),
        "sure": "yes",
        "really": "yes",
        "done": "end",
        "no_paper": "next",
        **changed,
    }
    return lambda: {f"report_lost.{name}": deed for name, deed in story.items()} | {"closing.take_card": pulls()}


PRINTED = ("receipt.issued", "receipt.print printed")
DROPPED = ("drop.open opened", "drop.card dropped")
TALES = [
    ErrandTale(
        "return_card: with its code, blocked at once", "return_card", back(), prepare=register(), reason="blocked",
        events=(*DROPPED, "card.block blocked", *PRINTED), check=told(("block", NUMBER, "replaced", HOLDER)),
        troubled=True, reasons=frozenset({"not_returned"}),
    ),
    ErrandTale(
        "return_card: the code is not known, so it is held", "return_card", back(know_code="no"), prepare=register(),
        reason="held", events=(*DROPPED, "card.hold held", *PRINTED), check=told(("hold", NUMBER, "returned", "")),
    ),
    ErrandTale(
        "return_card: the chip is cut, the number is typed", "return_card", back(insert="number"), prepare=register(),
        reason="held", events=(*DROPPED, "card.hold held", *PRINTED), troubled=True,
        reasons=frozenset({"not_returned"}),
    ),
    ErrandTale(
        "return_card: it was blocked before, and is returned all the same", "return_card", back(know_code="no"),
        prepare=register("blocked"), reason="was_blocked", events=(*DROPPED, "card.hold declined", *PRINTED), check=told(),
    ),
    ErrandTale(
        "return_card: the issuer does not take the report, and it is returned all the same", "return_card", back(),
        prepare=both(register(), declined("block")), reason="not_told",
        events=(*DROPPED, "card.block declined", *PRINTED), check=told(),
    ),
    ErrandTale(
        "return_card: no connection, told later", "return_card", back(), prepare=register(online=False),
        reason="block_queued", check=queued("block", "replaced", HOLDER),
    ),
    ErrandTale(
        "return_card: another assignment follows, and the card is kept", "return_card", back(why="left", keep="keep", kept="end"),
        prepare=register(left="2026-11-30", continued=True), reason="kept", events=(), check=told(),
    ),
    ErrandTale(
        "return_card: another assignment follows, and it is returned all the same", "return_card",
        back(why="left", keep="return"), prepare=register(left="2026-11-30", continued=True), reason="blocked",
    ),
    ErrandTale(
        "return_card: it gets stuck, and nobody may use it", "return_card",
        back(drop_old=jams(MINE), **{"stop.drop_stuck": "end"}), prepare=register(), outcome="fault", reason="drop_stuck",
        check=told(("hold", NUMBER, "returned", HOLDER)),
    ),
    ErrandTale(
        "return_card: kept at the slot, and nothing is blocked", "return_card",
        back(drop_old="keep", **{"stop.not_returned": "end"}), prepare=register(), outcome="refused", reason="not_returned",
        check=told(),
    ),
    ErrandTale(
        "return_card: three numbers that nobody knows", "return_card",
        back(insert="number", number="9999000000000000", not_known="again", **{"stop.no_such_card": "end"}),
        prepare=register(), outcome="refused", reason="no_such_card", check=told(),
    ),
    ErrandTale(
        "report_lost: lost, by its number: a hold at once", "report_lost", lost(), prepare=register(), reason="held",
        events=("card.hold held", *PRINTED), check=told(("hold", NUMBER, "lost", "")), troubled=True,
    ),
    ErrandTale(
        "report_lost: lost, by its number, where no reader is", "report_lost", lost(), prepare=both(register(), no_reader),
        reason="held", check=told(("hold", NUMBER, "lost", "")),
    ),
    ErrandTale(
        "report_lost: somebody knows the code, and no reader is there to block the card by it", "report_lost",
        lambda: {**lost("code_known", insert=first())(), "closing.reader": "end"}, prepare=both(register(), no_reader),
        outcome="fault", reason="reader_gone", check=told(),
    ),
    ErrandTale(
        "report_lost: forgotten", "report_lost", lost("forgotten"), prepare=register(), reason="held",
        check=told(("hold", NUMBER, "forgotten", "")),
    ),
    ErrandTale(
        "report_lost: somebody knows the code, and the card is here: blocked, after two questions", "report_lost",
        lost("code_known"), prepare=register(), reason="blocked", views=("report_lost.sure", "report_lost.really"),
        events=("card.block blocked", *PRINTED), check=told(("block", NUMBER, "code_known", HOLDER)), troubled=True,
    ),
    ErrandTale(
        "report_lost: stolen, and an administrator is here", "report_lost", lost("stolen", how="administrator"),
        ADMINISTRATED, prepare=register(), reason="blocked", check=told(("block", NUMBER, "stolen", persona_of("13:new").hsa_id)),
    ),
    ErrandTale(
        "report_lost: lost while the station has no connection", "report_lost", lost(), prepare=register(online=False),
        reason="hold_queued", check=queued("hold", "lost", ""),
    ),
    ErrandTale(
        "report_lost: already blocked", "report_lost", lost(**{"stop.already_blocked": "end"}), prepare=register("blocked"),
        outcome="refused", reason="already_blocked", check=told(),
    ),
    ErrandTale(
        "report_lost: found again, and exactly as it was", "report_lost", lost("found"), prepare=register("held"),
        events=("card.lift lifted", "receipt.issued"), check=told(("lift", NUMBER, HOLDER)), troubled=True,
    ),
    ErrandTale(
        "report_lost: found, but it was never on hold", "report_lost", lost("found", **{"stop.not_on_hold": "end"}),
        prepare=register(), outcome="refused", reason="not_on_hold", check=told(),
    ),
    ErrandTale(
        "report_lost: found, but nobody can be asked", "report_lost", lost("found", **{"stop.lift_unavailable": "end"}),
        prepare=register("held", online=False), outcome="fault", reason="lift_unavailable",
    ),
    ErrandTale(
        "report_lost: found, but its code is locked", "report_lost", lost("found", **{"stop.card_locked": "end"}),
        prepare=both(register("held"), locked), outcome="refused", reason="card_locked", check=told(),
    ),
]  # fmt: skip
