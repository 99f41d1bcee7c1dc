"""A block that an ID administrator makes in the issuer's portal while the person waits.

Rules (docs/rules.md, "Who may"): the card is marked first, whoever comes; only an administrator's card and word say that it is
blocked, and that is written down in their name. Whatever comes in between, the mark stands, and its row is on the worklist.
"""

from typing import assert_never

from fleet.messages.vocabulary import AskName, Effect
from kiosk.issuer.ports import BlockReason, CardBlocked, LoggedIn, RequestDeclined, Unavailable
from kiosk.ports import ErrandCancelledError, ErrandEndedError, Presence
from kiosk.steps import block_in_portal_views as views
from kiosk.steps.blocking_views import DEAD, telling
from kiosk.steps.capabilities import StopError
from kiosk.steps.card import wait_until_empty
from kiosk.steps.context import CardHolder, ErrandContext
from kiosk.steps.identity.administrator import (
    About,
    administrator_reader,
    log_in,
    return_card_to_administrator,
    sign_for,
)
from kiosk.steps.identity.identification import Identification


async def offer_block_in_portal(
    context: ErrandContext, came: str, whose: CardHolder, reason: BlockReason | None, identity: Identification
) -> str:
    """Offer to block a marked card in the portal, and return its state: `blocked` where an administrator who is here
    has blocked it there. `came`: its state so far; `reason`: why it is blocked, None where nobody does.

    Raises ErrandEndedError where the person has left; the errand has ended well then.
    """
    instead = context.caps.region.without_hold
    if came != "marked" or reason is None or instead is None or not instead.blocks:
        return came
    if identity.administrator is None and await administrator_reader(context.caps).presence() is Presence.NO_READER:
        return came
    try:
        if (
            identity.administrator is None
            and await context.ask(views.offer(context, instead, context.caps.clock.now())) == "later"
        ):
            return came
        is_blocked = await _block(context, whose, reason, identity)
        return "blocked" if is_blocked else came
    except ErrandCancelledError:
        return came
    except ErrandEndedError:
        await context.end(came)
        raise


async def _block(context: ErrandContext, whose: CardHolder, reason: BlockReason, identity: Identification) -> bool:
    """Return whether somebody has blocked it there, and the server knows."""
    try:
        holders = frozenset({whose.hsa_id}) | (identity.proof.hsa_ids if identity.proof else frozenset())
        about = About(whose.card_number, (AskName.CARD_BLOCK,))
        administrator = identity.administrator or await _administrator(context, holders, about)
    except StopError as stopped:
        await context.ask(stopped.view)
        return False
    if administrator.proof is None or not administrator.proof.by_server:
        await context.ask(views.not_noted(context))
        return False
    if await context.ask(views.block(context, whose, administrator)) != "blocked":
        return False
    if administrator.act is None:
        administrator = await sign_for(context, administrator, about)
        await return_card_to_administrator(context)
    if administrator.act is None:
        await context.ask(views.not_noted(context))
        return False
    saying = context.caps.blocking.blocked_in_portal(
        whose.card_number, reason, by=administrator.act, errand=context.log.id
    )
    act = context.log.effect(
        Effect.CARD_BLOCK, saying, reason=reason, card_number=whose.card_number, administrator=administrator.hsa_id
    )
    match await context.ask(telling(context), until=act):
        case CardBlocked():
            return True
        case RequestDeclined(why) if why in DEAD:
            return True
        case RequestDeclined() | Unavailable():
            await context.ask(views.not_noted(context))
            return False
        case str():
            raise AssertionError("a view without buttons has no answer")
        case other:
            assert_never(other)


async def _administrator(context: ErrandContext, holders: frozenset[str], about: About) -> LoggedIn:
    """Return the administrator who is here, and is none of these (HSA-ids). The holder's card leaves the one reader
    first. Raises StopError."""
    if context.caps.administrator_reader is None and await context.caps.reader.presence() is not Presence.EMPTY:
        await context.ask(views.take_own(context), until=wait_until_empty(context.caps.reader))
    administrator = await log_in(context, holders - {""}, about)
    await return_card_to_administrator(context)
    return administrator
