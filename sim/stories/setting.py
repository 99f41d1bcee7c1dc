"""The main stories of the pick-up as tables, and the rooms in which they happen. Other stories are these with a row changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.bench.virtual_bench import Scenario
from sim.reader.persona import Persona
from sim.reader.personas import person
from sim.stories.clock import HandClock
from sim.stories.devices import RELEASE_CODE, LetterVerifier, PaperTray, order_of
from sim.stories.person import Story, StoryAction, drops, pulls, pulls_lit, puts, takes
from sim.stories.room import OLD_PIN, Room, RoomWorld

NEW_PIN = "83920174"
"""The code that the holder chooses. It must appear nowhere."""
HAND = ("1:old", "3:old", "4:old", "5:old", "10:old", "12:old", "10:new", "13:new", "14:new")
SLOTS = {2: "1:new", 6: "3:new", 8: "4:new", 10: "5:new", 24: "12:new"}


def own_card(number: int = 1, **changed: Any) -> Story:
    """A holder with an own valid old card, alone at the station. `changed`: other actions, by view name after `pickup.`."""
    new = person(number).new
    story: dict[str, Any] = {
        "pickup.who": "old_card",
        "pickup.insert_old": puts(f"{number}:old"),
        "pickup.pin_old": OLD_PIN,
        "pickup.take_old": pulls(),
        **_rest(number),
        "pickup.drop_old": drops(f"{number}:old"),
        "pickup.printed": new.card_number[-8:],
    }
    return story | _rows(changed)


def attended(number: int = 1, reader: str = "administrator", **changed: Any) -> Story:
    """An administrator vouches, with the card in the second reader, or in turn in the one."""
    story: dict[str, Any] = {
        "pickup.who": "administrator",
        "pickup.insert_administrator": puts("13:new", reader),
        "pickup.pin_administrator": OLD_PIN,
        "pickup.document": "passport",
        "pickup.document_digits": "4711",
        "pickup.take_administrator": pulls(reader),
        "pickup.which": f"A-{number:04d}",
        **_rest(number),
    }
    return story | _rows(changed)


def released(number: int = 12, **changed: Any) -> Story:
    """A holder with the letter of an LoA2 card, and no old card."""
    new = person(number).new
    story: dict[str, Any] = {
        "pickup.who": "release_code",
        "pickup.release_number": new.card_number[-8:],
        "pickup.release_code": RELEASE_CODE,
        "pickup.release_wrong": "again",
        **_rest(number),
    }
    return story | _rows(changed)


def come_back(number: int = 1, **changed: Any) -> Story:
    """The holder who left half way is here again, with the old card, and has the new one and its code."""
    return own_card(number, **changed)


def _rest(number: int) -> dict[str, StoryAction]:
    new = person(number).new
    return {
        "pickup.terms": "accept",
        "pickup.take": takes(2 * number),
        "pickup.have_it": lambda someone: "yes" if f"{number}:new" in someone.world.hand else "no",
        "pickup.printed": new.card_number[-8:],
        "pickup.insert_new": puts(f"{number}:new"),
        "pickup.sign_owed": puts(f"{number}:new"),
        "pickup.code_from_before": NEW_PIN,
        "pickup.puk": new.puk,
        "pickup.new_pin": NEW_PIN,
        "pickup.repeat_pin": NEW_PIN,
        "pickup.write": "write",
        "pickup.pulled": puts(f"{number}:new"),
        "pickup.check_code": NEW_PIN,
        "pickup.not_written": "again",
        "pickup.receipt": "sign",
        "pickup.sign_pin": NEW_PIN,
        "pickup.done": "end",
        "closing.take_card": pulls_lit,
    }


def _rows(changed: dict[str, Any]) -> dict[str, Any]:
    return {name if name.startswith("closing.") else f"pickup.{name}": action for name, action in changed.items()}


@dataclass(frozen=True)
class Setting:
    """Differences in the room of a story."""

    number: int = 1
    second_reader: bool = False
    server: bool = False
    """The server verifies envelopes; otherwise the card does."""
    order: Mapping[str, Any] = field(default_factory=dict)
    orders: tuple[int, ...] | None = None
    changed: Mapping[str, Persona] = field(default_factory=dict)
    slots: Mapping[int, str] = field(default_factory=lambda: SLOTS)
    hand: tuple[str, ...] = HAND
    printer: tuple[Any, ...] | None = ()
    """The outcomes of the first prints; None: no printer is fitted."""
    kind: str = "B"
    """The kind of the first person's cards."""
    traits: tuple[str, ...] = ()
    """In what they differ from others of their kind."""
    described: bool = True
    """The station has a profile of such cards."""
    shape: str = "one-pair"
    """Which certificates all cards have."""


def room_for(folder: Path, setting: Setting) -> Room:
    """The room of a story."""
    numbers = setting.orders if setting.orders is not None else (setting.number,)
    orders = [order_of(number, **(setting.order if number == setting.number else {})) for number in numbers]
    pukes = {order.order: person(int(order.order[-4:])).new.puk for order in orders}
    return Room(
        folder,
        orders=orders,
        world=RoomWorld(
            folder,
            Scenario(dict(setting.slots), setting.hand, ()),
            HandClock(),
            dict(setting.changed),
            setting.kind,
            setting.traits,
            described=setting.described,
            shape=setting.shape,
        ),
        second_reader=setting.second_reader,
        printer=None if setting.printer is None else PaperTray(*setting.printer),
        envelopes=LetterVerifier(pukes) if setting.server else None,
    )
