"""Validation of a certificate that comes back from the issuer's portal as a file, before anything is kept of it. Pure.

Rules: PEM, DER or a certs-only CMS (.pem, .cer, .der, .p7b); among its certificates must be one of the request's own key, for
that person, card, use and level, in time, no longer than was offered, and issued by an authority of the region's. An authority
that comes in the file is not believed.

>>> certificates_in(b"no file")
Traceback (most recent call last):
fleet.server.issuers.certificate_files.FileRefusedError: no_certificate
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, get_args

from asn1crypto import cms, pem
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from fleet.messages.issuing import Profile
from fleet.server.issuers.certificate_requests import public_key_of
from fleet.server.issuers.proofs.assurance import is_for_identification, level_of
from fleet.server.issuers.proofs.certificate_chains import FAULTS, path, serial_number
from fleet.server.keys.card_numbers import certificate_number

MOST_BYTES = 32 * 1024
MOST_CERTIFICATES = 10
FileFault = Literal[
    "too_large", "no_certificate", "is_request", "other_key", "other_person", "other_name", "other_card", "other_use",
    "other_level", "not_yet", "expired", "too_long", "not_trusted", "given", "not_set_up",
]  # fmt: skip
"""Why a file is not taken. `given`: a certificate for that request was given back before; `not_set_up`: this server has no
`issuer.toml`, and so no authority that counts."""
FILE_FAULTS: tuple[FileFault, ...] = get_args(FileFault)


class FileRefusedError(Exception):
    """The file is not what was asked for. Nothing has changed."""

    def __init__(self, fault: FileFault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class TrustedIssuers:
    """Issuers whose certificates may go on a card, and the level of assurance by certificate policy."""

    anchors: Sequence[x509.Certificate]
    authorities: Sequence[x509.Certificate]
    levels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class WantedCertificate:
    """Certificate that was asked for. `request`: PKCS#10 in DER; `last_day`: the last one that it may have, ISO 8601."""

    request: bytes = field(repr=False)
    card_number: str
    hsa_id: str
    profile: Profile
    loa: Literal[2, 3]
    last_day: str


def check_certificate_file(
    raw: bytes, request: WantedCertificate, trusted: TrustedIssuers, now: datetime
) -> tuple[bytes, ...]:
    """The certificate and the authorities above it without the root, DER. Raises FileRefusedError."""
    certificates = certificates_in(raw)
    try:
        leaf = _of_key(certificates, request)
        fault = _fault_of(leaf, request, trusted, now)
        chain = path(leaf, trusted.authorities, trusted.anchors, now) if fault is None else ()
    except FAULTS:
        raise FileRefusedError("no_certificate") from None
    if fault is not None:
        raise FileRefusedError(fault)
    if chain is None:
        raise FileRefusedError("not_trusted")
    return tuple(each.public_bytes(Encoding.DER) for each in chain if each.issuer != each.subject)


def certificates_in(raw: bytes) -> list[x509.Certificate]:
    """All certificates of the file. Raises FileRefusedError."""
    if len(raw) > MOST_BYTES:
        raise FileRefusedError("too_large")
    try:
        certificates = [certificate for name, der in _parts(raw) for certificate in _read(name, der)]
    except FAULTS:
        raise FileRefusedError("no_certificate") from None
    if not certificates or len(certificates) > MOST_CERTIFICATES:
        raise FileRefusedError("no_certificate")
    return certificates


def cms_certificates(der: bytes) -> list[x509.Certificate]:
    """The certificates of a certs-only CMS (RFC 5652), in BER too: not everybody sorts them. Raises one of `FAULTS`."""
    try:
        listed = cms.ContentInfo.load(der)["content"]["certificates"]
        return [x509.load_der_x509_certificate(each.chosen.dump()) for each in listed]
    except (AttributeError, LookupError, RecursionError, OverflowError) as error:
        raise ValueError("no CMS with certificates") from error


def _parts(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each part of a PEM file; else the content alone, which may be base64."""
    if pem.detect(raw):
        yield from ((name, der) for name, _, der in pem.unarmor(raw, multiple=True))
        return
    try:
        yield "", base64.b64decode(b"".join(raw.split()), validate=True)
    except (binascii.Error, ValueError):
        yield "", raw


def _read(name: str, der: bytes) -> list[x509.Certificate]:
    if "REQUEST" in name or _is_request(der):
        raise FileRefusedError("is_request")
    try:
        return [x509.load_der_x509_certificate(der)]
    except FAULTS:
        return cms_certificates(der)


def _is_request(der: bytes) -> bool:
    try:
        x509.load_der_x509_csr(der)
    except FAULTS:
        return False
    return True


def _of_key(certificates: Sequence[x509.Certificate], request: WantedCertificate) -> x509.Certificate:
    """The one of the request's key; where there is none, the fault that tells most of whose file it is."""
    key = public_key_of(x509.load_der_x509_csr(request.request).public_key())
    leaf = next((each for each in certificates if public_key_of(each.public_key()) == key), None)
    if leaf is None:
        raise FileRefusedError(_other_subject(certificates[0], request) or "other_key")
    return leaf


def _fault_of(
    leaf: x509.Certificate, request: WantedCertificate, trusted: TrustedIssuers, now: datetime
) -> FileFault | None:
    subject = _other_subject(leaf, request)
    if subject is not None:
        return subject
    if is_for_identification(leaf) is (request.profile == "signature"):
        return "other_use"
    if level_of(leaf, trusted.levels) != request.loa:
        return "other_level"
    if now < leaf.not_valid_before_utc:
        return "not_yet"
    if leaf.not_valid_after_utc < now:
        return "expired"
    return "too_long" if leaf.not_valid_after_utc.date() > date.fromisoformat(request.last_day) else None


def _other_subject(leaf: x509.Certificate, request: WantedCertificate) -> FileFault | None:
    if serial_number(leaf) != request.hsa_id:
        return "other_person"
    if certificate_number(leaf) not in ("", request.card_number):
        return "other_card"
    requested_names = _common_names(x509.load_der_x509_csr(request.request).subject)
    return "other_name" if requested_names and _common_names(leaf.subject) != requested_names else None


def _common_names(name: x509.Name) -> list[str]:
    """As people compare them: without differences of case and space."""
    attributes = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return [" ".join(str(each.value).split()).casefold() for each in attributes]
