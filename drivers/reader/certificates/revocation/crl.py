"""One certificate revocation list, verified: what it says of a certificate (RFC 5280 5 and 6.3). Pure.

Only a complete list of the certificate's own issuer counts: a delta list, an indirect one, and one that leaves out some
reasons say nothing here.
"""

from datetime import datetime

from cryptography import x509

from drivers.reader.certificates.key_usage import is_authority
from drivers.reader.certificates.public_keys import PARSE_FAULTS
from drivers.reader.certificates.revocation import UNKNOWN, RevocationResult, in_time, revoked_by

MAX_BYTES = 8 * 1024 * 1024
FAULTS = PARSE_FAULTS
"""What a list that is not one raises when it is looked into."""
_KNOWN_CRITICAL = (x509.IssuingDistributionPoint,)


def read(der: bytes) -> x509.CertificateRevocationList | None:
    """A list, or None where the bytes are none or too many."""
    if len(der) > MAX_BYTES:
        return None
    try:
        crl = x509.load_der_x509_crl(der)
        return crl if crl.issuer and crl.next_update_utc else None
    except FAULTS:
        return None


def standing(
    crl: x509.CertificateRevocationList, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
) -> RevocationResult:
    """Return what the list says of a certificate of that issuer; unknown where it is not for it, not genuine or out of time."""
    try:
        return _standing(crl, certificate, issuer, at)
    except FAULTS:
        return UNKNOWN


def _standing(
    crl: x509.CertificateRevocationList, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
) -> RevocationResult:
    until = crl.next_update_utc
    if until is None or not (_of(crl, certificate, issuer) and _complete(crl, certificate)):
        return UNKNOWN
    since = crl.last_update_utc
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return RevocationResult("good", "CRL", since, until) if in_time(at, since, until) else UNKNOWN
    counts = revoked_by(at, entry.revocation_date_utc, until, is_held=_on_hold(entry))
    return RevocationResult("revoked", "CRL", since, until) if counts else UNKNOWN


def _of(crl: x509.CertificateRevocationList, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """The issuer's own name and signature (RFC 5280 6.3.3 f), by a key that may sign lists (4.2.1.3)."""
    if not crl.issuer == certificate.issuer == issuer.subject:
        return False
    try:
        may = issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        may = True
    return may and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # another kind is a TypeError


def _complete(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    for extension in crl.extensions:
        if extension.critical and not isinstance(extension.value, _KNOWN_CRITICAL):
            return False  # a delta list among them (RFC 5280 5.2.4)
        if isinstance(extension.value, x509.IssuingDistributionPoint) and not _covers(extension.value, certificate):
            return False
    return True


def _covers(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> bool:
    """Is the certificate within what the list is for (RFC 5280 5.2.5)?"""
    if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs or point.relative_name:
        return False
    authority = is_authority(certificate)
    if (point.only_contains_user_certs and authority) or (point.only_contains_ca_certs and not authority):
        return False
    named = {name.value for name in point.full_name or () if isinstance(name, x509.UniformResourceIdentifier)}
    return not point.full_name or bool(named & set(urls(certificate)))


def urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return where its issuer publishes complete lists (RFC 5280 4.2.1.13), http only."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, *FAULTS):
        return ()
    names = [name for p in points if not p.reasons and not p.crl_issuer for name in p.full_name or ()]
    return tuple(n.value for n in names if isinstance(n, x509.UniformResourceIdentifier) and is_http(n.value))


def is_http(url: str) -> bool:
    """The only schemes that are ever fetched."""
    return url.lower().startswith(("http://", "https://"))


def _on_hold(entry: x509.RevokedCertificate) -> bool:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return False
    return reason is x509.ReasonFlags.certificate_hold
