"""How an errand ends when something of the station fails: safely, truly told, and the next one works."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drivers.cabinet.port import Opened
from drivers.reader.errors import CardAnswerError, CardSlowError, LedgerError, NoReaderError
from drivers.reader.outcomes import Accepted, Unknown, WrongCode
from fleet.agent.store import StoreError
from fleet.messages.vocabulary import Effect, ErrandOutcome
from kiosk.ports import CardPulledError
from kiosk.station.supervisor import Limits, Supervisor
from kiosk.steps.capabilities import Ended
from kiosk.steps.context import ErrandContext
from kiosk.steps.view_helpers import primary_button
from kiosk.views import Busy, Tell, say
from sim.stories.person import Person, pulls_lit
from sim.stories.room import Room, quick_folder
from sim.stories.setting import Setting, own_card, room_for


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, Setting())
        yield room
        await room.close()


QUESTION = Tell(name="question", title=say("home.title"), badge="success", primary=primary_button("end", "button.end"))


def raising(fault: BaseException) -> Any:
    async def journey(context: ErrandContext) -> Ended:
        raise fault

    return journey


@pytest.mark.parametrize(
    ("fault", "reason", "view"),
    [
        (ZeroDivisionError("a fault of ours"), "crash", "closing.crash"),
        (NoReaderError("gone"), "reader_gone", "closing.reader"),
        (CardAnswerError("nonsense"), "card", "closing.card"),
        (CardSlowError("120 s"), "card_slow", "closing.card"),
        (LedgerError("no count"), "card", "closing.card"),
        (StoreError(Path("station.sqlite"), "full"), "store", "closing.store"),
    ],
)
async def test_a_journey_that_fails_ends_on_a_safe_screen_and_the_next_errand_works(
    room: Room, fault: BaseException, reason: str, view: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    someone = Person(room.world, room.clock, {view: "end"})
    ended = await room.errand(someone, raising(fault))
    assert (ended.outcome, ended.reason) == ("fault", reason)
    assert someone.names == [view]
    assert await room.told() == ["errand.started", "ended fault"]
    assert (await room.errand(Person(room.world, room.clock, own_card()))).outcome == "done"


async def test_a_fault_after_the_good_end_does_not_say_that_the_errand_was_broken_off(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def journey(context: ErrandContext) -> Ended:
        await context.log.end(Ended(ErrandOutcome.DONE))
        raise ZeroDivisionError("a fault of ours")

    someone = Person(room.world, room.clock, {"closing.crash": "end"})
    await room.errand(someone, journey)
    (last,) = someone.shown
    assert isinstance(last, Tell)
    assert last.lead == (say("closing.errand_done"),)
    assert [point.text for point in last.points] == [say("closing.take_card.holder")]


async def test_a_card_that_is_left_in_is_asked_for_after_any_errand(room: Room) -> None:
    room.world.insert("1:old", "holder")
    someone = Person(room.world, room.clock, {"closing.card": "end", "closing.take_card": pulls_lit})
    await room.errand(someone, raising(CardPulledError()))
    assert someone.names == ["closing.card", "closing.take_card"]
    assert not someone.card_in("holder")


async def test_a_disk_that_is_full_before_an_effect_lets_nothing_happen(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The intent cannot be written: the slot stays shut, and the holder is told that the station cannot save."""
    transact = room.store.transact
    full = False

    async def until_full(work: Any) -> Any:
        nonlocal full
        if full:
            raise StoreError(room.store.path, "full")
        return await transact(work)

    monkeypatch.setattr(room.store, "transact", until_full)

    def fills(person: Person) -> str:
        nonlocal full
        full = True
        return "accept"

    someone = Person(room.world, room.clock, own_card(terms=fills) | {"closing.store": "end"})
    ended = await room.errand(someone)
    assert (ended.outcome, ended.reason) == ("fault", "store")
    assert someone.names[-1] == "closing.store"
    assert room.world.cabinet.longest_coil_s == 0.0
    full = False
    assert await room.told() == ["errand.started"]


async def test_an_errand_whose_end_could_not_be_written_is_not_called_done(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills while the old card falls: the order must not count as collected, and the next visit finishes it."""
    transact = room.store.transact
    full = False

    async def until_full(work: Any) -> Any:
        if full:
            raise StoreError(room.store.path, "full")
        return await transact(work)

    monkeypatch.setattr(room.store, "transact", until_full)

    async def journey(context: ErrandContext) -> Ended:
        nonlocal full
        await context.log.about(room.orders.all[0])
        full = True
        await context.log.end(Ended("done", order=room.orders.all[0]))
        return Ended("done")

    ended = await room.errand(Person(room.world, room.clock, {"closing.store": "end"}), journey)
    assert (ended.outcome, ended.reason) == ("fault", "store")
    full = False
    assert await room.orders.collected() == set()


@pytest.mark.parametrize(
    ("result", "leads", "outcome"),
    [
        (Accepted(), ["closing.pulled.new"], "interrupted"),
        (WrongCode(2), ["closing.pulled.safe"], "cancelled"),
        (Unknown(), ["closing.pulled.unknown"], "unknown"),
    ],
)
async def test_who_pulls_the_card_is_told_which_code_applies(
    room: Room, result: Any, leads: list[str], outcome: str
) -> None:
    """Before the mend the screen said that nothing was written, of a card with its new code, and the fleet heard of no code."""

    async def sets() -> Any:
        return result

    async def journey(context: ErrandContext) -> Ended:
        await context.log.effect(Effect.CARD_CHANGE, sets())
        raise CardPulledError

    someone = Person(room.world, room.clock, {"closing.pulled": "end"})
    ended = await room.errand(someone, journey)
    assert ended.outcome == outcome
    assert [text.key for text in someone.shown[-1].lead] == [*leads, f"{leads[0]}.do"]
    noted = someone.shown[-1].note
    assert (noted.title if noted else None) == (say("who_helps.title") if outcome == "unknown" else None)


async def test_a_code_that_was_set_while_the_disk_filled_is_told(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    transact, full = room.store.transact, list[bool]()

    async def until_full(work: Any) -> Any:
        if full:
            raise StoreError(room.store.path, "full")
        return await transact(work)

    async def sets() -> Accepted:
        full.append(True)
        return Accepted()

    async def journey(context: ErrandContext) -> Ended:
        await context.log.effect(Effect.CARD_CHANGE, sets())
        return Ended("done")

    monkeypatch.setattr(room.store, "transact", until_full)
    someone = Person(room.world, room.clock, {"closing.store": "end"})
    await room.errand(someone, journey)
    assert [text.key for text in someone.shown[-1].lead] == ["closing.code.new", "closing.store.lead"]


async def test_only_an_effect_that_is_done_counts_as_progress(room: Room) -> None:
    log = await room.journal.start("pickup")
    await log.about(room.orders.all[0])
    opened: Opened = await log.effect("slot.open", _soon(Opened()), slot=2)
    assert opened == Opened()
    assert await log.progress() == {"slot.open"}


async def _soon(result: Any) -> Any:
    return result


async def test_the_service_door_ends_the_question_and_a_busy_step_goes_on(room: Room) -> None:
    opened, written = asyncio.Event(), asyncio.Event()

    async def writes() -> str:
        opened.set()
        await asyncio.sleep(0)
        written.set()
        return "written"

    async def journey(context: ErrandContext) -> Ended:
        assert await context.ask(Busy(name="busy", title=say("home.title")), until=writes()) == "written"
        await context.ask(QUESTION)
        raise AssertionError("nobody answers behind an open door")

    someone = Person(room.world, room.clock, {"question": lambda _: None, "closing.door": "end"})
    supervisor = Supervisor(someone, room.caps.reader, room.clock, Limits(), door_opens=opened.wait)
    ended = await supervisor.run(journey, room.caps, await room.journal.start("pickup"))
    assert ended == Ended("cancelled", "door_open")
    assert written.is_set()
    assert someone.names == ["busy", "question", "closing.door"]


async def test_a_shut_door_changes_nothing(room: Room) -> None:
    someone = Person(room.world, room.clock, {"question": "end"})
    shut = asyncio.Event()
    supervisor = Supervisor(someone, room.caps.reader, room.clock, Limits(), door_opens=shut.wait)

    async def journey(context: ErrandContext) -> Ended:
        assert await context.ask(QUESTION) == "end"
        return Ended("done")

    assert await supervisor.run(journey, room.caps, await room.journal.start("pickup")) == Ended("done")
