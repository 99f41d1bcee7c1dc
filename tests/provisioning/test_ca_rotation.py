"""A new CA: trusted beside the old one, then issuing, and the old one forgotten once nothing rests on it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from fleet.agent.identity import Broker, Identity
from fleet.messages.revocations import read_revocations
from fleet.messages.statements import fault_of
from fleet.server.keys.signing import Signer
from provisioning import pki
from provisioning.authority import Authority, AuthorityError
from provisioning.cli import main
from provisioning.enrol import enrol
from provisioning.exporting import export_server
from provisioning.issuing import Issuing, issue_issuing
from provisioning.renewal import LEAVES, TooEarlyError, renew
from provisioning.rotation import CA, finish_rotation, forget_ca, rotate
from tests.provisioning.conftest import stopped_at

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
OVERLAP = timedelta(days=30)
AFTER = NOW + OVERLAP


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.init(tmp_path / "authority", [], NOW)


def station(authority: Authority, into: Path, now: datetime = NOW, name: str = "entre-a") -> Identity:
    return enrol(authority, into, Broker("fleet.example", 8883), authority.claim(name, now), now)


def trusted(authority: Authority) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates((authority.directory / "ca/ca.pem").read_bytes()))


def names(identity: Identity, authority: Authority) -> list[str]:
    """Whom the station trusts, once it has asked."""
    identity.server_keys.take(Signer.load(authority.directory / "server/signing.key").chain)
    found = [x509.load_pem_x509_certificate(one.encode()) for one in identity.server_keys.authorities]
    return [one.subject.rfc4514_string().removeprefix("CN=kortkiosk fleet authority") for one in found]


def test_both_are_trusted_then_the_new_one_issues_then_the_old_one_is_forgotten(
    authority: Authority, tmp_path: Path
) -> None:
    old = station(authority, tmp_path / "old")
    begun = rotate(authority, (CA,), NOW, 30)
    assert [len(trusted(authority)), len(begun.authorities)] == [2, 2]
    assert names(old, authority) == ["", " 2"]
    during = station(authority, tmp_path / "during", NOW, "entre-b")
    assert during.authority().subject == old.authority().subject, "the old one issues until the end of the overlap"
    finish_rotation(authority, AFTER)
    fresh = station(authority, tmp_path / "fresh", AFTER, "entre-c")
    assert fresh.authority().subject.rfc4514_string() == "CN=kortkiosk fleet authority 2"
    for identity in (old, during, fresh):
        assert fault_of(identity.certificate(), trusted(authority), AFTER) is None
    with pytest.raises(TooEarlyError, match="of broker is of an old authority"):
        forget_ca(authority, AFTER)
    renew(authority, LEAVES, AFTER, early=True)
    with pytest.raises(TooEarlyError, match=r"2 stations have certificates of an old authority \(entre-a, entre-b\)"):
        forget_ca(authority, AFTER)
    station(authority, tmp_path / "again", AFTER)
    authority.revoke("entre-b", AFTER)
    forget_ca(authority, AFTER)
    assert len(trusted(authority)) == 1
    assert names(old, authority) == names(fresh, authority) == [" 2"]
    assert sorted(path.name for path in (authority.directory / "ca").glob("*.key")) == ["ca.key"]
    assert fault_of(fresh.certificate(), trusted(authority), AFTER) is None
    assert fault_of(old.certificate(), trusted(authority), AFTER) is not None
    with pytest.raises(AuthorityError, match="one authority only"):
        forget_ca(authority, AFTER)


def test_a_station_renews_under_the_new_one_and_starts_again(authority: Authority, tmp_path: Path) -> None:
    """Its folder holds the old one, and the new one came by statements, which a start reads later."""
    old = station(authority, tmp_path / "old")
    rotate(authority, (CA,), NOW, 30)
    finish_rotation(authority, AFTER)
    issue_issuing(authority, AFTER)
    assert set(names(old, authority)) == {"", " 2"}
    issuing = Issuing.load(authority.directory)
    assert issuing is not None
    chain = issuing.chain(issuing.issue("entre-a", old.next_key().public_key(), AFTER))
    old.put_renewed(b"".join(map(pki.certificate_pem, chain)))
    again = Identity.load(tmp_path / "old")
    assert again.authority().subject.rfc4514_string() == "CN=kortkiosk fleet authority 2"
    assert again.not_after == AFTER + timedelta(days=90)


def test_revocations_hold_under_both(authority: Authority, tmp_path: Path) -> None:
    old = station(authority, tmp_path / "old")
    authority.write_crl(NOW)
    rotate(authority, (CA,), NOW, 30)
    finish_rotation(authority, AFTER)
    fresh = station(authority, tmp_path / "fresh", AFTER, "entre-b")
    other = station(authority, tmp_path / "other", AFTER, "entre-c")
    for name in ("entre-a", "entre-b"):
        authority.revoke(name, AFTER)
    lists = read_revocations((authority.directory / "ca/crl.pem").read_bytes(), trusted(authority), AFTER)
    found = [lists.date_of(one.certificate()) is not None for one in (old, fresh, other)]
    assert found == [True, True, False]


def test_a_second_rotation_of_the_ca_keeps_three_apart(authority: Authority, tmp_path: Path) -> None:
    identities = [station(authority, tmp_path / "1")]
    for number in (2, 3):
        at = NOW + number * 2 * OVERLAP
        rotate(authority, (CA,), at, 30)
        finish_rotation(authority, at + OVERLAP)
        identities.append(station(authority, tmp_path / str(number), at + OVERLAP))
    subjects = {one.authority().subject.rfc4514_string() for one in identities}
    assert len(subjects) == 3
    assert len(trusted(authority)) == len(authority.issuers()) == 3
    assert all(fault_of(one.certificate(), trusted(authority), NOW + 9 * OVERLAP) is None for one in identities)


def test_neither_an_old_nor_a_new_key_of_a_ca_is_in_the_server_s_part(authority: Authority, tmp_path: Path) -> None:
    for work in (lambda: rotate(authority, (CA,), NOW, 30), lambda: finish_rotation(authority, AFTER)):
        work()
        export_server(authority, tmp_path / "server")
        assert not list((tmp_path / "server" / "ca").glob("*.key"))
        assert len(x509.load_pem_x509_certificates((tmp_path / "server/ca/ca.pem").read_bytes())) == 2


def test_a_rotation_of_the_ca_that_was_stopped_at_any_moment_works_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_of_it(authority: Authority) -> None:
        if authority.rotation() is None and not authority.chain():
            rotate(authority, (CA,), NOW, 30)
        if authority.rotation() is not None:
            finish_rotation(authority, AFTER)

    number = 1
    while True:
        authority = Authority.init(tmp_path / f"authority-{number}", [], NOW)
        authority.write_crl(NOW)
        old = station(authority, tmp_path / f"old-{number}")
        if not stopped_at(number, monkeypatch, lambda made=authority: all_of_it(made)):  # type: ignore[misc]
            break
        between = station(authority, tmp_path / f"between-{number}", AFTER, "entre-b")
        all_of_it(authority)
        fresh = station(authority, tmp_path / f"fresh-{number}", AFTER, "entre-c")
        known = trusted(authority)
        for identity in (old, between, fresh):
            assert fault_of(identity.certificate(), known, AFTER) is None, number
            assert names(identity, authority) == ["", " 2"], number
        assert fresh.authority().subject.rfc4514_string().endswith(" 2"), number
        read_revocations((authority.directory / "ca/crl.pem").read_bytes(), known, AFTER)
        number += 1
    assert number > 8


def test_the_command(authority: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    where, clock = str(authority.directory), NOW

    def run(*words: str) -> int:
        return main(["authority", *words], clock=lambda: clock)

    assert run("rotate", where, "--forget-ca") == 2
    assert run("rotate", where, "--only", "ca") == 0
    assert run("rotate", where, "--forget-ca") == 3
    clock = AFTER
    assert run("rotate", where, "--finish") == 0
    assert run("rotate", where, "--forget-ca") == 3
    assert run("renew", where, "--early") == 0
    assert run("rotate", where, "--forget-ca", "--json") == 0
    assert "forgotten" in capsys.readouterr().out
