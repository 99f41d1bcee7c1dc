"""A list of revoked certificates is believed only where it is whole, genuine, in time and about this certificate."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.certificates.revocation import RevocationResult, crl
from drivers.reader.model import RevocationStatus
from sim.reader.pki import TestAuthority
from sim.reader.revocation import CRL_URL, TestRevocation
from tests.drivers.reader.certificates.revocation.conftest import issue
from tests.drivers.reader.conftest import NOW

DAY = timedelta(days=1)
HOLD = x509.ReasonFlags.certificate_hold


def judged(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, days: float = 0) -> RevocationResult:
    listed = crl.read(der)
    assert listed is not None
    return crl.standing(listed, certificate, issuer, NOW + days * DAY)


def test_who_is_listed_is_revoked_and_who_is_not_is_good(
    desk: TestRevocation, certificate: x509.Certificate, other: x509.Certificate, issuer: x509.Certificate
) -> None:
    der = desk.crl(3, NOW, [certificate])
    assert judged(der, certificate, issuer) == RevocationResult("revoked", "CRL", NOW, NOW + 7 * DAY)
    assert judged(der, other, issuer).status == "good"


@pytest.mark.parametrize(
    ("days", "listed", "reason", "expected"),
    [
        (7.001, False, None, "good"),  # clocks may differ by minutes
        (8, False, None, "unknown"),
        (-1, False, None, "unknown"),
        (8, True, None, "revoked"),  # revocation is for good, and so outlives its list
        (8, True, HOLD, "unknown"),  # a hold may have ended since
        (1, True, HOLD, "revoked"),
        (-1, True, None, "unknown"),  # at that time it was not revoked yet
    ],
)
def test_a_list_counts_in_its_time(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate,
    days: float, listed: bool, reason: x509.ReasonFlags | None, expected: RevocationStatus,
) -> None:  # fmt: skip
    der = desk.crl(3, NOW, [certificate] if listed else [], reason=reason)
    assert judged(der, certificate, issuer, days).status == expected


def test_another_issuers_list_says_nothing(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    assert judged(desk.crl(2, NOW), certificate, issuer).status == "unknown"
    forger = TestRevocation(TestAuthority.create(NOW))  # same names, other keys
    assert judged(forger.crl(3, NOW), certificate, issuer).status == "unknown"


def test_a_list_that_was_changed_says_nothing(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    der = desk.crl(3, NOW, [certificate])
    signed = x509.load_der_x509_crl(der).tbs_certlist_bytes
    for at in range(len(der)):
        changed = crl.read(der[:at] + bytes((der[at] ^ 1,)) + der[at + 1 :])
        if changed is not None and crl.standing(changed, certificate, issuer, NOW).status != "unknown":
            assert changed.tbs_certlist_bytes == signed, at  # a bit of padding beside the signature means nothing


def point(**given: object) -> x509.IssuingDistributionPoint:
    plain = dict.fromkeys(("full_name", "relative_name", "only_some_reasons")) | dict.fromkeys(
        ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs"), False
    )
    return x509.IssuingDistributionPoint(**(plain | given))  # type: ignore[arg-type]  # by name


NAMED = [x509.UniformResourceIdentifier(CRL_URL.format(3))]
ELSEWHERE = [x509.UniformResourceIdentifier("http://elsewhere.invalid/a.crl")]


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        (point(only_contains_user_certs=True), "good"),
        (point(only_contains_ca_certs=True), "unknown"),
        (point(indirect_crl=True), "unknown"),
        (point(only_contains_attribute_certs=True), "unknown"),
        (point(full_name=NAMED, only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})), "unknown"),
        (point(full_name=NAMED), "good"),
        (point(full_name=ELSEWHERE), "unknown"),
        (x509.DeltaCRLIndicator(1), "unknown"),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), "unknown"),
    ],
)
def test_a_list_that_is_not_for_it_or_not_whole_says_nothing(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate,
    extension: x509.ExtensionType, expected: RevocationStatus,
) -> None:  # fmt: skip
    assert judged(desk.crl(3, NOW, extensions=[(extension, True)]), certificate, issuer).status == expected


def test_an_authority_is_on_the_list_for_authorities(authority: TestAuthority, desk: TestRevocation) -> None:
    root, issuer = authority.anchors()[0], authority.intermediates()[0]
    users = desk.crl(None, NOW, extensions=[(point(only_contains_user_certs=True), True)])
    assert judged(users, issuer, root).status == "unknown"
    assert judged(desk.crl(None, NOW, [issuer]), issuer, root).status == "revoked"


def test_an_issuer_that_may_not_sign_lists_signs_none(authority: TestAuthority, certificate: x509.Certificate) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    def made(usage: x509.KeyUsage | None) -> RevocationStatus:
        name = certificate.issuer
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(5).not_valid_before(NOW).not_valid_after(NOW + DAY)
        issuer = (builder.add_extension(usage, True) if usage else builder).sign(key, hashes.SHA256())
        listed = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(NOW).next_update(NOW + DAY)
        return judged(listed.sign(key, hashes.SHA256()).public_bytes(Encoding.DER), certificate, issuer).status

    assert made(None) == "good"
    assert made(x509.KeyUsage(False, False, False, False, False, True, True, False, False)) == "good"
    assert made(x509.KeyUsage(True, False, False, False, False, True, False, False, False)) == "unknown"


@pytest.mark.parametrize("junk", [b"", b"\x30\x00", b"\x30\x82\xff\xff", bytes(300)])
def test_what_is_no_list_is_none(junk: bytes) -> None:
    assert crl.read(junk) is None


def test_a_list_that_is_too_long_is_not_looked_at() -> None:
    assert crl.read(bytes(crl.MAX_BYTES + 1)) is None


def test_addresses_are_those_of_whole_lists_over_http(authority: TestAuthority, certificate: x509.Certificate) -> None:
    assert crl.urls(certificate) == (CRL_URL.format(3),)
    assert crl.urls(issue(authority, [])) == ()
    ldap = x509.UniformResourceIdentifier("ldap://directory.invalid/cn=a")
    some = frozenset({x509.ReasonFlags.key_compromise})
    named = x509.CRLDistributionPoints(
        [
            x509.DistributionPoint([ldap], None, None, None),
            x509.DistributionPoint(NAMED, None, some, None),
            x509.DistributionPoint(NAMED, None, None, [x509.DirectoryName(certificate.issuer)]),
            x509.DistributionPoint(ELSEWHERE, None, None, None),
        ]
    )
    assert crl.urls(issue(authority, [named])) == ("http://elsewhere.invalid/a.crl",)
