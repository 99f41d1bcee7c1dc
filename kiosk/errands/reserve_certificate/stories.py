"""Stories of `reserve_certificate`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from fleet.messages.issuing import AdministratorRole, DirectoryPerson
from kiosk.issuer.ports import CardWord, NotFound, Offer, Unavailable
from kiosk.region import BothLanguages, RegionSettings, ReserveRules
from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.stories.certificates import (
    GONE,
    HOLDER,
    LAST_DAY,
    MADE,
    NUMBER,
    ONE,
    PRINTED,
    certificates,
    issuer,
    issuer_of,
    old_is,
)
from sim.stories.clock import NOW
from sim.stories.errand_stories import OWN, ErrandStory
from sim.stories.own_card import MINE
from sim.stories.person import Story, pulls, puts, takes
from sim.stories.register import both
from sim.stories.room import OLD_PIN, Room, authority, persona_of
from sim.stories.stock import before, told

RESERVED = replace(OWN, hand=(MINE, "1:new", "13:new", "14:new", "10:old"))
"""`1:old` is the reserve card, `1:new` the same person's ordinary one."""


def spare(**changed: Any) -> Callable[[], Story]:
    """The holder shows who they are with their ordinary card, then puts the reserve card in."""
    story = {
        "phased_out": "next",
        "level_2_off": "next",
        "who": "own_card",
        "insert_own": puts("1:new"),
        "pin": [ORDINARY_PIN, ORDINARY_PIN, OLD_PIN, OLD_PIN, OLD_PIN],
        "take_own": pulls(),
        "take_out": pulls(),
        "insert_administrator": puts("13:new"),
        "pin_administrator": OLD_PIN,
        "document": "passport",
        "document_digits": "4711",
        "take_administrator": pulls(),
        "level": "2",
        "insert_second": puts("14:new"),
        "sign_again": [puts("13:new"), puts("14:new"), puts("13:new"), puts("14:new")],
        "insert": puts(MINE),
        "begin": "begin",
        "pulled": puts(MINE),
        "old": "remove",
        "done": "end",
        **changed,
    }
    return lambda: (
        {f"reserve_certificate.{name}": action for name, action in story.items()} | {"closing.take_card": pulls()}
    )


def spare_stops(reason: str, **changed: Any) -> Callable[[], Story]:
    return spare(**{f"stop.{reason}": "end"}, **changed)


def region_ends(room: Room) -> None:
    """The region has said when level 2 ends."""
    room.equip(region=RegionSettings(loa2_ends=(NOW + timedelta(days=100)).date()))


def level_2_off(room: Room) -> None:
    """The region gives reserve cards no certificate of level 2, and says why."""
    reason = BothLanguages(sv="Nivå 2 tas inte emot.", en="Level 2 is not accepted.")
    room.equip(region=RegionSettings(reserve=ReserveRules(level_2=False, reason=reason)))
    issuer_of(room).offered.clear()


def level_3(room: Room) -> None:
    """Level 3 is offered too, to two administrators."""
    issuer_of(room).offered.append(Offer("reserve", 3, LAST_DAY, administrators=2))


def protected(*roles: AdministratorRole) -> Callable[[Room], None]:
    """The holder's identity is protected; the administrators have these roles."""

    def prepare(room: Room) -> None:
        simulator = issuer_of(room)
        holder = simulator.cards[NUMBER].hsa_id
        simulator.people[holder] = msgspec.structs.replace(simulator.people[holder], name=None, protected=True)
        simulator.roles = roles

    return prepare


def given_to_another(room: Room) -> None:
    """The register says that the reserve card went to somebody else."""
    simulator = issuer_of(room)
    simulator.cards[NUMBER] = msgspec.structs.replace(simulator.cards[NUMBER], hsa_id="TEST000000-0009")


def blank(room: Room) -> None:
    """The reserve card has neither key nor certificate yet."""
    room.world.cards[MINE] = VirtualCard(fresh_memory("B", persona_of(MINE), authority(), NOW, ()))


def got_one(room: Room) -> None:
    """The one certificate on the card is the issuer's."""
    assert certificates(room) == [issued.chain[0] for issued in issuer_of(room).issued.values()]


def in_cabinet(room: Room) -> None:
    """The reserve card is nobody's, and lies in slot 3 with its envelope."""
    blank(room)
    before((NUMBER, 3))(room)
    simulator = issuer_of(room)
    simulator.cards[NUMBER] = msgspec.structs.replace(simulator.cards[NUMBER], hsa_id="", state="waiting")
    simulator.reserve_slots[NUMBER] = 3


def administrators_are_people(room: Room) -> None:
    """The directory knows the administrators too."""
    someone = persona_of("14:new")
    issuer_of(room).add(DirectoryPerson(someone.hsa_id, someone.name))


def declined_bind(room: Room) -> None:
    """The server will not: the card is somebody else's by now."""
    issuer_of(room).declines["bind"] = "other_person"


def away_soon(room: Room) -> None:
    """Register and issuer are away for what is asked after the log-in."""
    simulator = issuer_of(room)

    async def state(card_number: str, *, hsa_id: str = "") -> CardWord | NotFound | Unavailable:
        return Unavailable()

    simulator.state = state  # type: ignore[method-assign]


def taken_out(room: Room) -> None:
    """Neither slot nor list has it any more, and the fleet is told which card it was."""
    assert (
        room.store.transact_now(lambda cx: cx.execute("SELECT 1 FROM stock_card WHERE slot IS NOT NULL").fetchall())
        == []
    )
    told("card.taken_out", why="reserve", card_number=NUMBER, slot=3, order=None)(room)


def bound_to(hsa_id: str, *expected: tuple[str, ...]) -> Callable[[Room], None]:
    """Return a check of who has the card by the register, and of what the issuer was told."""

    def look(room: Room) -> None:
        simulator = issuer_of(room)
        assert simulator.cards[NUMBER].hsa_id == hsa_id
        assert tuple(simulator.told) == expected

    return look


def fetches(**changed: Any) -> Callable[[], Story]:
    """Two administrators bind the reserve card of the cabinet to the person who stands there with nothing."""
    return spare(**{
        **ATTENDED, "level": "3", "pin_administrator": [OLD_PIN, OLD_PIN], "where": "cabinet", "person": HOLDER.lower(),
        "person_not_known": "again", "bind": "bind", "take": takes(3), "unbroken": "yes", "number": NUMBER, "no_paper": "next",
        **changed,
    })  # fmt: skip


ORDINARY_PIN = persona_of("1:new").pin
SPARE = issuer("reserve", reserve=True)
ATTENDED = {"who": "administrator", "pin": OLD_PIN}
CABINET = replace(RESERVED, slots={3: MINE}, hand=("1:new", "13:new", "14:new", "10:old"))
FETCHED = ("slot.open opened", "slot.take taken", "card.taken_out")


STORIES = [
    ErrandStory(
        "reserve_certificate: the region has switched level 2 off: level 3, by two administrators", "reserve_certificate",
        spare(pin=OLD_PIN, pin_administrator=[OLD_PIN, OLD_PIN]), RESERVED, prepare=both(SPARE, both(level_2_off, level_3)),
        events=("identity.attested", *MADE, *GONE["B"], *PRINTED), check=old_is(False, new=True),
        views=("reserve_certificate.level_2_off", "reserve_certificate.insert_second", "reserve_certificate.begin"),
    ),
    ErrandStory(
        "reserve_certificate: a card of level 3 that was prolonged before", "reserve_certificate",
        spare_stops("reserve_over", pin=OLD_PIN, pin_administrator=[OLD_PIN, OLD_PIN]), RESERVED,
        prepare=both(SPARE, level_2_off), outcome="refused", reason="reserve_over", events=("identity.attested",),
    ),
    ErrandStory(
        "reserve_certificate: with the own ordinary card", "reserve_certificate", spare(), RESERVED, prepare=SPARE,
        events=(*MADE, *GONE["B"], *PRINTED), check=old_is(False, new=True), troubled=True,
        views=("reserve_certificate.take_own", "reserve_certificate.begin", "reserve_certificate.done"),
        reasons=frozenset({"own_not_valid"}), touched=True,
    ),
    ErrandStory(
        "reserve_certificate: an administrator attends", "reserve_certificate", spare(**ATTENDED), RESERVED, prepare=SPARE,
        events=("identity.attested", *MADE, *GONE["B"], *PRINTED), check=old_is(False, new=True),
    ),
    ErrandStory(
        "reserve_certificate: level 3, and two administrators attend", "reserve_certificate",
        spare(**ATTENDED, level="3", pin_administrator=[OLD_PIN, OLD_PIN]), RESERVED,
        prepare=both(SPARE, level_3), events=("identity.attested", *MADE, *GONE["B"], *PRINTED),
        check=old_is(False, new=True), views=("reserve_certificate.insert_second", "reserve_certificate.begin"),
    ),
    ErrandStory(
        "reserve_certificate: a reserve card of the cabinet, bound to who has none, without an order", "reserve_certificate",
        fetches(), CABINET, prepare=both(SPARE, both(level_3, in_cabinet)),
        events=("identity.attested", "card.bind bound", *FETCHED, *MADE, *PRINTED),
        check=both(bound_to(HOLDER, ("bind", NUMBER, HOLDER), ("certificate", NUMBER, "reserve")), taken_out),
        views=("reserve_certificate.where", "reserve_certificate.person", "reserve_certificate.bind",
               "reserve_certificate.take", "reserve_certificate.unbroken", "reserve_certificate.begin"),
        troubled=True, reasons=frozenset({"slot_empty", "reserve_envelope"}), touched=True,
    ),
    ErrandStory(
        "reserve_certificate: nobody has the HSA-id that was typed first", "reserve_certificate",
        fetches(person=["TEST000000-9X99", HOLDER]), CABINET, prepare=both(SPARE, both(level_3, in_cabinet)),
        views=("reserve_certificate.person", "reserve_certificate.person_not_known", "reserve_certificate.person"),
    ),
    ErrandStory(
        "reserve_certificate: an administrator binds none to themselves", "reserve_certificate",
        fetches(person=persona_of("14:new").hsa_id, **{"stop.other_person": "end"}), CABINET,
        prepare=both(SPARE, both(level_3, both(in_cabinet, administrators_are_people))), outcome="refused",
        reason="other_person", events=(), check=bound_to(""),
    ),
    ErrandStory(
        "reserve_certificate: the server does not bind it", "reserve_certificate",
        fetches(**{"stop.reserve_not_bound": "end"}), CABINET,
        prepare=both(SPARE, both(level_3, both(in_cabinet, declined_bind))), outcome="refused", reason="reserve_not_bound",
        events=("identity.attested", "card.bind declined"), check=bound_to(""),
    ),
    ErrandStory(
        "reserve_certificate: the envelope was open, and the card is on hold", "reserve_certificate",
        fetches(unbroken="no", **{"stop.reserve_envelope": "end"}), CABINET, prepare=both(SPARE, both(level_3, in_cabinet)),
        outcome="refused", reason="reserve_envelope",
        events=("identity.attested", "card.bind bound", *FETCHED, "card.hold held"),
        check=bound_to(HOLDER, ("bind", NUMBER, HOLDER), ("hold", NUMBER, "envelope_broken", "")),
    ),
    ErrandStory(
        "reserve_certificate: another card than the one from the slot", "reserve_certificate",
        fetches(insert=puts("10:old"), **{"stop.reserve_other_card": "end"}), CABINET,
        prepare=both(SPARE, both(level_3, in_cabinet)), outcome="refused", reason="reserve_other_card",
    ),
    ErrandStory(
        "reserve_certificate: the server is away, and none of the cabinet's is offered", "reserve_certificate",
        fetches(insert=puts("1:new"), **{"stop.issuer_away": "end"}), CABINET,
        prepare=both(SPARE, both(level_3, both(in_cabinet, away_soon))), outcome="fault", reason="issuer_away", events=(),
    ),
    ErrandStory(
        "reserve_certificate: level 3 for a protected identity takes two with the role for it", "reserve_certificate",
        spare(**ATTENDED, level="3", pin_administrator=[OLD_PIN, OLD_PIN]), RESERVED,
        prepare=both(SPARE, level_3, protected("KRA", "KUR")), events=("identity.attested", *MADE, *GONE["B"], *PRINTED),
        check=old_is(False, new=True),
    ),
    ErrandStory(
        "reserve_certificate: level 3 for a protected identity without that role", "reserve_certificate",
        spare_stops("kur_needed", **ATTENDED, level="3", pin_administrator=[OLD_PIN, OLD_PIN]), RESERVED,
        prepare=both(SPARE, level_3, protected("KRA")), outcome="refused", reason="kur_needed", events=(),
        check=old_is(True, new=False),
    ),
    ErrandStory(
        "reserve_certificate: level 3 is not offered", "reserve_certificate", spare_stops("reserve_over", **ATTENDED, level="3"),
        RESERVED, prepare=SPARE, outcome="refused", reason="reserve_over", check=old_is(True, new=False),
    ),
    ErrandStory(
        "reserve_certificate: its first certificate, and its number is typed", "reserve_certificate",
        spare(number=NUMBER, no_paper="next"), RESERVED, prepare=both(SPARE, blank), events=(*MADE, *PRINTED), check=got_one,
        views=("reserve_certificate.number", "reserve_certificate.begin", "reserve_certificate.done"),
    ),
    ErrandStory(
        "reserve_certificate: level 2 ends, which is said before anything", "reserve_certificate", spare(), RESERVED,
        prepare=both(SPARE, region_ends), views=("reserve_certificate.phased_out", "reserve_certificate.who"),
    ),
    ErrandStory(
        "reserve_certificate: level 2 ends, as the issuer says", "reserve_certificate", spare(), RESERVED,
        prepare=issuer("reserve", reserve=True, phased_out=LAST_DAY),
        views=("reserve_certificate.phased_out", "reserve_certificate.begin"),
    ),
    ErrandStory(
        "reserve_certificate: an ordinary card", "reserve_certificate", spare_stops("no_reserve_card"), RESERVED,
        prepare=ONE, outcome="refused", reason="no_reserve_card", events=(),
    ),
    ErrandStory(
        "reserve_certificate: it was given to somebody else", "reserve_certificate", spare_stops("other_person"), RESERVED,
        prepare=both(SPARE, given_to_another), outcome="refused", reason="other_person", events=(),
        check=old_is(True, new=False),
    ),
    ErrandStory(
        "reserve_certificate: only level 3 is left, and takes two", "reserve_certificate",
        spare_stops("two_administrators"), RESERVED, prepare=issuer("reserve", reserve=True, administrators=2),
        outcome="refused", reason="two_administrators", events=(),
    ),
    ErrandStory(
        "reserve_certificate: the ordinary card has expired", "reserve_certificate",
        spare_stops("own_not_valid", insert_own=puts("10:old")),
        replace(RESERVED, changed={"10:old": replace(persona_of("10:old"), issued_days_ago=1830)}), prepare=SPARE,
        outcome="refused", reason="own_not_valid", events=(),
    ),
    ErrandStory(
        "reserve_certificate: nobody can be asked", "reserve_certificate", spare_stops("issuer_away"), RESERVED,
        prepare=issuer("reserve", reserve=True, online=False), outcome="fault", reason="issuer_away", events=(),
    ),
]  # fmt: skip
