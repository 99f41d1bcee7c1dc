"""Stories of `report_lost`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kiosk.station.devices import NoReader
from sim.stories.administrator import housed
from sim.stories.errand_stories import OWN, ErrandStory
from sim.stories.own_card import MINE, locked
from sim.stories.person import Story, first, leaves, pulls, pulls_lit, puts
from sim.stories.register import (
    HOLDER,
    NUMBER,
    PRINTED,
    both,
    declined,
    mailed,
    marks_only,
    portal,
    queued,
    register,
    told,
)
from sim.stories.room import OLD_PIN, Room, persona_of

ADMINISTRATED = replace(OWN, hand=("1:old", "10:old", "13:new"))


def no_reader(room: Room) -> None:
    """The holder's reader is missing."""
    room.equip(reader=NoReader())


def lost(reason: str = "lost", **changed: Any) -> Callable[[], Story]:
    """A card that is not here."""
    story = {
        "what": reason,
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
    return lambda: {f"report_lost.{name}": action for name, action in story.items()} | {"closing.take_card": pulls()}


IN_TURN = replace(ADMINISTRATED, second_reader=True)
ADMINISTRATOR = persona_of("13:new").hsa_id


def in_portal(**changed: Any) -> Callable[[], Story]:
    """The card is lost, and an administrator who is here blocks it in the portal."""
    reader = {"insert_administrator": puts("13:new", "administrator"), "take_administrator": pulls("administrator")}
    story = lost(**{**reader, "portal_offer": "administrator", "portal_block": "blocked", **changed})
    return lambda: {**story(), "closing.take_card": pulls_lit}


STORIES = [
    ErrandStory(
        "report_lost: by who has the card, with the receipt by e-mail", "report_lost",
        lost("code_known", receipt_way="mail", receipt_mailed="next"), prepare=both(register(), mailed), reason="blocked",
        events=("card.block blocked", "receipt.issued", "receipt.mail_wanted"),
    ),
    ErrandStory(
        "report_lost: by its number alone nothing is mailed, since nobody has shown who they are", "report_lost",
        lost(), prepare=both(register(), mailed), reason="held", events=("card.hold held", *PRINTED),
    ),
    ErrandStory(
        "report_lost: the card is here, and its issuer's portal is for people: marked, after one question", "report_lost",
        lost("code_known", portal_offer="later"), prepare=both(register(), portal), reason="marked",
        events=("card.block marked", *PRINTED), check=told(("block marked", NUMBER, "code_known", HOLDER)),
    ),
    ErrandStory(
        "report_lost: by its number, and an administrator who is here blocks it in the issuer's portal", "report_lost",
        in_portal(), IN_TURN, prepare=both(register(), portal), reason="blocked",
        events=("card.hold marked", "card.block blocked", *PRINTED),
        check=told(("hold", NUMBER, "lost", ""), ("blocked in portal", NUMBER, "lost", ADMINISTRATOR)),
        views=("report_lost.portal_offer", "report_lost.portal_block", "report_lost.telling", "report_lost.done"),
        troubled=True, reasons=frozenset({"marked", "blocked"}), touched=True,
    ),
    ErrandStory(
        "report_lost: with an administrator who attends already, and blocks it in the portal", "report_lost",
        in_portal(how="administrator"), IN_TURN, prepare=both(register(), portal), reason="blocked",
        check=told(
            ("block marked", NUMBER, "lost", ADMINISTRATOR), ("blocked in portal", NUMBER, "lost", ADMINISTRATOR),
        ),
    ),
    ErrandStory(
        "report_lost: with one reader, the holder's card leaves it for the administrator's", "report_lost",
        lost("code_known", portal_offer="administrator", portal_take_own=pulls(), portal_block="blocked"), ADMINISTRATED,
        prepare=both(register(), portal), reason="blocked",
        check=told(
            ("block marked", NUMBER, "code_known", HOLDER), ("blocked in portal", NUMBER, "code_known", ADMINISTRATOR),
        ), views=("report_lost.portal_offer", "report_lost.portal_take_own", "report_lost.take_administrator"),
    ),
    ErrandStory(
        "report_lost: the administrator does not block it in the portal now", "report_lost",
        in_portal(portal_block="later"), IN_TURN, prepare=both(register(), portal), reason="marked",
        events=("card.hold marked", *PRINTED), check=told(("hold", NUMBER, "lost", "")),
    ),
    ErrandStory(
        "report_lost: the administrator does not come back from the portal", "report_lost",
        in_portal(portal_block=leaves), IN_TURN, prepare=both(register(), portal), outcome="done", reason="marked",
        events=("card.hold marked",), check=told(("hold", NUMBER, "lost", "")),
    ),
    ErrandStory(
        "report_lost: whoever is here is no administrator", "report_lost",
        in_portal(insert_administrator=puts("10:old", "administrator"), not_an_administrator="cancel"), IN_TURN,
        prepare=both(register(), portal), reason="marked", check=told(("hold", NUMBER, "lost", "")),
    ),
    ErrandStory(
        "report_lost: the server does not take the word of the administrator", "report_lost",
        in_portal(portal_not_noted="next"), IN_TURN, prepare=both(register(), portal, declined("blocked_in_portal")),
        reason="marked", events=("card.hold marked", "card.block declined", *PRINTED),
        check=told(("hold", NUMBER, "lost", "")),
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
        "report_lost: somebody else's card, which is handed in", "report_lost", lost("not_mine"),
        prepare=both(register(), housed), reason="found_card", events=(), check=told(),
    ),
    ErrandStory(
        "report_lost: somebody else's card, where no slot takes it", "report_lost",
        lost("not_mine", **{"stop.found_elsewhere": "end"}), prepare=register(), outcome="refused", reason="found_elsewhere",
        events=(), check=told(),
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
    ErrandStory(
        "report_lost: found, and the issuer does not lift the hold", "report_lost",
        lost("found", **{"stop.lift_declined": "end"}), prepare=both(register("held"), declined("lift")), outcome="refused",
        reason="lift_declined", events=("card.lift declined",), check=told(),
    ),
    ErrandStory(
        "report_lost: the issuer does not block the card", "report_lost",
        lost("code_known", **{"stop.block_declined": "end"}), prepare=both(register(), declined("block")), outcome="refused",
        reason="block_declined", events=("card.block declined",), check=told(),
    ),
]  # fmt: skip
