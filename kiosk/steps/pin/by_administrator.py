"""A code set without the envelope: an ID administrator attends, and the server answers for the card.

Either the card has an administrative key of its own: its challenge is answered by the server, where the key stays. Or the PUK of
this one card is released, once, sealed to this station, used at once and shown to nobody. Where the issuer's portal is for
people, the administrator fetches the one or the other there, and types it (`from_portal`). Administrator and holder are both
named in the journal, and in the server's audit.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar, assert_never

from drivers.reader.errors import CardChangedError, CardGoneError
from drivers.reader.outcomes import Accepted, Locked, RefusalReason, Refused, Role, Unknown, WrongAnswer, WrongCode
from drivers.reader.port import AdministeredVisit
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import Effect, ErrandOutcome
from kiosk.issuer.ports import CardKeyResponse, InPortal, LoggedIn, PukReleased, RequestDeclined, Unavailable
from kiosk.ports import CardPulledError, Visit
from kiosk.steps import own_card_views
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import act_for_holder, ask_for_card, wait_until_empty
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.administrator import CODE_TAGS, About
from kiosk.steps.identity.identification import Identification, identify_by_administrator, note_attested
from kiosk.steps.own_card import OwnCard
from kiosk.steps.pin import by_administrator_views as views
from kiosk.steps.pin import from_portal_views as portal_views
from kiosk.steps.pin import views as pin_views
from kiosk.steps.pin.after_tear import find_current_code, taken_as_it_is, wait_for_same_card
from kiosk.steps.pin.from_portal import CarriedResponse, NothingInPortal, carry_challenge
from kiosk.steps.pin.unlocking import (
    EFFECT,
    CodeSet,
    NotSent,
    choose_new_code,
    code_after_unlock,
    refuse_unsendable_puk,
)
from kiosk.steps.pin.views import TASKS_BY_MANDATE

T = TypeVar("T")
C = TypeVar("C", bound=ViewContext)


@dataclass(slots=True)
class Mandate:
    """Authority of who attends, and what was released for this errand."""

    who: Identification
    administrator: LoggedIn
    puk: Secret | None = field(default=None, repr=False)
    is_typed: bool = False
    """Somebody typed the PUK, and may have mistyped it."""
    replaces_letter: bool = False
    """The holder of a new card has no letter: its code is set by this mandate."""
    authenticate: Callable[[Visit], Awaitable[None]] = taken_as_it_is
    """What the card has to go through, each time that it is met, before it hears a code."""

    def context(self, context: C) -> C:
        """The same step, with who attends: nobody types a PUK."""
        return replace(context, attended_by=self.administrator.name, tasks=TASKS_BY_MANDATE)


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """The server did not answer for the card; nothing has happened to it."""

    why: RequestDeclined | Unavailable


class NothingReleasedError(StopError):
    """The issuer has neither a key nor a PUK of this card to give; nothing has happened to it. A new letter may be ordered."""


NOTHING_THERE = ("no_key", "no_puk", "released_before")
"""Reasons of an issuer that has nothing of this card to unlock it with."""


class _NoAnswerError(Exception):
    """Carries the word of the server past the reader, which then changes nothing."""

    def __init__(self, why: RequestDeclined | Unavailable | InPortal) -> None:
        super().__init__()
        self.why = why


async def mandate(context: ErrandContext, card: OwnCard) -> Mandate:
    """An administrator who is not the holder, logged in at the server. The holder's card leaves the one reader meanwhile.

    Raises StopError where the log-in is by the list alone.
    """

    async def attended() -> Mandate:
        holder, about = card.facts.hsa_ids | {card.whose.hsa_id}, About(card.whose.card_number, CODE_TAGS)
        identity = await identify_by_administrator(context, holder, about=about)
        given = mandate_of(context, replace(identity, hsa_id=card.whose.hsa_id))
        await note_attested(context.log, given.who)
        return given

    return await in_turn(context, card, attended)


def mandate_of(context: ViewContext, identity: Identification, *, by_server: bool = True) -> Mandate:
    """Return the mandate of who attends. `by_server`: the server has to know them; raises StopError where it does not."""
    assert identity.administrator is not None, "that is who attends"
    if by_server and (identity.administrator.proof is None or not identity.administrator.proof.by_server):
        raise views.log_in_at_the_server(context)
    return Mandate(identity, identity.administrator)


async def in_turn(context: ErrandContext, card: OwnCard, attend: Callable[[], Awaitable[T]], *, own: bool = False) -> T:
    """Let the administrator attend. The holder's card leaves the one reader meanwhile, and the same one comes back. `own`: it is
    another card of the holder's that is needed."""
    if context.caps.administrator_reader is not None and not own:
        return await attend()
    await card.visit.close()
    await context.ask(views.take_own(context, own=own), until=wait_until_empty(context.caps.reader))
    given = await attend()
    card.visit = await insert_again(context, card)
    return given


async def insert_again(context: ErrandContext, card: OwnCard) -> Visit:
    """The holder's card, and no other, in the one reader again. A blank one does not say its number."""
    serial, fresh = card.facts.serial, False
    while True:
        visit = await ask_for_card(
            context.ask, context.caps.reader, lambda why: own_card_views.insert(context, why), fresh=fresh
        )
        assert not isinstance(visit, str), "the only other way out is to cancel"
        if (visit.facts.serial, visit.facts.card_number or card.whose.card_number) == (serial, card.whose.card_number):
            return act_for_holder(visit, card.whose.hsa_id)
        await visit.close()
        fresh = True


async def set_code_by_mandate(context: ErrandContext, card: OwnCard, given: Mandate, role: Role) -> CodeSet | None:
    """One round: the new code, and the write. No code comes back where the round has to be made again. Raises StopError."""
    new = await choose_new_code(context, card.visit, role)
    if new is None or await context.ask(views.write(context, card.whose, given.who)) == "back":
        return None
    if not card.facts.rules.administrable and given.puk is None:
        given.puk = await _released(context, card, given)
    return await _write(context, card, given, role, new)


async def _write(context: ErrandContext, card: OwnCard, given: Mandate, role: Role, new: Secret) -> CodeSet | None:
    await given.authenticate(card.visit)
    act = _written(context, card.visit, given, role, new)
    writing = context.log.effect(EFFECT, act, administrator=given.administrator.hsa_id)
    came = await context.ask(pin_views.writing(context), until=writing)
    if isinstance(came, InPortal):
        came = await _write_from_portal(context, card, given, role, new)
    match came:
        case Accepted(new_code_set=taken):
            return await code_after_unlock(context, card.visit, role, new, taken=taken)
        case NotAnswered(RequestDeclined("no_key")) | WrongAnswer() | Locked() | Refused(RefusalReason.BELOW_FLOOR) if (
            given.puk is None
        ):  # the card's own key does not open it
            given.puk = await _released(context, card, given)
            return await _write(context, card, given, role, new)
        case Unknown():
            return await _after_tear(context, card, given, role, new)
        case WrongCode(entries_left=left) | Refused(RefusalReason.SAME_CODE, tries_left=left) if (
            given.is_typed and left != 0
        ):
            given.puk = await _puk_from_portal(context, card, given, left)
            return await _write(context, card, given, role, new)
        case NotSent() | str():
            raise CardPulledError
        case refusal:
            raise _refused(context, refusal, given)


Written = Accepted | WrongAnswer | WrongCode | Locked | Refused | Unknown | NotAnswered | NotSent


def _refused(
    context: ViewContext, why: WrongAnswer | WrongCode | Locked | Refused | NotAnswered, given: Mandate
) -> StopError:
    match why:
        case NotAnswered(word):
            return views.not_answered(context, word)
        case WrongCode() if given.is_typed:
            return pin_views.puk_floor(context)
        case WrongAnswer() | WrongCode():
            return context.stop("unblock_key_wrong", ErrandOutcome.FAULT, badge="failure", icon="lock-alert-outline")
        case Locked() | Refused(RefusalReason.BELOW_FLOOR):
            return context.stop("unblock_key_floor", icon="lock-alert-outline")
        case Refused():
            return context.stop("card_refused")
        case other:
            assert_never(other)


async def _write_from_portal(
    context: ErrandContext, card: OwnCard, given: Mandate, role: Role, new: Secret
) -> Written | str:
    """Rounds of a challenge that the administrator carries to the portal, until the card takes a response, or there is none.
    Raises StopError."""
    assert isinstance(card.visit, AdministeredVisit), "it gave a challenge before"
    while True:
        carried = await carry_challenge(context, card.whose, card.visit, role, new)
        if isinstance(carried, NothingInPortal):
            raise _nothing_released(context, RequestDeclined("no_key"))
        if not isinstance(carried, CarriedResponse):
            return carried
        act = _answered(card.visit, role, new, carried.response)
        answering = context.log.effect(EFFECT, act, administrator=given.administrator.hsa_id)
        came = await context.ask(pin_views.writing(context), until=answering)
        if not isinstance(came, WrongAnswer):
            return came
        await context.ask(portal_views.wrong_response(context, carried.answers_left - 1))


async def _answered(visit: AdministeredVisit, role: Role, new: Secret, response: bytes) -> Written:
    try:
        return await visit.answer_challenge(role, new, response)
    except (CardGoneError, CardChangedError):
        return NotSent()


async def _released(context: ErrandContext, card: OwnCard, given: Mandate) -> Secret:
    releasing = context.caps.card_keys.release_puk(card.facts, administrator=given.administrator, errand=context.log.id)
    act = context.log.effect(Effect.PUK_RELEASE, releasing, administrator=given.administrator.hsa_id)
    match await context.ask(views.asking(context), until=act):
        case PukReleased(puk):
            return puk
        case InPortal():
            return await _puk_from_portal(context, card, given)
        case RequestDeclined(reason) as why if reason in NOTHING_THERE:
            raise _nothing_released(context, why)
        case RequestDeclined() | Unavailable() as why:
            raise views.not_answered(context, why)
        case str():
            raise AssertionError("a view without buttons has no answer")
        case other:
            assert_never(other)


async def _puk_from_portal(context: ErrandContext, card: OwnCard, given: Mandate, left: int | None = None) -> Secret:
    """As the administrator reads it in the portal. `left`: so many more wrong ones the station sends, after a wrong one. Raises
    StopError where none would be sent, or the portal shows none."""
    refuse_unsendable_puk(context, card.visit.facts)
    code = card.visit.facts.pin(Role.PUK)
    first, again = portal_views.puk(context, card.whose, code), portal_views.wrong_puk(context, card.whose, code, left)
    puk = await context.ask(first if given.puk is None else again)
    if not isinstance(puk, Secret):
        raise _nothing_released(context, RequestDeclined("no_puk"))
    given.is_typed = True
    return puk


def _nothing_released(context: ViewContext, why: RequestDeclined) -> NothingReleasedError:
    stop = views.not_answered(context, why)
    return NothingReleasedError(stop.outcome, stop.reason, stop.view)


async def _written(context: ErrandContext, visit: Visit, given: Mandate, role: Role, new: Secret) -> Written | InPortal:
    async def answer(challenge: bytes) -> bytes:
        request = context.caps.card_keys.unblock_response(
            visit.facts, challenge, administrator=given.administrator, errand=context.log.id
        )
        word = await request
        if isinstance(word, CardKeyResponse):
            return word.data
        raise _NoAnswerError(word)

    try:
        if given.puk is not None:
            return await visit.unblock(role, given.puk, new, attended=True)
        assert isinstance(visit, AdministeredVisit), "rules.administrable says so"
        return await visit.unblock_by_administrator(role, new, answer)
    except _NoAnswerError as none:
        return none.why if isinstance(none.why, InPortal) else NotAnswered(none.why)
    except (CardGoneError, CardChangedError):
        return NotSent()


async def _after_tear(context: ErrandContext, card: OwnCard, given: Mandate, role: Role, new: Secret) -> CodeSet | None:
    await card.visit.close()
    card.visit = await wait_for_same_card(context, card.whose)
    code = await find_current_code(context, card.visit, role, new, EFFECT, given.authenticate)
    return None if code is None else CodeSet(code)
