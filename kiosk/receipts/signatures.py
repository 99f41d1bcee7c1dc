"""Receipt signatures, and the certificate chains of those who signed. All cryptography is the libraries'.

An ECDSA signature is written as r || s (RFC 7518 section 3.4), with the smaller of the two equally good values of s,
so that nobody can make a second receipt out of a first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from kiosk.receipts.facts import ReceiptError
from kiosk.receipts.wire import Algorithm

CURVES: dict[str, tuple[Algorithm, int, int]] = {
    "secp256r1": ("ES256", 32, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551),
    "secp384r1": (
        "ES384",
        48,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
}
"""By curve: algorithm, bytes of r and of s, order of the group (NIST SP 800-186 section 3.2.1)."""
MAX_CHAIN = 6
MIN_RSA_BITS = 2048


class _Registry(jws.JWSRegistry):
    """Headers carry certificates, so they are longer than the library expects."""

    max_header_length = 64 * 1024

    def __init__(self, algorithm: Algorithm) -> None:
        # `card` is a name of our own (RFC 7515 section 4.3).
        super().__init__(algorithms=[algorithm], strict_check_header=False)


def algorithm_of(certificate: x509.Certificate) -> Algorithm:
    """Return the algorithm with which a certificate's key signs receipts. Raises ReceiptError for a key of another
    kind."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return "RS256"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name][0]
    raise ReceiptError("a key of this kind does not sign receipts")


def read_certificate(der: bytes) -> x509.Certificate:
    """Raises ReceiptError where it is no certificate, or one of which a part cannot be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        # The library reads these only when asked; later nobody expects them to fail.
        certificate.public_key()
        _ = certificate.subject, certificate.issuer, certificate.extensions
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if certificate.serial_number <= 0:
            raise ValueError("a serial number is a positive integer (RFC 5280 section 4.1.2.2)")
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension):
        raise ReceiptError("a certificate in it cannot be read") from None
    return certificate


def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ES256 as 64 bytes. Raises ReceiptError for a key that is not on P-256."""
    if key.curve.name != "secp256r1":
        raise ReceiptError("a station signs with a key on P-256")
    return jws_signature(key.sign(message, ec.ECDSA(hashes.SHA256())), "ES256")


def jws_signature(signature: bytes, algorithm: Algorithm) -> bytes:
    """A signature as a card or library makes it (DER for ECDSA), as a JWS holds it. Raises ReceiptError."""
    if algorithm == "RS256":
        return signature
    size, order = _size_and_order(algorithm)
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(size, "big") + min(s, order - s).to_bytes(size, "big")
    except (ValueError, OverflowError):
        raise ReceiptError("the signature is no ECDSA signature in DER") from None


def is_good_jws(payload: str, protected: str, signature: str, certificate: x509.Certificate) -> bool:
    """Return whether `certificate`'s key made this one signature of the JWS."""
    algorithm = algorithm_of(certificate)
    member: Any = {"payload": payload, "protected": protected, "signature": signature}
    pem = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key = RSAKey.import_key(pem) if algorithm == "RS256" else ECKey.import_key(pem)
    try:
        jws.deserialize_json(member, key, registry=_Registry(algorithm))
    except (JoseError, ValueError):
        return False
    return True


def is_good_raw(message: bytes, signature: bytes, certificate: x509.Certificate) -> bool:
    """Return whether `certificate`'s key, on P-256, made this signature of 64 bytes."""
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not is_small(signature, "ES256"):
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def is_small(signature: bytes, algorithm: Algorithm) -> bool:
    """Return whether an ECDSA signature has its one form; an RSA signature has no other."""
    if algorithm == "RS256":
        return True
    size, order = _size_and_order(algorithm)
    return len(signature) == 2 * size and int.from_bytes(signature[size:], "big") <= order // 2


def _size_and_order(algorithm: Algorithm) -> tuple[int, int]:
    return next((size, order) for name, size, order in CURVES.values() if name == algorithm)


def chain_fault(chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], at: datetime) -> str | None:
    """Why `chain` (leaf first) does not lead to an anchor at that time, or None where it does (RFC 5280 section 6).

    An anchor may be the leaf itself. Each step up is by name and signature to an authority that was valid.
    """
    certificate, *others = chain
    for below in range(MAX_CHAIN):
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            return f"the certificate of {name_of(certificate)} was not valid at that time"
        if certificate in anchors:
            return None
        above = [issuer for issuer in (*anchors, *others) if _issued(issuer, certificate, below)]
        if not above:
            return f"the certificate of {name_of(certificate)} comes from nobody that is trusted here"
        certificate = above[0]
    return "the chain of certificates is too long"


def name_of(certificate: x509.Certificate) -> str:
    """The common name in a certificate's subject, or an empty text."""
    return _attribute(certificate, x509.NameOID.COMMON_NAME)


def hsa_id_of(certificate: x509.Certificate) -> str:
    """The HSA-id in a card certificate's subject (serialNumber), or an empty text."""
    return _attribute(certificate, x509.NameOID.SERIAL_NUMBER)


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    attributes = certificate.subject.get_attributes_for_oid(oid)
    return str(attributes[0].value) if attributes else ""


def _issued(issuer: x509.Certificate, certificate: x509.Certificate, below: int) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (
        ValueError,
        TypeError,
        InvalidSignature,
        UnsupportedAlgorithm,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
    ):
        return False
    return constraints.ca and (constraints.path_length is None or below <= constraints.path_length)
