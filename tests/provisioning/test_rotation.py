"""What ends is renewed in time: leaves anew, keys by a chain; stopped at any moment, it works and goes on."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jws
from joserfc.jwk import ECKey

from fleet.agent.identity import Broker, Identity
from fleet.agent.server_keys import ServerKeys
from fleet.server.keys.signing import Signer, SigningKeyError
from fleet.server.verifier.judge import Keys
from provisioning import files
from provisioning.authority import Authority, AuthorityError
from provisioning.cli import main
from provisioning.enrol import enrol
from provisioning.exporting import export_server, export_verifier
from provisioning.renewal import TooEarlyError, renew
from provisioning.rotation import PARTS, finish_rotation, rotate
from tests.provisioning.conftest import stopped_at

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=600)
OVERLAP = timedelta(days=30)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.init(tmp_path / "authority", ["fleet.example", "192.0.2.7"], NOW)


def leaf(authority: Authority, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((authority.directory / f"server/{name}.pem").read_bytes())


def fits(authority: Authority, name: str) -> bool:
    key = load_pem_private_key((authority.directory / f"server/{name}.key").read_bytes(), None)
    return leaf(authority, name).public_key() == key.public_key()


def station(authority: Authority, into: Path, now: datetime = NOW) -> Identity:
    return enrol(authority, into, Broker("fleet.example", 8883), authority.claim("entre-a", now), now)


def signer(authority: Authority, now: datetime) -> Signer:
    return Signer.load(authority.directory / "server/signing.key", lambda: now)


def believes(keys: ServerKeys, authority: Authority, now: datetime) -> bool:
    """Whether a station with these keys believes what the server signs at that time."""
    keys.clock = lambda: now
    text = signer(authority, now).sign(b"{}", "example+jws")
    try:
        return jws.deserialize_compact(text, keys.find, algorithms=["ES256"]).payload == b"{}"
    except ValueError:
        return False


def test_leaves_are_renewed_with_new_keys_and_the_names_they_had(authority: Authority) -> None:
    before = {name: leaf(authority, name) for name in ("broker", "fleet-server")}
    done = renew(authority, ("broker", "fleet-server"), LATER)
    assert [one.not_after for one in done] == [LATER + timedelta(days=730)] * 2
    for name, old in before.items():
        fresh = leaf(authority, name)
        assert fits(authority, name)
        assert fresh.public_key() != old.public_key()
        assert (fresh.subject, fresh.issuer) == (old.subject, old.issuer)
    names = [
        one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for one in (before["broker"], leaf(authority, "broker"))
    ]
    assert names[0] == names[1]


def test_nothing_is_renewed_too_early_by_mistake_and_then_nothing_at_all(authority: Authority) -> None:
    renew(authority, ("fleet-server",), LATER)
    with pytest.raises(TooEarlyError, match="fleet-server is good until 2029"):
        renew(authority, ("broker", "fleet-server"), LATER)
    assert leaf(authority, "broker").not_valid_after_utc < LATER + timedelta(days=365)
    assert renew(authority, ("fleet-server",), LATER, early=True)


def test_an_authority_that_has_ended_renews_nothing(authority: Authority) -> None:
    with pytest.raises(AuthorityError, match="has ended"):
        renew(authority, ("broker",), NOW + timedelta(days=21 * 365))


def test_a_renewal_that_was_stopped_at_any_moment_goes_on(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 1
    while stopped_at(number, monkeypatch, lambda: renew(authority, ("broker", "fleet-server"), LATER, early=True)):
        renew(authority, ("broker", "fleet-server"), LATER, early=True)
        assert fits(authority, "broker")
        assert fits(authority, "fleet-server")
        assert not list(authority.directory.rglob("*.next"))
        number += 1
    assert number == 9, "each of the two: key and certificate beside, then both into place"


def test_a_station_follows_the_chain_and_the_old_key_ends_with_the_overlap(
    authority: Authority, tmp_path: Path
) -> None:
    keys = station(authority, tmp_path / "identity").server_keys
    begun = rotate(authority, PARTS, LATER, 30)
    assert believes(keys, authority, LATER), "the server signs with the old key yet"
    assert keys.take(signer(authority, LATER).chain)
    old = Signer.load(authority.directory / "server/signing.key").sign(b"{}", "example+jws")
    for days, old_counts in ((0, True), (14, True), (16, True), (29, True), (30, False), (900, False)):
        now = LATER + timedelta(days=days)
        assert believes(keys, authority, now), days
        keys.clock = lambda now=now: now  # type: ignore[misc]
        try:
            jws.deserialize_compact(old, keys.find, algorithms=["ES256"])
            counts = True
        except ValueError:
            counts = False
        assert counts is old_counts, days
    assert finish_rotation(authority, LATER + OVERLAP).sequence == begun.sequence == 1
    assert believes(keys, authority, LATER + OVERLAP)


def test_a_station_that_was_away_all_the_time_walks_two_rotations(authority: Authority, tmp_path: Path) -> None:
    keys = station(authority, tmp_path / "identity").server_keys
    for year in range(2):
        now = LATER + timedelta(days=365 * year)
        rotate(authority, PARTS, now, 30)
        finish_rotation(authority, now + OVERLAP)
    last = LATER + timedelta(days=800)
    assert not believes(keys, authority, last)
    assert [one.sequence for one in keys.take(signer(authority, last).chain)] == [1, 2]
    assert believes(keys, authority, last)
    fresh = station(authority, tmp_path / "new", last).server_keys
    assert fresh.take(signer(authority, last).chain) == []
    assert believes(fresh, authority, last)
    assert fresh.verifier_key == keys.verifier_key


def test_the_verifier_opens_with_both_keys_while_both_are_known(authority: Authority, tmp_path: Path) -> None:
    keys = station(authority, tmp_path / "identity").server_keys
    old = keys.verifier_key
    rotate(authority, PARTS, LATER, 30)
    keys.take(signer(authority, LATER).chain)
    held = Keys.load(authority.directory / "verifier").private_keys
    assert [one.public_key().public_bytes_raw() for one in held] == [old, keys.verifier_key]
    finish_rotation(authority, LATER + OVERLAP)
    held = Keys.load(authority.directory / "verifier").private_keys
    assert [one.public_key().public_bytes_raw() for one in held] == [keys.verifier_key]


def test_one_part_is_rotated_alone(authority: Authority, tmp_path: Path) -> None:
    keys = station(authority, tmp_path / "identity").server_keys
    signing, verifier = keys.newest.thumbprint(), keys.verifier_key
    for number in (1, 2):
        now = LATER + timedelta(days=100 * number)
        rotate(authority, ("verifier",), now, 30)
        keys.take(signer(authority, now).chain)
        assert keys.newest.thumbprint() == signing
        assert keys.verifier_key != verifier
        verifier = keys.verifier_key
        finish_rotation(authority, now + OVERLAP)
        with pytest.raises(AuthorityError, match="no rotation is under way"):
            finish_rotation(authority, now + OVERLAP)
    rotate(authority, ("signing",), LATER + timedelta(days=400), 30)
    keys.take(signer(authority, LATER).chain)
    assert keys.newest.thumbprint() != signing
    assert keys.verifier_key == verifier


def test_one_rotation_ends_before_the_next_begins(authority: Authority) -> None:
    rotate(authority, PARTS, LATER, 30)
    for attempt in (
        lambda: rotate(authority, PARTS, LATER, 30),
        lambda: finish_rotation(authority, LATER + OVERLAP / 2),
    ):
        with pytest.raises(TooEarlyError, match=r"a rotation is under way.* until 2027-11-22"):
            attempt()
    with pytest.raises(AuthorityError, match="longer than 0"):
        rotate(authority, PARTS, LATER, 0)
    with pytest.raises(AuthorityError, match="name what to rotate"):
        rotate(authority, ("broker",), LATER, 30)


@pytest.mark.parametrize("parts", [PARTS, ("verifier",), ("signing",)])
def test_a_rotation_that_was_stopped_at_any_moment_works_and_goes_on(
    parts: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_of_it(authority: Authority) -> None:
        if authority.rotation() is None and not authority.chain():
            rotate(authority, parts, LATER, 30)
        if authority.rotation() is not None:
            finish_rotation(authority, LATER + OVERLAP)

    number = 1
    while True:
        authority = Authority.init(tmp_path / f"authority-{number}", [], NOW)
        keys = station(authority, tmp_path / f"identity-{number}").server_keys
        if not stopped_at(number, monkeypatch, lambda made=authority: all_of_it(made)):  # type: ignore[misc]
            break
        keys.take(signer(authority, LATER).chain)
        assert believes(keys, authority, LATER + OVERLAP), number
        known = {
            one.public_key().public_bytes_raw() for one in Keys.load(authority.directory / "verifier").private_keys
        }
        assert keys.verifier_key in known, number
        all_of_it(authority)
        assert authority.rotation() is None
        keys.take(signer(authority, LATER).chain)
        assert believes(keys, authority, LATER + OVERLAP), number
        number += 1
    assert number > 3


def test_copies_follow_and_keep_nothing_old(authority: Authority, tmp_path: Path) -> None:
    server, verifier = tmp_path / "server", tmp_path / "verifier"
    export_server(authority, server)
    export_verifier(authority, verifier)
    files.write_file(server / "server" / "pseudonym.key", b"made by the server")
    rotate(authority, PARTS, LATER, 30)
    export_verifier(authority, verifier)
    export_server(authority, server)
    assert {"signing-next.key", "pseudonym.key"} < {path.name for path in (server / "server").iterdir()}
    assert Signer.load(server / "server" / "signing.key").chain
    finish_rotation(authority, LATER + OVERLAP)
    export_verifier(authority, verifier)
    export_server(authority, server)
    assert not list(tmp_path.glob("server/**/*-next.key"))
    assert not list(verifier.glob("*-next.key"))
    assert {path.stat().st_mode & 0o777 for path in [*server.rglob("*.key"), *verifier.iterdir()]} == {0o600}
    assert (server / "server" / "pseudonym.key").is_file()
    assert not list(server.rglob("ca.key"))
    for place in (authority.directory, authority.directory / "copy", tmp_path):
        with pytest.raises(AuthorityError, match="own place"):
            export_server(authority, place)
    other = Authority.init(tmp_path / "other", [], NOW)
    with pytest.raises(AuthorityError, match="CA's key"):
        export_server(authority, other.directory)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("keys.json", "{}", "no list of statements"), ("keys.json", json.dumps(["x"] * 100), "than statements are")],
)
def test_a_chain_that_cannot_be_read_is_named(authority: Authority, name: str, content: str, said: str) -> None:
    (authority.directory / name).write_text(content)
    with pytest.raises(SigningKeyError, match=said):
        Signer.load(authority.directory / "server/signing.key")


def test_a_key_that_no_statement_names_never_signs(authority: Authority) -> None:
    (authority.directory / "server/signing-next.key").write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    text = signer(authority, NOW + timedelta(days=9999)).sign(b"{}", "example+jws")
    own = ECKey.import_key((authority.directory / "server/signing.key").read_bytes())
    assert jws.deserialize_compact(text, own, algorithms=["ES256"]).payload == b"{}"


def test_the_commands_do_it_and_say_what_is_next(authority: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    where, clock = str(authority.directory), LATER

    def run(*words: str) -> tuple[int, str]:
        code = main(["authority", *words], clock=lambda: clock)
        said = capsys.readouterr()
        return code, said.out + said.err

    assert run("renew", where, "--only", "broker", "--json")[0] == 0
    assert run("renew", where, "--only", "broker") == (3, run("renew", where, "--only", "broker")[1])
    code, said = run("rotate", where)
    assert (code, "export-verifier first" in said) == (0, True)
    assert run("rotate", where)[0] == run("rotate", where, "--finish")[0] == 3
    clock += OVERLAP
    assert run("rotate", where, "--finish")[0] == 0
    assert base64.b64decode(json.loads((authority.directory / "public.json").read_text())["verifier_key"])
