"""Renewal of the certificates of broker and server, with a new key, under the names that they had.

Rules: a pair is made beside the one in use, its certificate last, and then put into place: a stop at any moment leaves a pair
that fits, or one that the next call puts into place; nothing is renewed too early by mistake.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from provisioning import files, pki
from provisioning.authority import SERVER_CLIENT_NAME, Authority, AuthorityError

LEAVES = ("broker", SERVER_CLIENT_NAME)
EARLY = timedelta(days=180)
"""A certificate that is good for longer is not renewed without being told to."""


class TooEarlyError(AuthorityError):
    """It is refused by a rule for now. The text says until when, and what to do."""


@dataclass(frozen=True, slots=True)
class RenewedCertificate:
    """A new certificate for a new key."""

    name: str
    not_after: datetime


def renew(
    authority: Authority, names: Sequence[str], now: datetime, *, early: bool = False
) -> list[RenewedCertificate]:
    """New keys and certificates for these `LEAVES`: all of them, or none where one is refused. Raises AuthorityError, OSError."""
    with files.directory_lock(authority.directory):
        issuer = authority.issuer()
        if now >= issuer.certificate.not_valid_after_utc:
            raise AuthorityError(
                "the authority's own certificate has ended: make a new authority and enrol stations anew"
            )
        finish_renewals(authority.directory)
        before = {name: read_leaf(authority, name) for name in names}
        for name, leaf in before.items():
            until, end = (leaf.not_valid_after_utc - EARLY).date(), leaf.not_valid_after_utc
            if not early and end - now > EARLY:
                raise TooEarlyError(f"{name} is good until {end.date()}: renew it from {until} on, or with --early")
        return [_renewed(authority, name, leaf, issuer, now) for name, leaf in before.items()]


def finish_renewals(directory: Path) -> None:
    """Put pairs into place that a stop left beside it: the certificate is written last, so it says that the pair is whole."""
    for name in LEAVES:
        place = directory / "server" / f"{name}.pem"
        key = place.with_suffix(".key")
        if _next(place).exists():
            if _next(key).exists():
                _next(key).replace(key)
            _next(place).replace(place)
            files.sync_directory(place.parent)


def read_leaf(authority: Authority, name: str) -> x509.Certificate:
    """The certificate of broker, server or one of its processes as it is now."""
    return x509.load_pem_x509_certificate((authority.directory / "server" / f"{name}.pem").read_bytes())


def _renewed(
    authority: Authority, name: str, leaf: x509.Certificate, issuer: pki.Issuer, now: datetime
) -> RenewedCertificate:
    key = pki.new_key()
    if name == SERVER_CLIENT_NAME:
        made = pki.issue_client(issuer, SERVER_CLIENT_NAME, key.public_key(), now)
    else:
        made = pki.issue_server(issuer, _names(leaf), key.public_key(), now)
    place = authority.directory / "server" / f"{name}.pem"
    files.write_file(_next(place.with_suffix(".key")), pki.key_pem(key))
    files.write_file(_next(place), pki.certificate_pem(made), files.PUBLIC)
    finish_renewals(authority.directory)
    return RenewedCertificate(name, made.not_valid_after_utc)


def _next(place: Path) -> Path:
    return place.with_name(f"{place.name}.next")


def _names(leaf: x509.Certificate) -> list[str]:
    """Every name and address that the broker answers on."""
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]
