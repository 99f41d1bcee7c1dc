"""Digests on the signed lists of stations: of certificates of people who have left, of certificates of cards that are on hold or
blocked, and of cards that are not handed over yet.

A station finds a card by them without any name or number.

>>> len(leaver_digest(b"a certificate, DER")), len(hand_over_digest("9999000020260001", "post"))
(22, 22)
>>> stop_digest("held", leaver_digest(b"a certificate, DER")) == stop_digest("blocked", leaver_digest(b"a certificate, DER"))
False
"""

import base64
import hashlib
from typing import Literal

Stop = Literal["held", "blocked"]
"""Why a card proves nobody: for now, or for good."""

DIGEST_BYTES = 16
"""Of SHA-256. Nobody gains by a second certificate with the digest of a leaver's."""


def leaver_digest(certificate: bytes) -> str:
    """Base64url, without padding, of the first bytes of the SHA-256 of a certificate (DER)."""
    return base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()[:DIGEST_BYTES]).rstrip(b"=").decode("ascii")


def stop_digest(stop: Stop, certificate_digest: str) -> str:
    """The same of a certificate on a card that is stopped, from the certificate's own `leaver_digest`: a card number, of which
    there are few, could be guessed."""
    return leaver_digest(f"kortkiosk-stop-v1 {stop} {certificate_digest}".encode())


def hand_over_digest(card_number: str, delivery: str) -> str:
    """The same of a card whose order, of that delivery, is not handed over."""
    return leaver_digest(f"kortkiosk-hand-over-v1 {delivery} {card_number}".encode())
