"""The supervisor: what may happen at any moment, whatever journey runs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.cabinet.port import Opened
from drivers.reader.errors import CardAnswerError, LedgerError, NoReaderError
from fleet.agent.store import StoreError
from kiosk.journeys.desk import Desk, Ended
from kiosk.ports import Ask, CardPulledError, ErrandCancelledError, ErrandLog, TimedOutError
from kiosk.supervisor import Limits, Supervisor
from kiosk.views import CANCEL, Busy, Button, Choose, Option, View, say
from tests.fakes.clock import HandClock
from tests.fakes.person import Person, pulls_lit
from tests.fakes.room import Room, quick_folder
from tests.fakes.stories import Setting, own_card, room_for

QUESTION = Choose(
    name="question",
    title=say("who.title"),
    options=(Option("one", say("who.old_card")),),
    way_out=Button(CANCEL, say("button.cancel")),
)
BUSY = Busy(name="busy", title=say("busy.title"))


class SlowScreen:
    """Answers when the test says so; remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.withdrawn: list[str] = []
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.more_time: list[bool] = []
        self.warned = asyncio.Event()
        self.touch = lambda: None

    def set_activity(self, notice: Any) -> None:
        self.touch = notice

    async def warn(self, view: View[Any], seconds: float) -> bool:
        self.warned.set()
        return self.more_time.pop(0) if self.more_time else False

    async def show(self, view: View[Any]) -> Any:
        self.shown.append(view.name)
        try:
            return await asyncio.shield(self.answer)
        except asyncio.CancelledError:
            self.withdrawn.append(view.name)
            raise


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def screen() -> SlowScreen:
    return SlowScreen()


@pytest.fixture
def supervisor(screen: SlowScreen, clock: HandClock) -> Supervisor:
    return Supervisor(screen, None, clock, Limits(idle_s=60, warning_s=30))


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_nobody_answers_the_warning_and_the_errand_ends(
    supervisor: Supervisor, screen: SlowScreen, clock: HandClock
) -> None:
    asking = asyncio.ensure_future(supervisor.ask(QUESTION))
    await settle()
    clock.advance(59)
    await settle()
    assert not screen.warned.is_set()
    clock.advance(1)
    with pytest.raises(TimedOutError):
        await asking
    assert screen.withdrawn == ["question"]


async def test_more_time_goes_on_with_the_same_question(
    supervisor: Supervisor, screen: SlowScreen, clock: HandClock
) -> None:
    screen.more_time = [True, True]
    asking = asyncio.ensure_future(supervisor.ask(QUESTION))
    for _ in range(2):
        await settle()
        clock.advance(60)
    await settle()
    assert screen.more_time == []
    screen.answer.set_result("one")
    assert await asking == "one"
    assert screen.shown == ["question"]


async def test_a_touch_puts_the_warning_off(supervisor: Supervisor, screen: SlowScreen, clock: HandClock) -> None:
    asking = asyncio.ensure_future(supervisor.ask(QUESTION))
    await settle()
    clock.advance(40)
    screen.touch()
    clock.advance(40)
    await settle()
    assert not screen.warned.is_set()
    clock.advance(20)
    with pytest.raises(TimedOutError):
        await asking


async def test_a_view_may_wait_longer_than_the_station(
    supervisor: Supervisor, screen: SlowScreen, clock: HandClock
) -> None:
    asking = asyncio.ensure_future(supervisor.ask(replace(QUESTION, idle_s=120.0)))
    await settle()
    clock.advance(119)
    await settle()
    assert not screen.warned.is_set()
    asking.cancel()


async def test_a_device_wins_over_a_touch_at_the_same_moment(supervisor: Supervisor, screen: SlowScreen) -> None:
    device: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asking = asyncio.ensure_future(supervisor.ask(QUESTION, until=device))
    await settle()
    screen.answer.set_result(CANCEL)
    device.set_result("taken")
    assert await asking == "taken"


async def test_a_device_answer_withdraws_the_warning(
    supervisor: Supervisor, screen: SlowScreen, clock: HandClock
) -> None:
    device: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asking = asyncio.ensure_future(supervisor.ask(QUESTION, until=device))
    await settle()
    device.set_result("taken")
    assert await asking == "taken"
    clock.advance(1000)
    await settle()
    assert not screen.warned.is_set()


async def test_the_way_out_cancels(supervisor: Supervisor, screen: SlowScreen) -> None:
    screen.answer.set_result(CANCEL)
    with pytest.raises(ErrandCancelledError):
        await supervisor.ask(QUESTION)


async def test_a_step_under_way_is_finished_even_if_the_station_is_told_to_stop(
    supervisor: Supervisor, screen: SlowScreen, clock: HandClock
) -> None:
    began, may_end, done = asyncio.Event(), asyncio.Event(), []

    async def step() -> str:
        began.set()
        await may_end.wait()
        done.append("whole")
        return "whole"

    asking = asyncio.ensure_future(supervisor.ask(BUSY, until=step()))
    await began.wait()
    asking.cancel()
    clock.advance(10_000)
    await settle()
    assert not asking.done()
    assert done == []
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert done == ["whole"]
    assert screen.withdrawn == ["busy"]


async def test_no_answer_of_the_screen_ends_a_busy_view(supervisor: Supervisor, screen: SlowScreen) -> None:
    screen.answer.set_result(CANCEL)
    assert await supervisor.ask(BUSY, until=asyncio.sleep(0, "result")) == "result"


async def test_a_time_out_of_a_whole_errand_cannot_fall_inside_a_step(supervisor: Supervisor, clock: HandClock) -> None:
    """The idle time starts again after a step, however long it took."""

    async def long_step() -> str:
        clock.advance(500)
        return "done"

    assert await supervisor.ask(BUSY, until=long_step()) == "done"
    asking = asyncio.ensure_future(supervisor.ask(QUESTION))
    await settle()
    assert not asking.done()
    asking.cancel()


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, Setting())
        yield room
        await room.close()


def raising(fault: BaseException) -> Any:
    async def journey(ask: Ask, desk: Desk, log: ErrandLog) -> Ended:
        raise fault

    return journey


@pytest.mark.parametrize(
    ("fault", "reason", "view"),
    [
        (ZeroDivisionError("a fault of ours"), "crash", "closing.crash"),
        (NoReaderError("gone"), "reader_gone", "closing.reader"),
        (CardAnswerError("nonsense"), "card", "closing.card"),
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


async def test_a_card_that_is_left_in_is_asked_for_after_any_errand(room: Room) -> None:
    room.world.insert("1:old", "holder")
    someone = Person(room.world, room.clock, {"closing.pulled": "end", "closing.take_card": pulls_lit})
    await room.errand(someone, raising(CardPulledError()))
    assert someone.names == ["closing.pulled", "closing.take_card"]
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
        return "yes"

    someone = Person(room.world, room.clock, own_card(envelope=fills) | {"closing.store": "end"})
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

    async def journey(ask: Ask, desk: Desk, log: ErrandLog) -> Ended:
        nonlocal full
        await log.about(room.orders.all[0])
        full = True
        await log.end(Ended("done", order=room.orders.all[0]))
        return Ended("done")

    ended = await room.errand(Person(room.world, room.clock, {"closing.store": "end"}), journey)
    assert (ended.outcome, ended.reason) == ("fault", "store")
    full = False
    assert await room.orders.collected() == set()


async def test_only_an_effect_that_is_done_counts_as_progress(room: Room) -> None:
    log = await room.journal.start("pickup")
    await log.about(room.orders.all[0])
    opened: Opened = await log.effect("slot.open", _soon(Opened()), slot=2)
    assert opened == Opened()
    assert await log.progress() == {"slot.open"}


async def _soon(result: Any) -> Any:
    return result
