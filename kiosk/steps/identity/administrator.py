"""Log-in of an ID administrator, alone or attended by another: card and code, then the card's signature, which the server judges,
or, without connection, the signed list while that is valid.

    administrator = await log_in(ask, caps, context, log)           # the one at the menu, or whoever puts a card in
    other = await log_in_another(ask, caps, context, log, {administrator.hsa_id, holder})
    administrator = await sign_for(ask, caps, context, log, administrator, About(card_number, CODE_TAGS))

The log-in proves the log-in, and lets them read. For what is done about a holder's card their card signs once more, for that card
alone: at the log-in where the card is known by then, else when it is done (`sign_for`): then it is still in, or comes back once,
and its code is asked for again. The card stays in the second reader; in the one reader it is in turn with the holder's.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, assert_never

from drivers.reader.model import CardFacts
from fleet.messages.attending import LEVEL, may_attend_protected
from fleet.messages.mandates import means_of
from fleet.messages.vocabulary import AskName, ErrandOutcome
from kiosk.issuer.ports import LoggedIn, RequestDeclined, Unavailable
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Presence, Reader, Visit
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.card import (
    Strangeness,
    UnreadableCard,
    act_for_holder,
    ask_for_card,
    read_present_card,
    wait_until_empty,
)
from kiosk.steps.card_views import with_office
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity import administrator_views as views
from kiosk.steps.identity.card_status import check_own_card
from kiosk.steps.identity.employer import choose_employer, show_employer
from kiosk.steps.identity.proof_of_possession import prove_identification_code, sign_mandate
from kiosk.steps.own_card import ask_register
from kiosk.views import Await

Which = Literal["holder", "administrator"]
NOBODY: Set[str] = frozenset()
LOGIN_TAGS = (
    AskName.ADMINISTRATOR_LOGIN, AskName.ADMINISTRATOR_WORKLIST, AskName.DIRECTORY_FIND, AskName.STOCK_MOVED,
    AskName.BIN_EMPTIED,
)  # fmt: skip
"""What an administrator's log-in means: nothing about a holder's card."""
CODE_TAGS = (AskName.CARD_CHALLENGE, AskName.CARD_PUK)
"""What a code is set with."""
HAND_OVER_TAGS = (*CODE_TAGS, AskName.CARD_LETTER, AskName.CARD_RECEIVED)
"""What is asked about a card that is handed over."""


@dataclass(frozen=True, slots=True)
class About:
    """The card that something is done about, and which asks that takes."""

    card_number: str
    tags: tuple[str, ...]

    @property
    def means(self) -> tuple[str, ...]:
        """Meaning of the signature about that card, one entry for each ask."""
        return tuple(means_of(tag, self.card_number) for tag in self.tags)


LOGGED_IN_S = 12 * 60.0
"""A mandate counts for a quarter of an hour from when its nonce was given, before the code was typed: what is begun later than
this is begun with a new one."""


def administrator_reader(caps: Capabilities) -> Reader:
    """Return the reader for an administrator's card: the second reader, or in turn the one."""
    return caps.administrator_reader or caps.reader


async def log_in(context: ErrandContext, but: Collection[str] = NOBODY, about: About | None = None) -> LoggedIn:
    """The administrator who began this errand from the menu; else whoever puts a card in and proves it, and is none of those.
    Who has been at the menu for long is asked for the code again. `about`: the card that they sign for as well.

    Raises StopError where the code is locked, its last try is kept, or nobody can say who is an administrator.
    """
    here = context.caps.administrator_session
    if here is not None and here.card_in and here.administrator.hsa_ids.isdisjoint(but):
        if context.caps.clock.monotonic() - here.since > LOGGED_IN_S:
            here.administrator = await _again(context, here.administrator, but)
            here.since = context.caps.clock.monotonic()
        administrator = here.administrator
        return administrator if about is None else await sign_for(context, administrator, about)
    return await prove_administrator(context, but, about=about)


async def _again(context: ErrandContext, administrator: LoggedIn, but: Collection[str]) -> LoggedIn:
    """The same card proves itself once more, and no other that is in is asked for a code; where it does not, whoever puts one
    in anew."""
    await context.ask(views.log_in_again(context))
    met = await context.ask(views.logging_in(context), until=read_present_card(administrator_reader(context.caps)))
    if met is None or isinstance(met, UnreadableCard | str):
        return await prove_administrator(context, but)
    try:
        is_same = not met.facts.hsa_ids.isdisjoint(administrator.hsa_ids)
        proved = await _admitted(context, met, but) if is_same else None
    finally:
        await met.close()
    return proved or await prove_administrator(context, but, fresh=True)


async def log_in_another(
    context: ErrandContext, but: Collection[str], *, for_protected: bool = False, about: About | None = None
) -> LoggedIn:
    """A second administrator, who is none of those (HSA-ids): two people, two cards. The first takes theirs out. `for_protected`:
    the holder's identity is protected, and the other one needs the role for that too."""
    await return_card_to_administrator(context, always=True)
    while True:
        other = await prove_administrator(context, but, second=True, about=about)
        if not for_protected or may_attend_protected(other.roles):
            break
        await context.ask(views.not_kur(context))
    await return_card_to_administrator(context)
    return other


async def return_card_to_administrator(context: ErrandContext, *, always: bool = False) -> None:
    """The administrator's card out of the one reader, which the holder's needs; `always`: out of a second one too."""
    if context.caps.administrator_session is not None:
        context.caps.administrator_session.let_go()
    shared = always or context.caps.administrator_reader is None
    if shared and await administrator_reader(context.caps).presence() is not Presence.EMPTY:
        await context.ask(
            views.take(context, lit_reader(context.caps)), until=wait_until_empty(administrator_reader(context.caps))
        )


def lit_reader(caps: Capabilities) -> Which:
    """Return which reader is lit for an administrator."""
    return "holder" if caps.administrator_reader is None else "administrator"


async def prove_administrator(
    context: ErrandContext,
    but: Collection[str],
    *,
    second: bool = False,
    about: About | None = None,
    fresh: bool = False,
) -> LoggedIn:
    """Ask for a card until it is an administrator's, and none of those that it may not be. `fresh`: a card that is in now does
    not count. Raises StopError."""
    reader, which = administrator_reader(context.caps), lit_reader(context.caps)
    while True:
        visit = await ask_for_card(
            context.ask,
            reader,
            lambda why: with_office(
                views.insert(context, why, which, second=second), context.caps.region, also=why is None
            ),
            fresh=fresh,
        )
        assert not isinstance(visit, str)
        try:
            administrator = await _admitted(context, visit, but, about)
        finally:
            await visit.close()
        if administrator is not None:
            return administrator
        fresh = True


async def _admitted(
    context: ErrandContext, visit: Visit, but: Collection[str], about: About | None = None
) -> LoggedIn | None:
    """Return whose card this is, with code and signature proved, and what it signs `about` another; None after saying
    why it is not taken. Raises StopError where the card proves nobody."""
    if not visit.facts.hsa_ids.isdisjoint(but):
        await context.ask(views.not_the_same(context))
        return None
    context = show_employer(context, await choose_employer(context, visit, partial(_is_listed, context.caps)))
    certificate = visit.facts.certificate("identification")
    if certificate is None or certificate.chain != "ok":
        await context.ask(views.not_an_administrator(context))
        return None
    if certificate.loa != LEVEL:  # said before the code is asked for; list and server judge it too
        await context.ask(views.not_level_3(context))
        return None
    word = await check_own_card(context, visit.facts)
    words = views.code(context, visit.facts, watched=context.caps.administrator_reader is None)
    code = await prove_identification_code(context, visit, words)
    proof = await sign_mandate(context, visit, administrator_means(visit.facts), word)
    match await context.ask(views.logging_in(context), until=context.caps.administrators.log_in(proof)):
        case LoggedIn() as administrator if about is not None:
            word = await ask_register(context.caps, about.card_number)
            act = await sign_mandate(context, visit, about.means, word, code=code)
            return replace(administrator, act=act)
        case LoggedIn() as administrator:
            return administrator
        case RequestDeclined(reason=reason):
            await context.ask(views.may_not_attend(context, reason))
        case Unavailable():
            raise context.stop("login_unavailable", ErrandOutcome.FAULT, icon="cloud-off-outline")
        case str():
            raise AssertionError("a view without buttons has no answer")
        case other:
            assert_never(other)
    return None


async def _is_listed(caps: Capabilities, hsa_id: str) -> bool:
    return await caps.orders.administrator(hsa_id) is not None


async def sign_for(context: ErrandContext, administrator: LoggedIn, about: About) -> LoggedIn:
    """The same administrator, whose card has signed for that card: it is still in, or comes back, and its code is typed.

    Nothing is asked of them where nobody can be asked: the server takes no such signature later, but for a hand-over. Raises
    StopError where the card proves nobody.
    """
    word = await ask_register(context.caps, about.card_number)
    if AskName.CARD_RECEIVED not in about.tags and isinstance(word, Unavailable):
        return administrator
    reader, which = administrator_reader(context.caps), lit_reader(context.caps)

    def insert(why: Strangeness | None) -> Await:
        return views.sign_again(context, administrator, why, which)

    async with meet_again(context, reader, administrator.hsa_id, insert) as visit:
        words = views.code(context, visit.facts, watched=context.caps.administrator_reader is None)
        code = await prove_identification_code(context, visit, words)
        return replace(administrator, act=await sign_mandate(context, visit, about.means, word, code=code))


@contextlib.asynccontextmanager
async def meet_again(
    context: ErrandContext, reader: Reader, hsa_id: str, insert: Callable[[Strangeness | None], Await]
) -> AsyncIterator[Visit]:
    """The card of that person, who has proved to be there: the one that is in, or that `insert` asks for, and no other."""
    present = await reader.presence() is Presence.PRESENT
    met = await context.ask(views.logging_in(context), until=read_present_card(reader)) if present else None
    fresh = isinstance(met, UnreadableCard)
    while True:
        if met is None or isinstance(met, UnreadableCard | str):
            met = await ask_for_card(context.ask, reader, insert, fresh=fresh)
        assert not isinstance(met, str), "the only other way out is to cancel"
        visit, met, fresh = met, None, True
        try:
            if hsa_id in visit.facts.hsa_ids:
                yield act_for_holder(visit, hsa_id)
                return
        finally:
            await visit.close()
        await context.ask(views.other_signer(context))


def administrator_means(facts: CardFacts) -> tuple[str, ...]:
    """Return what an administrator means by logging in."""
    return tuple(means_of(tag, facts.holder.hsa_id) for tag in LOGIN_TAGS)


def proofs_of(*administrators: LoggedIn | None) -> tuple[PersonProof, ...]:
    """By which those who attend read."""
    return tuple(
        administrator.proof
        for administrator in administrators
        if administrator is not None and administrator.proof is not None
    )


def acts_of(*administrators: LoggedIn | None) -> tuple[PersonProof, ...]:
    """By which those who attend act on the card that they have signed for."""
    return tuple(
        administrator.act
        for administrator in administrators
        if administrator is not None and administrator.act is not None
    )
