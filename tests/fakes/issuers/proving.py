"""People whose cards sign what they mean, without a reader: real keys and certificates of the virtual cards' own authority."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.reader.model import CardFacts, Certificate, Holder
from drivers.reader.outcomes import Signed
from fleet.messages.asking import ask_digest, tag_of
from fleet.messages.mandates import ABOUT_SIGNER, Mandate, Proof, mandate_bytes, means_of, wish_bytes
from kiosk.issuer.proof_of_possession import CardProofs
from kiosk.issuer.proof_ports import PersonProof
from sim.reader.card_memory import StoredKey
from sim.reader.cards import VirtualCard
from sim.stories.clock import NOW
from sim.stories.room import authority, persona_of

STATION = "entre-a"
MADE = "2026-03-02T12:00:00Z"


@cache
def _keys(hsa_id: str, card_number: str) -> tuple[StoredKey, ...]:
    persona = replace(persona_of("1:new"), key_algorithm="EC-P256", hsa_id=hsa_id, card_number=card_number)
    return VirtualCard.create(persona, authority(), NOW).keys


@dataclass(frozen=True)
class CardHolder:
    """One person, their card, and the key of their visit."""

    hsa_id: str
    card_number: str
    key: StoredKey
    visit: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @classmethod
    def made(cls, hsa_id: str, card_number: str, purpose: str = "identification") -> "CardHolder":
        """`purpose`: which of the card's two keys signs."""
        keys = _keys(hsa_id, card_number)
        return cls(hsa_id, card_number, next(one for one in keys if one.purpose == purpose))

    def proof(
        self,
        ask: Any,
        nonce: str,
        station: str = STATION,
        *,
        wished: Any = None,
        mandate: Mapping[str, Any] | None = None,
    ) -> Proof:
        """For that ask. `mandate`: other fields of it; `wished`: another ask that the visit's key signs."""
        public = self.visit.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        subject = self.hsa_id if tag_of(ask) in ABOUT_SIGNER else ask.card_number
        told = Mandate(station, nonce, MADE, self.card_number, _text(public), (means_of(tag_of(ask), subject),))
        signed = mandate_bytes(msgspec.structs.replace(told, **mandate or {}))
        assert isinstance(self.key.private, ec.EllipticCurvePrivateKey)
        signature = self.key.private.sign(signed, ec.ECDSA(hashes.SHA256()))
        wish = self.visit.sign(wish_bytes(station, ask_digest(wished or ask)))
        certificate = self.key.certificate.public_bytes(Encoding.DER)
        return Proof(
            mandate=_text(signed), certificate=_text(certificate), signature=_text(signature), algorithm="ES256",
            wish=_text(wish),
        )  # fmt: skip

    def behind(self, ask: Any, nonce: str, station: str = STATION, **changed: Any) -> Any:
        """The ask with this person's proof, beside those that it has."""
        proofs = (*ask.proofs, self.proof(ask, nonce, station, **changed))
        return msgspec.structs.replace(ask, proofs=proofs)


async def person_proof(station: str, card: VirtualCard, *means: str, nonce: str = "") -> PersonProof:
    """As a journey has it made where that card is in the reader, and its code was given."""
    key, persona = card.keys[0], card.persona
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    private, der = key.private, key.certificate.public_bytes(Encoding.DER)
    holder = Holder(persona.name, persona.hsa_id)
    certificate = Certificate("01", "", "", "", "", NOW, NOW, "identification", 3, "ok", der, holder=holder)
    facts = CardFacts("r", b"", "pkcs15", "", "00", persona.card_number, holder, (), (certificate,), b"")

    async def sign(message: bytes) -> Signed:
        return Signed(private.sign(message, ec.ECDSA(hashes.SHA256())), "ES256", der)

    proof = await CardProofs(station).prove(facts, sign, means, nonce)
    assert isinstance(proof, PersonProof)
    return proof


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
