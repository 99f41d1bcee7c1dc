"""Meeting a card, and letting the person prove that its code is theirs."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, assert_never

from drivers.reader.card_state import (
    CardAbsent,
    CardMute,
    CardSwapped,
    CardUnreadable,
    state_of_fault,
    state_of_presence,
)
from drivers.reader.errors import CardBusyError, NoReaderError, ReaderError
from drivers.reader.model import Pin
from drivers.reader.outcomes import Accepted, Locked, RefusalReason, Refused, Role, Unknown, WrongCode
from drivers.reader.port import Presence
from drivers.reader.secret import Secret
from kiosk.ports import Ask, CardPulledError, Reader, Visit
from kiosk.steps.capabilities import StopError
from kiosk.views import Await, Confirm, EnterCode, Tell

Strangeness = Literal["mute", "unknown", "secured", "unread", "busy"]
Caution = Literal["last", "counted", "was_locked"]
"""Why consent is asked for before a code: one try is left; the card tells none, and the station is careful; or it was
locked in an earlier visit and does not tell whether it still is."""
InsertView = Callable[[Strangeness | None], Await]
"""Makes the view that asks for a card; the argument is what was strange about the last one."""


@dataclass(frozen=True, slots=True)
class UnreadableCard:
    """There is a card, but it cannot be met."""

    why: Strangeness


async def wait_for_card(reader: Reader) -> Visit | UnreadableCard:
    """Wait until a card is in, and read it. Raises NoReaderError where the reader is gone."""
    async for presence in reader.changes():
        match state_of_presence(presence):
            case CardMute():
                return UnreadableCard("mute")
            case CardAbsent(reader_there=False):
                raise NoReaderError("the reader is not there", reader=reader.name)
            case CardAbsent():
                continue
            case None:
                met = await read_present_card(reader)
                if met is not None:
                    return met
            case other:
                assert_never(other)
    raise NoReaderError("the reader was closed", reader=reader.name)


async def read_present_card(reader: Reader) -> Visit | UnreadableCard | None:
    """The card that is in, read whole. None where it was pulled before it was read: wait for the next one."""
    try:
        visit = await reader.visit()
        async with contextlib.AsyncExitStack() as on_fault:
            on_fault.push_async_callback(visit.close)
            await visit.read_rest()
            on_fault.pop_all()
        return visit
    except CardBusyError:
        return UnreadableCard("busy")
    except ReaderError as fault:
        match state_of_fault(fault):
            case CardAbsent(reader_there=True):
                return None
            case CardMute():
                return UnreadableCard("mute")
            case CardUnreadable(why=why, product=product):
                return UnreadableCard("secured" if why else "unread" if product else "unknown")
            case CardAbsent() | CardSwapped() | None:
                raise
            case other:
                assert_never(other)


def act_for_holder(visit: Visit, hsa_id: str) -> Visit:
    """The same visit, acting for that HSA-id where the card names it."""
    if hsa_id in visit.facts.hsa_ids:
        visit.act_as(hsa_id)
    return visit


async def wait_until_empty(reader: Reader) -> None:
    """Wait until no card is in."""
    async for presence in reader.changes():
        if isinstance(state_of_presence(presence), CardAbsent):
            return


async def wait_until_reader_is_there(reader: Reader) -> None:
    """Wait until the reader is plugged in, and heard."""
    async for presence in reader.changes():
        if presence is not Presence.NO_READER:
            return


async def wait_for_next_card(reader: Reader) -> Visit | UnreadableCard:
    """Wait until the card that is in has been taken out, and another one (or the same again) is in."""
    await wait_until_empty(reader)
    return await wait_for_card(reader)


async def ask_for_card(ask: Ask, reader: Reader, view: InsertView, *, fresh: bool = False) -> Visit | str:
    """Ask until a card is in that can be read. `fresh`: a card that is in now does not count. Or a button's value."""
    met: Visit | UnreadableCard | str = await ask(
        view(None), until=wait_for_next_card(reader) if fresh else wait_for_card(reader)
    )
    while isinstance(met, UnreadableCard):
        met = await ask(view(met.why), until=wait_for_next_card(reader))
    return met


class WrongCodePrompts(Protocol):
    """The views after a wrong code, with the tries left. `unsure`: the station may read the card wrongly."""

    def __call__(self, left: int | None, *, unsure: bool = False) -> Tell: ...

    def same(self, left: int | None, *, other_form: bool = False, refused: bool = False) -> Tell:
        """The same code again, which is not sent, or (`refused`) one that the card did not look at; `other_form`: answers
        `other_form` where it is to be sent in another form."""


@dataclass(frozen=True, slots=True)
class CodePrompts:
    """The words of one code of one card, and how the errand ends where it cannot be proved."""

    entry: EnterCode
    wrong: WrongCodePrompts
    last: Callable[[Caution], Confirm]
    """Asks for consent to a try that may be the last; answers `yes`."""
    locked: StopError
    declined: StopError
    """The last try was kept."""
    refused: StopError
    """The card did not look at the code."""


async def prove_code(ask: Ask, visit: Visit, role: Role, words: CodePrompts) -> Secret:
    """Ask for the code until the card accepts it; return it for a step that needs it again in this visit. Who has one try left,
    or may have, is asked about it before the code is typed; a code that is locked is not asked for.

    Raises StopError where the code is locked or refused or the holder keeps the last try, CardPulledError where the card went.
    """
    consented = await _may_try(ask, await _few_left(visit, role), words)
    code, other_form = await ask(words.entry), False
    while True:
        assert isinstance(code, Secret), "the only other way out of a code question is to cancel"
        match await visit.verify(role, code, last_try_consented=consented, other_form=other_form):
            case Accepted():
                return code
            case Refused(why, tries_left=left, other_form=possible) if possible or why is RefusalReason.SAME_CODE:
                view = words.wrong.same(left, other_form=possible, refused=why is RefusalReason.CARD)
                other_form = await ask(view) == "other_form"
                if other_form:
                    continue
            case WrongCode(left):
                await ask(words.wrong(left, unsure=visit.facts.rules.self_described))
                few = None if left is not None else await _few_left(visit, role, anew=True)
                consented = await (_consents(ask, words, "last") if left == 1 else _may_try(ask, few, words))
            case Refused(RefusalReason.LAST_TRY, tries_left=left):
                consented = await _consents(ask, words, "counted" if left is None else "last")
            case Locked() | Refused(RefusalReason.BELOW_FLOOR):
                raise words.locked
            case Refused():
                raise words.refused
            case Unknown():
                raise CardPulledError
            case other:
                assert_never(other)
        code, other_form = await ask(words.entry), False


async def _may_try(ask: Ask, few: Pin | None, words: CodePrompts) -> bool:
    """The holder's consent, where it takes one. Raises StopError where the code is locked, or the try is kept."""
    if few is None or not (few.last_try or few.state == "locked"):
        return False
    if not few.counted and few.state == "locked":
        raise words.locked
    return await _consents(
        ask, words, "last" if not few.counted else "was_locked" if few.state == "locked" else "counted"
    )


async def _few_left(visit: Visit, role: Role, *, anew: bool = False) -> Pin | None:
    """The code as it is now, where it had one try or none when the card came (`anew`: whatever it had): it may have been unlocked
    since. Raises CardPulledError."""
    pin = visit.facts.pin(role)
    if pin is None or not (anew or pin.last_try or pin.state == "locked"):
        return None
    try:
        return (await visit.refresh()).pin(role)
    except ReaderError:
        raise CardPulledError from None


async def _consents(ask: Ask, words: CodePrompts, why: Caution) -> bool:
    """The holder's word on a try that may be the last (reliability I1). Raises StopError where it is kept."""
    if await ask(words.last(why)) != "yes":
        raise words.locked if why == "was_locked" else words.declined
    return True
