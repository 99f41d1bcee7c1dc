"""Signed statements that anybody can check later: compact JWS (RFC 7515), ES256, with the signer's certificate in the header.

Rules: one exact form, so that no byte of a statement can change unseen: canonical base64url, of the two equally good values of an
ECDSA signature the smaller, the header's members in one order. The certificate in `x5c` says whose key it was; whether to believe
it is decided apart, against a fleet's authority and at the time in question (`fault_of`). A statement may be detached: then what
it is about travels beside it (RFC 7515 appendix F).
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

ALGORITHM = "ES256"
MOST_CHARACTERS = 16 * 1024
_SIZE = 32
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group P-256 (NIST SP 800-186 section 3.2.1)."""


Authorities = tuple[x509.Certificate, ...]
"""The fleet's: one, and once it has been rotated the ones before it too, for as long as they vouch for somebody; and below them
the issuing ones at the server, which vouch for stations."""


class StatementError(ValueError):
    """It is no statement of ours, or not as it was signed. The text says why."""


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """Signed content, and the certificate that came with it, which nobody has judged yet."""

    payload: bytes
    certificate: x509.Certificate


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    alg: str
    typ: str
    x5c: tuple[str]


def sign(
    key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, typ: str, payload: bytes, *, detached: bool = False
) -> str:
    """The compact JWS. `typ` says what it is, so that it cannot stand for anything else (RFC 8725 section 3.11)."""
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    protected = base64url(msgspec.json.encode(_Header(ALGORITHM, typ, (der,))))
    body = base64url(payload)
    r, s = decode_dss_signature(key.sign(f"{protected}.{body}".encode(), ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(_SIZE, "big") + min(s, _ORDER - s).to_bytes(_SIZE, "big")
    return f"{protected}.{'' if detached else body}.{base64url(signature)}"


def verify_statement(
    text: str, typ: str, detached: bytes | None = None, *, most: int = MOST_CHARACTERS
) -> SignedStatement:
    """Check form and signature, by the key of the certificate in it. `detached` is the payload where it travels beside; `most`:
    characters that it may have.

    Raises StatementError.
    """
    parts = text.split(".")
    if len(text) > most or len(parts) != 3 or (detached is not None and parts[1]):
        raise StatementError("it is not written as a signed statement is")
    protected, body, made = parts
    raw, signature = _unb64(protected), _unb64(made)
    payload = detached if detached is not None else _unb64(body)
    certificate = _certificate(raw, typ)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise StatementError("its key is not one on P-256")
    r, s = int.from_bytes(signature[:_SIZE], "big"), int.from_bytes(signature[_SIZE:], "big")
    if len(signature) != 2 * _SIZE or s > _ORDER // 2:
        raise StatementError("its signature is not in its one form")
    try:
        key.verify(encode_dss_signature(r, s), f"{protected}.{base64url(payload)}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise StatementError("the signature does not fit what is signed") from None
    return SignedStatement(payload, certificate)


def load_certificate(der: bytes) -> x509.Certificate:
    """A certificate all of whose parts that are asked for later can be read. Raises StatementError."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
        _ = certificate.subject, certificate.issuer, certificate.extensions
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension):
        raise StatementError("a certificate in it cannot be read") from None
    return certificate


def name_of(certificate: x509.Certificate) -> str:
    """Its common name; empty where it has not exactly one."""
    names = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return names[0] if len(names) == 1 and isinstance(names[0], str) else ""


def fault_of(certificate: x509.Certificate, authorities: x509.Certificate | Authorities, at: datetime) -> str | None:
    """Why no authority of the fleet vouches for this certificate at that (aware) time; None where one does."""
    them = (authorities,) if isinstance(authorities, x509.Certificate) else authorities
    if not any(is_issued_by(certificate, authority) for authority in them):
        return f"the certificate of {name_of(certificate)} was not issued by the fleet's authority"
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        return f"the certificate of {name_of(certificate)} was not valid at {at.isoformat()}"
    return None


def is_issuing_under(certificate: x509.Certificate, authorities: Authorities) -> bool:
    """Return whether this is the certificate of an issuing key, made by one of these authorities (RFC 5280 section 4.2.1.9)."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return constraints.ca and any(is_issued_by(certificate, authority) for authority in authorities)


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Return whether that authority has signed the certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _certificate(raw: bytes, typ: str) -> x509.Certificate:
    try:
        header = msgspec.json.decode(raw, type=_Header)
        der = base64.b64decode(header.x5c[0], validate=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, binascii.Error, ValueError):
        raise StatementError("its header cannot be read") from None
    if header.alg != ALGORITHM or header.typ != typ or msgspec.json.encode(header) != raw:
        raise StatementError("it states something else, or not in its one form")
    return load_certificate(der)


def base64url(raw: bytes) -> str:
    """RFC 7515 section 2: without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise StatementError("it is not written as a signed statement is") from None
    if base64url(raw) != text:
        raise StatementError("it is not written in its one form")
    return raw
