"""Purpose of a certificate by keyUsage and extendedKeyUsage. Pure.

Rules: keyUsage decides, and extendedKeyUsage may speak against it; a use that is not known here speaks against nothing,
because issuers have names of their own. Every function raises one of `public_keys.PARSE_FAULTS` for extensions that cannot be
read.
"""

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from drivers.reader.model import Purpose

_FOR_LOGGING_IN = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SMARTCARD_LOGON})
_FOR_SIGNING = frozenset(
    map(x509.ObjectIdentifier, ("1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.311.10.3.12"))
)
"""emailProtection (RFC 5280 4.2.1.12), documentSigning (RFC 9336), and one maker's older name for that."""
_FOR_MACHINES = frozenset(
    (
        ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING, x509.ObjectIdentifier("2.16.840.1.101.3.6.8"),
    )
)  # fmt: skip
"""The last is card authentication (SP 800-73-4 part 1, appendix B)."""


def is_authority(certificate: x509.Certificate) -> bool:
    """By basicConstraints (RFC 5280 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def purpose_by_usage(certificate: x509.Certificate) -> Purpose:
    """Return the purpose by keyUsage and extendedKeyUsage (RFC 5280 4.2.1.3, 4.2.1.12); `other` where keyUsage says nothing."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return "other"
    uses = _extended_uses(certificate)
    if usage.content_commitment and not _all_of(uses, _FOR_LOGGING_IN | _FOR_MACHINES):
        return "signature"
    return "identification" if usage.digital_signature and not _all_of(uses, _FOR_SIGNING | _FOR_MACHINES) else "other"


def _extended_uses(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier]:
    try:
        return frozenset(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return frozenset()


def _all_of(uses: frozenset[x509.ObjectIdentifier], others: frozenset[x509.ObjectIdentifier]) -> bool:
    """Uses are named, and all of them are others."""
    return bool(uses) and uses <= others
