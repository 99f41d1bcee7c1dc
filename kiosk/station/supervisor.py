"""Session supervisor: idle time-out, removed card, open service door and crash, so that no journey has to handle them.

It asks the questions, and races each against a device that may answer first, a card that is pulled, and a person who has
gone. While a `Busy` view is up nothing but the step itself ends it. When a journey ends, however it ends, the outcome is
committed before it is told, the right screen follows, a card that is still in is asked to be taken, and every code that was
typed is wiped.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from drivers.reader.errors import CardGoneError, CardSlowError, NoReaderError, ReaderError
from drivers.reader.secret import Secret
from fleet.agent.store import StoreError
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.administration_ports import AdministratorSession
from kiosk.errands.registry import Journey
from kiosk.ports import (
    Ask,
    CardPulledError,
    Clock,
    CodeThatApplies,
    Ended,
    ErrandCancelledError,
    ErrandEndedError,
    Presence,
    Reader,
    Screen,
    TimedOutError,
)
from kiosk.station.journal import Log
from kiosk.steps import aborted_views as views
from kiosk.steps.capabilities import Capabilities, StopError
from kiosk.steps.card import wait_until_empty
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
    total_s: float = 900.0
    """From the start of an errand until the same warning, however busily somebody touches; as long again when more is asked."""


class Supervisor:
    """Owns the screen, and what may interrupt. One errand at a time."""

    def __init__(
        self,
        screen: Screen,
        reader: Reader | None,
        clock: Clock,
        limits: Limits,
        *,
        on_view: Callable[[View[Any]], None] = lambda view: None,
        door_opens: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:
        """A supervisor of that screen, which is told of each touch.

        Args:
            on_view: called with each view that is put up.
            door_opens: waits until the service door is open: then a journey's question is withdrawn and its errand ends.
        """
        self.screen = screen
        self._reader = reader
        self._clock = clock
        self._limits = limits
        self.touched = clock.monotonic()
        """When somebody last touched the screen, by the monotonic clock."""
        self._codes: list[Secret] = []
        """Typed in the errand that runs."""
        self.ends_at = math.inf
        """When the errand has lasted long enough to be asked about."""
        self._on_view = on_view
        self._door_opens = door_opens
        screen.set_activity(self._touch)

    async def ask(self, view: View[A], *, until: Awaitable[U] | None = None) -> A | U:
        """Implements `kiosk.ports.Ask`."""
        self._on_view(view)
        if isinstance(view, Busy):
            assert until is not None, "a busy view lasts as long as its step"
            return await self._busy(view, until)
        answer: A | U = await self._race(view, until)
        if isinstance(answer, Secret):
            self._codes.append(answer)
        if answer == CANCEL:
            raise ErrandCancelledError
        return answer

    async def run(self, journey: Journey, caps: Capabilities, log: Log) -> Ended:
        """Run one errand to its end, commit how it ended, and leave the screen and the reader clean. Never raises."""
        before, self.ends_at = self.ends_at, self._clock.monotonic() + self._limits.total_s
        codes, self._codes = self._codes, []
        ended, farewell = await self._outcome(journey, caps, log)
        self._wipe_codes()
        self.ends_at, self._codes = before, codes
        try:
            await log.end(ended)
        except StoreError as error:
            logger.error("the end of the errand could not be written: %s", error)
            ended, farewell = Ended(ErrandOutcome.FAULT, "store"), views.trouble("store", log.code)
        ended = log.ended or ended
        if farewell is not None:
            await self._say(farewell)
        if not ended.then:
            await self._clear(caps)
        return ended

    def _wipe_codes(self) -> None:
        """Those of the errand that has ended: nothing may use them any more."""
        while self._codes:
            self._codes.pop().wipe()

    async def _clear(self, caps: Capabilities) -> None:
        """No card stays in a reader, but that of an administrator who is still at the menu."""
        stays = (
            caps.administrator_session.reader
            if caps.administrator_session is not None and caps.administrator_session.card_in
            else None
        )
        if caps.reader is not stays:
            await self._let_go(caps.reader, "holder")
        if caps.administrator_reader is not None and caps.administrator_reader is not stays:
            await self._let_go(caps.administrator_reader, "administrator")

    async def _outcome(self, journey: Journey, caps: Capabilities, log: Log) -> tuple[Ended, View[str] | None]:
        try:
            return await journey(self._asking_of(caps.administrator_session), caps, log), None
        except StopError as stop:
            return Ended(stop.outcome, stop.reason), stop.view
        except ErrandCancelledError:
            return Ended(ErrandOutcome.CANCELLED), None
        except TimedOutError:
            return Ended(ErrandOutcome.TIMED_OUT), None
        except (CardPulledError, CardGoneError):
            return await _without_card(caps.reader, log.code)
        except ErrandEndedError:
            return Ended(ErrandOutcome.CANCELLED, "unanswered"), None
        except NoReaderError:
            return Ended(ErrandOutcome.FAULT, "reader_gone"), views.trouble("reader", log.code)
        except ReaderError as error:
            logger.warning("the card could not be used: %s", error)
            return Ended(
                ErrandOutcome.FAULT, "card_slow" if isinstance(error, CardSlowError) else "card"
            ), views.trouble("card", log.code)
        except StoreError as error:
            logger.error("the journal cannot be written: %s", error)
            return Ended(ErrandOutcome.FAULT, "store"), views.trouble("store", log.code)
        except Exception:  # the next person must meet a working station: say it, write it, go on
            logger.exception("an errand crashed")
            return Ended(ErrandOutcome.FAULT, "crash"), views.trouble("crash", log.code)

    def _asking_of(self, here: AdministratorSession | None) -> Ask:
        """As `ask`, for a journey: no question stays up behind an open service door, nor after an administrator who is tied to
        it has taken their card; a busy step goes on to its end.
        """

        async def asking(view: View[A], *, until: Awaitable[U] | None = None) -> A | U:
            ends = {"door_open": self._door_opens, "logged_out": here.taken if here is not None and here.tied else None}
            if isinstance(view, Busy) or not any(ends.values()):
                return await self.ask(view, until=until)
            watched = {why: asyncio.ensure_future(end()) for why, end in ends.items() if end is not None}
            question = asyncio.ensure_future(self.ask(view, until=until))
            try:
                await asyncio.wait({question, *watched.values()}, return_when=asyncio.FIRST_COMPLETED)
                for why in (why for why, end in watched.items() if end.done()):
                    raise StopError(ErrandOutcome.CANCELLED, why, _WITHDRAWN[why]())
                return question.result()
            finally:
                await _withdraw(question, *watched.values())

        return asking

    async def _say(self, view: View[str]) -> None:
        try:
            await self.ask(view)
        except ErrandEndedError:
            return

    async def take_card(self) -> None:
        """Ask for the holder's card until it is taken, or nobody answers."""
        if self._reader is not None:
            await self._let_go(self._reader, "holder")

    async def _let_go(self, reader: Reader, which: Literal["holder", "administrator"]) -> None:
        """Ask for the card that is still in. After the time-out the home screen comes back and keeps asking by itself."""
        try:
            if await reader.presence() in (Presence.PRESENT, Presence.MUTE):
                await self.ask(views.take_card(which), until=wait_until_empty(reader))
        except (ErrandEndedError, ReaderError):
            return

    def _touch(self) -> None:
        self.touched = self._clock.monotonic()

    async def _busy(self, view: View[Any], until: Awaitable[U]) -> U:
        shown = asyncio.ensure_future(self.screen.show(view))
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
        shown = asyncio.ensure_future(self.screen.show(view))
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
            await wait_until_empty(self._reader)
        raise CardPulledError

    async def _abandoned(self, view: View[Any]) -> Any:
        limit = self._limits.idle_s if view.idle_s is None else view.idle_s
        if math.isinf(limit):
            await asyncio.get_running_loop().create_future()
        while True:
            left = min(self.touched + limit, self.ends_at) - self._clock.monotonic()
            if left > 0:
                await self._clock.sleep(left)
            elif await self.screen.warn(view, self._limits.warning_s):
                self._touch()
                self.ends_at = max(self.ends_at, self.touched + self._limits.total_s)
            else:
                raise TimedOutError


_WITHDRAWN = {"door_open": lambda: views.trouble("door"), "logged_out": views.logged_out}
"""What is said when a question was withdrawn from outside, by the errand's reason."""


async def _without_card(reader: Reader, code: CodeThatApplies) -> tuple[Ended, View[str]]:
    """The card was pulled; or the whole reader is gone, which is nobody's doing, and said where all else is known. An errand that
    has set a code was not cancelled."""
    if code != "unknown" and await reader.presence() is Presence.NO_READER:
        return Ended(ErrandOutcome.FAULT, "reader_gone"), views.trouble("reader", code)
    outcome = ErrandOutcome.INTERRUPTED if code == "new" else ErrandOutcome.CANCELLED
    return Ended(outcome, "card_pulled"), views.pulled(code)


async def _withdraw(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel what has not finished, and wait until it has let go."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
