"""Stories of `administrate`: what people do, how it ends, and what is left then."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kiosk.steps.identity.administrator import LOGGED_IN_S
from sim.stories.administration import RoomHouse
from sim.stories.administrator import HANDED_OUT, HOUSE, housed, look_after
from sim.stories.errand_stories import ErrandStory
from sim.stories.person import Story, first, lingers, pulls, pulls_lit, puts
from sim.stories.register import both
from sim.stories.room import OLD_PIN, Room
from sim.stories.setting import attended

ONE_READER = replace(HOUSE, second_reader=False)


def menu(reader: str = "administrator", **changed: Any) -> Callable[[], Story]:
    """Log in, begin something, and log out by taking the card."""
    story: dict[str, Any] = {
        "insert_administrator": puts("13:new", reader),
        "pin_administrator": OLD_PIN,
        "home": [pulls(reader)],
        **changed,
    }
    return lambda: {
        **attended(),
        "closing.take_card": pulls_lit,
        **{
            name if name.startswith(("pickup.", "closing.")) else f"administrate.{name}": action
            for name, action in story.items()
        },
    }


def away(room: Room) -> None:
    """Nobody can say who is an administrator."""
    room.log_ins.away = True


def begun(*expected: tuple[str, str, str]) -> Callable[[Room], None]:
    """Return a check of the errands that were begun from the menu, and how each ended."""

    def look(room: Room) -> None:
        assert isinstance(room.caps.machine, RoomHouse)
        assert [(errand, ended.outcome, ended.reason) for errand, ended in room.caps.machine.begun] == list(expected)

    return look


LOGGED_IN = ("administrator.logged_in",)


STORIES = [
    ErrandStory(
        "administrate: log in, look, log out by taking the card", "administrate", menu(), HOUSE, prepare=housed,
        events=LOGGED_IN, views=("administrate.insert_administrator", "administrate.home"), troubled=True,
    ),
    ErrandStory(
        "administrate: in the one reader", "administrate", menu("holder"), ONE_READER, prepare=housed, events=LOGGED_IN,
        troubled=True, reasons=frozenset({"logged_out"}),
    ),
    ErrandStory(
        "administrate: hand out a card, and be back at the menu", "administrate",
        menu(home=["attend", pulls("administrator")]), HOUSE, prepare=housed,
        events=(*LOGGED_IN, *HANDED_OUT), check=begun(("attend", "done", "")),
        views=("administrate.home", "pickup.document_digits", "pickup.which", "pickup.done", "administrate.home"),
    ),
    ErrandStory(
        "administrate: after a quarter of an hour the code is asked for again, and the card stays in", "administrate",
        menu(
            home=[first(lingers(LOGGED_IN_S + 1), then="attend"), pulls("administrator")],
            **{"pickup.log_in_again": "next"},
        ), HOUSE, prepare=housed, events=(*LOGGED_IN, *HANDED_OUT), check=begun(("attend", "done", "")),
        views=("administrate.home", "pickup.log_in_again", "pickup.pin_administrator", "pickup.document"),
    ),
    ErrandStory(
        "administrate: after a quarter of an hour in the one reader", "administrate",
        menu(
            "holder", home=[first(lingers(LOGGED_IN_S + 1), then="attend")],
            **{"pickup.log_in_again": "next", "pickup.take_administrator": pulls()},
        ), ONE_READER, prepare=housed, check=begun(("attend", "done", "")),
        views=("administrate.home", "pickup.log_in_again", "pickup.pin_administrator", "pickup.document"),
    ),
    ErrandStory(
        "administrate: in the one reader the menu ends where the holder's card goes in", "administrate",
        menu("holder", home=["attend"], **{"pickup.take_administrator": pulls()}), ONE_READER, prepare=housed,
        check=begun(("attend", "done", "")),
    ),
    ErrandStory(
        "administrate: the card is taken before it was let go", "administrate",
        menu(home=["attend"], **{"pickup.document": pulls("administrator"), "closing.logged_out": "end"}), HOUSE,
        prepare=housed, check=begun(("attend", "cancelled", "logged_out")),
    ),
    ErrandStory(
        "administrate: what is missing is said, and the menu stays", "administrate",
        menu(home=["attend", pulls("administrator")], not_now="back"), HOUSE,
        prepare=lambda room: room.equip(machine=RoomHouse(room, attend="cabinet")), check=begun(),
    ),
    ErrandStory(
        "administrate: two cards, and the one in the administrator's reader is a holder's", "administrate",
        menu(
            insert_administrator=[first(puts("10:old"), puts("1:old", "administrator")), puts("13:new", "administrator")],
            not_an_administrator="again",
        ), HOUSE, prepare=housed, events=LOGGED_IN,
        views=("administrate.not_an_administrator", "administrate.insert_administrator", "administrate.home"),
    ),
    ErrandStory(
        "administrate: nobody can be asked, and the list is too old", "administrate",
        menu(**{"stop.login_unavailable": "end"}), HOUSE, prepare=both(housed, away), outcome="fault",
        reason="login_unavailable",
    ),
    ErrandStory(
        "administrate: where no station runs", "administrate", menu(**{"stop.no_menu": "end"}), HOUSE, outcome="refused",
        reason="no_menu", events=(),
    ),
    ErrandStory(
        "administrate: a restart ends the stay", "administrate",
        lambda: {**look_after("restart")(), **menu(home=["service"])()}, HOUSE, prepare=housed,
        check=begun(("service", "done", "restarted")), events=("administrator.logged_in", "station.restart asked"),
    ),
    ErrandStory(
        "administrate: service from the menu, in the one reader, and back", "administrate",
        lambda: {
            **look_after("test")(), **menu("holder", home=["service", pulls()])(),
        }, ONE_READER, prepare=housed, check=begun(("service", "done", "")),
        events=("administrator.logged_in", "station.test well"),
    ),
]  # fmt: skip
