"""A station that is killed once a card is in its bin: `python -m campaigns.faults.killed_return FOLDER`.

Each story runs on a store of its own in a forked child without connection, which ends itself by SIGKILL at its point. Then the
station starts again on what is left, connected to the issuer's simulator, and tells what waits. One JSON object a line says what
became of the card.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from campaigns.faults.killed_station import forked
from fleet.messages.vocabulary import Effect
from kiosk.errands.pickup.journey import pickup
from kiosk.errands.registry import Journey
from kiosk.errands.return_card.journey import return_card
from kiosk.issuer.gateway import IssuerGateway
from kiosk.station.journal import Log
from sim.stories.own_card import MINE
from sim.stories.patience import LIMIT_S
from sim.stories.person import Person, Story, StoryAction, drops, pulls, puts
from sim.stories.room import OLD_PIN, Room, authority
from sim.stories.setting import Setting, own_card, room_for
from tests.fakes.issuers.issuing_fleet import CARD, DirectLink, fleet, identity

T = TypeVar("T")
CARD_IN_BIN = "after the outcome of drop.card"
PRINTING = "while the receipt is printed, after the end of the errand"


class NoOrders:
    """No administrator is on any list."""

    async def administrator(self, hsa_id: str) -> None:
        return None


def dies(person: Person) -> str | None:
    """The power goes."""
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def _return(**changed: StoryAction) -> Story:
    story: dict[str, StoryAction] = {
        "insert": puts(MINE), "know_code": "yes", "pin": OLD_PIN, "take": pulls(), "why": "replaced", "confirm": "return",
        "drop_old": drops(MINE), "number": CARD, **changed,
    }  # fmt: skip
    return {f"return_card.{name}": action for name, action in story.items()}


STORIES: dict[str, tuple[Journey, Story, str]] = {
    "return with its code": (return_card, _return(), CARD_IN_BIN),
    "return with its code, telling": (return_card, _return(), "return_card.telling"),
    "return by its number": (return_card, _return(insert="number"), CARD_IN_BIN),
    "return with its code, printing": (return_card, _return(), PRINTING),
    "pick-up, the old card": (pickup, own_card(), CARD_IN_BIN),
}


class DyingPerson(Person):
    """The power goes when that view comes up."""

    at = ""

    async def show(self, view: Any) -> Any:
        if view.name == self.at:
            dies(self)
        return await super().show(view)


def _dies_at(effect: Effect, *, midway: bool) -> None:
    """From here on the process ends once the intent of that effect (`midway`), or its outcome, is on the disk."""
    perform = Log.effect

    async def performed(self: Log, name: Effect, act: Awaitable[T], **more: Any) -> T:
        async def acting() -> T:
            if midway and name == effect:
                os.kill(os.getpid(), signal.SIGKILL)
            return await act

        result = await perform(self, name, acting(), **more)
        if name == effect:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    Log.effect = performed  # type: ignore[method-assign]


def _gateway(room: Room, link: Any) -> IssuerGateway:
    return IssuerGateway(identity(), room.store, link, room.clock)


async def _die(folder: Path, story: str) -> None:
    journey, actions, at = STORIES[story]
    room = room_for(folder, Setting())
    link = DirectLink(None)  # type: ignore[arg-type]  # nobody is connected
    link.set_online(False)
    trust = room.settings.trust
    room.equip(**_gateway(room, link).ports(NoOrders(), trust))  # type: ignore[arg-type]
    someone = DyingPerson(room.world, room.clock, actions)
    if at == CARD_IN_BIN:
        _dies_at(Effect.DROP_CARD, midway=False)
    elif at == PRINTING:
        _dies_at(Effect.RECEIPT_PRINT, midway=True)
    else:
        someone.at = at
    ended = await room.errand(someone, journey, journey.__name__)
    raise AssertionError(f"it was not killed: {ended}, {someone.failure}, {someone.names}")


async def _start_again(folder: Path) -> dict[str, Any]:
    """Connected: until nothing waits."""
    (folder / "fleet").mkdir()
    async with fleet(folder / "fleet") as region:
        room = room_for(folder, Setting())
        effects = [interruption.effect for interruption in await room.journal.boot("test") if interruption.effect]
        gateway = _gateway(room, region.link)
        queued = await gateway.queue.waiting()
        tasks = gateway.start()
        async with asyncio.timeout(LIMIT_S):
            while await gateway.queue.waiting():  # noqa: ASYNC110  # told by a task of its own
                await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        asks = [type(ask).__name__ for ask in region.link.asked if type(ask).__name__ in ("BlockAsk", "HoldAsk")]
        state = getattr(await gateway.ports(NoOrders(), None)["directory"].state(CARD), "state", "")
        events = [word for word in await room.told() if word.startswith(("receipt.print", "ended"))]
        await room.close()
        return {"queued": queued, "told": asks, "state": state, "found": effects, "events": events}


def main(folder: Path) -> None:
    """Every story, one after the other."""
    identity().store_secret()  # made once, as at enrolment: both starts of a station have the same
    authority()
    for number, story in enumerate(STORIES):
        place = folder / str(number)
        place.mkdir(parents=True)
        status = forked(_of(place, story))
        report = asyncio.run(_start_again(place))
        print(json.dumps({"story": story, "killed": os.WIFSIGNALED(status), **report}), flush=True)


def _of(place: Path, story: str) -> Callable[[], None]:
    return lambda: asyncio.run(_die(place, story))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
