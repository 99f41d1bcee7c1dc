"""Messages of EST on the wire (RFC 7030): PKCS#10 requests, certs-only PKCS#7 and CSR attributes, each as base64. Pure.

Rules: what is sent is DER in lines of 64 signs (4.1.3, 4.2.1); what is read may be in one line, and BER, as libest writes it.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7

ROOT = "/.well-known/est"
IDENTITY = "/.well-known/kortkiosk/identity"
"""Of our own: what EST has no word for, for a station that shows its new certificate."""
REQUEST_TYPE = "application/pkcs10"
CERTIFICATES_TYPE = "application/pkcs7-mime"
ATTRIBUTES_TYPE = "application/csrattrs"
BASE64 = {"Content-Transfer-Encoding": "base64"}

_ATTRIBUTES = bytes.fromhex(
    "3021"  # CsrAttrs: SEQUENCE OF AttrOrOID
    "3015"  # Attribute: id-ecPublicKey, SET of prime256v1 (RFC 5480)
    "06072a8648ce3d0201310a06082a8648ce3d030107"
    "06082a8648ce3d040302"  # ecdsa-with-SHA256 (RFC 5758)
)
_FINGERPRINT_BYTES = 10


class MessageError(ValueError):
    """It cannot be read. The text says what is wrong."""


def write_attributes() -> bytes:
    """Return the attributes that a request is to hold (4.5.2), in base64: an EC key on P-256, signed with ECDSA and SHA-256."""
    return base64.encodebytes(_ATTRIBUTES)


def write_request(request: x509.CertificateSigningRequest) -> bytes:
    return base64.encodebytes(request.public_bytes(Encoding.DER))


def read_request(body: bytes) -> x509.CertificateSigningRequest:
    """Raises MessageError."""
    try:
        return x509.load_der_x509_csr(base64.b64decode(b"".join(body.split()), validate=True))
    except (ValueError, binascii.Error):
        raise MessageError("the body is no PKCS#10 in DER, written as base64") from None


def write_certificates(certificates: Sequence[x509.Certificate]) -> bytes:
    return base64.encodebytes(pkcs7.serialize_certificates(list(certificates), Encoding.DER))


def read_certificates(body: bytes) -> tuple[x509.Certificate, ...]:
    """Read the certificates of a certs-only PKCS#7 in base64; at least one. Raises MessageError."""
    try:
        listed = cms.ContentInfo.load(base64.b64decode(body))["content"]["certificates"]
        certificates = tuple(x509.load_der_x509_certificate(choice.chosen.dump()) for choice in listed)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError, OverflowError, binascii.Error):
        raise MessageError("the answer holds no certificates that can be read") from None
    if not certificates:
        raise MessageError("the answer holds no certificate")
    return certificates


def key_digest(public: ec.EllipticCurvePublicKey) -> str:
    """SHA-256 of a public key (SubjectPublicKeyInfo), hex."""
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def short_fingerprint(digest: str) -> str:
    """Of a key, for two people to compare on two screens: the first 80 bits in groups of four.

    >>> short_fingerprint("0123456789abcdef0123456789abcdef")
    '0123 4567 89AB CDEF 0123'
    """
    signs = digest[: 2 * _FINGERPRINT_BYTES].upper()
    return " ".join(signs[at : at + 4] for at in range(0, len(signs), 4))
