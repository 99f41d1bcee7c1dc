"""The administrator's menu, and hand-overs that are attested from it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fleet.messages.issuing import AdministratorRole
from kiosk.steps.identity.administrator import LOGGED_IN_S
from sim.reader.personas import person
from tests.fakes.errand_tales.blocking import both
from tests.fakes.errands import ErrandTale
from tests.fakes.house import RoomHouse
from tests.fakes.issuers.administrators import administrator
from tests.fakes.person import Story, first, pulls, pulls_lit, puts
from tests.fakes.room import OLD_PIN, Room, persona_of
from tests.fakes.stories import SLOTS, Setting, attended, own_card

HOUSE = Setting(slots=SLOTS, hand=("1:old", "10:old", "13:new", "14:new", "10:new"), second_reader=True)
ONE_READER = replace(HOUSE, second_reader=False)
RESERVE = replace(HOUSE, order={"product": "reserve"})

PROTECTED = replace(HOUSE, order={"product": "reserve", "protected": True, "name": None})


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
            name if name.startswith(("pickup.", "closing.")) else f"administrate.{name}": deed
            for name, deed in story.items()
        },
    }


def housed(room: Room) -> None:
    """The station can be looked after from its menu."""
    room.equip(house=RoomHouse(room))


def two(room: Room) -> None:
    """Two people are administrators here."""
    other = person(14)
    room.orders.administrators[other.hsa_id] = administrator(other.hsa_id, other.name)


def too_old(room: Room) -> None:
    """The list of orders counts no more. That of administrators would not either; here it is what is asked first."""
    room.orders.too_old = True


def three(room: Room) -> None:
    """A third person is one too, and has the role for protected identities as the first one has."""
    two(room)
    for number in (13, 10):
        has(room, number, "KRA", "KUR")


def without_kra(room: Room) -> None:
    """Somebody else is on the list, without the role of who attends."""
    two(room)
    has(room, 10, "KUR")


def has(room: Room, number: int, *roles: AdministratorRole) -> None:
    """That person is on the list with these roles."""
    room.orders.administrators[person(number).hsa_id] = administrator(person(number).hsa_id, person(number).name, roles)


def away(room: Room) -> None:
    """Nobody can say who is an administrator."""
    room.log_ins.away = True


def begun(*wanted: tuple[str, str, str]) -> Callable[[Room], None]:
    """What was begun from the menu, and how it ended."""

    def look(room: Room) -> None:
        assert isinstance(room.caps.house, RoomHouse)
        assert [(errand, ended.outcome, ended.reason) for errand, ended in room.caps.house.begun] == list(wanted)

    return look


LOGGED_IN = ("administrator.logged_in",)
HANDED_OUT = (
    "identity.attested", "slot.open opened", "slot.take taken", "card.unblock accepted", "card.activated", "receipt.issued",
    "receipt.print printed",
)  # fmt: skip
TALES = [
    ErrandTale(
        "administrate: log in, look, log out by taking the card", "administrate", menu(), HOUSE, prepare=housed,
        events=LOGGED_IN, views=("administrate.insert_administrator", "administrate.home"), troubled=True,
    ),
    ErrandTale(
        "administrate: in the one reader", "administrate", menu("holder"), ONE_READER, prepare=housed, events=LOGGED_IN,
        troubled=True, reasons=frozenset({"logged_out"}),
    ),
    ErrandTale(
        "administrate: hand out a card, and be back at the menu", "administrate",
        menu(home=["attend", pulls("administrator")]), HOUSE, prepare=housed,
        events=(*LOGGED_IN, *HANDED_OUT), check=begun(("attend", "done", "")),
        views=("administrate.home", "pickup.document_digits", "pickup.which", "pickup.done", "administrate.home"),
    ),
    ErrandTale(
        "administrate: after a quarter of an hour the code is asked for again, and the card stays in", "administrate",
        menu(
            home=[first(lambda p: p.clock.advance(LOGGED_IN_S + 1), then="attend"), pulls("administrator")],
            **{"pickup.log_in_again": "next"},
        ), HOUSE, prepare=housed, events=(*LOGGED_IN, *HANDED_OUT), check=begun(("attend", "done", "")),
        views=("administrate.home", "pickup.log_in_again", "pickup.pin_administrator", "pickup.document"),
    ),
    ErrandTale(
        "administrate: after a quarter of an hour in the one reader", "administrate",
        menu(
            "holder", home=[first(lambda p: p.clock.advance(LOGGED_IN_S + 1), then="attend")],
            **{"pickup.log_in_again": "next", "pickup.take_administrator": pulls()},
        ), ONE_READER, prepare=housed, check=begun(("attend", "done", "")),
        views=("administrate.home", "pickup.log_in_again", "pickup.pin_administrator", "pickup.document"),
    ),
    ErrandTale(
        "administrate: in the one reader the menu ends where the holder's card goes in", "administrate",
        menu("holder", home=["attend"], **{"pickup.take_administrator": pulls()}), ONE_READER, prepare=housed,
        check=begun(("attend", "done", "")),
    ),
    ErrandTale(
        "administrate: the card is taken before it was let go", "administrate",
        menu(home=["attend"], **{"pickup.document": pulls("administrator"), "closing.logged_out": "end"}), HOUSE,
        prepare=housed, check=begun(("attend", "cancelled", "logged_out")),
    ),
    ErrandTale(
        "administrate: what is missing is said, and the menu stays", "administrate",
        menu(home=["attend", pulls("administrator")], not_now="back"), HOUSE,
        prepare=lambda room: room.equip(house=RoomHouse(room, attend="cabinet")), check=begun(),
    ),
    ErrandTale(
        "administrate: two cards, and the one in the administrator's reader is a holder's", "administrate",
        menu(
            insert_administrator=[first(puts("10:old"), puts("1:old", "administrator")), puts("13:new", "administrator")],
            not_an_administrator="again",
        ), HOUSE, prepare=housed, events=LOGGED_IN,
        views=("administrate.not_an_administrator", "administrate.insert_administrator", "administrate.home"),
    ),
    ErrandTale(
        "administrate: nobody can be asked, and the list is too old", "administrate",
        menu(**{"stop.login_unavailable": "end"}), HOUSE, prepare=both(housed, away), outcome="fault",
        reason="login_unavailable",
    ),
    ErrandTale(
        "administrate: where no station runs", "administrate", menu(**{"stop.no_menu": "end"}), HOUSE, outcome="refused",
        reason="no_menu", events=(),
    ),
    ErrandTale(
        "attend: log in, document, order, hand over", "attend", attended, HOUSE, events=HANDED_OUT,
        views=("pickup.insert_administrator", "pickup.document", "pickup.document_digits", "pickup.which"),
        troubled=True, reasons=frozenset({"unsigned", "old_card_kept", "wrong_card_in_slot", "no_envelope"}),
    ),
    ErrandTale(
        "attend: a reserve card with LoA3 takes two, who are not the same", "attend",
        lambda: attended(
            insert_second=[puts("13:new", "administrator"), puts("14:new", "administrator")], not_the_same="again"
        ), RESERVE, prepare=two, events=HANDED_OUT,
        views=("pickup.which", "pickup.take_administrator", "pickup.not_the_same", "pickup.insert_second"),
    ),
    ErrandTale(
        "attend: for a protected identity the second one has the role for it too", "attend",
        lambda: attended(
            insert_second=[puts("14:new", "administrator"), puts("10:old", "administrator")], not_kur="again",
            pin_administrator=[OLD_PIN] * 3,
        ), PROTECTED, prepare=three, events=HANDED_OUT, views=("pickup.insert_second", "pickup.not_kur", "pickup.insert_second"),
    ),
    ErrandTale(
        "attend: for a protected identity the first one has not the role for it", "attend",
        lambda: attended(**{"stop.kur_needed": "end"}), PROTECTED, prepare=two, outcome="refused", reason="kur_needed", events=(),
    ),
    ErrandTale(
        "attend: a card of level 2, then one without the role, then the right one", "attend",
        lambda: attended(
            insert_administrator=[puts(one, "administrator") for one in ("14:new", "10:old", "13:new")],
            not_level_3="again", not_kra="again", pin_administrator=[OLD_PIN, OLD_PIN],
        ), replace(HOUSE, changed={"14:new": replace(persona_of("14:new"), loa=2)}), prepare=without_kra,
        events=HANDED_OUT, views=("pickup.not_level_3", "pickup.not_kra", "pickup.document"),
    ),
    ErrandTale(
        "attend: without connection for longer than the list counts", "attend",
        lambda: attended(**{"stop.list_too_old": "end"}), HOUSE, prepare=too_old, outcome="fault", reason="list_too_old",
        events=(),
    ),
    ErrandTale(
        "pickup: without connection for longer than the list counts", "pickup",
        lambda: own_card(**{"stop.list_too_old": "end"}), Setting(), prepare=too_old, outcome="fault", reason="list_too_old",
        events=(),
    ),
    ErrandTale(
        "attend: two in the one reader", "attend",
        lambda: attended(
            reader="holder", insert_second=puts("14:new"), pin_administrator=[OLD_PIN, OLD_PIN],
            take_administrator=[pulls(), first(pulls())],
        ), replace(RESERVE, second_reader=False), prepare=two, events=HANDED_OUT,
    ),
]  # fmt: skip
