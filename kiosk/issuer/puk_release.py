"""Release of a PUK by the issuer: sealed (HPKE) to a key that lives for one question, opened into a `Secret`.

HPKE base mode as for the envelope check (RFC 9180: DHKEM X25519 HKDF-SHA256, HKDF-SHA256, ChaCha20-Poly1305), bound to station,
card and question. Neither server nor broker can read it.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.reader.secret import Secret

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_MOST_DIGITS = 16


class ReplyKey:
    """A key pair for one answer."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def open(self, sealed: bytes, info: bytes) -> Secret | None:
        """The PUK; None where it was not sealed to this key with this binding, or is no code."""
        try:
            code = _SUITE.decrypt(sealed, self._private, info=info)
        except (InvalidTag, ValueError):
            return None
        return Secret(code.decode("ascii")) if code.isdigit() and len(code) <= _MOST_DIGITS else None
