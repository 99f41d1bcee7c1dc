"""Stories of `report_lost`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kiosk.station.devices import NoReader
from sim.stories.errand_stories import OWN, ErrandStory
from sim.stories.own_card import MINE, locked
from sim.stories.person import Story, first, pulls, puts
from sim.stories.register import HOLDER, NUMBER, PRINTED, both, marks_only, portal, queued, register, told
from sim.stories.room import OLD_PIN, Room, persona_of

ADMINISTRATED = replace(OWN, hand=("1:old", "10:old", "13:new"))


def no_reader(room: Room) -> None:
    """The holder's reader is missing."""
    room.equip(reader=NoReader())


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


STORIES = [
    ErrandStory(
        "report_lost: the card is here, and its issuer's portal is for people: marked, after one question", "report_lost",
        lost("code_known"), prepare=both(register(), portal), reason="marked", events=("card.block marked", *PRINTED),
        check=told(("block marked", NUMBER, "code_known", HOLDER)),
    ),
    ErrandStory(
        "report_lost: lost, by its number: a hold at once", "report_lost", lost(), prepare=register(), reason="held",
        events=("card.hold held", *PRINTED), check=told(("hold", NUMBER, "lost", "")), troubled=True, touched=True,
    ),
    ErrandStory(
        "report_lost: lost, by its number, at an issuer without a hold: marked here", "report_lost", lost(),
        prepare=both(register(), marks_only), reason="marked", events=("card.hold marked", *PRINTED),
        check=told(("hold", NUMBER, "lost", "")),
    ),
    ErrandStory(
        "report_lost: lost, by its number, without connection and at an issuer without a hold", "report_lost", lost(),
        prepare=both(register(online=False), marks_only), reason="mark_queued", check=queued("hold", "lost", ""),
    ),
    ErrandStory(
        "report_lost: forgotten, at an issuer without a hold", "report_lost", lost("forgotten"),
        prepare=both(register(), marks_only), reason="marked", events=("card.hold marked", *PRINTED),
        check=told(("hold", NUMBER, "forgotten", "")),
    ),
    ErrandStory(
        "report_lost: lost, by its number, where no reader is", "report_lost", lost(), prepare=both(register(), no_reader),
        reason="held", check=told(("hold", NUMBER, "lost", "")),
    ),
    ErrandStory(
        "report_lost: somebody knows the code, and no reader is there to block the card by it", "report_lost",
        lambda: {**lost("code_known", insert=first())(), "closing.reader": "end"}, prepare=both(register(), no_reader),
        outcome="fault", reason="reader_gone", check=told(),
    ),
    ErrandStory(
        "report_lost: forgotten", "report_lost", lost("forgotten"), prepare=register(), reason="held",
        check=told(("hold", NUMBER, "forgotten", "")),
    ),
    ErrandStory(
        "report_lost: somebody knows the code, and the card is here: blocked, after two questions", "report_lost",
        lost("code_known"), prepare=register(), reason="blocked", views=("report_lost.sure", "report_lost.really"),
        events=("card.block blocked", *PRINTED), check=told(("block", NUMBER, "code_known", HOLDER)), troubled=True,
    ),
    ErrandStory(
        "report_lost: stolen, and an administrator is here", "report_lost", lost("stolen", how="administrator"),
        ADMINISTRATED, prepare=register(), reason="blocked", check=told(("block", NUMBER, "stolen", persona_of("13:new").hsa_id)),
    ),
    ErrandStory(
        "report_lost: lost while the station has no connection", "report_lost", lost(), prepare=register(online=False),
        reason="hold_queued", check=queued("hold", "lost", ""),
    ),
    ErrandStory(
        "report_lost: already blocked", "report_lost", lost(**{"stop.already_blocked": "end"}), prepare=register("blocked"),
        outcome="refused", reason="already_blocked", check=told(),
    ),
    ErrandStory(
        "report_lost: found again, and exactly as it was", "report_lost", lost("found"), prepare=register("held"),
        events=("card.lift lifted", "receipt.issued"), check=told(("lift", NUMBER, HOLDER)), troubled=True, touched=True,
    ),
    ErrandStory(
        "report_lost: found, but it was never on hold", "report_lost", lost("found", **{"stop.not_on_hold": "end"}),
        prepare=register(), outcome="refused", reason="not_on_hold", check=told(),
    ),
    ErrandStory(
        "report_lost: found, but nobody can be asked", "report_lost", lost("found", **{"stop.lift_unavailable": "end"}),
        prepare=register("held", online=False), outcome="fault", reason="lift_unavailable",
    ),
    ErrandStory(
        "report_lost: found, but its code is locked", "report_lost", lost("found", **{"stop.card_locked": "end"}),
        prepare=both(register("held"), locked), outcome="refused", reason="card_locked", check=told(),
    ),
]  # fmt: skip
