"""A new certificate beside the old one: a key made in a free place, its certificate asked for, written, read back and tested.

Rules: key and certificate that are there are never touched, so the old one is usable whatever breaks off. After a tear the same
card is met again and its codes typed again; what is on it says where to go on. A certificate that does not work is taken off.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, assert_never

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from drivers.reader.certificates import public_keys
from drivers.reader.keys import Generated, KeyAlgorithm, KeyPlace
from drivers.reader.model import CardFacts, Certificate, Chain
from drivers.reader.outcomes import Accepted, Locked, Refused, Signed, SignOutcome, Unknown, WrongCode
from fleet.messages.vocabulary import Effect, ErrandOutcome, Outcome
from kiosk.issuer import certificate_request
from kiosk.issuer.ports import LATE, CertificateIssued, InPortal, Offer, RequestDeclined, Unavailable
from kiosk.steps.capabilities import StopError
from kiosk.steps.certificate import card_write_views as views
from kiosk.steps.certificate.card_write import (
    Codes,
    GarbledAnswer,
    KeyUnavailable,
    TornError,
    attempt,
    codes_for,
    management_key,
    meet_again,
    read_untorn,
)
from kiosk.steps.certificate.from_portal import wait_for_portal, waiting_place
from kiosk.steps.certificate.from_portal_views import comes_back
from kiosk.steps.context import ErrandContext
from kiosk.steps.own_card import OwnCard
from kiosk.steps.pin.unlocking import NotSent

MAKE, ASK, WRITE, TAKE_OFF = (
    Effect.CARD_GENERATE_KEY,
    Effect.CERTIFICATE_REQUEST,
    Effect.CARD_WRITE_CERTIFICATE,
    Effect.CARD_DELETE_CERTIFICATE,
)
CHALLENGE_BYTES = 32
HOLDS: tuple[Chain, ...] = ("ok", "unchecked")
"""What a certificate that was just issued may be: no list of revocations need know of it yet."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """The certificate to fetch: `offer`, for a purpose. `present` proves who asks; None where the card has none of that
    purpose yet.

    `fetched` is a newer certificate that is on the card already, of an errand that was left half way: only its test is
    missing.
    """

    offer: Offer
    purpose: Literal["identification", "signature"]
    present: Certificate | None
    fetched: Certificate | None = None
    attended: bool = False
    """By administrators, whose proofs count for a quarter of an hour."""


async def issue_certificate(context: ErrandContext, card: OwnCard, renewal: Renewal, codes: Codes) -> Certificate:
    """The new certificate, written and tested. Raises StopError where it stays at the old one."""
    work = _Issuance(context, card, renewal, codes)
    torn = False
    while True:
        try:
            if torn:
                work.codes = await meet_again(context, card, renewal.purpose, work.settle)
            return await work.go()
        except TornError:
            torn = True


class _Issuance:
    """Progress of an issuance. Each step looks first whether it is done already."""

    def __init__(self, context: ErrandContext, card: OwnCard, renewal: Renewal, codes: Codes) -> None:
        self._context = context
        self._card, self._renewal = card, renewal
        self.codes = codes
        self._place: KeyPlace | None = None
        self._der = renewal.fetched.der if renewal.fetched else b""
        self._torn = ""
        """The effect that broke off, and of which nobody knows what came of it."""
        self._failed = False
        """The new certificate did not stand its test."""

    async def go(self) -> Certificate:
        """All steps that are not done. Raises TornError, StopError."""
        if self._failed:
            raise await self._given_up()
        if not self._der:
            place = await self._key()
            self._der = await self._certificate(place)
        if self._written is None:
            assert self._place is not None, "a certificate that was fetched before is on the card"
            await self._write(self._place)
        return await self._test()

    @property
    def _written(self) -> Certificate | None:
        """The new certificate, where the card holds it."""
        return next(
            (
                certificate
                for certificate in self._card.facts.certificates
                if self._der and certificate.der == self._der
            ),
            None,
        )

    async def settle(self) -> None:
        """Write down what the card that is back shows of the effect that broke off. Raises TornError."""
        if self._torn == MAKE:
            places = await read_untorn(self._card.visit.places(self._renewal.purpose))
            await self._context.log.settled(
                MAKE, Outcome.GENERATED if places and places[0].public_key else Outcome.MADE_AGAIN
            )
        elif self._torn == WRITE:
            await self._context.log.settled(WRITE, Outcome.WRITTEN if self._written else Outcome.NOT_WRITTEN)
        elif self._torn == TAKE_OFF:
            await self._context.log.settled(TAKE_OFF, Outcome.NOT_DELETED if self._written else Outcome.DELETED)
        self._torn = ""

    async def _key(self) -> KeyPlace:
        """The place of a key that waits for its certificate; else one is made in a free place."""
        places = await read_untorn(self._card.visit.places(self._renewal.purpose))
        if not places:
            raise self._context.stop("no_room")
        waiting = waiting_place(places, self._renewal.offer)
        made_here = [
            key_place
            for key_place in places
            if key_place.public_key is not None and await self._context.log.made_key(key_place.key_id)
        ]
        if waiting is not None or made_here:
            self._place = waiting or made_here[0]
            return self._place
        self._place = place = next((key_place for key_place in places if key_place.public_key is None), places[0])
        key = management_key(self._context, self._card)
        algorithm, visit = _algorithm(self._renewal.present), self._card.visit
        making = attempt(lambda: visit.generate_key(place.key_id, algorithm, key, self._renewal.purpose))
        match await self._context.ask(
            views.working(self._context, "key"), until=self._context.log.effect(MAKE, making, key=place.key_id)
        ):
            case Generated(public):
                self._place = KeyPlace(place.key_id, public)
                return self._place
            case Unknown() | NotSent() as torn:
                raise self._broke_off(MAKE, torn)
            case KeyUnavailable():
                raise views.keys_away(self._context)
            case Refused() | GarbledAnswer() | str():
                raise views.card_refused(self._context)
            case other:
                assert_never(other)

    async def _certificate(self, place: KeyPlace) -> bytes:
        """Asked for by the new key, vouched for by the old one. DER."""
        answer = await self._context.ask(views.working(self._context, "fetch"), until=self._asked(place))
        while isinstance(answer, InPortal):
            assert place.public_key is not None
            await wait_for_portal(self._context, self._card.whose, self._facts, place.public_key)
            answer = await self._context.ask(views.working(self._context, "fetch"), until=self._asked(place))
        match answer:
            case CertificateIssued(chain):
                if not _fits(chain, place, self._renewal.offer):
                    raise self._context.stop("not_as_offered", ErrandOutcome.FAULT, badge="failure")
                return chain[0]
            case Unavailable():
                raise views.keys_away(self._context)
            case RequestDeclined(why) if why in LATE and self._renewal.offer.by_hand:
                raise comes_back(
                    self._context, self._context.caps.region.certificates_by_hand, self._context.caps.clock.now()
                )
            case RequestDeclined() as word:
                raise views.declined(self._context, late=word.reason in LATE and self._renewal.attended)
            case str():
                raise AssertionError("a view without buttons has no answer")
            case other:
                raise self._unsigned(other)

    async def _asked(
        self, place: KeyPlace
    ) -> (
        CertificateIssued
        | InPortal
        | RequestDeclined
        | Unavailable
        | SignOutcome
        | NotSent
        | KeyUnavailable
        | GarbledAnswer
    ):
        assert place.public_key is not None
        whose, present = self._card.whose, self._renewal.present
        to_sign = certificate_request.request_to_sign(
            present.der if present else None, place.public_key, hsa_id=whose.hsa_id, card_number=whose.card_number
        )
        signature = await self._signed(place.key_id, to_sign)
        if not isinstance(signature, Signed):
            return signature
        request, proof = certificate_request.signed_request(to_sign, signature), None
        if present is not None:
            vouched = await self._signed(present.id, request)
            if not isinstance(vouched, Signed):
                return vouched
            proof = replace(vouched, certificate=present.der)
        asking = self._context.caps.issuer.certificate(
            request, self._renewal.offer, facts=self._facts, errand=self._context.log.id, proof=proof,
            people=self._card.people,
        )  # fmt: skip
        return await self._context.log.effect(
            ASK, asking, profile=self._renewal.offer.profile, loa=self._renewal.offer.loa
        )

    @property
    def _facts(self) -> CardFacts:
        """The card as the issuer is told of it: a card without certificates does not say whose it is, and what its number."""
        facts, whose = self._card.facts, self._card.whose
        return replace(facts, card_number=whose.card_number, holder=replace(facts.holder, hsa_id=whose.hsa_id))

    async def _signed(self, key_id: str, message: bytes) -> SignOutcome | NotSent | KeyUnavailable | GarbledAnswer:
        """By that very key; some want its code just before each signature."""
        visit, role = self._card.visit, codes_for(self._card.facts, self._renewal.purpose)[-1]
        verified = await attempt(lambda: visit.verify(role, self.codes[role]))
        match verified:
            case Accepted():
                return await attempt(lambda: visit.sign_with(key_id, message))
            case WrongCode():
                return Locked()
            case other:
                return other

    def _unsigned(self, outcome: object) -> Exception:
        """A signature that did not come: the card left, or does not sign."""
        return TornError() if isinstance(outcome, Unknown | NotSent) else views.card_refused(self._context)

    async def _write(self, place: KeyPlace) -> None:
        key = management_key(self._context, self._card)
        writing = attempt(lambda: self._card.visit.write_certificate(place.key_id, self._der, key))
        effect = self._context.log.effect(WRITE, writing, key=place.key_id)
        match await self._context.ask(views.working(self._context, "write"), until=effect):
            case Accepted():
                return
            case Unknown() | NotSent() as torn:
                raise self._broke_off(WRITE, torn)
            case KeyUnavailable():
                raise views.keys_away(self._context)
            case _:
                raise views.card_refused(self._context)

    async def _test(self) -> Certificate:
        """A real signature by the new key, and the chain of its certificate."""
        new = self._written
        assert new is not None, "it was written and read back"
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        outcome = await self._context.ask(views.working(self._context, "test"), until=self._signed(new.id, challenge))
        if isinstance(outcome, Unknown | NotSent):
            raise TornError
        if isinstance(outcome, Signed) and new.chain in HOLDS and new.purpose == self._renewal.purpose:
            return new
        await self._context.log.settled(Effect.CARD_TEST, Outcome.FAILED)
        self._failed = True
        raise await self._given_up()

    async def _given_up(self) -> StopError:
        """A certificate that does not work is taken off the card, so that nobody chooses it. Raises TornError."""
        new = self._written
        if new is None:
            return views.new_failed(self._context, gone=True)
        key = management_key(self._context, self._card)
        deleting = attempt(lambda: self._card.visit.delete_certificate(new.id, key))
        effect = self._context.log.effect(TAKE_OFF, deleting, key=new.id)
        outcome = await self._context.ask(views.working(self._context, "test"), until=effect)
        if isinstance(outcome, Unknown | NotSent):
            raise self._broke_off(TAKE_OFF, outcome)
        return views.new_failed(self._context, gone=isinstance(outcome, Accepted))

    def _broke_off(self, effect: Effect, outcome: object) -> TornError:
        self._torn = effect if isinstance(outcome, Unknown) else ""
        return TornError()


def _algorithm(present: Certificate | None) -> KeyAlgorithm:
    """The kind of key that the card has now, where it is one that may be made."""
    key = x509.load_der_x509_certificate(present.der).public_key() if present else None
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA-2048"
    return "EC-P384" if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size == 384 else "EC-P256"


def _fits(chain: tuple[bytes, ...], place: KeyPlace, offer: Offer) -> bool:
    """Of the key that it was asked for, and not beyond its last day."""
    if not chain or public_keys.of_certificate(chain[0]) != place.public_key:
        return False
    last = x509.load_der_x509_certificate(chain[0]).not_valid_after_utc.date()
    return last <= date.fromisoformat(offer.not_after)
