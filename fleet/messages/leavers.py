"""Digests on the signed lists of stations: of certificates of people who have left, and of cards that are not handed over yet.

A station finds a card by them without any name or number.

>>> len(leaver_digest(b"a certificate, DER")), len(hand_over_digest("9999000020260001", "post"))
(22, 22)
"""

import base64
import hashlib

DIGEST_BYTES = 16
"""Of SHA-256. Nobody gains by a second certificate with the digest of a leaver's."""


def leaver_digest(certificate: bytes) -> str:
    """Base64url, without padding, of the first bytes of the SHA-256 of a certificate (DER)."""
    return base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()[:DIGEST_BYTES]).rstrip(b"=").decode("ascii")


def hand_over_digest(card_number: str, delivery: str) -> str:
    """The same of a card whose order, of that delivery, is not handed over."""
    return leaver_digest(f"kortkiosk-hand-over-v1 {delivery} {card_number}".encode())
