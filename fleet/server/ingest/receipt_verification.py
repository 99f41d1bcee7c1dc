"""Verification of a receipt as it arrives: signed by the station that tells of it, and by the holder's card where it says so.

Pure, and the same whenever it is played: no list and no authority is asked. Whose certificates count, and whether one was
revoked, `verify-receipt` judges. The card of a protected holder leaves a thumbprint alone (RFC 7515 4.1.8): whoever has
that certificate checks the signature. The form is that of docs/receipts.md.

>>> receipt_fault(b'{"made": "up"}', ReceiptOrigin("entre-a", "1", "O-1", "9999"))
'the receipt is not written as a receipt is'
"""

import base64
import hashlib
from dataclasses import dataclass

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID

_TYPE = "kortkiosk-receipt"
_HASHES = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "RS256": hashes.SHA256()}


@dataclass(frozen=True, slots=True)
class ReceiptOrigin:
    """Origin of a receipt as the event states it: its station, number, order and card (empty: none)."""

    station: str
    number: str
    order: str
    card_number: str


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    protected: str
    signature: str


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payload: str
    signatures: tuple[_Signature, ...]


class _Header(msgspec.Struct, frozen=True):
    alg: str
    typ: str
    x5c: tuple[str, ...] = ()
    kid: str | None = None
    thumbprint: str | None = msgspec.field(name="x5t#S256", default=None)
    card: str | None = None


class _Holder(msgspec.Struct, frozen=True):
    hsa_id: str


class _Payload(msgspec.Struct, frozen=True):
    number: str
    station: str
    card_number: str
    holder: _Holder
    signed: str
    order: str | None = None


def receipt_fault(document: bytes, origin: ReceiptOrigin) -> str | None:
    """Why it proves nothing; None where its signatures hold, and it is what the event says."""
    try:
        whole = msgspec.json.decode(document, type=_Document)
        payload = msgspec.json.decode(_bytes(whole.payload), type=_Payload)
        by_station, *by_card = whole.signatures
        if ReceiptOrigin(payload.station, payload.number, payload.order or "", payload.card_number) != origin:
            return "the receipt is of something else than its event"
        header = _header(by_station)
        covered = [_text(hashlib.sha256(msgspec.json.encode(signature)).digest()) for signature in by_card]
        if len(by_card) != (payload.signed == "card") or covered != ([header.card] if header.card else []):
            return "a signature of the receipt is missing, or is not the one that the station saw"
        if header.kid != origin.station or not _holds(whole, by_station, NameOID.COMMON_NAME, origin.station):
            return "the station's signature does not hold"
        if not all(
            _header(signature).thumbprint or _holds(whole, signature, NameOID.SERIAL_NUMBER, payload.holder.hsa_id)
            for signature in by_card
        ):
            return "the holder's signature does not hold"
    except (ValueError, TypeError, RecursionError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension):
        return "the receipt is not written as a receipt is"
    return None


def _header(signature: _Signature) -> _Header:
    header = msgspec.json.decode(_bytes(signature.protected), type=_Header)
    if header.typ != _TYPE:
        raise ValueError("what was signed is no receipt")
    return header


def _holds(whole: _Document, signature: _Signature, named_by: x509.ObjectIdentifier, name: str) -> bool:
    """Return whether the certificate in the signature's header carries this name alone, and its key made the signature."""
    header = _header(signature)
    certificate = x509.load_der_x509_certificate(base64.b64decode(header.x5c[0] if header.x5c else "", validate=True))
    named = certificate.subject.get_attributes_for_oid(named_by)
    return [str(attribute.value) for attribute in named] == [name] and _is_by(
        certificate, header.alg, whole.payload, signature
    )


def _is_by(certificate: x509.Certificate, algorithm: str, payload: str, signature: _Signature) -> bool:
    key, made = certificate.public_key(), _bytes(signature.signature)
    message, digest = f"{signature.protected}.{payload}".encode(), _HASHES.get(algorithm)
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm == "RS256":
            key.verify(made, message, padding.PKCS1v15(), hashes.SHA256())
            return True
        if isinstance(key, ec.EllipticCurvePublicKey) and digest is not None and algorithm != "RS256":
            r, s = (int.from_bytes(half) for half in (made[: len(made) // 2], made[len(made) // 2 :]))
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(digest))
            return True
    except InvalidSignature:
        pass
    return False


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
