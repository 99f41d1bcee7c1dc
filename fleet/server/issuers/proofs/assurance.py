"""Level of assurance and purpose of a card's certificate, as the server judges them. Pure.

Rules: the level is what the region's table says of the certificate's policies (RFC 5280 4.2.1.4), the lowest where several are
known; without a known policy there is none. A certificate is for identification where its key usage has digitalSignature and,
where extended uses are named, logging in is among them (RFC 5280 4.2.1.3, 4.2.1.12). One whose key commits to contents
(nonRepudiation) is for signatures, unless all of its extended uses are for logging in.

>>> SHIPPED["1.2.752.74.5.3"]
3
"""

from collections.abc import Mapping

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

SHIPPED: Mapping[str, int] = {"1.2.752.74.5.3": 3, "1.2.752.74.5.2": 2}
"""Policies of test cards. A region names its own issuers' in `[levels]` of `issuer.toml`."""

_FOR_LOGGING_IN = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SMARTCARD_LOGON})
_FOR_ANYTHING = frozenset({ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


def level_of(certificate: x509.Certificate, levels: Mapping[str, int]) -> int | None:
    """The level of assurance; None where no policy of the certificate is in the table. Raises ValueError."""
    try:
        policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return None
    names = (policy.policy_identifier.dotted_string for policy in policies)
    return min((levels[name] for name in names if name in levels), default=None)


def is_for_identification(certificate: x509.Certificate) -> bool:
    """Return whether the certificate's key proves who somebody is, and does not only sign what they mean. Raises ValueError."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    uses = _extended_uses(certificate)
    if usage.content_commitment:
        return usage.digital_signature and bool(uses) and uses <= _FOR_LOGGING_IN
    return usage.digital_signature and (not uses or bool(uses & (_FOR_LOGGING_IN | _FOR_ANYTHING)))


def _extended_uses(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier]:
    try:
        return frozenset(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return frozenset()
