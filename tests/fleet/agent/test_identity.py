"""The identity of a station: what is loaded fits together, and what does not is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.agent.identity import Identity, IdentityError
from tests.fleet.agent.conftest import Enrol


@pytest.fixture
def directory(enrolled: Enrol) -> Path:
    return enrolled("entre-a").key_file.parent


def test_an_enrolled_station_knows_who_it_is(directory: Path) -> None:
    identity = Identity.load(directory)
    assert identity.station == "entre-a"
    assert (identity.broker.host, identity.broker.port) == ("127.0.0.1", 8883)
    assert len(identity.verifier_key) == 32
    assert identity.signing_key["kty"] == "EC"
    assert identity.private_key().public_key() == identity.certificate().public_key()


def edited(**changes: object) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        path = directory / "identity.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return edit


def written(name: str, text: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).write_text(text) and None


def removed(name: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).unlink()


def loosened(directory: Path) -> None:
    (directory / "station.key").chmod(0o640)


def with_private_part(directory: Path) -> None:
    key = json.loads((directory / "identity.json").read_text())["signing_key"]
    edited(signing_key={**key, "d": "AAAA"})(directory)


BROKEN: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "nothing enrolled": (removed("identity.json"), "identity.json", "is missing; enrol"),
    "no key": (removed("station.key"), "station.key", "is missing"),
    "no certificate": (removed("station.pem"), "station.pem", "is missing"),
    "no authority": (removed("ca.pem"), "ca.pem", "is missing"),
    "not JSON": (written("identity.json", "{"), "identity.json", ""),
    "unknown member": (edited(surprise=1), "identity.json", "surprise"),
    "bad name": (edited(station="Entre/A"), "identity.json", "station"),
    "epoch zero": (edited(epoch=0), "identity.json", "epoch"),
    "no port": (edited(broker={"host": "h", "port": 0}), "identity.json", "broker"),
    "short verifier key": (edited(verifier_key="AAAA"), "identity.json", "32 bytes"),
    "verifier key not base64": (edited(verifier_key="*"), "identity.json", ""),
    "signing key of another kind": (edited(signing_key={"kty": "oct", "k": "AAAA"}), "identity.json", "P-256"),
    "signing key with its private part": (with_private_part, "identity.json", "private part"),
    "signing key not on the curve": (
        edited(signing_key={"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}),
        "identity.json",
        "no valid EC key",
    ),
    "certificate of another station": (edited(station="entre-b"), "station.pem", "entre-b"),
    "certificate is text": (written("station.pem", "hello"), "station.pem", "no PEM certificate"),
    "key is text": (written("station.key", "hello"), "station.key", "no PEM private key"),
    "key readable by others": (loosened, "station.key", "0600"),
}


@pytest.mark.parametrize("story", BROKEN)
def test_an_identity_that_does_not_fit_names_the_file_and_the_reason(directory: Path, story: str) -> None:
    spoil, file, words = BROKEN[story]
    spoil(directory)
    with pytest.raises(IdentityError) as failed:
        Identity.load(directory)
    assert failed.value.path.name == file
    assert words in failed.value.reason


def test_the_key_of_one_station_does_not_go_with_the_certificate_of_another(enrolled: Enrol, directory: Path) -> None:
    shutil.copy(enrolled("entre-b").key_file, directory / "station.key")
    with pytest.raises(IdentityError, match="does not belong to"):
        Identity.load(directory)


def test_a_certificate_of_another_authority_is_refused(directory: Path) -> None:
    shutil.copy(directory / "station.pem", directory / "ca.pem")
    with pytest.raises(IdentityError, match="was not issued by"):
        Identity.load(directory)


def test_the_secret_of_the_store_is_made_at_enrolment_and_where_there_is_none_yet(directory: Path) -> None:
    identity, path = Identity.load(directory), directory / "store.key"
    first = identity.store_secret()
    assert len(first) == 32
    path.unlink()
    second = identity.store_secret()
    assert second != first
    assert identity.store_secret() == second
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in directory.iterdir() if one.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [("00" * 31, 0o600, "32 bytes"), ("no hex", 0o600, "32 bytes"), ("00" * 32, 0o644, "others may read")],
)
def test_a_secret_of_the_store_that_cannot_be_used_is_named(
    directory: Path, content: str, mode: int, reason: str
) -> None:
    (directory / "store.key").write_text(content)
    (directory / "store.key").chmod(mode)
    with pytest.raises(IdentityError, match=f"store.key: .*{reason}"):
        Identity.load(directory).store_secret()


def test_a_secret_that_cannot_be_made_says_so(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "store.key").unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.link", full)
    with pytest.raises(IdentityError, match="cannot be made: No space left"):
        Identity.load(directory).store_secret()
    assert [one.name for one in directory.iterdir() if "store" in one.name] == []


@pytest.mark.parametrize("name", ["identity.json", "store.key"])
def test_no_flipped_bit_makes_another_identity_or_key(name: str, directory: Path) -> None:
    """The verifier's key and the secret of the store prove nothing of themselves: any bytes of their length would do."""
    path = directory / name
    before, whole = Identity.load(directory), path.read_bytes()
    secret = before.store_secret()
    for at in range(0, len(whole), 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 7]) + whole[at + 1 :])
        try:
            found = Identity.load(directory)
            assert (found, found.store_secret()) == (before, secret), at
        except IdentityError:
            continue


def test_a_secret_that_was_removed_is_made_anew_and_believed(directory: Path) -> None:
    (directory / "store.key").unlink()
    made = Identity.load(directory).store_secret()
    assert Identity.load(directory).store_secret() == made
