"""Renewals to offer on a card, before any code is typed: by the product, by the issuer, and by what is on the card.

Rules: a certificate is renewed from half a year before its end; one that is revoked, or of an issuer whom we do not trust,
proves nothing. A newer certificate beside the old one was left by an errand that broke off: only its test is missing.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, assert_never

from drivers.reader.model import CardFacts, Certificate
from kiosk.issuer.ports import Offer, RequestDeclined, Unavailable
from kiosk.steps.capabilities import Capabilities, StopError
from kiosk.steps.certificate import card_write_views, views
from kiosk.steps.certificate.issuance import Renewal
from kiosk.steps.certificate.removal import removable
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity import proof_views
from kiosk.steps.own_card import OwnCard

FROM = timedelta(days=180)
"""So long before its end a certificate may be renewed."""
Use = Literal["identification", "signature"]
USES: tuple[Use, ...] = ("identification", "signature")


async def choose_renewal(context: ErrandContext, card: OwnCard) -> Renewal:
    """The one that the holder chooses. Raises StopError where there is nothing to renew, or nobody who may."""
    if not card.facts.rules.writable:
        raise context.stop("not_writable")
    newest = card.facts.certificate("identification")
    if newest is not None and newest.chain == "unchecked":
        raise proof_views.proves_nobody(context, newest.chain)
    offers = await ask_for_offers(context, card)
    if all(candidate.profile == "reserve" for candidate in offers):
        raise context.stop("use_reserve")
    now, renewals = context.caps.clock.now(), []
    for use in USES:
        offer = next((candidate for candidate in offers if candidate.profile == use), None)
        if offer is not None:
            renewals += _renewals(card.facts, offer, use, now)
    if not renewals:
        raise _nothing(context, card.facts, now)
    answer = await context.ask(views.which(context, renewals)) if len(renewals) > 1 else renewals[0].purpose
    chosen = next(renewal for renewal in renewals if renewal.purpose == answer)
    if chosen.fetched is None:
        await require_free_place(context, card, chosen.purpose)
    return chosen


async def nears_its_end(caps: Capabilities, card: OwnCard, hsa_id: str) -> bool:
    """Return whether a certificate of that one of the card's HSA-ids may be renewed, by its time."""
    facts, until = card.facts.act_as(hsa_id), caps.clock.now() + FROM
    newest = (facts.certificate(use) for use in USES)
    return any(certificate is not None and certificate.not_after < until for certificate in newest)


async def require_free_place(context: ErrandContext, card: OwnCard, use: Use) -> None:
    """Raises StopError where a new key would take the place of one that is in use: make room, or this product has none."""
    if not await card.visit.places(use):
        await card.visit.complete()
        may_go = removable(card.facts, context.caps.clock.now())
        raise context.stop("no_room") if may_go else context.stop("not_writable")


async def ask_for_offers(
    context: ErrandContext, card: OwnCard, none: Callable[[ViewContext], StopError] = views.not_offered
) -> tuple[Offer, ...]:
    """Return what the issuer offers this card now: never nothing. Raises StopError, that of `none` where there is no
    offer."""
    facts = replace(card.facts, card_number=card.whose.card_number)  # a card without certificates does not say it
    match await context.ask(views.asking(context), until=context.caps.issuer.offers(facts)):
        case RequestDeclined() | ():
            raise none(context)
        case Unavailable() | str():
            raise card_write_views.keys_away(context)
        case tuple() as offers:
            return offers
        case other:
            assert_never(other)


def _renewals(facts: CardFacts, offer: Offer, use: Use, now: datetime) -> list[Renewal]:
    """One, where the certificate of that use nears its end, or was renewed and the old one is still there."""
    newest = facts.certificate(use)
    if newest is None or newest.chain in ("revoked", "untrusted"):
        return []
    if newest.not_after < now + FROM:
        return [Renewal(offer, use, newest)]
    older = [c for c in facts.certificates if c is not newest and facts.newest_like(c) is newest]
    return [Renewal(offer, use, _latest(older), newest)] if older and newest.chain == "ok" else []


def _latest(certificates: list[Certificate]) -> Certificate:
    return max(certificates, key=lambda certificate: certificate.not_after)


def _nothing(context: ViewContext, facts: CardFacts, now: datetime) -> Exception:
    newest = facts.certificate("identification")
    if newest is None or newest.chain in ("revoked", "untrusted"):
        return context.stop("no_proof")
    return views.too_early(context, newest.not_after - FROM)
