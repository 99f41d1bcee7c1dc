"""Proof of possession: what a card signs is verified against the very certificate that names its holder."""

from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.errors import CardAnswerError
from drivers.reader.model import CardFacts, Certificate, Holder
from drivers.reader.outcomes import RefusalReason, Refused, Signed, SignOutcome, Unknown
from fleet.messages.mandates import parse_mandate
from kiosk.issuer.proof_of_possession import CardProofs
from kiosk.issuer.proof_ports import NotGenuine, NotSigned, PersonProof, Torn
from sim.reader.cards import VirtualCard
from sim.stories.clock import NOW
from sim.stories.room import make_card, persona_of

MEANS = ("card.block *",)
CARD, OTHER = make_card(persona_of("1:old")), make_card(persona_of("3:old"))


def facts(card: VirtualCard = CARD, **changed: Any) -> CardFacts:
    der = card.keys[0].certificate.public_bytes(Encoding.DER)
    holder = Holder(card.persona.name, card.persona.hsa_id)
    certificate = Certificate("01", "", "", "", "", NOW, NOW, "identification", 3, "ok", der, holder=holder)
    made = CardFacts("r", b"", "pkcs15", "", "00", card.persona.card_number, holder, (), (certificate,), b"")
    return replace(made, **changed)


class Key:
    """Signs with the key of that card; `says`: answers so."""

    def __init__(self, card: VirtualCard = CARD, says: SignOutcome | Exception | None = None) -> None:
        self.card = card
        self.says = says
        self.signed: list[bytes] = []

    async def __call__(self, message: bytes) -> SignOutcome:
        self.signed.append(message)
        if isinstance(self.says, Exception):
            raise self.says
        key = self.card.keys[0]
        assert isinstance(key.private, ec.EllipticCurvePrivateKey)
        signature = key.private.sign(message, ec.ECDSA(hashes.SHA256()))
        return self.says or Signed(signature, "ES256", key.certificate.public_bytes(Encoding.DER))


async def test_a_true_card_is_its_holder_by_one_signature_over_what_is_meant() -> None:
    key = Key()
    proof = await CardProofs("entre-a").prove(facts(), key, MEANS, "a" * 32)
    assert isinstance(proof, PersonProof)
    assert (proof.hsa_id, proof.card_number, proof.by_server) == (CARD.persona.hsa_id, CARD.persona.card_number, True)
    (signed,) = key.signed
    mandate = parse_mandate(signed)
    assert (mandate.station, mandate.nonce, mandate.means) == ("entre-a", "a" * 32, MEANS)
    other = await CardProofs("entre-a").prove(facts(), key, MEANS)
    assert isinstance(other, PersonProof)
    assert not other.by_server
    assert parse_mandate(other.mandate).visit_key != mandate.visit_key, "each visit has a key of its own"


async def test_a_card_that_signs_by_another_key_or_names_another_person_is_not_genuine() -> None:
    assert await CardProofs().prove(facts(), Key(OTHER), MEANS) == NotGenuine()
    assert await CardProofs().prove(facts(), Key(says=CardAnswerError("not its key's")), MEANS) == NotGenuine()
    other = Holder(OTHER.persona.name, OTHER.persona.hsa_id)
    (certificate,) = facts().certificates
    own_key_others_name = facts(holder=other, certificates=(replace(certificate, holder=other),))
    assert await CardProofs().prove(own_key_others_name, Key(), MEANS) == NotGenuine()


async def test_a_card_that_does_not_sign_proves_nobody() -> None:
    assert await CardProofs().prove(facts(), Key(says=Refused(RefusalReason.CARD, 0x6985)), MEANS) == NotSigned()
    assert await CardProofs().prove(facts(), Key(says=Unknown()), MEANS) == Torn()
