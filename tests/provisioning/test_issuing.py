"""Issuing keys under the authority, judged by OpenSSL: what they may issue, and for how long."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from fleet.agent.identity import Broker, Identity, IdentityError
from fleet.messages.statements import fault_of
from fleet.server.asks.guard import read_authorities
from provisioning import files, pki
from provisioning.authority import CRL_FILE, ISSUING_FILE, Authority, AuthorityError, EnrolledStation
from provisioning.exporting import export_server
from provisioning.identity import write_identity
from provisioning.issuing import Issuing, issue_issuing, issuing_keys, read_issuing
from provisioning.renewal import LEAVES, TooEarlyError, renew
from provisioning.rotation import CA, finish_rotation, forget_ca, rotate
from tests.provisioning.conftest import Program, stopped_at

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority.init(tmp_path / "authority", [], NOW)
    issue_issuing(made, NOW)
    return made


def loaded(directory: Path) -> Issuing:
    found = Issuing.load(directory)
    assert found is not None
    return found


def openssl(tmp_path: Path, authority: Authority, leaf: x509.Certificate, *more: str, at: datetime = NOW) -> str:
    """What `openssl verify` says that trusts the authority alone and is shown the issuing certificate."""
    (tmp_path / "leaf.pem").write_bytes(pki.certificate_pem(leaf))
    (tmp_path / "lists.pem").write_bytes(b"".join(_lists(authority)))
    command = ["openssl", "verify", "-attime", str(int(at.timestamp())), "-x509_strict", "-crl_check_all"]
    command += ["-CRLfile", str(tmp_path / "lists.pem"), "-CAfile", str(authority.directory / "ca/ca.pem")]
    command += ["-untrusted", str(authority.directory / ISSUING_FILE), *more, str(tmp_path / "leaf.pem")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr


def _lists(authority: Authority, revoked: tuple[int, ...] = ()) -> list[bytes]:
    own = loaded(authority.directory).revocations([(serial, NOW) for serial in revoked], NOW)
    return [(authority.directory / CRL_FILE).read_bytes(), own]


def test_a_station_under_it_is_trusted_by_who_trusts_the_authority(authority: Authority, tmp_path: Path) -> None:
    issuing = loaded(authority.directory)
    leaf = issuing.issue("entre-a", pki.new_key().public_key(), NOW)
    assert "OK" in openssl(tmp_path, authority, leaf, "-purpose", "sslclient")
    assert leaf.not_valid_after_utc == NOW + 90 * DAY
    assert [one.subject.rfc4514_string() for one in issuing.chain(leaf)] == [
        "CN=entre-a",
        "CN=kortkiosk fleet issuing 1",
    ]
    assert fault_of(leaf, read_authorities(authority.directory / "ca/ca.pem"), NOW) is None


def test_it_makes_neither_a_broker_nor_another_authority(authority: Authority, tmp_path: Path) -> None:
    issuer, key = loaded(authority.directory).issuers[0], pki.new_key()
    broker = pki.issue_server(issuer, ["localhost"], key.public_key(), NOW)
    assert "unsuitable certificate purpose" in openssl(tmp_path, authority, broker, "-purpose", "sslserver")
    below = pki.make_issuing(issuer, key.public_key(), NOW, 9)
    leaf = pki.issue_client(pki.Issuer(below, key), "entre-a", pki.new_key().public_key(), NOW)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pki.certificate_pem(below))
    assert "path length constraint exceeded" in openssl(tmp_path, authority, leaf, "-untrusted", str(chain))


def test_nothing_outlives_it(authority: Authority) -> None:
    issuing, end = loaded(authority.directory), read_issuing(authority.directory)[0].not_valid_after_utc
    late = issuing.issue("entre-a", pki.new_key().public_key(), end - 10 * DAY)
    assert late.not_valid_after_utc == end
    with pytest.raises(AuthorityError, match="issue-issuing"):
        issuing.issue("entre-a", pki.new_key().public_key(), end)


def test_the_next_one_signs_and_the_one_before_still_revokes(authority: Authority, tmp_path: Path) -> None:
    old = loaded(authority.directory).issue("entre-a", pki.new_key().public_key(), NOW)
    with pytest.raises(TooEarlyError, match=r"replace it from 2030-03-01 on"):
        issue_issuing(authority, NOW)
    issue_issuing(authority, NOW + DAY, early=True)
    issuing = loaded(authority.directory)
    fresh = issuing.issue("entre-a", pki.new_key().public_key(), NOW + DAY)
    assert fresh.issuer.rfc4514_string() == "CN=kortkiosk fleet issuing 2"
    lists = x509.load_pem_x509_crl(_lists(authority, (old.serial_number,))[1])
    assert lists.is_signature_valid(issuing.issuers[0].public)  # type: ignore[arg-type]
    revoked = issuing.revocations([(old.serial_number, NOW)], NOW)
    assert revoked.count(b"BEGIN X509 CRL") == 2
    assert "OK" in openssl(tmp_path, authority, old), "the older one is trusted until its end"


def test_those_that_have_ended_are_forgotten(authority: Authority) -> None:
    end = read_issuing(authority.directory)[0].not_valid_after_utc
    issue_issuing(authority, end)
    assert [one.subject.rfc4514_string() for one in read_issuing(authority.directory)] == [
        "CN=kortkiosk fleet issuing 2"
    ]


def test_a_stop_while_it_is_made_leaves_an_authority_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, number = Authority.init(tmp_path / "authority", [], NOW), 1
    while stopped_at(number, monkeypatch, lambda: issue_issuing(authority, NOW, early=True)):
        assert Issuing.load(authority.directory) is None
        number += 1
    assert number == 3
    assert loaded(authority.directory).issue("entre-a", pki.new_key().public_key(), NOW)


def test_the_server_gets_it_and_the_authoritys_key_stays(authority: Authority, tmp_path: Path) -> None:
    into = tmp_path / "export"
    export_server(authority, into)
    assert [path.stat().st_mode & 0o777 for path in issuing_keys(into)] == [0o600]
    assert not (into / "ca/ca.key").exists()
    leaf = loaded(into).issue("entre-a", pki.new_key().public_key(), NOW)
    assert "OK" in openssl(tmp_path, authority, leaf)


def test_a_key_that_is_missing_is_said(authority: Authority) -> None:
    issuing_keys(authority.directory)[0].unlink()
    with pytest.raises(AuthorityError, match="the key of its first certificate is not in server/"):
        Issuing.load(authority.directory)
    (authority.directory / ISSUING_FILE).write_text("damaged")
    with pytest.raises(AuthorityError, match=r"issuing\.pem: no certificate"):
        Issuing.load(authority.directory)


def test_an_older_authority_is_rotated_first(tmp_path: Path) -> None:
    authority = Authority.init(tmp_path / "authority", [], NOW)
    _make_older(authority)
    with pytest.raises(AuthorityError, match="rotate --only ca"):
        issue_issuing(authority, NOW)
    rotate(authority, (CA,), NOW, 30)
    finish_rotation(authority, NOW + 30 * DAY)
    issue_issuing(authority, NOW + 30 * DAY)
    assert loaded(authority.directory)


def _make_older(authority: Authority) -> None:
    """As it was made before: path length 0."""
    issuer = authority.issuer()
    builder = x509.CertificateBuilder(
        issuer.certificate.issuer,
        issuer.certificate.subject,
        issuer.key.public_key(),
        issuer.certificate.serial_number,
        issuer.certificate.not_valid_before_utc.replace(tzinfo=None),
        issuer.certificate.not_valid_after_utc.replace(tzinfo=None),
    ).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    pem = pki.certificate_pem(builder.sign(issuer.key, hashes.SHA256()))
    files.write_file(authority.directory / "ca/ca.pem", pem, files.PUBLIC)
    public = files.read_json(authority.directory / "public.json")
    files.write_json(authority.directory / "public.json", {**public, "ca": pem.decode()}, files.PUBLIC)


def test_an_authority_is_not_forgotten_while_an_issuing_key_rests_on_it(authority: Authority) -> None:
    rotate(authority, (CA,), NOW, 30)
    finish_rotation(authority, NOW + 30 * DAY)
    renew(authority, LEAVES, NOW + 30 * DAY, early=True)
    with pytest.raises(TooEarlyError, match="an issuing key is of an old authority"):
        forget_ca(authority, NOW + 30 * DAY)


def test_it_is_made_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, place = Program(capsys), tmp_path / "authority"
    assert run("authority", "init", place, "--issuing", "--unsealed") == 0
    assert len(issuing_keys(place)) == 1
    assert run("authority", "issue-issuing", place) == 3
    assert run.object("authority", "issue-issuing", place, "--early")["not_after"].startswith("2031-03-01")
    code = run.object("claim", place, "entre-a")["code"]
    (tmp_path / "code").write_text(code)
    stated = run.object(
        "enrol", "--authority", place, "--into", tmp_path / "identity", "--broker", "localhost:8883",
        "--code-file", tmp_path / "code",
    )  # fmt: skip
    assert stated["not_after"] == (NOW + 90 * DAY).isoformat()


def test_a_station_starts_on_the_chain_and_not_on_its_certificate_alone(authority: Authority, tmp_path: Path) -> None:
    """What stations trust are the authorities of `ca.pem`, which rotation writes anew: the issuing one comes with its own."""
    issuing, key = loaded(authority.directory), pki.new_key()
    chain = [pki.certificate_pem(one) for one in issuing.chain(issuing.issue("entre-a", key.public_key(), NOW))]
    public = files.read_json(authority.directory / "public.json")
    ca = (authority.directory / "ca/ca.pem").read_bytes()
    enrolled = EnrolledStation("entre-a", 1, b"".join(chain), ca, public["signing_key"], public["verifier_key"])
    identity = write_identity(tmp_path / "identity", pki.key_pem(key), enrolled, Broker("localhost", 8883))
    assert identity.chain()[1] == issuing.issuers[0].certificate
    (tmp_path / "identity/station.pem").write_bytes(chain[0])
    with pytest.raises(IdentityError, match="was not issued by the authority"):
        Identity.load(tmp_path / "identity")
    stranger = Authority.init(tmp_path / "stranger", [], NOW)
    (tmp_path / "identity/station.pem").write_bytes(b"".join(chain))
    (tmp_path / "identity/ca.pem").write_bytes((stranger.directory / "ca/ca.pem").read_bytes())
    with pytest.raises(IdentityError, match="was not issued by the authority"):
        Identity.load(tmp_path / "identity")
