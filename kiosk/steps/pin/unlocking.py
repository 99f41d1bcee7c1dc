"""A code set with the PUK: PUK from the envelope, the new code twice, written in one command; and what a tear leaves.

No code is ever sent to a card again by itself: after a torn command the card is met again, and the person types once more.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Self, assert_never

from drivers.reader.errors import CardChangedError, CardGoneError
from drivers.reader.model import CardFacts, Pin
from drivers.reader.outcomes import Accepted, CodeOutcome, Locked, RefusalReason, Refused, Role, Unknown, WrongCode
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import Effect
from kiosk.issuer.proof_ports import PersonProof
from kiosk.policy import PinPolicy
from kiosk.ports import CardPulledError, EnvelopeVerdict, Visit
from kiosk.steps import own_card_views
from kiosk.steps.card import prove_code
from kiosk.steps.context import CardHolder, ErrandContext, ViewContext
from kiosk.steps.pin import views
from kiosk.steps.pin.after_tear import find_current_code, taken_as_it_is, wait_for_same_card
from kiosk.steps.pin.card_test_views import Untested
from kiosk.steps.receipt_views import CODE_KEPT, WITHOUT_LETTER
from kiosk.views import EnterCode

EFFECT = Effect.CARD_UNBLOCK


class NoLetterError(Exception):
    """The holder, who is to type the PUK, has no letter."""


@dataclass(frozen=True, slots=True)
class CodeLetter:
    """The code letter of one card: whose it is, and who says whether a PUK is the one in it."""

    whose: CardHolder
    verify: Callable[[Secret], Awaitable[EnvelopeVerdict]]
    authenticate: Callable[[Visit], Awaitable[None]] = taken_as_it_is
    """What a card has to go through, each time that it is met, before it hears a code."""
    _genuine: set[tuple[Visit, int]] = field(default_factory=set)
    """The meetings in which it has gone through that: visit and number."""

    async def require_genuine(self, visit: Visit) -> None:
        """Authenticate the card, unless it was since it was put in. Raises as `authenticate`."""
        while (meeting := (visit, visit.meetings)) not in self._genuine:
            await self.authenticate(visit)
            self._genuine.add(meeting)


async def card_decides(puk: Secret) -> EnvelopeVerdict:
    """No order, and so no verifier, knows this envelope: the card itself judges, above its floor."""
    return EnvelopeVerdict.CARD_DECIDES


@dataclass(frozen=True, slots=True)
class CodeSet:
    """The code that the card has now. `new`: it is the one that was chosen, and not the one from before."""

    code: Secret = field(repr=False)
    new: bool = True
    untested: Untested | None = None
    """Why nothing shows that the card works."""
    letter: bool = True
    """No one who attended set a first code in place of the letter."""
    people: tuple[PersonProof, ...] = field(default=(), repr=False)
    """Of a new card: whose proofs stand behind its hand-over."""

    def after_test(self, untested: Untested | None) -> Self:
        """The same, with what its test left open."""
        return replace(self, untested=untested)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks for the receipt, as codes."""
        return (*(() if self.new else (CODE_KEPT,)), *(() if self.letter else (WITHOUT_LETTER,)))


@dataclass(frozen=True, slots=True)
class NotSent:
    """The card left, or was another one, before any code went out: nothing has happened to it."""


async def set_code(
    context: ErrandContext, letter: CodeLetter, visit: Visit, role: Role = Role.IDENTIFICATION
) -> tuple[CodeSet | None, Visit]:
    """One round of PUK and new code. No code comes back where the round has to be made again. After a wrong PUK that alone is
    typed again: the new code is kept until the errand ends, as every code is.

    The visit that comes back holds the card now (another one after a tear). Raises StopError, NoLetterError, CardPulledError.
    """
    refuse_unsendable_puk(context, visit.facts)
    code = visit.facts.pin(Role.PUK)
    puk = await _puk(context, letter, views.puk(context, letter.whose, code), code)
    context = context.forward()
    new = await choose_new_code(context, visit, role)
    if new is None or await context.ask(views.write(context, letter.whose)) == "back":
        return None, visit
    return await _write(context, letter, visit, role, puk, new)


async def _write(
    context: ErrandContext, letter: CodeLetter, visit: Visit, role: Role, puk: "TypedPuk", new: Secret
) -> tuple[CodeSet | None, Visit]:
    """Write the new code, with another PUK after each that was wrong. Returns and raises as `set_code`."""
    code = visit.facts.pin(Role.PUK)
    while True:
        await letter.require_genuine(visit)
        writing = context.log.effect(EFFECT, _unblock(visit, role, puk.code, new))
        match await context.ask(views.writing(context, puk_judged=puk.judged), until=writing):
            case Accepted(new_code_set=taken):
                return await code_after_unlock(context, visit, role, new, taken=taken), visit
            case WrongCode(entries_left=0):
                raise views.puk_floor(context)
            case WrongCode() | Refused(RefusalReason.SAME_CODE) as wrong:
                left = wrong.entries_left if isinstance(wrong, WrongCode) else None
                again = views.wrong_puk(context, letter.whose, code, left, kept=True, same=isinstance(wrong, Refused))
                puk = await _puk(context, letter, again, code)
            case Unknown():
                return await _after_tear(context, letter, visit, role, new)
            case Locked():
                raise views.puk_locked(context)
            case Refused(RefusalReason.BELOW_FLOOR):
                refuse_unsendable_puk(context, await visit.refresh())
                raise views.puk_floor(context)
            case Refused():
                raise context.stop("card_refused")
            case NotSent() | str():
                raise CardPulledError
            case other:
                assert_never(other)


def refuse_unsendable_puk(context: ViewContext, facts: CardFacts) -> None:
    """Raises StopError where no PUK would be sent to the card: before anybody types one."""
    puk = facts.pin(Role.PUK)
    if puk is not None and puk.state == "locked":
        raise views.puk_locked(context)
    if puk is not None and puk.below_floor:
        raise views.puk_not_sent(context, puk)


async def code_after_unlock(context: ErrandContext, visit: Visit, role: Role, new: Secret, *, taken: bool) -> CodeSet:
    """Return what applies after an unlock: the new code, or the old one, proved, where this product has not `taken` it."""
    return CodeSet(new) if taken else CodeSet(await prove_old_code(context, visit, role), new=False)


async def _unblock(visit: Visit, role: Role, puk: Secret, new: Secret) -> CodeOutcome | NotSent:
    try:
        return await visit.unblock(role, puk, new)
    except (CardGoneError, CardChangedError):
        return NotSent()


@dataclass(frozen=True, slots=True)
class TypedPuk:
    """A PUK that goes to the card. `judged`: its verifier says that it is this envelope's; else the card alone knows."""

    code: Secret = field(repr=False)
    judged: bool


async def _puk(context: ErrandContext, letter: CodeLetter, view: EnterCode, code: Pin | None) -> TypedPuk:
    """Ask for the PUK until its verifier says that it is this envelope's, or leaves that to the card. Raises StopError,
    NoLetterError."""
    if code is not None and not code.can_be_typed:
        raise context.stop("card_refused")
    while True:
        puk = await context.ask(view)
        if not isinstance(puk, Secret):
            raise NoLetterError
        verdict = await context.ask(views.checking(context), until=letter.verify(puk))
        match EnvelopeVerdict(verdict):
            case EnvelopeVerdict.MATCH | EnvelopeVerdict.CARD_DECIDES:
                return TypedPuk(puk, verdict == EnvelopeVerdict.MATCH)
            case EnvelopeVerdict.NO_MATCH:
                again = view.name == context.name("puk_wrong")
                view = view if again else views.wrong_puk(context, letter.whose, code)
            case EnvelopeVerdict.TOO_MANY:
                raise context.stop("too_many_guesses", icon="lock-alert-outline")
            case EnvelopeVerdict.UNAVAILABLE:
                await context.ask(views.verifier_silent(context))


async def choose_new_code(context: ErrandContext, visit: Visit, role: Role = Role.IDENTIFICATION) -> Secret | None:
    """The new code, typed twice; None where the person went back. Raises StopError where the card has no room for a code of
    the region's length."""
    pin = visit.facts.pin(role)
    policy = PinPolicy(pin.min_length, pin.max_length) if pin else PinPolicy()
    if policy.min_length > policy.max_length:
        raise context.stop("card_refused")
    use = "both" if visit.facts.pin(Role.SIGNATURE) is None else role.value
    differed = False
    while True:
        first = await context.ask(views.new_code(context, policy, differed=differed, use=use))
        if not isinstance(first, Secret):
            return None
        again = await context.ask(views.repeat_code(context, policy))
        if isinstance(again, Secret) and first == again:
            return first
        differed = isinstance(again, Secret)


async def _after_tear(
    context: ErrandContext, letter: CodeLetter, visit: Visit, role: Role, new: Secret
) -> tuple[CodeSet | None, Visit]:
    """The write broke off. Meet the same card again and find out, by the holder's own typing, which code applies."""
    await visit.close()
    visit = await wait_for_same_card(context, letter.whose)
    try:
        code = await find_current_code(context, visit, role, new, EFFECT, letter.require_genuine)
        return (None if code is None else CodeSet(code)), visit
    except BaseException:
        await visit.close()
        raise


async def prove_old_code(context: ErrandContext, visit: Visit, role: Role) -> Secret:
    """The code that the card had before, proved. Raises StopError where it is forgotten, and as `prove_code`."""
    if await context.ask(views.old_code_applies(context)) == "forgotten":
        raise context.stop("old_code_forgotten", icon="lock-alert-outline")
    return await prove_code(context.ask, visit, role, own_card_views.code(context, visit.facts, role))
