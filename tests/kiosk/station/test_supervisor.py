"""The supervisor: what may happen at any moment, whatever journey runs."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from drivers.reader.secret import Secret, WipedError
from kiosk.ports import Ended, ErrandCancelledError, TimedOutError
from kiosk.station.supervisor import Limits, Supervisor
from kiosk.views import CANCEL, Busy, Button, Choose, Option, View, say
from sim.stories.clock import HandClock

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
        self.patience = 1.0
        self.warned_s: list[float] = []

    def set_activity(self, notice: Any) -> None:
        self.touch = notice

    async def warn(self, view: View[Any], seconds: float) -> bool:
        self.warned.set()
        self.warned_s.append(seconds)
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


async def test_more_time_is_given_as_often_as_somebody_asks(
    supervisor: Supervisor, screen: SlowScreen, clock: HandClock
) -> None:
    screen.more_time = [True] * 10
    asking = asyncio.ensure_future(supervisor.ask(QUESTION))
    for _ in range(10):
        await settle()
        clock.advance(60)
    await settle()
    assert (screen.more_time, asking.done()) == ([], False)
    screen.answer.set_result("one")
    assert await asking == "one"


async def test_who_listens_or_uses_keys_has_three_times_as_long(
    supervisor: Supervisor, screen: SlowScreen, clock: HandClock
) -> None:
    screen.patience = 3.0
    asking = asyncio.ensure_future(supervisor.ask(QUESTION))
    await settle()
    clock.advance(179)
    await settle()
    assert not screen.warned.is_set()
    clock.advance(1)
    with pytest.raises(TimedOutError):
        await asking
    assert screen.warned_s == [90.0]


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


async def test_an_errand_that_lasts_too_long_is_warned_of_however_often_somebody_touches(
    screen: SlowScreen, clock: HandClock
) -> None:
    limits = Limits(idle_s=60, warning_s=30, total_s=300)
    supervisor = Supervisor(screen, None, clock, limits)
    supervisor.ends_at = clock.monotonic() + limits.total_s
    screen.more_time = [True] * 10
    asking = asyncio.ensure_future(supervisor.ask(QUESTION))
    warned = 0
    for _ in range(11 * 300 // 50):
        await settle()
        clock.advance(50)
        screen.touch()
        await settle()
        warned += screen.warned.is_set()
        screen.warned.clear()
    with pytest.raises(TimedOutError):
        await asking
    assert warned == 11


async def test_what_was_typed_is_wiped_when_its_errand_ends(
    supervisor: Supervisor, screen: SlowScreen, clock: HandClock
) -> None:
    """However it ends; an errand inside another keeps the codes of the outer one."""
    outer, inner = Secret("246813"), Secret("975318")

    async def asks(context: Any) -> Ended:
        await context.ask(QUESTION)
        raise ErrandCancelledError

    async def nests(context: Any) -> Ended:
        await context.ask(QUESTION)
        answers(inner)
        await supervisor.run(asks, NoCapabilities(), NoLog())  # type: ignore[arg-type]
        with pytest.raises(WipedError):
            inner.reveal()
        assert outer.reveal() == "246813"
        return Ended("done")

    def answers(code: Secret) -> None:
        screen.answer = asyncio.get_running_loop().create_future()
        screen.answer.set_result(code)

    answers(outer)
    await supervisor.run(nests, NoCapabilities(), NoLog())  # type: ignore[arg-type]
    with pytest.raises(WipedError):
        outer.reveal()


class NoCapabilities:
    """Nothing is fitted."""

    administrator_session = None
    reader = administrator_reader = cabinet = None


class NoLog:
    """Keeps nothing."""

    ended = None
    unknown: tuple[str, ...] = ()
    kind, code = "", "before"
    opened: tuple[int, ...] = ()

    async def end(self, ended: Ended) -> None:
        """It ended."""
