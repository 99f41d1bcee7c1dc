"""Whoever signs a profile is told what is wrong with it first, and what in it nobody has verified."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from drivers.reader.program.__main__ import main
from tests.fakes.cards.profiles import GOOD

KEY = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "made-up.toml"
    path.write_text(GOOD, "utf-8")
    write_key(tmp_path)
    return path


def write_key(folder: Path, passphrase: bytes = b"") -> None:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    (folder / "key.pem").write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def signed(path: Path) -> int:
    return main(["sign", str(path), "--key", str(path.with_name("key.pem"))])


def test_what_is_not_verified_is_said(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(profile)]) == 0
    assert capsys.readouterr().out == f"{profile}: made-up, not verified: nothing\n"
    profile.write_text(GOOD.replace('source = "made up"', "unverified = true").replace("tries = 10", "tries = 5"))
    assert signed(profile) == 0
    assert "not verified: match.atr[0], match.label, pin.min_length" in capsys.readouterr().out
    assert profile.with_name("made-up.toml.jws").read_text().count(".") == 2


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("floor = 3", "floor = 2"), "puk: the floor"),
        (('name = "made-up"', 'name = "piv"'), "kind: piv is"),
        ((GOOD[GOOD.index("[match]") : GOOD.index("[pin]")], ""), "match: must say"),
    ],
)
def test_what_would_be_refused_is_not_signed(
    profile: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], named: str
) -> None:
    profile.write_text(GOOD.replace(*change), "utf-8")
    assert signed(profile) == 2
    assert named in capsys.readouterr().err
    assert not profile.with_name("made-up.toml.jws").exists()


def test_what_is_missing_is_told(profile: Path) -> None:
    with pytest.raises(SystemExit):
        main(["sign", str(profile)])
    assert main(["check", str(profile.with_name("gone.toml"))]) == 2
    profile.with_name("key.pem").write_text("no key")
    assert signed(profile) == 2


def test_a_key_with_a_passphrase_asks_for_it(profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_key(profile.parent, b"made up")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "made up")
    assert signed(profile) == 0
