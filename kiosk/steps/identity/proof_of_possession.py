"""Proof of possession: a code that a card calls right proves nothing, so the card's key signs before anybody is believed.

Rules: docs/decisions, 0040. A signature for each card that something is done about, over the list of what is meant, with the
nonce that the server gave for that card; a card that signs with another key is told to the fleet (`card_not_genuine`).
"""

from collections.abc import Collection
from typing import assert_never

from drivers.reader.model import Chain
from drivers.reader.outcomes import Accepted, Role, SignOutcome, Unknown
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import EventType
from kiosk.issuer.ports import CardWord, NotFound, Unavailable
from kiosk.issuer.proof_ports import NotGenuine, NotSigned, PersonProof, Torn
from kiosk.ports import CardPulledError, Visit
from kiosk.steps.card import CodePrompts, prove_code
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity import proof_views as views

Word = CardWord | NotFound | Unavailable
"""The register's word on a card."""
VALID: tuple[Chain, ...] = ("ok",)
RENEWED: tuple[Chain, ...] = ("ok", "expired")
"""Whose certificate is renewed: it may have ended."""
OWN_CARD: tuple[Chain, ...] = ("ok", "revoked")
"""Who puts their own card away, or takes it back: a hold suspends its certificates, and the server says which it is."""


async def prove_person(
    context: ErrandContext,
    visit: Visit,
    words: CodePrompts,
    means: tuple[str, ...],
    word: Word,
    chains: Collection[Chain] = VALID,
) -> PersonProof:
    """Code and signature. `means`: what is meant, by `means_of`; `word`: the register's on that card, with the server's nonce;
    `chains`: what the certificate may be.

    Raises StopError where the card proves nobody, and as `prove_code`.
    """
    await prove_identification_code(context, visit, words)
    return await sign_mandate(context, visit, means, word, chains)


async def prove_identification_code(context: ErrandContext, visit: Visit, words: CodePrompts) -> Secret:
    """The code under which the card signs who somebody is. Raises StopError, and as `prove_code`."""
    pin = visit.facts.guard("identification")
    if pin is not None and pin.must_change:
        raise context.stop("change_first", icon="form-textbox-password")
    return await prove_code(context.ask, visit, Role.IDENTIFICATION, words)


async def sign_mandate(
    context: ErrandContext,
    visit: Visit,
    means: tuple[str, ...],
    word: Word,
    chains: Collection[Chain] = VALID,
    code: Secret | None = None,
) -> PersonProof:
    """The signature alone, where the code has been verified in this visit; `code` is given where another one was verified since.

    Raises StopError, CardPulledError.
    """
    facts = visit.facts
    certificate = facts.certificate("identification")
    if certificate is None or not facts.holder.hsa_id or certificate.chain not in chains:
        raise views.proves_nobody(context, certificate.chain if certificate else None)

    async def sign(message: bytes) -> SignOutcome:
        if code is not None and not isinstance(await visit.verify(Role.IDENTIFICATION, code), Accepted):
            return Unknown()
        return await visit.sign("identification", message)

    proving = context.caps.proofs.prove(facts, sign, means, word.nonce if isinstance(word, CardWord) else "")
    match await context.ask(views.proving(context), until=proving):
        case PersonProof() as proof:
            return proof
        case NotGenuine():
            await context.log.note(EventType.CARD_NOT_GENUINE, card_number=facts.card_number, why="false_signature")
            raise views.not_genuine(context)
        case NotSigned():
            raise context.stop("card_did_not_sign", icon="smart-card-off-outline")
        case Torn():
            raise CardPulledError
        case str():
            raise AssertionError("a view without buttons has no answer")
        case other:
            assert_never(other)
