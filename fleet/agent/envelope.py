"""Sealed check of a code letter (HPKE): the PUK sealed so that only the verifier can read it, bound to station, order and nonce.

HPKE base mode, RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305; `info` is `envelope_info`. The
sealed form is the encapsulated key (32 bytes) followed by the ciphertext, as base64.

The caller reveals its secret at this one call and nowhere else:
"""

import base64
import secrets

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from fleet.messages.link import EnvelopeAsk, ReleaseAsk, envelope_info, release_info

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def new_nonce() -> str:
    """32 hex digits, for one question only."""
    return secrets.token_hex(16)


def seal_puk(verifier_key: bytes, station: str, order: str, nonce: str, puk: str) -> EnvelopeAsk:
    """Make the question whether this is the PUK of that order's letter. `verifier_key`: raw X25519, 32 bytes."""
    public = X25519PublicKey.from_public_bytes(verifier_key)
    sealed = SUITE.encrypt(puk.encode(), public, info=envelope_info(station, order, nonce))
    return EnvelopeAsk(order=order, nonce=nonce, sealed=base64.b64encode(sealed).decode())


def seal_release(verifier_key: bytes, station: str, order: str, nonce: str, code: str) -> ReleaseAsk:
    """Make the question whether this is the release code of that order's letter. `verifier_key`: raw X25519, 32 bytes."""
    public = X25519PublicKey.from_public_bytes(verifier_key)
    sealed = SUITE.encrypt(code.encode(), public, info=release_info(station, order, nonce))
    return ReleaseAsk(order=order, nonce=nonce, sealed=base64.b64encode(sealed).decode())
