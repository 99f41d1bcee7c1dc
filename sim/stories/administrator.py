"""Administrators in stories: the rooms with their cards, the menu, and who may what."""

from collections.abc import Callable
from typing import Any

from kiosk.errands.service.views import INSTALLATION
from sim.reader.personas import person
from sim.stories.administration import RoomHouse
from sim.stories.administrators import administrator
from sim.stories.person import Story, pulls_lit, puts
from sim.stories.room import OLD_PIN, Room
from sim.stories.setting import SLOTS, Setting

HOUSE = Setting(slots=SLOTS, hand=("1:old", "10:old", "13:new", "14:new", "10:new"), second_reader=True)


def housed(room: Room) -> None:
    """The station can be looked after from its menu."""
    room.equip(machine=RoomHouse(room))


def two(room: Room) -> None:
    """Two people are administrators here."""
    other = person(14)
    room.orders.administrators[other.hsa_id] = administrator(other.hsa_id, other.name)


def too_old(room: Room) -> None:
    """The list of orders counts no more. That of administrators would not either; here it is what is asked first."""
    room.orders.too_old = True


HANDED_OUT = (
    "identity.attested", "slot.open opened", "slot.take taken", "card.unblock accepted", "card.activated", "receipt.issued",
    "receipt.print printed",
)  # fmt: skip


def look_after(*wishes: str, **changed: Any) -> Callable[[], Story]:
    """Log in, and do that, one after the other."""
    story: dict[str, Any] = {
        "insert_administrator": puts("13:new", "administrator"),
        "pin_administrator": OLD_PIN,
        "menu": [*("installation" if wish in INSTALLATION else wish for wish in wishes), "end"],
        "installation": [wish for wish in wishes if wish in INSTALLATION],
        "tested": "next",
        "printed": "next",
        "not_printed": "next",
        "events": "back",
        "closed": "next",
        "paired": "next",
        "not_paired": "next",
        "pair": "pair",
        "restart": "restart",
        **changed,
    }
    return lambda: {f"service.{name}": action for name, action in story.items()} | {"closing.take_card": pulls_lit}
