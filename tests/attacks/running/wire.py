"""The wire, written anew: base64url, compact JWS (RFC 7515), events in a chain (docs/messages.md), and the little of CBOR that
WebAuthn takes (RFC 8949)."""

import base64
import hashlib
import json
import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group P-256 (NIST SP 800-186 section 3.2.1)."""
GENESIS = "0" * 64


def now_text(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return (moment or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def compact(content: Any) -> bytes:
    """JSON without spaces."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def raw_signature(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ECDSA as r and s (RFC 7518 3.4), s the smaller of the two that are as good."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")


def jws(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, typ: str, payload: bytes) -> bytes:
    """Compact JWS whose header names the signer's certificate."""
    header = {"alg": "ES256", "typ": typ, "x5c": [b64(certificate.public_bytes(Encoding.DER))]}
    signed = f"{b64url(compact(header))}.{b64url(payload)}"
    return f"{signed}.{b64url(raw_signature(key, signed.encode()))}".encode()


def payload_of(text: str | bytes) -> Any:
    """The content of a compact JWS; who signed it is not looked at."""
    return json.loads(unb64url((text if isinstance(text, str) else text.decode()).split(".")[1]))


class EventChain:
    """Events of one station, in a chain from the first."""

    def __init__(self, station: str) -> None:
        self.station, self.sequence, self.prev, self.bootid = station, 0, GENESIS, str(uuid.uuid4())

    def seal(
        self, kind: str, data: dict[str, Any], subject: str | None = None, moment: datetime | None = None
    ) -> bytes:
        """The next event's exact bytes."""
        self.sequence += 1
        content, salt = compact(data), secrets.token_hex(32)
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": f"/kortkiosk/stations/{self.station}",
            "type": f"se.kortkiosk.{kind}",
            "time": now_text(moment),
            "datacontenttype": "application/json",
            "epoch": 1,
            "sequence": self.sequence,
            "bootid": self.bootid,
            "prev": self.prev,
            "datahash": hashlib.sha256(salt.encode() + content).hexdigest(),
        }
        if subject is not None:
            attributes["subject"] = subject
        envelope = compact(attributes)
        self.prev = hashlib.sha256(envelope).hexdigest()
        return envelope[:-1] + b',"data":' + content + b',"datasalt":"' + salt.encode() + b'"}'


def cbor(value: Any) -> bytes:
    """Integers, bytes, texts and maps."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    return _head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


def _head(major: int, size: int) -> bytes:
    if size < 24:
        return bytes([major << 5 | size])
    if size < 256:
        return bytes([major << 5 | 24, size])
    return bytes([major << 5 | 25]) + size.to_bytes(2, "big")
