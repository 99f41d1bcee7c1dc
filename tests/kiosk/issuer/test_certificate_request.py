"""A request made in the card, for the issuer: the card's own signature stands over it, and what is issued for it fits the key."""

from collections.abc import AsyncIterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, visiting
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.keys import Generated
from drivers.reader.outcomes import Accepted, Role, Signed
from drivers.reader.secret import Secret
from kiosk.issuer.certificate_request import RequestError, request_to_sign, signed_request
from kiosk.issuer.ports import CertificateIssued, Offer, RequestDeclined
from kiosk.issuer.proof_of_possession import CardProofs
from kiosk.issuer.proof_ports import PersonProof
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.pki import CARD_NUMBER_OID
from sim.reader.slot import VirtualSlot
from sim.stories.clock import NOW, HandClock
from sim.stories.issuer import SimulatedIssuer
from sim.stories.room import authority, make_card, persona_of

OFFER = Offer("identification", 3, "2027-01-31")


@pytest.fixture
def card() -> VirtualCard:
    return make_card(persona_of("1:old"))


@pytest.fixture
async def visit(card: VirtualCard) -> AsyncIterator[CardVisit]:
    slot = VirtualSlot("test reader")
    slot.insert(card)
    trust = TrustStore(authority().anchors(), authority().intermediates())
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(trust=trust, now=lambda: NOW))
    async with visiting(reader) as one:
        assert await one.verify(Role.IDENTIFICATION, Secret(card.persona.pin)) == Accepted()
        yield one
    await reader.close()


async def requested(visit: CardVisit) -> tuple[str, bytes]:
    """A key in a place of its own, and the request for it."""
    current = visit.facts.certificate("identification")
    assert current is not None
    made = await visit.generate_key("43", "RSA-2048")
    assert isinstance(made, Generated)
    asked = request_to_sign(current.der, made.public_key, card_number=visit.facts.card_number)
    signature = await visit.sign_with("43", asked)
    assert isinstance(signature, Signed)
    return "43", signed_request(asked, signature)


async def test_the_card_signs_a_request_for_the_same_person(visit: CardVisit) -> None:
    _, request = await requested(visit)
    read = x509.load_der_x509_csr(request)
    current = visit.facts.certificate("identification")
    assert current is not None
    assert read.is_signature_valid
    (number,) = read.extensions
    assert (number.oid, number.value.public_bytes()[2:].decode()) == (CARD_NUMBER_OID, visit.facts.card_number)
    assert read.subject == x509.load_der_x509_certificate(current.der).subject


async def test_what_is_issued_for_it_is_taken_by_the_card_and_trusted(visit: CardVisit) -> None:
    key_id, request = await requested(visit)
    proof = await visit.sign("identification", request)
    assert isinstance(proof, Signed)
    issuer = SimulatedIssuer(authority(), HandClock())
    signing = CardProofs().prove(
        visit.facts, lambda message: visit.sign("identification", message),
        (f"certificate.request {visit.facts.card_number}",), issuer.nonce_for(visit.facts.card_number),
    )  # fmt: skip
    holder = await signing
    assert isinstance(holder, PersonProof)
    issued = await issuer.certificate(request, OFFER, facts=visit.facts, errand="e", proof=proof, people=(holder,))
    assert isinstance(issued, CertificateIssued)
    assert await visit.write_certificate(key_id, issued.chain[0]) == Accepted()
    new = next(one for one in visit.facts.certificates if one.id == key_id)
    assert (new.chain, new.loa, new.purpose) == ("ok", 3, "identification")
    assert new.not_after.date().isoformat() == OFFER.not_after


async def test_without_the_old_key_nothing_is_issued(visit: CardVisit) -> None:
    _, request = await requested(visit)
    issuer = SimulatedIssuer(authority(), HandClock())
    assert await issuer.certificate(request, OFFER, facts=visit.facts, errand="e") == RequestDeclined("no_proof")


def test_a_new_card_asks_in_the_name_of_the_hsa_id_alone() -> None:
    key = authority().signer(3)[1].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.SERIAL_NUMBER, "TEST000000-0001")]).public_bytes()
    assert request_to_sign(None, key, hsa_id="TEST000000-0001").hex()[4:] == (b"\2\1\0" + name + key + b"\xa0\0").hex()


def test_a_signature_of_an_unknown_kind_makes_no_request() -> None:
    with pytest.raises(RequestError, match="ES999"):
        signed_request(b"", Signed(b"", "ES999", b""))
