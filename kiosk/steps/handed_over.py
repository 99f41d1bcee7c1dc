"""Proof of a hand-over: what the server tells the issuer by, with the proofs of who attested it or of the holder's own card.

Rules (docs/decisions, 0040): it is pledged with the event that says that the card is its holder's, again with the receipt, and
queued with the receipt or at the errand's end. Where nobody's card has signed (a release code), the new card does, under its
holder's code.
"""

import hashlib

from drivers.reader.outcomes import Accepted, Role, SignOutcome, Unknown
from drivers.reader.secret import Secret
from fleet.messages.asking import ReceivedAsk
from fleet.messages.mandates import means_of, parse_mandate
from fleet.messages.vocabulary import AskName
from kiosk.issuer.ports import CardWord
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Order, Pledge, Visit
from kiosk.receipts import Receipt
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity.identification import Identification
from kiosk.steps.own_card import ask_register


def pledge_hand_over(
    context: ErrandContext,
    order: Order,
    identity: Identification,
    people: tuple[PersonProof, ...],
    receipt: Receipt | None = None,
) -> Pledge | None:
    """Return what the server is told of the hand-over. `people`: who stands behind it. None where nobody does, or
    nobody can be told."""
    meant = tuple(proof for proof in people if _means(proof, order))
    if not meant:
        return None
    ask = ReceivedAsk(
        id="",  # the queue's to give
        card_number=order.card_number,
        order=order.order,
        handed_over=context.caps.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        receipt=receipt.number if receipt else "",
        digest=hashlib.sha256(receipt.document).hexdigest() if receipt else "",
        document=identity.document or "",
        document_digits=identity.document_digits,
    )
    return context.caps.blocking.pledge_for_errand(ask, meant, errand=context.log.id)


def _means(person: PersonProof, order: Order) -> bool:
    return parse_mandate(person.mandate).allows(AskName.CARD_RECEIVED, order.card_number)


async def proofs_of_hand_over(
    caps: Capabilities, order: Order, identity: Identification, visit: Visit, code: Secret
) -> tuple[PersonProof, ...]:
    """Return the proofs of the hand-over: of those who have signed, else of the new card itself, which has just been
    tested."""
    signed = (*((identity.receives,) if identity.receives else ()), *identity.acting)
    if any(_means(proof, order) for proof in signed):
        return signed

    async def sign(message: bytes) -> SignOutcome:
        if not isinstance(await visit.verify(Role.IDENTIFICATION, code), Accepted):
            return Unknown()
        return await visit.sign("identification", message)

    word = await ask_register(caps, order.card_number)
    nonce = word.nonce if isinstance(word, CardWord) else ""
    means = (means_of(AskName.CARD_RECEIVED, order.card_number),)
    proof = await caps.proofs.prove(visit.facts, sign, means, nonce)
    return (proof,) if isinstance(proof, PersonProof) else ()
