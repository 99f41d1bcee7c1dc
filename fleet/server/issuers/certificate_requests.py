"""Validation of certificate requests before the issuer sees them, and of certificates before the station does. Pure.

>>> check_request(b"no request", "TEST000000-0001", "9999")
DeclinedResult(reason='bad_request')
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import date, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fleet.messages.asking import CertificateAsk, DeclinedResult, IssuedResult
from fleet.messages.issuing import Offer
from fleet.server.issuers.proofs.certificate_chains import FAULTS, serial_number
from fleet.server.keys.card_numbers import number_in

MAX_DER = 4096
LEAST_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1)


def der_of(text: str | None) -> bytes:
    """Base64 of a message as bytes; empty where it is none, or too long."""
    try:
        raw = base64.b64decode(text or "", validate=True)
    except (ValueError, binascii.Error):
        return b""
    return raw if len(raw) <= MAX_DER else b""


def check_request(request: bytes, hsa_id: str, card_number: str) -> DeclinedResult | None:
    """A key that is good enough, the request signed by it, and no other person or card in it."""
    try:
        csr = x509.load_der_x509_csr(request)
        key, signed = csr.public_key(), csr.is_signature_valid
        named = csr.subject.get_attributes_for_oid(x509.oid.NameOID.SERIAL_NUMBER)
        number = requested_number(csr)
    except FAULTS:
        return DeclinedResult("bad_request")
    if not signed:
        return DeclinedResult("bad_request")
    if not _good(key):
        return DeclinedResult("weak_key")
    if number not in ("", card_number):
        return DeclinedResult("other_card")
    return DeclinedResult("other_person") if any(attribute.value != hsa_id for attribute in named) else None


def requested_number(csr: x509.CertificateSigningRequest) -> str:
    """The card number that a request asks to have in the certificate; empty where it does not. Raises ValueError."""
    return number_in(csr.extensions)


def _good(key: object) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= LEAST_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)


def check_renewal(ask: CertificateAsk, request: bytes) -> x509.Certificate | DeclinedResult:
    """The present certificate, once its own key has signed the request. Who issued it the caller must ask."""
    try:
        current = x509.load_der_x509_certificate(der_of(ask.current))
        person, same = serial_number(current), current.subject == x509.load_der_x509_csr(request).subject
    except FAULTS:
        return DeclinedResult("no_proof")
    if not signed_by(current, request, der_of(ask.proof), ask.algorithm or ""):
        return DeclinedResult("no_proof")
    if person != ask.hsa_id:
        return DeclinedResult("other_person")
    return current if same else DeclinedResult("other_subject")  # RFC 7030 4.2.2


def signed_by(certificate: x509.Certificate, message: bytes, signature: bytes, algorithm: str) -> bool:
    """Is it a signature over the message by the key of the certificate? `algorithm` is a JOSE name."""
    try:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and algorithm == "RS256":
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, rsa.RSAPublicKey) and algorithm == "PS256":
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            key.verify(signature, message, pss, hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm in ("ES256", "ES384"):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256() if algorithm == "ES256" else hashes.SHA384()))
        else:
            return False
    except FAULTS:
        return False
    return True


def check_issued(
    issued: IssuedResult, request: bytes, offer: Offer, hsa_id: str, now: datetime
) -> DeclinedResult | None:
    """Check the certificate that an issuer gave: of that key and person, valid now, and not beyond its last day. Return
    the refusal, or None where it fits."""
    chain = [der_of(encoded) for encoded in issued.chain]
    try:
        leaf = x509.load_der_x509_certificate(chain[0])
        above = [x509.load_der_x509_certificate(der) for der in chain[1:]]
        csr = x509.load_der_x509_csr(request)
        same_key = public_key_of(leaf.public_key()) == public_key_of(csr.public_key())
    except (IndexError, *FAULTS):
        return DeclinedResult("issuer_gave_another")
    fits = same_key and serial_number(leaf) == hsa_id and _is_above(leaf, above)
    in_time = leaf.not_valid_before_utc <= now and leaf.not_valid_after_utc.date() <= date.fromisoformat(
        offer.not_after
    )
    return None if fits and in_time else DeclinedResult("issuer_gave_another")


def _is_above(leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> bool:
    return bool(chain) and leaf.issuer == chain[0].subject


def public_key_of(key: object) -> bytes:
    """SubjectPublicKeyInfo, DER. Raises TypeError for a key that no card has."""
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise TypeError("a key of another kind")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
