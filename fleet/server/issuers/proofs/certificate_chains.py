"""Certificate path checks for a server: by whom a leaf was issued, at this time, and whether it is revoked.

A path is leaf, intermediate, anchor; each is in time, signed by the one above, and every authority may issue (RFC 5280 6.1,
without name constraints and policy mapping, which the issuers of cards do not use; a critical extension that is not known ends
the path). Pure.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

FAULTS = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What bytes that are no certificate or request raise, when they are read or looked into."""
Standing = Literal["good", "suspended", "revoked", "unknown"]
"""What is known of a certificate; `suspended`: its card is on hold, and it may come back."""
SKEW = timedelta(minutes=5)
_MOST = 4
_KNOWN = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.CertificatePolicies)


def path(
    leaf: x509.Certificate, authorities: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], at: datetime
) -> tuple[x509.Certificate, ...] | None:
    """From the leaf to an anchor, both included; None where there is no such path at that time."""
    chain = [leaf]
    while len(chain) <= _MOST:
        last = chain[-1]
        if not _counts(last, at):
            return None
        if last in anchors:
            return tuple(chain)
        above = next((anchor for anchor in (*anchors, *authorities) if anchor != last and _issued(last, anchor)), None)
        if above is None or not _may_issue(above):
            return None
        chain.append(above)
    return None


def standing_by_lists(certificate: x509.Certificate, lists: Iterable[bytes], at: datetime) -> Standing:
    """By the list of its issuer that is in time; `unknown` where there is none. Lists were verified when they were taken."""
    for der in lists:
        listed = x509.load_der_x509_crl(der)
        until = listed.next_update_utc
        if listed.issuer == certificate.issuer and until is not None and at <= until + SKEW:
            entry = listed.get_revoked_certificate_by_serial_number(certificate.serial_number)
            return "good" if entry is None else "suspended" if _is_hold(entry) else "revoked"
    return "unknown"


def _is_hold(entry: x509.RevokedCertificate) -> bool:
    """RFC 5280 5.3.1, certificateHold."""
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return False
    return reason is x509.ReasonFlags.certificate_hold


def serial_number(certificate: x509.Certificate) -> str:
    """The subject's serialNumber: the HSA-id. Empty where there is none, or more than one."""
    attributes = certificate.subject.get_attributes_for_oid(x509.oid.NameOID.SERIAL_NUMBER)
    return str(attributes[0].value) if len(attributes) == 1 else ""


def _counts(certificate: x509.Certificate, at: datetime) -> bool:
    if not certificate.not_valid_before_utc - SKEW <= at <= certificate.not_valid_after_utc:
        return False
    return all(isinstance(extension.value, _KNOWN) for extension in certificate.extensions if extension.critical)


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except FAULTS:
        return False
    return True


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
