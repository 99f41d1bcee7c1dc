"""Session supervisor: idle time-out, removed card, open service door and crash, so that no journey has to handle them.

It asks the questions, and races each against a device that may answer first, a card that is pulled, and a person who has
gone. While a `Busy` view is up nothing but the step itself ends it. When a journey ends, however it ends, the outcome is
committed before it is told, the right screen follows, a card that is still in is asked to be taken, and every code that was
typed is wiped.

A card that was pulled is asked back: the same one goes on with its question, or, where the errand has ended or a code has to be
proved again, begins the errand anew (docs/journeys.md, "The card put back"). A slot that stands open is waited for.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, get_args

from drivers.cabinet.port import CabinetReady
from drivers.reader.errors import (
    CardBusyError,
    CardGoneError,
    CardSlowError,
    MuteCardError,
    NoCardError,
    NoReaderError,
    ReaderError,
    UnknownCardError,
)
from drivers.reader.port import Resumed
from drivers.reader.secret import Secret
from fleet.agent.store import StoreError
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome
from kiosk.administration_ports import AdministratorSession
from kiosk.errands.registry import Journey
from kiosk.ports import (
    Ask,
    Cabinet,
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
from kiosk.steps.card import Strangeness, UnreadableCard, wait_until_empty
from kiosk.steps.context import ErrandContext
from kiosk.steps.who_helps import say_last_word, with_who_helps
from kiosk.views import CANCEL, Busy, View

A = TypeVar("A")
U = TypeVar("U")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds without a sign of a person until the warning, and from the warning to the end (EN 301 549 5.1.7 spirit:
    at least 20 s to ask for more, as often as one likes). All are longer for whoever the screen has more patience with."""

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
        self._answered = False
        """Somebody has answered in the errand that runs."""
        self._asked: View[Any] | None = None
        """The last question of the errand that runs."""
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
        before, self.ends_at = self.ends_at, self._clock.monotonic() + self._limits.total_s * self.screen.patience
        codes, self._codes = self._codes, []
        question, self._asked = self._asked, None
        self._answered = False
        ended, farewell = await self._outcome(journey, caps, log)
        self._wipe_codes()
        self.ends_at, self._codes = before, codes
        await self._see_doors_shut(caps.cabinet, log)
        try:
            await log.end(ended)
        except StoreError as error:
            logger.error("the end of the errand could not be written: %s", error)
            ended, farewell = Ended(ErrandOutcome.FAULT, "store"), views.trouble("store", log.code)
        ended = log.ended or ended
        if isinstance(farewell, CardBack):
            ended = replace(ended, then=await self._ask_back(farewell, caps, log))
        elif farewell is not None:
            await self._say(farewell, caps)
        self._asked = question
        if not ended.then:
            await self._clear(caps)
        return ended

    async def _see_doors_shut(self, cabinet: Cabinet | None, log: Log) -> None:
        """No errand is over while a slot stands open that it has opened. After the time-out the home screen goes on asking, and
        those who can come are told: no coil closes a door."""
        for slot in sorted(log.opened):
            if cabinet is None or slot not in (doors := await _open_slots(cabinet)):
                continue
            try:
                shut = cabinet.wait_slot(slot, card=None, door="closed")
                await self.ask(views.open_door(slot, doors[slot]), until=shut)
            except ErrandEndedError:
                await self._tell_left_open(slot, log)

    async def _tell_left_open(self, slot: int, log: Log) -> None:
        try:
            await log.note(EventType.EFFECT_DONE, effect=Effect.SLOT_CLOSE, outcome=Outcome.LEFT_OPEN, slot=slot)
        except StoreError as error:
            logger.error("that slot %d was left open could not be written: %s", slot, error)

    def _wipe_codes(self) -> None:
        """Wipe the codes of the errand that has ended: nothing may use them any more."""
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

    async def _outcome(
        self, journey: Journey, caps: Capabilities, log: Log
    ) -> "tuple[Ended, View[str] | CardBack | None]":
        try:
            return await journey(ErrandContext(log.kind, ask=self._asking_of(caps, log), caps=caps, log=log)), None
        except StopError as stop:
            tested_new = stop.reason == "torn_in_test" and log.code == "new"
            return Ended(stop.outcome, stop.reason), CardBack() if tested_new else stop.view
        except ErrandCancelledError:
            return Ended(ErrandOutcome.CANCELLED), None
        except TimedOutError:
            return Ended(ErrandOutcome.TIMED_OUT), None
        except (CardPulledError, CardGoneError) as gone:
            return await _without_card(caps.reader, log.code, gone)
        except ErrandEndedError:
            return Ended(ErrandOutcome.CANCELLED, "unanswered"), None
        except NoReaderError:
            return Ended(ErrandOutcome.FAULT, "reader_gone"), _trouble("reader", log)
        except ReaderError as error:
            logger.warning("the card could not be used: %s", error)
            return Ended(ErrandOutcome.FAULT, "card_slow" if isinstance(error, CardSlowError) else "card"), _trouble(
                "card", log
            )
        except StoreError as error:
            logger.error("the journal cannot be written: %s", error)
            return Ended(ErrandOutcome.FAULT, "store"), _trouble("store", log)
        except Exception:  # the next person must meet a working station: say it, write it, go on
            logger.exception("an errand crashed")
            return Ended(ErrandOutcome.FAULT, "crash"), _trouble("crash", log)

    async def _ask_back(self, card: "CardBack", caps: Capabilities, log: Log) -> str:
        """Ask for the card of an errand that is over, and say what it has now. The errand that the same card goes on to (a new
        code is tried); or nothing. No errand begins again and again where nobody answers anything."""
        came = card.came
        if came is None and (self._reader is None or not self._may_go_on(caps.administrator_session, log.kind)):
            await self._say(views.pulled_for_good(log.code), caps)
            return ""
        if came is None and not self._answered and await caps.reader.presence() is Presence.PRESENT:
            await self._say(views.trouble("card", log.code), caps)
            return ""
        if came is None:
            came = await self._card_back(caps, log)
        if came == "another_card":
            await self._say(views.another_card(log.code), caps)
        if came not in ("goes_on", "begins_anew"):
            return ""
        return TRIED_BY if log.code == "new" and log.kind in SET_A_CODE else log.kind

    def _may_go_on(self, here: AdministratorSession | None, kind: str) -> bool:
        """Not with an administrator's card: who takes it out is logged out, and puts it in to log in anew."""
        if here is not None:
            return not here.tied or here.reader is not self._reader
        return kind != MENU

    async def _card_back(self, caps: Capabilities, log: Log) -> "Came":
        """Ask for the card that was pulled, for as long as somebody is there."""
        assert self._reader is not None, "no card was pulled out of no reader"
        strange: Strangeness | None = None
        try:
            while True:
                view = with_who_helps(views.pulled(log.code, strange, self._asked), caps)
                came = await self.ask(view, until=_resumed(self._reader, strange))
                if isinstance(came, UnreadableCard):
                    strange = came.why
                    continue
                return "end" if came not in get_args(Resumed) else came  # type: ignore[return-value]  # a button, or the reader's word
        except (ErrandEndedError, ReaderError):
            return "end"

    async def _until_answered(self, view: View[A], until: Awaitable[U] | None, caps: Capabilities, log: Log) -> A | U:
        """As `ask`; a pulled card that is put back goes on with the question. Raises as `ask`, and _CardPutBackError."""
        while True:
            try:
                return await self.ask(view, until=until)
            except CardPulledError:
                if (
                    until is not None
                    or not view.asks_back
                    or self._reader is None
                    or await self._reader.presence() is Presence.NO_READER
                ):
                    raise
            came = await self._card_back(caps, log)
            if came != "goes_on":
                raise _CardPutBackError(came)

    def _asking_of(self, caps: Capabilities, log: Log) -> Ask:
        """As `ask`, for a journey: no question stays up behind an open service door, nor after an administrator who is tied to
        it has taken their card; a busy step goes on to its end. Whoever is sent on is told who helps.
        """
        here = caps.administrator_session

        async def asking(view: View[A], *, until: Awaitable[U] | None = None) -> A | U:
            view = self._asked = with_who_helps(view, caps)
            ends = {"door_open": self._door_opens, "logged_out": here.taken if here is not None and here.tied else None}
            answering = (
                self._until_answered(view, until, caps, log)
                if self._may_go_on(here, log.kind)
                else self.ask(view, until=until)
            )
            if isinstance(view, Busy) or not any(ends.values()):
                return await answering
            watched = {why: asyncio.ensure_future(end()) for why, end in ends.items() if end is not None}
            question = asyncio.ensure_future(answering)
            try:
                await asyncio.wait({question, *watched.values()}, return_when=asyncio.FIRST_COMPLETED)
                for why in (why for why, end in watched.items() if end.done()):
                    raise StopError(ErrandOutcome.CANCELLED, why, _WITHDRAWN[why]())
                return question.result()
            finally:
                await withdraw(question, *watched.values())

        return asking

    async def _say(self, view: View[str], caps: Capabilities) -> None:
        try:
            await say_last_word(self.ask, caps, view)
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
            await withdraw(shown)
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
            self._answered = self._answered or first is shown
            return first.result()
        finally:
            await withdraw(*racing)

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
            patience = self.screen.patience
            left = min(self.touched + limit * patience, self.ends_at) - self._clock.monotonic()
            if left > 0:
                await self._clock.sleep(left)
            elif await self.screen.warn(view, self._limits.warning_s * patience):
                self._touch()
                self.ends_at = max(self.ends_at, self.touched + self._limits.total_s * patience)
            else:
                raise TimedOutError


Came = Resumed | Literal["end"]
"""What became of a card that was asked back; `end`: nobody put it in."""
SET_A_CODE = ("change_pin", "unblock")
MENU = "administrate"
"""The errand that an administrator's card opens."""
TRIED_BY = "check_card"
"""The errand that tries a code which one of these has set."""


@dataclass(frozen=True, slots=True)
class CardBack:
    """The farewell of an errand whose card was pulled: it is asked back, unless it `came` already."""

    came: Came | None = None


class _CardPutBackError(CardPulledError):
    """The card was pulled at a question and asked back, and the errand cannot go on with what came."""

    def __init__(self, came: Came) -> None:
        super().__init__(came)
        self.came = came


async def _resumed(reader: Reader, strange: Strangeness | None) -> "Resumed | UnreadableCard":
    """Wait for a card (after a strange one, for the next), and what it is to the visit that was cut off."""
    if strange is not None:
        await wait_until_empty(reader)
    async for presence in reader.changes():
        if presence is Presence.MUTE:
            return UnreadableCard("mute")
        if presence is not Presence.PRESENT:
            continue
        try:
            return await reader.resume()
        except (NoCardError, CardGoneError):
            continue
        except CardBusyError:
            return UnreadableCard("busy")
        except MuteCardError:
            return UnreadableCard("mute")
        except UnknownCardError:
            return "another_card"
    raise NoReaderError("the reader was closed", reader=reader.name)


_WITHDRAWN = {"door_open": lambda: views.trouble("door"), "logged_out": views.logged_out}
"""What is said when a question was withdrawn from outside, by the errand's reason."""


def _trouble(fault: str, log: Log) -> View[str]:
    """Return the view of a fault, with what the errand has come to."""
    done = log.ended is not None and log.ended.outcome == ErrandOutcome.DONE
    return views.trouble(fault, log.code, done=done)


async def _without_card(
    reader: Reader, code: CodeThatApplies, gone: CardPulledError | CardGoneError
) -> tuple[Ended, View[str] | CardBack]:
    """The card was pulled; or the whole reader is gone, which is nobody's doing, and said where all else is known. An errand that
    has set a code was not cancelled."""
    if code != "unknown" and await reader.presence() is Presence.NO_READER:
        return Ended(ErrandOutcome.FAULT, "reader_gone"), views.trouble("reader", code)
    outcome = ErrandOutcome.INTERRUPTED if code == "new" else ErrandOutcome.CANCELLED
    return Ended(outcome, "card_pulled"), CardBack(gone.came if isinstance(gone, _CardPutBackError) else None)


async def _open_slots(cabinet: Cabinet) -> dict[int, int]:
    """Slots whose sensors say that their doors stand open, each with how many slots there are."""
    state = await cabinet.state()
    slots = state.slots if isinstance(state, CabinetReady) else ()
    return {slot.number: len(slots) for slot in slots if slot.door == "open"}


async def withdraw(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel what has not finished, and wait until it has let go."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
