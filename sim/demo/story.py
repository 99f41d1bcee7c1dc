"""The pick-up as a person does it at the demo's station: what to do at each view, with real touches and the bench's hands.

The same story makes the demo's pictures without a display, and is what the tests touch through. One entry a view, in
order; a view that comes and goes by itself (busy) has none.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from kiosk.steps.order import PAGE
from sim.demo.seed import slot_of
from sim.reader.personas import MadeUpPerson, administrators

NEW_PIN = "314159"


class Doer(Protocol):
    """A person at the station: fingers on the glass, hands on the devices."""

    async def touch(self, target: str, *, until: str | None = None) -> None:
        """Touch a button, a tile or a key by its name; `until` names what comes up where the view stays."""

    async def type(self, digits: str) -> None:
        """Touch the keys of a code or number one by one."""

    async def move(self, do: str, **request: Any) -> None:
        """Move something on the bench."""


SceneAction = Callable[[Doer], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StoryScene:
    """At this view, do this."""

    view: str
    action: SceneAction


def touch(target: str) -> SceneAction:
    return lambda doer: doer.touch(target)


def code(digits: str) -> SceneAction:
    """A code, then the primary button."""

    async def action(doer: Doer) -> None:
        await doer.type(digits)
        await doer.touch("submit")

    return action


def move(do: str, **request: Any) -> SceneAction:
    """One move on the bench."""
    return lambda doer: doer.move(do, **request)


def pick(someone: MadeUpPerson) -> SceneAction:
    """Turn the pages of the administrator's list until the order is there, and touch it."""

    async def action(doer: Doer) -> None:
        for page in range(1, (someone.order - 1) // PAGE + 1):
            await doer.touch("more", until=order_of(page * PAGE + 1))
        await doer.touch(order_of(someone.order))

    return action


def order_of(number: int) -> str:
    """The number of that person's order."""
    return f"2026-{number:04d}"


def own_card(someone: MadeUpPerson) -> tuple[StoryScene, ...]:
    """With the holder's own old card."""
    return (
        StoryScene("home", touch("pickup")),
        StoryScene("pickup.who", touch("old_card")),
        StoryScene("pickup.insert_old", move("insert", card=f"{someone.order}:old", reader="holder")),
        StoryScene("pickup.pin_old", code(someone.old.pin)),
        StoryScene("pickup.take_old", move("remove", reader="holder")),
        *_rest(someone, drop=True),
    )


def attended(someone: MadeUpPerson) -> tuple[StoryScene, ...]:
    """With an ID administrator, whose card goes into the second reader."""
    administrator = administrators()[0]
    return (
        StoryScene("home", touch("pickup")),
        StoryScene("pickup.who", touch("administrator")),
        StoryScene(
            "pickup.insert_administrator", move("insert", card=f"{administrator.order}:new", reader="administrator")
        ),
        StoryScene("pickup.pin_administrator", code(administrator.new.pin)),
        StoryScene("pickup.document", touch("driving_licence")),
        StoryScene("pickup.document_digits", code("4711")),
        StoryScene("pickup.which", pick(someone)),
        StoryScene("pickup.pin_administrator", code(administrator.new.pin)),
        *_rest(someone, drop=False),
        StoryScene("closing.take_card", move("remove", reader="administrator")),
    )


def looked_after() -> tuple[StoryScene, ...]:
    """An ID administrator looks after the machine, from the second reader: a self test, and a restart of the program."""
    administrator = administrators()[0]
    card = f"{administrator.order}:new"
    return (
        StoryScene("home", move("insert", card=card, reader="administrator")),
        StoryScene("administrate.pin_administrator", code(administrator.new.pin)),
        StoryScene("administrate.home", touch("service")),
        StoryScene("service.menu", touch("test")),
        StoryScene("service.tested", touch("next")),
        StoryScene("service.menu", touch("restart")),
        StoryScene("service.restart", touch("restart")),
        StoryScene("closing.take_card", move("remove", reader="administrator")),
    )


def _rest(someone: MadeUpPerson, *, drop: bool) -> tuple[StoryScene, ...]:
    slot, number = slot_of(someone), someone.new.number_on_card

    async def take(doer: Doer) -> None:
        await doer.move("take", slot=slot)
        await doer.move("close_door", slot=slot)

    dropped = (StoryScene("pickup.drop_old", move("drop", card=f"{someone.order}:old")),) if drop else ()
    return (
        StoryScene("pickup.terms", touch("accept")),
        StoryScene("pickup.take", take),
        StoryScene("pickup.printed", code(number[-8:])),
        StoryScene("pickup.insert_new", move("insert", card=f"{someone.order}:new", reader="holder")),
        StoryScene("pickup.puk", code(someone.new.puk)),
        StoryScene("pickup.new_pin", code(NEW_PIN)),
        StoryScene("pickup.repeat_pin", code(NEW_PIN)),
        StoryScene("pickup.write", touch("write")),
        StoryScene("pickup.receipt", touch("sign")),
        *dropped,
        StoryScene("pickup.done", touch("end")),
        StoryScene("closing.take_card", move("remove", reader="holder")),
    )
