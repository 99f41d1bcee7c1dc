"""Certification path building and validation by RFC 5280, with nothing fetched.

Only this file knows the library that does it. It is loaded when there are anchors to find a way to
(`drivers.reader.certificates.trust_store`), because loading it takes longer than reading a card.
"""

from collections.abc import Iterable
from datetime import datetime

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    NotYetValidError,
    PathError,
    ValidationError,
)

from drivers.reader.certificates.public_keys import PARSE_FAULTS
from drivers.reader.model import Chain

LIBRARY_FAULTS = (AttributeError, LookupError, RecursionError)
"""What the library raises besides where a name holds a type that it does not know (asn1crypto on a REAL)."""


class PathBuilder:
    """Ways to some anchors, over some authorities and what the card brings along."""

    def __init__(self, anchors: Iterable[x509.Certificate], authorities: Iterable[x509.Certificate]) -> None:
        self._anchors = [_asn1(certificate) for certificate in anchors]
        self._authorities = [_asn1(certificate) for certificate in authorities]

    async def find(
        self, der: bytes, at: datetime, others: Iterable[bytes]
    ) -> tuple[tuple[x509.Certificate, ...], Chain | None]:
        """The certificates from this one to its anchor at an aware time, and none where there is a fault."""
        try:
            intermediates = [*self._authorities, *(asn1.Certificate.load(other) for other in others)]
            context = ValidationContext(
                trust_roots=self._anchors, other_certs=intermediates, moment=at, allow_fetching=False,
                revocation_mode="soft-fail",
            )  # fmt: skip
            validator = CertificateValidator(asn1.Certificate.load(der), validation_context=context)
            path = await validator.async_validate_path()
            upward = [x509.load_der_x509_certificate(c.dump()) for c in reversed(list(path.iter_certs(True)))]
        except (ExpiredError, NotYetValidError):
            return (), "expired"
        except (ValidationError, PathError, *PARSE_FAULTS, *LIBRARY_FAULTS):
            return (), "untrusted"
        return tuple(upward), None


def _asn1(certificate: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
