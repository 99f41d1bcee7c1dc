"""A certificate of the test authority for a request: what an issuer gives, with the end that it was told."""

from datetime import UTC, date, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.model import CardFacts
from kiosk.issuer.ports import CertificateIssued, Offer
from sim.reader.pki import CARD_NUMBER_OID, LOA_POLICY_OIDS, TestAuthority


def issue(authority: TestAuthority, request: bytes, offer: Offer, facts: CardFacts, now: datetime) -> CertificateIssued:
    """Sign it. The request's own signature must be right."""
    csr = x509.load_der_x509_csr(request)
    assert csr.is_signature_valid
    issuer, key = authority.signer(offer.loa)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(facts, csr))
        .issuer_name(issuer.subject)
        .public_key(csr.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(min(now + timedelta(days=1826), _end(offer.not_after)))
    )
    for extension, critical in _extensions(facts, offer, csr, issuer):
        builder = builder.add_extension(extension, critical)
    made = builder.sign(key, hashes.SHA256())
    return CertificateIssued((made.public_bytes(Encoding.DER), issuer.public_bytes(Encoding.DER)))


def _end(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.max.time(), UTC).replace(microsecond=0)


def _subject(facts: CardFacts, csr: x509.CertificateSigningRequest) -> x509.Name:
    if len(list(csr.subject)):
        return csr.subject
    parts = [
        (x509.oid.NameOID.COMMON_NAME, facts.holder.name or facts.holder.hsa_id),
        (x509.oid.NameOID.SERIAL_NUMBER, facts.holder.hsa_id),
    ]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _extensions(
    facts: CardFacts, offer: Offer, csr: x509.CertificateSigningRequest, issuer: x509.Certificate
) -> list[tuple[x509.ExtensionType, bool]]:
    signs = offer.profile == "signature"
    usage = x509.KeyUsage(not signs, signs, False, False, False, False, False, False, False)
    policy = x509.PolicyInformation(x509.ObjectIdentifier(LOA_POLICY_OIDS[offer.loa]), None)
    number = b"\x13" + bytes([len(facts.card_number)]) + facts.card_number.encode()
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.CertificatePolicies([policy]), False),
        (x509.UnrecognizedExtension(CARD_NUMBER_OID, number), False),
        (x509.SubjectKeyIdentifier.from_public_key(csr.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False),
    ]
