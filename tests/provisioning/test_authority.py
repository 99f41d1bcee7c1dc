"""The authority: keys made once, and certificates for claim codes only."""

import base64
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fleet.agent.identity import Broker, Identity, IdentityError
from fleet.messages.revocations import read_revocations
from provisioning import pki
from provisioning.authority import Authority, AuthorityError
from provisioning.claim import ClaimRefused
from provisioning.enrol import enrol, parse_broker

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
BROKER = Broker("fleet.example", 8883)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.init(tmp_path / "authority", ["fleet.example", "192.0.2.7"], NOW)


def enrolled(authority: Authority, into: Path, station: str = "entre-a", now: datetime = NOW) -> Identity:
    return enrol(authority, into, BROKER, authority.claim(station, now), now)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_only_the_owner_reads_keys(authority: Authority) -> None:
    for path in authority.directory.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700, path
        elif path.suffix == ".key" or path.parent.name == "verifier":
            assert mode == 0o600, path
    assert stat.S_IMODE(authority.directory.stat().st_mode) == 0o700


def test_it_is_laid_out_as_the_server_expects(authority: Authority) -> None:
    found = {str(path.relative_to(authority.directory)) for path in authority.directory.rglob("*") if path.is_file()}
    assert found == {
        "ca/ca.key",
        "ca/ca.pem",
        "ca/crl.pem",
        "server/broker.key",
        "server/broker.pem",
        "server/fleet-server.key",
        "server/fleet-server.pem",
        "server/signing.key",
        "verifier/hpke.key",
        "verifier/envelope-keys.json",
        "public.json",
    }
    public = json.loads((authority.directory / "public.json").read_text())
    assert set(public) == {"ca", "signing_key", "verifier_key", "keys_until"}
    assert "d" not in public["signing_key"]


def test_the_brokers_certificate_names_every_address_it_answers_on(authority: Authority) -> None:
    broker = certificate(authority.directory / "server/broker.pem")
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "fleet.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "192.0.2.7"]


def test_the_authority_can_issue_one_more_below_it(authority: Authority) -> None:
    ca = certificate(authority.directory / "ca/ca.pem")
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 1)
    for name in ("broker", "fleet-server"):
        leaf = certificate(authority.directory / f"server/{name}.pem")
        leaf.verify_directly_issued_by(ca)
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_an_authority_is_never_overwritten(authority: Authority) -> None:
    before = (authority.directory / "ca/ca.key").read_bytes()
    with pytest.raises(AuthorityError, match="never overwritten"):
        Authority.init(authority.directory, [], NOW)
    assert (authority.directory / "ca/ca.key").read_bytes() == before


def test_an_authority_that_could_not_be_finished_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pki, "issue_server", fail)
    with pytest.raises(OSError, match="No space"):
        Authority.init(tmp_path / "authority", [], NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_station_gets_a_certificate_in_its_own_name_for_its_own_key(authority: Authority, tmp_path: Path) -> None:
    identity = enrolled(authority, tmp_path / "identity")
    mine = identity.certificate()
    assert mine.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "entre-a"
    assert mine.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value == x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.CLIENT_AUTH]
    )
    usage = mine.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert stat.S_IMODE((tmp_path / "identity").stat().st_mode) == 0o700
    key = identity.key_file.read_bytes()
    assert not any(key in path.read_bytes() for path in authority.directory.rglob("*") if path.is_file())


def test_each_enrolment_of_a_station_begins_a_new_epoch(authority: Authority, tmp_path: Path) -> None:
    epochs = [enrolled(authority, tmp_path / f"identity-{n}").epoch for n in range(3)]
    assert epochs == [1, 2, 3]
    assert enrolled(authority, tmp_path / "other", "entre-b").epoch == 1


def test_a_code_enrols_one_station_only(authority: Authority, tmp_path: Path) -> None:
    code = authority.claim("entre-a", NOW)
    enrol(authority, tmp_path / "first", BROKER, code, NOW)
    with pytest.raises(ClaimRefused):
        enrol(authority, tmp_path / "second", BROKER, code, NOW)
    assert not (tmp_path / "second").exists()
    assert len(authority.registry.issued()) == 1


def test_wrong_tries_are_remembered_on_disk(authority: Authority) -> None:
    code = authority.claim("entre-a", NOW)
    request = pki.make_request(pki.new_key())
    wrong = code[:-1] + ("0" if code[-1] != "0" else "2")
    for _ in range(5):
        with pytest.raises(ClaimRefused):
            Authority(authority.directory).enrol(wrong, request, NOW)
    with pytest.raises(ClaimRefused):
        Authority(authority.directory).enrol(code, request, NOW)
    assert authority.registry.issued() == []


def test_an_identity_is_never_overwritten_and_the_code_is_not_spent_on_it(authority: Authority, tmp_path: Path) -> None:
    enrolled(authority, tmp_path / "identity")
    code = authority.claim("entre-a", NOW)
    with pytest.raises(IdentityError, match="never overwritten"):
        enrol(authority, tmp_path / "identity", BROKER, code, NOW)
    assert Identity.load(tmp_path / "identity").epoch == 1
    (tmp_path / "empty").mkdir()
    assert enrol(authority, tmp_path / "empty", BROKER, code, NOW).epoch == 2


def foreign_request() -> bytes:
    """Asks in one key's name and is signed by another."""
    request, other = (x509.load_pem_x509_csr(pki.make_request(pki.new_key())) for _ in range(2))
    der = request.tbs_certrequest_bytes
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")  # ecdsa-with-SHA256, RFC 5758 section 3.2
    signature = b"\x03" + bytes([len(other.signature) + 1]) + b"\x00" + other.signature
    body = der + algorithm + signature
    whole = b"\x30\x82" + len(body).to_bytes(2) if len(body) > 255 else b"\x30\x81" + bytes([len(body)])
    text = base64.encodebytes(whole + body)
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + text + b"-----END CERTIFICATE REQUEST-----\n"


def other_kind(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    "request_pem",
    [
        b"hello",
        foreign_request(),
        other_kind(rsa.generate_private_key(65537, 2048)),
        other_kind(ec.generate_private_key(ec.SECP384R1())),
    ],
)
def test_a_request_of_another_kind_is_refused_and_the_code_is_not_spent(
    authority: Authority, request_pem: bytes
) -> None:
    code = authority.claim("entre-a", NOW)
    with pytest.raises(AuthorityError):
        authority.enrol(code, request_pem, NOW)
    assert authority.enrol(code, pki.make_request(pki.new_key()), NOW).epoch == 1


@pytest.mark.parametrize("station", ["Entre", "a/b", "+", "#", "", "-a", "a" * 41, "fleet-server"])
def test_a_name_that_could_reach_out_of_its_place_gets_no_claim(authority: Authority, station: str) -> None:
    with pytest.raises(AuthorityError):
        authority.claim(station, NOW)


def test_an_authority_begins_with_an_empty_list_of_revocations(authority: Authority) -> None:
    ca = certificate(authority.directory / "ca/ca.pem")
    path = authority.directory / "ca/crl.pem"
    assert read_revocations(path.read_bytes(), [ca], NOW).lists[0].dates == {}
    path.unlink()
    assert authority.write_crl(NOW) == 0
    assert len(read_revocations(path.read_bytes(), [ca], NOW).lists) == 1


def test_a_revoked_station_is_on_the_list_with_all_its_certificates(authority: Authority, tmp_path: Path) -> None:
    identities = [enrolled(authority, tmp_path / f"identity-{n}") for n in range(2)]
    other = enrolled(authority, tmp_path / "other", "entre-b")
    assert authority.revoke("entre-a", NOW) == 2
    assert authority.revoke("entre-a", NOW + timedelta(days=1)) == 0
    crl = x509.load_pem_x509_crl((authority.directory / "ca/crl.pem").read_bytes())
    ca = certificate(authority.directory / "ca/ca.pem")
    assert crl.is_signature_valid(ca.public_key())  # type: ignore[arg-type]
    for identity in identities:
        assert crl.get_revoked_certificate_by_serial_number(identity.certificate().serial_number) is not None
    assert crl.get_revoked_certificate_by_serial_number(other.certificate().serial_number) is None
    with pytest.raises(AuthorityError, match="never enrolled"):
        authority.revoke("entre-c", NOW)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("fleet.example:8883", "fleet.example", 8883), ("[::1]:1", "::1", 1), ("192.0.2.7:65535", "192.0.2.7", 65535)],
)
def test_a_broker_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert parse_broker(text) == Broker(host, port)


@pytest.mark.parametrize("text", ["", "host", ":1", "host:", "host:0", "host:65536", "host:x", "host:-1"])
def test_what_is_no_broker_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_broker(text)
