"""Certificate enrollment by the simulator's own register, with an end that no assignment is outlived by.

A request that was answered gets the same certificate again, whatever happened to the answer.
"""

import hashlib
import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.server.issuers.certificate_offers import OfferRules, offers_of
from fleet.server.issuers.certificate_requests import check_request, requested_number
from fleet.server.issuers.proofs.certificate_chains import FAULTS
from fleet.server.keys.card_numbers import CARD_NUMBER_OID
from sim.issuer.authority import SLACK, CertificateHierarchy
from sim.issuer.database import card_of, cards_of, person_of

LOA_POLICY = {3: "1.2.752.74.5.3", 2: "1.2.752.74.5.2"}
"""Made up: those of the virtual cards."""
SMARTCARD_LOGON = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.2")


class NotEnrolledError(Exception):
    """No certificate for that request. The text says why; it is the body of the HTTP 4xx (RFC 7030 4.2.3)."""


@dataclass(frozen=True, slots=True)
class CertificateLabel:
    """Label of an EST path, such as `identification-3`."""

    profile: str
    loa: int

    @classmethod
    def parse(cls, text: str) -> "CertificateLabel":
        """Parse the label of an EST path. Raises NotEnrolledError."""
        profile, _, loa = text.rpartition("-")
        if profile not in ("identification", "signature", "reserve") or loa not in ("2", "3"):
            raise NotEnrolledError("no such label")
        return cls(profile, int(loa))


@dataclass(frozen=True, slots=True)
class EnrollmentTerms:
    """Terms of an enrollment: the simulator's addresses, its region's rules, and the time."""

    url: str
    rules: OfferRules
    now: datetime


def enroll(
    cx: sqlite3.Connection,
    hierarchy: CertificateHierarchy,
    label: CertificateLabel,
    request: bytes,
    terms: EnrollmentTerms,
    *,
    again: bool,
) -> x509.Certificate:
    """Issue and keep, or find what was issued. `again`: simplereenroll. Raises NotEnrolledError."""
    digest = hashlib.sha256(request).hexdigest()
    row = cx.execute("SELECT der FROM certificate WHERE request = ?", (digest,)).fetchone()
    if row is not None:
        return x509.load_der_x509_certificate(row[0])
    csr = read_request(request)
    person, card = _whose(cx, csr, label)
    if again and not _has_subject(cx, card, csr.subject):
        raise NotEnrolledError("the subject is not that of a certificate of this card")
    offers = offers_of(person, card, terms.now.date(), terms.rules)
    offer = next(
        (candidate for candidate in offers if (candidate.profile, candidate.loa) == (label.profile, label.loa)), None
    )
    if offer is None:
        raise NotEnrolledError("this card is not given that")
    end = datetime.combine(date.fromisoformat(offer.not_after), time(23, 59, 59), UTC)
    subject = csr.subject if again else _subject(person)
    extensions = _extensions(label, card, terms.url)
    certificate = hierarchy.issue(label.loa, csr.public_key(), subject, (terms.now - SLACK, end), extensions)
    keep_certificate(cx, card.card_number, label.loa, certificate, digest)
    return certificate


def keep_certificate(cx: sqlite3.Connection, card: str, loa: int, made: x509.Certificate, request: str | None) -> None:
    """Remember that this card has it, so that a block revokes it."""
    der = made.public_bytes(Encoding.DER)
    cx.execute(
        "INSERT OR IGNORE INTO certificate (serial, card, loa, der, request) VALUES (?, ?, ?, ?, ?)",
        (f"{made.serial_number:x}", card, loa, der, request),
    )


def read_request(request: bytes) -> x509.CertificateSigningRequest:
    """A request that is in order. Raises NotEnrolledError."""
    try:
        csr = x509.load_der_x509_csr(request)
        number, person = requested_number(csr), _named(csr)
    except FAULTS:
        raise NotEnrolledError("no certificate request") from None
    wrong = check_request(request, person, number)
    if wrong is not None:
        raise NotEnrolledError(wrong.reason)
    return csr


def _named(csr: x509.CertificateSigningRequest) -> str:
    attributes = csr.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return str(attributes[0].value) if len(attributes) == 1 else ""


def _whose(
    cx: sqlite3.Connection, csr: x509.CertificateSigningRequest, label: CertificateLabel
) -> tuple[DirectoryPerson, CardRecord]:
    person, number = person_of(cx, _named(csr)), requested_number(csr)
    if person is None:
        raise NotEnrolledError("no such person")
    if number:
        card = card_of(cx, number)
    else:
        fitting = [
            candidate for candidate in cards_of(cx, person.hsa_id) if candidate.reserve == (label.profile == "reserve")
        ]
        card = fitting[0] if len(fitting) == 1 else None
    if card is None or card.hsa_id != person.hsa_id:
        raise NotEnrolledError("no such card of this person")
    return person, card


def _has_subject(cx: sqlite3.Connection, card: CardRecord, subject: x509.Name) -> bool:
    """RFC 7030 4.2.2. Of a card whose first certificates were made elsewhere nothing is known, and nothing asked."""
    rows = cx.execute("SELECT der FROM certificate WHERE card = ?", (card.card_number,)).fetchall()
    return not rows or any(x509.load_der_x509_certificate(row[0]).subject == subject for row in rows)


def _subject(person: DirectoryPerson) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, person.name or person.hsa_id),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, person.hsa_id),
        ]
    )


def _extensions(label: CertificateLabel, card: CardRecord, url: str) -> list[tuple[x509.ExtensionType, bool]]:
    signs = label.profile == "signature"
    usage = x509.KeyUsage(not signs, signs, False, False, False, False, False, False, False)
    policy = x509.PolicyInformation(x509.ObjectIdentifier(LOA_POLICY[label.loa]), None)
    number = b"\x13" + bytes([len(card.card_number)]) + card.card_number.encode()
    where = x509.UniformResourceIdentifier(f"{url}/crl/{label.loa}.crl")
    responder = x509.UniformResourceIdentifier(f"{url}/ocsp")
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (usage, True),
        (x509.CertificatePolicies([policy]), False),
        (x509.UnrecognizedExtension(CARD_NUMBER_OID, number), False),
        (x509.CRLDistributionPoints([x509.DistributionPoint([where], None, None, None)]), False),
        (
            x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, responder)]),
            False,
        ),
    ]
    if not signs:
        extensions.append((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, SMARTCARD_LOGON]), False))
    return extensions


def first_certificates(cx: sqlite3.Connection, card: str, ders: tuple[bytes, ...]) -> None:
    """Keep the certificates that the card came with. Raises ValueError."""
    for der in ders:
        certificate = x509.load_der_x509_certificate(der)
        keep_certificate(cx, card, 2 if _is_loa2(certificate) else 3, certificate, None)


def _is_loa2(certificate: x509.Certificate) -> bool:
    try:
        policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return False
    return any(policy.policy_identifier.dotted_string == LOA_POLICY[2] for policy in policies)
