"""Claim codes of enrolment over the network: 20 signs that let a station in and say which authority it is to believe.

Rules: eight signs are the secret (40 bits), of which the server keeps a salted scrypt hash and which five wrong tries end; twelve
(60 bits) are of the scrypt hash of the authority's certificate, so that a station knows the authority before it believes any TLS,
and who wants another certificate with the same twelve pays for scrypt each time.

>>> code = ClaimCode.parse("0123-4567-89ab-cdef-ghjk")
>>> str(code), code.secret
('0123-4567-89AB-CDEF-GHJK', '01234567')
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from provisioning.claim import ALPHABET, GROUP, LOOK_ALIKES, ClaimRefused

SIGNS, SECRET_SIGNS = 20, 8
_SALT = b"kortkiosk claim authority 1"
_SCHEME = "kortkiosk"


@dataclass(frozen=True, slots=True)
class ClaimCode:
    """See the module. `authority`: the twelve signs."""

    secret: str = field(repr=False)
    authority: str

    @classmethod
    def parse(cls, text: str) -> "ClaimCode":
        """Read a code that a person typed, in any case and grouping. Raises ClaimRefused."""
        signs = "".join(sign for sign in text.upper().translate(LOOK_ALIKES) if sign not in "- \t\r\n")
        if len(signs) != SIGNS or any(sign not in ALPHABET for sign in signs):
            raise ClaimRefused(f"a claim code is {SIGNS // GROUP} groups of {GROUP} letters and digits")
        return cls(signs[:SECRET_SIGNS], signs[SECRET_SIGNS:])

    @classmethod
    def make(cls, authority: x509.Certificate) -> "ClaimCode":
        """A new one for stations of this authority."""
        return cls("".join(secrets.choice(ALPHABET) for _ in range(SECRET_SIGNS)), authority_signs(authority))

    def names(self, certificate: x509.Certificate) -> bool:
        """Return whether this is the authority that the code is for."""
        return hmac.compare_digest(authority_signs(certificate), self.authority)

    def __str__(self) -> str:
        signs = self.secret + self.authority
        return "-".join(signs[at : at + GROUP] for at in range(0, SIGNS, GROUP))


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim that an installer brings: where, as whom, and the code."""

    server: str
    station: str
    code: ClaimCode

    @property
    def text(self) -> str:
        """Text of the QR code."""
        fields = {"server": self.server, "station": self.station, "code": str(self.code)}
        return f"{_SCHEME}:claim?{urlencode(fields)}"

    @classmethod
    def parse(cls, text: str) -> "Claim":
        """The content of the QR code. Raises ClaimRefused.

        >>> claim = Claim.parse("kortkiosk:claim?server=https://fleet.example:8443&station=entre-a&code=0123456789ABCDEFGHJK")
        >>> claim.server, claim.station
        ('https://fleet.example:8443', 'entre-a')
        """
        try:
            parts = urlsplit(text.strip())
            fields = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if (parts.scheme, parts.path) != (_SCHEME, "claim"):
                raise KeyError
            return cls(fields["server"], fields["station"], ClaimCode.parse(fields["code"]))
        except (KeyError, ValueError):
            raise ClaimRefused("this is no claim of a station: scan the code that the server shows") from None


def authority_signs(certificate: x509.Certificate) -> str:
    """Twelve signs of 5 bits, of the scrypt hash of the certificate."""
    return _signs_of(certificate.public_bytes(Encoding.DER))


@lru_cache(maxsize=8)
def _signs_of(der: bytes) -> str:
    count = SIGNS - SECRET_SIGNS
    digest = hashlib.scrypt(der, salt=_SALT, n=2**14, r=8, p=1)
    number = int.from_bytes(digest[:8], "big") >> (64 - 5 * count)
    return "".join(ALPHABET[number >> 5 * (count - 1 - at) & 31] for at in range(count))
