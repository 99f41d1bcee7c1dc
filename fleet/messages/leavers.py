"""Digests of the certificates of people who have left: a station finds a leaver's card by them without any name.

>>> len(leaver_digest(b"a certificate, DER"))
22
"""

import base64
import hashlib

DIGEST_BYTES = 16
"""Of SHA-256. Nobody gains by a second certificate with the digest of a leaver's."""


def leaver_digest(certificate: bytes) -> str:
    """Base64url, without padding, of the first bytes of the SHA-256 of a certificate (DER)."""
    return base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()[:DIGEST_BYTES]).rstrip(b"=").decode("ascii")
