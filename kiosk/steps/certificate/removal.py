"""Certificates that may go, and taking one off the card: the certificate, then its key where the card lets go of keys.

Rules: the newest certificate of each use and identity never goes, so the last one that works cannot be removed, unless it has
expired and another employer's works; those for
encryption never go, since old letters are read with them, nor the card's own. What broke off is looked at on the card when it is
back.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from drivers.reader.model import CardFacts, Certificate
from drivers.reader.outcomes import Accepted, Unknown
from fleet.messages.vocabulary import Effect, ErrandOutcome, Outcome
from kiosk.ports import ErrandEndedError
from kiosk.steps.capabilities import StopError
from kiosk.steps.certificate import removal_views, views
from kiosk.steps.certificate.card_write import TornError, attempt, management_key, meet_again, read_untorn
from kiosk.steps.context import ErrandContext
from kiosk.steps.own_card import OwnCard
from kiosk.steps.pin.unlocking import NotSent

CERTIFICATE, KEY = Effect.CARD_DELETE_CERTIFICATE, Effect.CARD_DELETE_KEY


@dataclass(frozen=True, slots=True)
class Removable:
    """A certificate that may go, and why."""

    certificate: Certificate
    why: Literal["expired", "superseded"]


def removable(facts: CardFacts, now: datetime) -> tuple[Removable, ...]:
    """Return the certificates of a person that a newer one of the same use and identity stands in for, oldest first."""
    old = [certificate for certificate in facts.certificates if _is_replaced(certificate, facts)]
    old.sort(key=lambda certificate: certificate.not_after)
    return tuple(
        Removable(certificate, "expired" if certificate.not_after < now else "superseded") for certificate in old
    )


def _is_replaced(certificate: Certificate, facts: CardFacts) -> bool:
    """A better one of that use, and of the same employer or personal identity, is on the card and works; of one that has expired,
    another employer's."""
    newest = facts.newest_like(certificate)
    if newest is certificate and certificate.names_somebody and certificate.chain == "expired":
        alike = (c for c in facts.certificates if c.purpose == certificate.purpose and c.names_somebody)
        return any(other.chain == "ok" for other in alike)
    return certificate.purpose != "other" and newest is not certificate and newest.chain == "ok"


async def remove(context: ErrandContext, card: OwnCard, certificate: Certificate) -> bool:
    """Take it off the card, whose codes for that use are verified; False where it stays. Raises StopError, CardPulledError."""
    removal = _Removal(context, card, certificate)
    torn = False
    while True:
        try:
            if torn:
                await meet_again(context, card, certificate.purpose, removal.settle)
            return await removal.go()
        except TornError:
            torn = True


class _Removal:
    """Progress of a removal."""

    def __init__(self, context: ErrandContext, card: OwnCard, certificate: Certificate) -> None:
        self._context = context
        self._card, self._certificate = card, certificate
        self._torn = ""

    async def go(self) -> bool:
        """Do the steps that are not done yet. Raises TornError."""
        if self._there:
            may_go = {entry.certificate.der for entry in removable(self._card.facts, self._context.caps.clock.now())}
            if self._certificate.der not in may_go or not await self._delete(CERTIFICATE):
                return False
        if self._card.facts.rules.deletes_keys and await self._has_key():
            await self._delete(KEY)
        return True

    @property
    def _there(self) -> bool:
        return any(certificate.der == self._certificate.der for certificate in self._card.facts.certificates)

    async def _has_key(self) -> bool:
        """Return whether the key without its certificate is what the card shows in its place."""
        places = await read_untorn(self._card.visit.places(self._certificate.purpose))
        return any(place.key_id == self._certificate.id and place.public_key is not None for place in places)

    async def settle(self) -> None:
        """Write down what the card that is back shows of the effect that broke off. Raises TornError."""
        await read_untorn(self._card.visit.complete())
        if self._torn == CERTIFICATE:
            await self._context.log.settled(CERTIFICATE, Outcome.NOT_DELETED if self._there else Outcome.DELETED)
        elif self._torn == KEY:
            await self._context.log.settled(KEY, Outcome.NOT_DELETED if await self._has_key() else Outcome.DELETED)
        self._torn = ""

    async def _delete(self, effect: Effect) -> bool:
        key, visit, id_ = management_key(self._context, self._card), self._card.visit, self._certificate.id
        act = visit.delete_certificate if effect == CERTIFICATE else visit.delete_key
        deleting = self._context.log.effect(effect, attempt(lambda: act(id_, key)), key=id_)
        outcome = await self._context.ask(removal_views.removing(self._context), until=deleting)
        if isinstance(outcome, Unknown | NotSent):
            self._torn = effect if isinstance(outcome, Unknown) else ""
            raise TornError
        return isinstance(outcome, Accepted)


async def offer_removal(context: ErrandContext, card: OwnCard, old: Certificate | None) -> views.OldIs:
    """Offer to remove the old certificate, and return what became of it. Whoever walks away, or pulls the card, keeps
    it."""
    may_go = {entry.certificate.der for entry in removable(card.facts, context.caps.clock.now())}
    if old is None or old.der not in may_go:
        return "none" if old is None else "kept"
    try:
        if await context.ask(views.old(context, old)) == "keep":
            return "kept"
        if await remove(context, card, old):
            return "gone"
        await context.ask(removal_views.stays(context))
        return "kept"
    except StopError as stopped:
        return "unknown" if stopped.outcome == ErrandOutcome.UNKNOWN else "kept"
    except ErrandEndedError:
        return "kept"
