"""Lists, answers and certificates come from the network and from cards: whatever is in them, nothing but a value comes out."""

import contextlib
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.reader.certificates.revocation import crl, ocsp
from drivers.reader.certificates.revocation.store import RevocationStore
from drivers.reader.profiles.draft import issuers_of
from sim.reader.revocation import TestRevocation
from tests.drivers.reader.conftest import NOW

CHANGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from("xid"), st.binary(min_size=1, max_size=4))
)
Damage = list[tuple[float, str, bytes]]


def damaged(der: bytes, damage: Damage) -> bytes:
    """Bytes exchanged, put in or cut out here and there."""
    content = bytearray(der)
    for where, what, new in damage:
        at = int(where * len(content))
        end = at if what == "i" else at + len(new)
        content[at:end] = b"" if what == "d" else new
    return bytes(content)


@pytest.fixture
def look(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> dict[str, tuple[bytes, Callable[[bytes], None]]]:
    def at_list(der: bytes) -> None:
        found = crl.read(der)
        if found is not None:
            crl.standing(found, certificate, issuer, NOW)

    def at_answer(der: bytes) -> None:
        found = ocsp.read(der)
        if found is not None:
            ocsp.standing(found, certificate, issuer, NOW)
            ocsp.answers(found, b"12345678")

    def at_certificate(der: bytes) -> None:
        issuers_of([der])
        with contextlib.suppress(*crl.FAULTS):
            found = x509.load_der_x509_certificate(der)
            assert all(crl.is_http(url) for url in (*crl.urls(found), *ocsp.urls(found)))

    hold = x509.ReasonFlags.certificate_hold
    return {
        "list": (desk.crl(3, NOW, [certificate], reason=hold), at_list),
        "answer": (desk.responder(3, NOW).answer(certificate, issuer, NOW, status="revoked"), at_answer),
        "certificate": (certificate.public_bytes(Encoding.DER), at_certificate),
    }


@pytest.mark.parametrize("kind", ["list", "answer", "certificate"])
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(damage=CHANGES)
def test_whatever_is_in_it_only_a_value_comes_out(
    kind: str, look: dict[str, tuple[bytes, Callable[[bytes], None]]], damage: Damage
) -> None:
    seed, at = look[kind]
    content = damaged(seed, damage)
    at(content)
    assert RevocationStore().take(content) in (True, False)


def test_an_answer_that_names_its_issuer_by_an_unknown_hash_is_not_kept(
    desk: TestRevocation, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    sha1, unknown = bytes.fromhex("06052b0e03021a"), bytes.fromhex("06052b0e030231")
    answer = desk.own_responder(3).answer(certificate, issuer, NOW)
    assert sha1 in answer
    assert not RevocationStore().take(answer.replace(sha1, unknown))
