"""Invariants after every pick-up, however it ended; and a card that leaves the reader where its contact breaks."""

import asyncio
from collections.abc import Callable
from typing import Any

from fleet.messages.vocabulary import EventType
from kiosk.ports import Ended
from kiosk.views import Await, ReaderDrawing
from sim.reader.cards import TearPoint, VirtualCard
from sim.reader.personas import person
from sim.stories.person import Person
from sim.stories.room import Room
from sim.stories.setting import NEW_PIN

FIRST_PIN = person(1).new.pin
OUTCOMES = {"done", "refused", "cancelled", "timed_out", "unknown", "interrupted"}
REASONS = {"", "card_pulled", "no_envelope", "wrong_card_in_slot", "last_try_kept", "card_gone", "unsigned", "old_card_kept",
           "torn_in_test", "puk_floor"}  # fmt: skip
CODE_TOLD = {"unknown": "unknown", "interrupted": "new"}
"""By outcome: what the screen says of the code, where the card was pulled."""
PUK_LEFT_AT_LEAST = 2
"""What is left after the last entry that the floor of three lets through."""


async def assert_ended_well(room: Room, someone: Person, ended: Ended, where: str, sent_before: int = 0) -> None:
    """Assert what must hold after every errand."""
    assert ended.outcome in OUTCOMES, f"{ended} after {where}"
    assert ended.reason in REASONS, f"{ended} after {where}"
    assert room.log is not None
    contents = [e.content() for e in await room.chain() if e.type == EventType.ERRAND_ENDED]
    mine = [content for content in contents if content["errand"] == room.log.id]
    assert [(c["outcome"], c.get("reason", "")) for c in mine] == [(ended.outcome, ended.reason)], where
    assert_true_screen(room, someone, ended, where)
    assert room.world.cabinet.drop.locked, where
    assert room.world.cabinet.open_slot_number is None or "slot.close left_open" in await room.told(), where
    assert_new_card(room, someone, ended, where, sent_before)
    assert await open_intents(room) == 0, where


def assert_true_screen(room: Room, someone: Person, ended: Ended, where: str) -> None:
    """The last thing that was said is what happened."""
    last = [name for name in someone.names if name != "closing.take_card"][-1]
    if ended.reason == "torn_in_test":
        assert last == "closing.pulled", where
        assert [view.lead[0].key for view in someone.shown if view.name == last] == ["closing.pulled.new"], where
    elif ended.outcome == "refused" or ended.reason in ("card_gone", "unsigned"):
        assert last == f"pickup.stop.{ended.reason}", where
    elif ended.reason == "card_pulled":
        assert last in ("closing.pulled", "closing.another_card"), where
        lead = someone.shown[someone.names.index("closing.pulled")].lead[0].key
        assert lead == f"closing.pulled.{CODE_TOLD.get(ended.outcome, 'safe')}", where
        if ended.outcome == "interrupted":
            assert room.world.card("1:new").codes.pin.value.decode() == NEW_PIN, where
    elif ended.outcome == "done":
        assert last in ("pickup.done", "pickup.on_phone"), where
    if someone.card_in("holder"):
        assert "closing.take_card" in someone.names, where


def assert_new_card(room: Room, someone: Person, ended: Ended, where: str, sent_before: int) -> None:
    """The code is one that somebody knows or the errand says `unknown`; no PUK went out that nobody typed."""
    card = room.world.card("1:new")
    assert card.codes.pin.value.decode() in (FIRST_PIN, NEW_PIN), where
    assert card.tries_left[1] >= PUK_LEFT_AT_LEAST, where
    typed = sum(view == "pickup.puk" for view, _ in someone.typed)
    assert resets(card) - sent_before <= typed, where
    if room.log is not None and "card.unblock" in room.log.unknown:
        assert ended.outcome == "unknown", where


def resets(card: VirtualCard) -> int:
    """Return how many commands with a PUK the card has seen."""
    return sum(entry.ins == "RESET RETRY COUNTER" for entry in card.log)


async def open_intents(room: Room) -> int:
    count: int = await room.store.transact(
        lambda cx: cx.execute("SELECT count(*) FROM effect WHERE outcome IS NULL").fetchone()[0]
    )
    return count


class LooseCard(VirtualCard):
    """A card that leaves the reader where its contact breaks. `left` is called in the loop."""

    left: Callable[[], None]

    def _break(self, command: Any) -> Any:
        LOOPS[-1].call_soon_threadsafe(self.left)
        super()._break(command)


LOOPS: list[asyncio.AbstractEventLoop] = []
ANYTHING: dict[str, Any] = {
    "stop.torn_in_test": "end",
    "closing.pulled": "end",
    "closing.another_card": "end",
    "closing.card": "end",
}


def loosen(room: Room, someone: Person, exchange: int, when: TearPoint, name: str = "1:new") -> LooseCard:
    """The holder's card breaks in that exchange; where a card is waited for, the person puts it in again."""
    whole = room.world.card(name)
    card = LooseCard(whole.memory)
    card.tear(exchange, when)

    def left() -> None:
        if someone.card_in("holder"):
            room.world.remove("holder")
        view = someone.shown[-1]
        if isinstance(view, Await) and isinstance(view.drawing, ReaderDrawing) and view.drawing.motion == "in":
            room.world.insert(name, "holder")

    card.left = left
    room.world.cards[name] = card
    return card
