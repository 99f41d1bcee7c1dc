"""The one supervisor: what can happen at any moment, so that no journey has to think of it.

It asks the questions, and races each against a device that may answer first, a card that is pulled, and a person who has
gone. While a `Busy` view is up nothing but the step itself ends it. When a journey ends, however it ends, the outcome is
committed before it is told, the right screen follows, and a card that is still in is asked to be taken.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from drivers.reader.errors import CardGoneError, NoReaderError, ReaderError
from fleet.agent.store import StoreError
from kiosk.journal import Log
from kiosk.journeys import closing_views as views
from kiosk.journeys.desk import Desk, StopError
from kiosk.journeys.registry import Journey
from kiosk.journeys.steps.card import emptied
from kiosk.ports import (
    CardPulledError,
    Clock,
    Ended,
    ErrandCancelledError,
    ErrandEndedError,
    Presence,
    Reader,
    Screen,
    TimedOutError,
)
from kiosk.views import CANCEL, Busy, View

A = TypeVar("A")
U = TypeVar("U")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds without a sign of a person until the warning, and from the warning to the end (EN 301 549 5.1.7 spirit:
    at least 20 s to ask for more, as often as one likes)."""

    idle_s: float = 60.0
    warning_s: float = 30.0


class Supervisor:
    """Owns the screen, and what may interrupt. One errand at a time."""

    def __init__(self, screen: Screen, reader: Reader | None, clock: Clock, limits: Limits) -> None:
        self._screen = screen
        self._reader = reader
        self._clock = clock
        self._limits = limits
        self._touched = clock.monotonic()
        self.asked: Callable[[View[Any]], None] = lambda _: None
        """Told of each view that is put up: the station's state, `walk`."""
        screen.set_activity(self._touch)

    async def ask(self, view: View[A], *, until: Awaitable[U] | None = None) -> A | U:
        """Implements `kiosk.ports.Ask`."""
        self.asked(view)
        if isinstance(view, Busy):
            assert until is not None, "a busy view lasts as long as its step"
            return await self._busy(view, until)
        answer: A | U = await self._race(view, until)
        if answer == CANCEL:
            raise ErrandCancelledError
        return answer

    async def run(self, journey: Journey, desk: Desk, log: Log) -> Ended:
        """Run one errand to its end, commit how it ended, and leave the screen and the reader clean. Never raises."""
        ended, farewell = await self._outcome(journey, desk, log)
        try:
            await log.end(ended)
        except StoreError as error:
            logger.error("the end of the errand could not be written: %s", error)
            ended, farewell = Ended("fault", "store"), views.trouble("store")
        ended = log.ended or ended
        if farewell is not None:
            await self._say(farewell)
        await self._let_go(desk.reader, "holder")
        if desk.administrator_reader is not None:
            await self._let_go(desk.administrator_reader, "administrator")
        return ended

    async def _outcome(self, journey: Journey, desk: Desk, log: Log) -> tuple[Ended, View[str] | None]:
        try:
            return await journey(self.ask, desk, log), None
        except StopError as stop:
            return Ended(stop.outcome, stop.reason), stop.view
        except ErrandCancelledError:
            return Ended("cancelled"), None
        except TimedOutError:
            return Ended("timed_out"), None
        except (CardPulledError, CardGoneError):
            return Ended("cancelled", "card_pulled"), views.pulled(unknown="card.unblock" in log.unknown)
        except ErrandEndedError:
            return Ended("cancelled", "unanswered"), None
        except NoReaderError:
            return Ended("fault", "reader_gone"), views.trouble("reader")
        except ReaderError as error:
            logger.warning("the card could not be used: %s", error)
            return Ended("fault", "card"), views.trouble("card")
        except StoreError as error:
            logger.error("the journal cannot be written: %s", error)
            return Ended("fault", "store"), views.trouble("store")
        except Exception:  # the next person must meet a working station: say it, write it, go on
            logger.exception("an errand crashed")
            return Ended("fault", "crash"), views.trouble("crash")

    async def _say(self, view: View[str]) -> None:
        try:
            await self.ask(view)
        except ErrandEndedError:
            return

    async def _let_go(self, reader: Reader, which: Literal["holder", "administrator"]) -> None:
        """Ask for the card that is still in. After the time-out the home screen comes back and keeps asking by itself."""
        try:
            if await reader.presence() in (Presence.PRESENT, Presence.MUTE):
                await self.ask(views.take_card(which), until=emptied(reader))
        except (ErrandEndedError, ReaderError):
            return

    def _touch(self) -> None:
        self._touched = self._clock.monotonic()

    async def _busy(self, view: View[Any], until: Awaitable[U]) -> U:
        shown = asyncio.ensure_future(self._screen.show(view))
        step = asyncio.ensure_future(until)
        try:
            return await asyncio.shield(step)
        except asyncio.CancelledError:
            await asyncio.wait({step})  # what cannot be undone is never abandoned half way
            raise
        finally:
            await _withdraw(shown)
            self._touch()

    async def _race(self, view: View[A], until: Awaitable[U] | None) -> A | U:
        self._touch()
        device = asyncio.ensure_future(until) if until is not None else None
        shown = asyncio.ensure_future(self._screen.show(view))
        gone = asyncio.ensure_future(self._pulled()) if view.needs_card else None
        idle = asyncio.ensure_future(self._abandoned(view))
        racing = [task for task in (device, shown, gone, idle) if task is not None]
        try:
            await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED)
            first = next(task for task in racing if task.done())
            return first.result()
        finally:
            await _withdraw(*racing)

    async def _pulled(self) -> Any:
        if self._reader is None:
            await asyncio.get_running_loop().create_future()
        else:
            await emptied(self._reader)
        raise CardPulledError

    async def _abandoned(self, view: View[Any]) -> Any:
        limit = self._limits.idle_s if view.idle_s is None else view.idle_s
        if math.isinf(limit):
            await asyncio.get_running_loop().create_future()
        while True:
            left = self._touched + limit - self._clock.monotonic()
            if left > 0:
                await self._clock.sleep(left)
            elif await self._screen.warn(view, self._limits.warning_s):
                self._touch()
            else:
                raise TimedOutError


async def _withdraw(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel what has not finished, and wait until it has let go."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
