"""Views of an errand that ended for a reason that no journey knows: a pulled card, a fault, a card left behind."""

from typing import Any, Literal, TypedDict

from kiosk.ports import CodeThatApplies
from kiosk.steps.card import Strangeness
from kiosk.steps.card_views import reader_for, strange_note
from kiosk.steps.slot_views import AT_THE_SLOT_S
from kiosk.steps.view_helpers import primary_button
from kiosk.views import Await, Button, CabinetDrawing, Note, Point, ReaderDrawing, Say, Tell, View, say


class _Badge(TypedDict):
    badge: Literal["success", "warning", "failure"]
    badge_icon: str


BADGES: dict[CodeThatApplies, _Badge] = {
    "before": {"badge": "warning", "badge_icon": "smart-card-off-outline"},
    "new": {"badge": "success", "badge_icon": "check-bold"},
    "unknown": {"badge": "failure", "badge_icon": "smart-card-off-outline"},
}
"""By the code that the card has now, wherever it is told."""


def pulled(code: CodeThatApplies, strange: Strangeness | None = None, question: View[Any] | None = None) -> Await:
    """The card was taken out in the middle of a question, or (`unknown`) of a command; `code`: which one it has now. With the
    same card the errand goes on: where `question` was its last one."""
    which = "safe" if code == "before" else code
    note = Note(say("done.keep")) if code == "new" else None
    return Await(
        name="closing.pulled",
        errand=question.errand if question else None,
        step=question.step if question else None,
        **BADGES[code],
        title=say(f"closing.pulled.{which}.title"),
        lead=(say(f"closing.pulled.{which}"), say(f"closing.pulled.{which}.do")),
        sends_on=code == "unknown",
        note=note if strange is None else strange_note(strange, Note(say("insert.wipe"))),
        drawing=reader_for(strange),
        drawing_text=say("closing.pulled.try" if code == "new" else "closing.pulled.same_card"),
        way_out=Button("end", say("button.end"), "check"),
        waits_for=say("wait.card"),
    )


def pulled_for_good(code: CodeThatApplies) -> Tell:
    """The card was taken out, and putting it back begins another errand, such as an administrator's log-in."""
    which = "safe" if code == "before" else code
    return Tell(
        name="closing.pulled",
        **BADGES[code],
        title=say(f"closing.pulled.{which}.title"),
        lead=(say(f"closing.pulled.{which}"),),
        points=(Point(say("closing.pulled.over"), bullet="number"),),
        primary=primary_button("end", "button.end", "check"),
    )


def another_card(code: CodeThatApplies) -> Tell:
    """Another card was put in, in place of the one that was pulled: the errand is over."""
    return Tell(
        name="closing.another_card",
        **BADGES["unknown" if code == "unknown" else "before"],
        title=say("closing.another_card.title"),
        lead=(*_code_told(code), say("closing.another_card.lead")),
        points=(Point(say("closing.another_card.do"), bullet="number"),),
        primary=primary_button("end", "button.end", "check"),
    )


def trouble(fault: str, code: CodeThatApplies = "before", *, done: bool = False) -> Tell:
    """A fault of the station: `reader`, `card`, `store`, `door` (opened) or `crash`. A code that may be another is told first.
    `done`: it came after the errand's good end, which then is said instead: nothing was broken off, and nobody has to be seen."""
    return Tell(
        name=f"closing.{fault}",
        badge="failure",
        badge_icon="wrench-outline",
        title=say(f"closing.{fault}.title"),
        lead=(*_code_told(code), say("closing.errand_done" if done else f"closing.{fault}.lead")),
        points=(Point(say("closing.take_card.holder" if done else "closing.do"), bullet="number"),),
        primary=primary_button("end", "button.end", "check"),
        sends_on=not done,
    )


def _code_told(code: CodeThatApplies) -> tuple[Say, ...]:
    return () if code == "before" else (say(f"closing.code.{code}"),)


def open_door(slot: int, slots: int) -> Await:
    """The errand is over, and a slot that it has opened still stands open."""
    return Await(
        name="closing.open_door",
        badge="warning",
        badge_icon="alert",
        title=say("closing.open_door.title", slot=slot),
        lead=(say("closing.open_door.lead"), say("closing.open_door.card")),
        drawing=CabinetDrawing(slots, slot),
        waits_for=say("wait.slot_closed"),
        idle_s=AT_THE_SLOT_S,
    )


def logged_out() -> Tell:
    """The administrator took their card, and what they had begun ends."""
    return Tell(
        name="closing.logged_out",
        badge="warning",
        badge_icon="logout",
        title=say("closing.logged_out.title"),
        lead=(say("closing.logged_out.lead"),),
        primary=primary_button("end", "button.end", "check"),
    )


def take_card(which: Literal["holder", "administrator"]) -> Await:
    """A card is still in: the holder's own, or the administrator's in the second reader."""
    return Await(
        name="closing.take_card",
        title=say(f"closing.take_card.{which}"),
        lead=(say("closing.take_card.lead"),),
        drawing=ReaderDrawing("out", which),
        waits_for=say("wait.taken"),
    )
