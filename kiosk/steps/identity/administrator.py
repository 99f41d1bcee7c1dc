"""Log-in of an ID administrator, alone or attended by another: card and code, then the card's signature, which the server judges,
or, without connection, the signed list while that is valid.

    administrator = await log_in(ask, caps, context, log)           # the one at the menu, or whoever puts a card in
    other = await log_in_another(ask, caps, context, log, {administrator.hsa_id, holder})

What an administrator's card signs is meant for whichever card the errand comes to be about: theirs is out of the reader then. The
card stays in the second reader; in the one reader it is in turn with the holder's (`give_back`).
"""

from collections.abc import Collection, Set
from functools import partial
from typing import Literal, assert_never

from drivers.reader.model import CardFacts
from fleet.messages.attending import LEVEL, may_attend_protected
from fleet.messages.mandates import means_of
from fleet.messages.vocabulary import AskName
from kiosk.issuer.ports import LoggedIn, RequestDeclined, Unavailable
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Ask, ErrandLog, Presence, Reader, Visit
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.card import UnreadableCard, ask_for_card, read_present_card, wait_until_empty
from kiosk.steps.card_views import with_office
from kiosk.steps.context import ViewContext
from kiosk.steps.identity import administrator_views as views
from kiosk.steps.identity.card_status import check_own_card
from kiosk.steps.identity.employer import choose_employer, show_employer
from kiosk.steps.identity.proof_of_possession import prove_person

Which = Literal["holder", "administrator"]
NOBODY: Set[str] = frozenset()
ATTENDING = (
    AskName.ADMINISTRATOR_WORKLIST,
    AskName.CARD_BIND,
    AskName.CARD_BLOCK,
    AskName.CARD_CHALLENGE,
    AskName.CARD_HOLD,
    AskName.CARD_LETTER,
    AskName.CARD_LIFT,
    AskName.CARD_PUK,
    AskName.CARD_RECEIVED,
    AskName.CERTIFICATE_REQUEST,
    AskName.DIRECTORY_FIND,
    AskName.STOCK_MOVED,
    AskName.BIN_EMPTIED,
)
"""What an administrator's mandate means, about any card."""
LOGGED_IN_S = 12 * 60.0
"""A mandate counts for a quarter of an hour from when its nonce was given, before the code was typed: what is begun later than
this is begun with a new one."""


def administrator_reader(caps: Capabilities) -> Reader:
    """Where an administrator's card goes: the second reader, or in turn the one."""
    return caps.administrator_reader or caps.reader


async def log_in(
    ask: Ask, caps: Capabilities, context: ViewContext, log: ErrandLog, but: Collection[str] = NOBODY
) -> LoggedIn:
    """The administrator who began this errand from the menu; else whoever puts a card in and proves it, and is none of those.
    Who has been at the menu for long is asked for the code again.

    Raises StopError where the code is locked, its last try is kept, or nobody can say who is an administrator.
    """
    here = caps.administrator_session
    if here is not None and here.card_in and here.administrator.hsa_ids.isdisjoint(but):
        if caps.clock.monotonic() - here.since > LOGGED_IN_S:
            here.administrator, here.since = await _again(ask, caps, context, log, but), caps.clock.monotonic()
        return here.administrator
    return await prove_administrator(ask, caps, context, log, but)


async def _again(ask: Ask, caps: Capabilities, context: ViewContext, log: ErrandLog, but: Collection[str]) -> LoggedIn:
    """The card that is in proves itself once more; where it does not, whoever puts one in."""
    await ask(views.log_in_again(context))
    met = await ask(views.logging_in(context), until=read_present_card(administrator_reader(caps)))
    if met is None or isinstance(met, UnreadableCard | str):
        return await prove_administrator(ask, caps, context, log, but)
    try:
        same = await _admitted(ask, caps, context, log, met, but)
    finally:
        await met.close()
    return same or await prove_administrator(ask, caps, context, log, but)


async def log_in_another(
    ask: Ask,
    caps: Capabilities,
    context: ViewContext,
    log: ErrandLog,
    but: Collection[str],
    *,
    for_protected: bool = False,
) -> LoggedIn:
    """A second administrator, who is none of those (HSA-ids): two people, two cards. The first takes theirs out. `for_protected`:
    the holder's identity is protected, and the other one needs the role for that too."""
    await return_card_to_administrator(ask, caps, context, always=True)
    while True:
        other = await prove_administrator(ask, caps, context, log, but, second=True)
        if not for_protected or may_attend_protected(other.roles):
            break
        await ask(views.not_kur(context))
    await return_card_to_administrator(ask, caps, context)
    return other


async def return_card_to_administrator(
    ask: Ask, caps: Capabilities, context: ViewContext, *, always: bool = False
) -> None:
    """The administrator's card out of the one reader, which the holder's needs; `always`: out of a second one too."""
    if caps.administrator_session is not None:
        caps.administrator_session.let_go()
    shared = always or caps.administrator_reader is None
    if shared and await administrator_reader(caps).presence() is not Presence.EMPTY:
        await ask(views.take(context, lit_reader(caps)), until=wait_until_empty(administrator_reader(caps)))


def lit_reader(caps: Capabilities) -> Which:
    """Which reader is lit for an administrator."""
    return "holder" if caps.administrator_reader is None else "administrator"


async def prove_administrator(
    ask: Ask, caps: Capabilities, context: ViewContext, log: ErrandLog, but: Collection[str], *, second: bool = False
) -> LoggedIn:
    """Ask for a card until it is an administrator's, and none of those that it may not be. Raises StopError."""
    reader, which, fresh = administrator_reader(caps), lit_reader(caps), False
    while True:
        visit = await ask_for_card(
            ask,
            reader,
            lambda why: with_office(views.insert(context, why, which, second=second), caps.region, also=why is None),
            fresh=fresh,
        )
        assert not isinstance(visit, str)
        try:
            administrator = await _admitted(ask, caps, context, log, visit, but)
        finally:
            await visit.close()
        if administrator is not None:
            return administrator
        fresh = True


async def _admitted(
    ask: Ask, caps: Capabilities, context: ViewContext, log: ErrandLog, visit: Visit, but: Collection[str]
) -> LoggedIn | None:
    """Whose card this is, with code and signature proved; None after saying why it is not taken. Raises StopError where the card
    proves nobody."""
    if not visit.facts.hsa_ids.isdisjoint(but):
        await ask(views.not_the_same(context))
        return None
    ask = show_employer(ask, await choose_employer(ask, caps, context, visit, partial(_is_listed, caps)))
    certificate = visit.facts.certificate("identification")
    if certificate is None or certificate.chain != "ok":
        await ask(views.not_an_administrator(context))
        return None
    if certificate.loa != LEVEL:  # said before the code is asked for; list and server judge it too
        await ask(views.not_level_3(context))
        return None
    word = await check_own_card(caps, context, visit.facts)
    words = views.code(context, visit.facts, watched=caps.administrator_reader is None)
    proof = await prove_person(ask, caps, context, log, visit, words, administrator_means(visit.facts), word)
    match await ask(views.logging_in(context), until=caps.administrators.log_in(proof)):
        case LoggedIn() as known:
            return known
        case RequestDeclined(reason=reason):
            await ask(views.may_not_attend(context, reason))
        case Unavailable():
            raise views.nobody_knows(context)
        case str():
            raise AssertionError("a view without buttons has no answer")
        case other:
            assert_never(other)
    return None


async def _is_listed(caps: Capabilities, hsa_id: str) -> bool:
    return await caps.orders.administrator(hsa_id) is not None


def administrator_means(facts: CardFacts) -> tuple[str, ...]:
    """What an administrator means by their signature."""
    return (means_of(AskName.ADMINISTRATOR_LOGIN, facts.holder.hsa_id), *map(means_of, ATTENDING))


def proofs_of(*administrators: LoggedIn | None) -> tuple[PersonProof, ...]:
    """The proofs of those who attend."""
    return tuple(
        administrator.proof
        for administrator in administrators
        if administrator is not None and administrator.proof is not None
    )
