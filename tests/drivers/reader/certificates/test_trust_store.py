"""Is a certificate genuine? Judged offline, at a time that is passed in, against the virtual cards' own hierarchy."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.certificates.key_usage import is_authority
from drivers.reader.certificates.revocation import RevocationResult
from drivers.reader.certificates.revocation.offline import OfflineRevocation
from drivers.reader.certificates.revocation.store import RevocationStore
from drivers.reader.certificates.trust_store import TrustStore, load_certificates, split_anchors
from drivers.reader.model import RevocationStatus
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.revocation import TestRevocation
from tests.drivers.reader.conftest import EC_PERSON, NOW


class Known:
    """What is known of the holders' certificates, and of the authorities above them."""

    def __init__(self, status: RevocationStatus, above: RevocationStatus = "good") -> None:
        self._status, self._above = status, above

    async def status(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> RevocationResult:
        certificate.verify_directly_issued_by(issuer)
        return RevocationResult(self._above if is_authority(certificate) else self._status)


@pytest.fixture(scope="module")
def der(authority: TestAuthority) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    certificate: x509.Certificate = authority.issue(person(EC_PERSON).new, key, "identification", NOW)
    return certificate.public_bytes(Encoding.DER)


async def test_a_card_of_our_issuer_is_ok(authority: TestAuthority, der: bytes) -> None:
    assert await TrustStore(authority.anchors(), authority.intermediates()).judge(der, NOW) == "ok"


async def test_the_authority_may_be_on_the_card_itself(authority: TestAuthority, der: bytes) -> None:
    others = [c.public_bytes(Encoding.DER) for c in authority.intermediates()]
    assert await TrustStore(authority.anchors()).judge(der, NOW, others) == "ok"
    assert await TrustStore(authority.anchors()).judge(der, NOW) == "untrusted"


async def test_a_card_of_another_issuer_with_the_same_names_is_untrusted(der: bytes) -> None:
    other = TestAuthority.create(NOW)
    assert await TrustStore(other.anchors(), other.intermediates()).judge(der, NOW) == "untrusted"


@pytest.mark.parametrize("days", [-2, 1830])
async def test_outside_its_validity_it_is_expired(authority: TestAuthority, der: bytes, days: int) -> None:
    at = NOW + timedelta(days=days)
    assert await TrustStore(authority.anchors(), authority.intermediates()).judge(der, at) == "expired"


async def test_without_anchors_nothing_is_said(der: bytes) -> None:
    assert await TrustStore().judge(der, NOW) == "unchecked"


@pytest.mark.parametrize(
    ("status", "above", "hard", "expected"),
    [
        ("good", "good", True, "ok"),
        ("revoked", "good", False, "revoked"),
        ("unknown", "good", False, "ok"),
        ("unknown", "good", True, "unchecked"),
        ("good", "revoked", False, "revoked"),
        ("good", "unknown", True, "unchecked"),
    ],
)
async def test_revocation_is_asked_of_its_port_all_the_way_up(
    authority: TestAuthority, der: bytes, status: RevocationStatus, above: RevocationStatus, hard: bool, expected: str
) -> None:
    trust = TrustStore(authority.anchors(), authority.intermediates(), revocation=Known(status, above), hard=hard)
    assert await trust.judge(der, NOW) == expected
    found = await trust.assess(der, NOW)
    assert found.revocation.status == status
    assert [c.subject for c in found.path[1:]] == [authority.signer(3)[0].subject, authority.signer(None)[0].subject]


async def test_a_stranger_is_not_asked_about(authority: TestAuthority, der: bytes) -> None:
    class Nobody:
        async def status(self, *_asked: object) -> RevocationResult:
            raise AssertionError("an address of a certificate that nobody vouches for is not to be asked")

    trust = TrustStore(TestAuthority.create(NOW).anchors(), revocation=Nobody())
    assert (await trust.assess(der, NOW, [])).chain == "untrusted"


async def test_a_card_on_the_issuers_list_is_revoked_and_its_neighbour_is_not(authority: TestAuthority) -> None:
    def made(order: int) -> x509.Certificate:
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        return authority.issue(person(order).new, key, "identification", NOW)

    lost, kept, desk, store = made(1), made(2), TestRevocation(authority), RevocationStore()
    store.take(desk.crl(3, NOW, [lost]))
    store.take(desk.crl(None, NOW))
    trust = TrustStore(authority.anchors(), authority.intermediates(), revocation=OfflineRevocation(store), hard=True)
    assert await trust.judge(lost.public_bytes(Encoding.DER), NOW) == "revoked"
    assert await trust.judge(kept.public_bytes(Encoding.DER), NOW) == "ok"
    later = NOW + timedelta(days=8)
    assert await trust.judge(lost.public_bytes(Encoding.DER), later) == "revoked"
    assert await trust.judge(kept.public_bytes(Encoding.DER), later) == "unchecked"
    store.take(desk.crl(None, NOW, [authority.signer(3)[0]]))
    assert await trust.judge(kept.public_bytes(Encoding.DER), NOW) == "revoked"


@pytest.mark.parametrize("junk", [b"", b"\x30\x00", b"\x30\x82\xff\xff", bytes(300)])
async def test_what_is_no_certificate_is_untrusted(authority: TestAuthority, junk: bytes) -> None:
    assert await TrustStore(authority.anchors()).judge(junk, NOW, [junk]) == "untrusted"


async def test_a_certificate_with_a_changed_byte_is_untrusted(authority: TestAuthority, der: bytes) -> None:
    trust = TrustStore(authority.anchors(), authority.intermediates())
    for at in range(40, len(der), 37):
        changed = der[:at] + bytes((der[at] ^ 1,)) + der[at + 1 :]
        assert await trust.judge(changed, NOW) in ("untrusted", "expired"), at


def test_anchors_come_from_a_file_or_a_directory(authority: TestAuthority, tmp_path: Path) -> None:
    authority.save(tmp_path)
    anchors, authorities = split_anchors(load_certificates(tmp_path))
    assert (len(anchors), len(authorities)) == (2, 3), "an earlier root beside ours; levels 2 and 3, personal numbers"
    assert load_certificates(tmp_path / "root.pem") == authority.anchors()
    (tmp_path / "junk.txt").write_text("junk")
    with pytest.raises(ValueError, match="junk"):
        load_certificates(tmp_path / "junk.txt")


async def test_a_card_that_outlives_its_issuer_is_expired_with_it(authority: TestAuthority) -> None:
    long_lived = replace(person(EC_PERSON).new, lifetime_days=9000)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = authority.issue(long_lived, key, "identification", NOW).public_bytes(Encoding.DER)
    trust = TrustStore(authority.anchors(), authority.intermediates())
    assert await trust.judge(der, NOW) == "ok"
    assert await trust.judge(der, authority.intermediates()[0].not_valid_after_utc + timedelta(days=1)) == "expired"


def test_a_folder_without_a_certificate_holds_no_anchors(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PUBLIC KEY-----")
    with pytest.raises(ValueError, match="no certificate in PEM form"):
        load_certificates(tmp_path)
    (tmp_path / "broken.crt").write_text("-----BEGIN CERTIFICATE-----\njunk")
    with pytest.raises(ValueError, match=r"broken\.crt: no certificate"):
        load_certificates(tmp_path)
