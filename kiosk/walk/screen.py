"""Headless screen of a walk: prints a line for each question and answer, and answers from the file. No code is ever printed."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

from drivers.reader.secret import Secret
from kiosk.barcodes import EnvelopeCode, OrderCode, parse_scan
from kiosk.ports import Activity, ErrandEndedError
from kiosk.texts import Texts
from kiosk.views import (
    Await,
    Board,
    Busy,
    CabinetDrawing,
    Choose,
    DropDrawing,
    EnterCode,
    EnterDigits,
    EnterText,
    ReaderDrawing,
    View,
)
from kiosk.walk.answers import WalkAnswer
from kiosk.walk.hands import Hands, HandsError, PersonHands

SETTLE_S = 30.0
"""How long a device may take to notice what hands did."""


class UnexpectedViewError(ErrandEndedError):
    """A view that the file has no answer for."""

    def __init__(self, view: str, expected: str | None) -> None:
        explanation = f"the next answer is for {expected}" if expected else "the answers are used up"
        super().__init__(f"unexpected view {view}: {explanation}")
        self.view = view


class UnfitAnswerError(UnexpectedViewError):
    """An answer that the view would not take from a person: no such choice, a code that the pad refuses, nothing to put in."""

    def __init__(self, view: str, why: str = "would not take it") -> None:
        ErrandEndedError.__init__(self, f"unfit answer: {view} {why}")
        self.view = view


class WalkScreen:
    """Implements `kiosk.ports.Screen`."""

    def __init__(
        self,
        entries: tuple[WalkAnswer, ...],
        say: Callable[[dict[str, Any]], None],
        language: str,
        hands: Hands | None = None,
    ) -> None:
        self.unexpected: UnexpectedViewError | None = None
        self._entries = deque(entries)
        self._hands = hands or PersonHands()
        self._say = say
        self._language = language

    patience = 1.0
    """Nobody reads or listens."""

    def set_activity(self, notice: Activity) -> None:
        """A file never falls asleep."""

    async def warn(self, view: View[Any], seconds: float) -> bool:
        """Nobody asks for more time."""
        return False

    async def show(self, view: View[Any]) -> Any:
        """Answer the view; a device answers instead where hands move something."""
        title = Texts.load().plain(view.title, self._language)
        self._say({"view": view.name, "title": title})
        if isinstance(view, Busy):
            return await wait_for_ever()
        try:
            return await self._answer(view)
        except UnexpectedViewError as error:
            self.unexpected = error
            raise

    async def _answer(self, view: View[Any]) -> Any:
        moved = False
        while self._entries:
            entry = self._entries[0]
            if entry.do is not None and entry.view in (None, view.name):
                self._entries.popleft()
                self._do(view, entry)
                moved = True
            elif entry.view == view.name:
                self._entries.popleft()
                return self._value(view, entry)
            elif entry.optional and not moved:
                self._entries.popleft()
            else:
                break
        if moved or self._help(view):
            await self._settled(view)
        raise UnexpectedViewError(view.name, self._entries[0].view if self._entries else None)

    async def _settled(self, view: View[Any]) -> None:
        """Wait for the device to notice; the view is withdrawn then. On a real reader a person needs longer."""
        if self._hands.by_person:
            await wait_for_ever()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await wait_for_ever()

    def _value(self, view: View[Any], entry: WalkAnswer) -> Secret | str:
        assert entry.value is not None
        buttons = [button.value for button in (view.way_out, view.side, view.primary) if button is not None]
        if entry.value not in buttons and not _takes(view, entry.value):
            raise UnfitAnswerError(view.name)
        secret = isinstance(view, EnterCode) and entry.value not in buttons
        unsaid = secret or (isinstance(view, EnterDigits) and view.private and entry.value not in buttons)
        self._say({"answered": view.name, "value": "******" if unsaid else entry.value})
        return Secret(entry.value) if secret else entry.value

    def _do(self, view: View[Any], entry: WalkAnswer) -> None:
        drawing = view.drawing
        role = entry.reader or (drawing.which if isinstance(drawing, ReaderDrawing) else "holder")
        self._say({"did": entry.do, "card": entry.card, "reader": role})
        if entry.do in ("remove", "swap"):
            self._hands.remove(role)
        if entry.do in ("insert", "swap"):
            try:
                self._hands.insert(role, entry.card)
            except HandsError as error:
                raise UnfitAnswerError(view.name, f"cannot be done: {error}") from None

    def _help(self, view: View[Any]) -> bool:
        """Do what any person would do by themselves: take what is offered, close the door, put the card into the drop.
        Return whether anything is moved, by these hands or by a person."""
        if not isinstance(view, Await):
            return False
        match view.drawing:
            case ReaderDrawing(motion="out", which=which):
                self._hands.remove(which)
            case CabinetDrawing(lit=slot) if self._hands.at_cabinet:
                self._hands.use_slot(slot)
            case DropDrawing() if self._hands.at_cabinet:
                self._hands.drop_card()
            case _:
                return self._hands.by_person
        return True


def _takes(view: View[Any], value: str) -> bool:
    """Return whether a person could give this answer, buttons aside."""
    match view:
        case Choose():
            return any(option.value == value and option.reason is None for option in view.options)
        case Board():
            return any(button.value == value for button in view.actions)
        case EnterCode():
            fits = value.isascii() and value.isdigit() and view.min_length <= len(value) <= view.max_length
            return fits and (view.policy is None or view.policy.accepts(value))
        case EnterText():
            return view.at_least <= len(value) <= view.at_most
        case EnterDigits():
            return view.takes(value) or (view.codes and isinstance(parse_scan(value), OrderCode | EnvelopeCode))
        case _:
            return False


async def wait_for_ever() -> Any:
    await asyncio.get_running_loop().create_future()
