"""Stories of `return_card`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kiosk.views import CANCEL
from sim.reader.pki import TestAuthority
from sim.stories.clock import NOW
from sim.stories.errand_stories import OWN, ErrandStory
from sim.stories.own_card import MINE, change_first, traited
from sim.stories.person import Person, Story, drops, jams, pulls, pulls_lit, puts
from sim.stories.register import HOLDER, NUMBER, PRINTED, both, declined, empty_register, portal, queued, register, told
from sim.stories.room import OLD_PIN, Room, persona_of


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
    return lambda: {f"return_card.{name}": action for name, action in story.items()} | {"closing.take_card": pulls()}


def silences(person: Person) -> None:
    """The cabinet stops answering while the card is awaited."""
    person.world.cabinet.set_mute()


def of_a_stranger(room: Room) -> None:
    """Another issuer's card, which nobody here trusts."""
    traited(issuer=TestAuthority.create(NOW))(room)


def two_before(room: Room) -> None:
    """Two cards were reported by their number alone in this visit."""
    assert [room.caps.reports.allow(room.clock.monotonic()) for _ in range(2)] == [True, True]


WITH_ADMINISTRATOR = replace(OWN, hand=(MINE, "10:old", "13:new"), second_reader=True)
ADMINISTRATOR = persona_of("13:new").hsa_id


def in_portal(**changed: Any) -> Callable[[], Story]:
    """The card is in the bin, and an administrator who is here blocks it in the issuer's portal."""
    story = back(
        portal_offer="administrator", portal_block="blocked", insert_administrator=puts("13:new", "administrator"),
        pin_administrator=OLD_PIN, **changed,
    )  # fmt: skip
    return lambda: {**story(), "closing.take_card": pulls_lit}


DROPPED = ("drop.open opened", "drop.card dropped")


STORIES = [
    ErrandStory(
        "return_card: with its code, blocked at once", "return_card", back(), prepare=register(), reason="blocked",
        events=(*DROPPED, "card.block blocked", *PRINTED), check=told(("block", NUMBER, "replaced", HOLDER)),
        troubled=True, reasons=frozenset({"not_returned"}), touched=True,
    ),
    ErrandStory(
        "return_card: the code is not known, so it is held", "return_card", back(know_code="no"), prepare=register(),
        reason="held", events=(*DROPPED, "card.hold held", *PRINTED), check=told(("hold", NUMBER, "returned", "")),
    ),
    ErrandStory(
        "return_card: the chip is cut, the number is typed", "return_card", back(insert="number"), prepare=register(),
        reason="held", events=(*DROPPED, "card.hold held", *PRINTED), troubled=True,
        reasons=frozenset({"not_returned"}), touched=True,
    ),
    ErrandStory(
        "return_card: a colleague's card is handed in, without a code and without a receipt", "return_card",
        back(why="found"), prepare=register(), reason="found_held", events=(*DROPPED, "card.hold held"),
        check=told(("hold", NUMBER, "found", "")),
        views=("return_card.why", "return_card.insert", "return_card.take", "return_card.confirm", "return_card.drop_old"),
        troubled=True, reasons=frozenset({"not_returned"}), touched=True,
    ),
    ErrandStory(
        "return_card: a colleague's card whose chip cannot be read", "return_card", back(why="found", insert="number"),
        prepare=register(), reason="found_held", events=(*DROPPED, "card.hold held"),
        check=told(("hold", NUMBER, "found", "")),
    ),
    ErrandStory(
        "return_card: the third card that was found in one visit is noted, and not on hold", "return_card",
        back(why="found"), prepare=both(register(), two_before), reason="found_not_told",
        events=(*DROPPED, "card.hold declined"), check=told(),
    ),
    ErrandStory(
        "return_card: the third one by its number falls too, and is noted", "return_card", back(why="found", insert="number"),
        prepare=both(register(), two_before), reason="found_not_told", events=(*DROPPED, "card.hold declined"), check=told(),
    ),
    ErrandStory(
        "return_card: the third one without a connection is promised no hold", "return_card", back(why="found"),
        prepare=both(register(online=False), two_before), reason="found_not_told", events=None,
    ),
    ErrandStory(
        "return_card: found, and no connection: it is on hold as soon as there is one", "return_card", back(why="found"),
        prepare=register(online=False), reason="found_hold_queued", check=queued("hold", "found", ""),
    ),
    ErrandStory(
        "return_card: found, and its issuer has no hold", "return_card", back(why="found"),
        prepare=both(register(), portal), reason="found_marked", check=told(("hold", NUMBER, "found", "")),
    ),
    ErrandStory(
        "return_card: found, and blocked already", "return_card", back(why="found"), prepare=register("blocked"),
        reason="found_was_blocked", check=told(),
    ),
    ErrandStory(
        "return_card: it was blocked before, and is returned all the same", "return_card", back(know_code="no"),
        prepare=register("blocked"), reason="was_blocked", events=(*DROPPED, "card.hold declined", *PRINTED), check=told(),
    ),
    ErrandStory(
        "return_card: the issuer does not take the report, and it is returned all the same", "return_card", back(),
        prepare=both(register(), declined("block")), reason="not_told",
        events=(*DROPPED, "card.block declined", *PRINTED), check=told(),
    ),
    ErrandStory(
        "return_card: a card of another issuer, and its holder is asked first", "return_card", back(not_ours="return"),
        prepare=both(empty_register, of_a_stranger), reason="not_told", events=(*DROPPED, "card.hold declined", *PRINTED),
        views=("return_card.insert", "return_card.not_ours", "return_card.take", "return_card.drop_old"),
        troubled=True, reasons=frozenset({"not_returned"}),
    ),
    ErrandStory(
        "return_card: a card of another issuer goes back to its holder", "return_card", back(not_ours=CANCEL),
        prepare=both(register(online=False), of_a_stranger), outcome="cancelled", events=(),
    ),
    ErrandStory(
        "return_card: a card that is not in the register is not ours", "return_card", back(not_ours="return", know_code="no"),
        prepare=empty_register, reason="not_told", events=(*DROPPED, "card.hold declined", *PRINTED),
        views=("return_card.not_ours", "return_card.know_code", "return_card.drop_old"),
    ),
    ErrandStory(
        "return_card: no connection, told later", "return_card", back(), prepare=register(online=False),
        reason="block_queued", check=queued("block", "replaced", HOLDER),
    ),
    ErrandStory(
        "return_card: an issuer whose portal is for people, who block it there", "return_card", back(portal_offer="later"),
        prepare=both(register(), portal), reason="marked", check=told(("block marked", NUMBER, "replaced", HOLDER)),
    ),
    ErrandStory(
        "return_card: an administrator who is here blocks it in the issuer's portal while its holder waits", "return_card",
        in_portal(), WITH_ADMINISTRATOR, prepare=both(register(), portal), reason="blocked",
        events=(*DROPPED, "card.block marked", "card.block blocked", *PRINTED),
        check=told(("block marked", NUMBER, "replaced", HOLDER), ("blocked in portal", NUMBER, "replaced", ADMINISTRATOR)),
    ),
    ErrandStory(
        "return_card: the chip is cut, and an administrator who is here blocks it in the portal", "return_card",
        in_portal(insert="number"), WITH_ADMINISTRATOR, prepare=both(register(), portal), reason="blocked",
        check=told(("hold", NUMBER, "returned", ""), ("blocked in portal", NUMBER, "replaced", ADMINISTRATOR)),
        views=("return_card.portal_offer", "return_card.portal_block", "return_card.done"),
    ),
    ErrandStory(
        "return_card: another assignment follows, and the card is kept", "return_card", back(why="left", keep="keep", kept="end"),
        prepare=register(left="2026-11-30", continued=True), reason="kept", events=(), check=told(),
    ),
    ErrandStory(
        "return_card: another assignment follows, and it is returned all the same", "return_card",
        back(why="left", keep="return"), prepare=register(left="2026-11-30", continued=True), reason="blocked",
    ),
    ErrandStory(
        "return_card: it gets stuck, and nobody may use it", "return_card",
        back(drop_old=jams(MINE), **{"stop.drop_stuck": "end"}), prepare=register(), outcome="fault", reason="drop_stuck",
        check=told(("hold", NUMBER, "returned", HOLDER)),
    ),
    ErrandStory(
        "return_card: the cabinet falls silent, nobody knows where it is, and nobody may use it", "return_card",
        back(drop_old=silences, **{"stop.drop_unseen": "end"}), prepare=register(), outcome="fault", reason="drop_unseen",
        check=told(("hold", NUMBER, "returned", HOLDER)),
    ),
    ErrandStory(
        "return_card: kept at the slot, and nothing is blocked", "return_card",
        back(drop_old="keep", **{"stop.not_returned": "end"}), prepare=register(), outcome="refused", reason="not_returned",
        check=told(),
    ),
    ErrandStory(
        "return_card: a card that signs nothing before its code was changed", "return_card",
        back(**{"stop.change_first": "end"}), prepare=both(register(), change_first), outcome="refused", reason="change_first",
        check=told(),
    ),
    ErrandStory(
        "return_card: three numbers that nobody knows", "return_card",
        back(insert="number", number="9999000000000000", not_known="again", **{"stop.no_such_card": "end"}),
        prepare=register(), outcome="refused", reason="no_such_card", check=told(),
    ),
]  # fmt: skip
