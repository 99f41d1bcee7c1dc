"""An OCSP answer is believed only from the issuer or who it certified for that, about this certificate, and in time."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp

from drivers.reader.certificates.revocation import RevocationResult, ocsp
from drivers.reader.model import RevocationStatus
from sim.reader.pki import TestAuthority
from sim.reader.revocation import OCSP_URL, TestRevocation
from tests.drivers.reader.certificates.revocation.conftest import issue
from tests.drivers.reader.conftest import NOW

DAY = timedelta(days=1)
HOLD = x509.ReasonFlags.certificate_hold
BY_NAME = x509_ocsp.OCSPResponderEncoding.NAME


def judged(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, days: float = 0) -> RevocationResult:
    answer = ocsp.read(der)
    assert answer is not None
    return ocsp.standing(answer, certificate, issuer, NOW + days * DAY)


def test_the_issuer_answers_itself(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    answer = desk.own_responder(3).answer(certificate, issuer, NOW, status="revoked")
    assert judged(answer, certificate, issuer) == RevocationResult("revoked", "OCSP", NOW, NOW + DAY)


@pytest.mark.parametrize("by", list(x509_ocsp.OCSPResponderEncoding))
@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()])  # noqa: S303  # names the issuer only
def test_a_responder_that_the_issuer_certified_answers(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate,
    by: x509_ocsp.OCSPResponderEncoding, algorithm: hashes.HashAlgorithm,
) -> None:  # fmt: skip
    answer = desk.responder(3, NOW).answer(certificate, issuer, NOW, by=by, algorithm=algorithm)
    assert judged(answer, certificate, issuer).status == "good"


def test_nobody_else_answers(
    desk: TestRevocation, certificate: x509.Certificate, other: x509.Certificate, issuer: x509.Certificate
) -> None:
    forger = TestRevocation(TestAuthority.create(NOW))  # same names, other keys
    for responder in (
        desk.responder(3, NOW, for_ocsp=False),
        desk.responder(2, NOW),  # of another issuer
        desk.own_responder(None),  # the root is not the issuer
        forger.own_responder(3),
        forger.responder(3, NOW),
        desk.responder(3, NOW - 60 * DAY),  # expired
    ):
        for by in x509_ocsp.OCSPResponderEncoding:
            assert judged(responder.answer(certificate, issuer, NOW, by=by), certificate, issuer).status == "unknown"
    about_another = desk.own_responder(3).answer(other, issuer, NOW)
    assert judged(about_another, certificate, issuer).status == "unknown"


def test_an_answer_that_was_changed_says_nothing(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    der = desk.responder(3, NOW).answer(certificate, issuer, NOW)
    signed = x509_ocsp.load_der_ocsp_response(der).tbs_response_bytes
    for at in range(len(der)):
        changed = ocsp.read(der[:at] + bytes((der[at] ^ 1,)) + der[at + 1 :])
        if changed is not None and ocsp.standing(changed, certificate, issuer, NOW).status != "unknown":
            assert changed.tbs_response_bytes == signed, at  # a bit of padding beside the signature means nothing


@pytest.mark.parametrize(
    ("days", "status", "good_for", "reason", "expected"),
    [
        (0.5, "good", None, None, "good"),  # without a nextUpdate: a day
        (1.5, "good", None, None, "unknown"),
        (2, "good", 1, None, "unknown"),
        (-1, "good", 1, None, "unknown"),
        (2, "revoked", 1, None, "revoked"),
        (2, "revoked", 1, HOLD, "unknown"),
        (0, "revoked", 1, HOLD, "revoked"),
        (0, "unknown", 1, None, "unknown"),
    ],
)
def test_an_answer_counts_in_its_time(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate, days: float, status: str,
    good_for: float | None, reason: x509.ReasonFlags | None, expected: RevocationStatus,
) -> None:  # fmt: skip
    der = desk.own_responder(3).answer(certificate, issuer, NOW, status=status, days=good_for, reason=reason)
    assert judged(der, certificate, issuer, days).status == expected


def test_an_answer_has_the_questions_nonce_or_none(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    def made(nonce: bytes | None) -> x509_ocsp.OCSPResponse:
        return x509_ocsp.load_der_ocsp_response(desk.own_responder(3).answer(certificate, issuer, NOW, nonce=nonce))

    asked = x509_ocsp.load_der_ocsp_request(ocsp.question(certificate, issuer, b"12345678"))
    assert asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"12345678"
    assert asked.serial_number == certificate.serial_number
    assert asked.issuer_key_hash == ocsp.key_hash(issuer)
    assert ocsp.answers(made(b"12345678"), b"12345678")
    assert ocsp.answers(made(None), b"12345678")
    assert not ocsp.answers(made(b"87654321"), b"12345678")


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()])
def test_issuers_with_other_keys(
    certificate: x509.Certificate, key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
) -> None:
    algorithm = hashes.SHA256() if isinstance(key, rsa.RSAPrivateKey) else None
    name = certificate.issuer
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    issuer = builder.serial_number(5).not_valid_before(NOW).not_valid_after(NOW + DAY).sign(key, algorithm)
    answer = x509_ocsp.OCSPResponseBuilder().add_response(
        certificate, issuer, hashes.SHA1(), x509_ocsp.OCSPCertStatus.GOOD, NOW, NOW + DAY, None, None  # noqa: S303
    ).responder_id(BY_NAME, issuer).sign(key, algorithm)  # fmt: skip
    expected = "good" if algorithm else "unknown"  # no responder in use signs with Ed25519
    assert judged(answer.public_bytes(Encoding.DER), certificate, issuer).status == expected


@pytest.mark.parametrize("junk", [b"", b"\x30\x00", b"\x30\x03\x0a\x01\x06", bytes(300), bytes(ocsp.MAX_BYTES + 1)])
def test_what_is_no_answer_is_none(junk: bytes) -> None:
    assert ocsp.read(junk) is None


def test_responders_are_asked_over_http_only(authority: TestAuthority, certificate: x509.Certificate) -> None:
    assert ocsp.urls(certificate) == (OCSP_URL,)
    assert ocsp.urls(issue(authority, [])) == ()
    access = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
            for method, url in (
                (x509.oid.AuthorityInformationAccessOID.CA_ISSUERS, "http://ca.invalid/"),
                (x509.oid.AuthorityInformationAccessOID.OCSP, "file:///etc/passwd"),
            )
        ]
    )
    assert ocsp.urls(issue(authority, [access])) == ()


def test_keys_of_a_curve_that_signs_with_sha384_work_too(certificate: x509.Certificate) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = certificate.issuer
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    issuer = builder.serial_number(5).not_valid_before(NOW).not_valid_after(NOW + DAY).sign(key, hashes.SHA384())
    answer = x509_ocsp.OCSPResponseBuilder().add_response(
        certificate, issuer, hashes.SHA1(), x509_ocsp.OCSPCertStatus.GOOD, NOW, NOW + DAY, None, None  # noqa: S303
    ).responder_id(BY_NAME, issuer).sign(key, hashes.SHA384())  # fmt: skip
    assert judged(answer.public_bytes(Encoding.DER), certificate, issuer).status == "good"
