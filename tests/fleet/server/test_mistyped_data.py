"""A mistyped `--data` becomes no new store, whichever command is given it."""

from pathlib import Path

import pytest

from fleet.server.cli import COMMANDS, main
from fleet.server.database.database import FILE_NAME
from provisioning.authority import Authority

AUTHORITY, FILE = "AUTHORITY", "FILE"
"""Stand for the authority's folder, and for a file that is there."""
SERVE = ("serve", "--unseparated", "--no-broker", "--authority", AUTHORITY)
WITH_DATA = (
    SERVE,
    ("import-orders", FILE),
    ("import-administrators", FILE),
    ("import-directory", FILE),
    ("migrate",),
    ("rebuild",),
    ("quarantine", "list"),
    ("quarantine", "requeue"),
    ("verify-store",),
    ("backup", "copy.sqlite"),
    ("bundle", "list"),
    ("bundle", "add", FILE, "--authority", AUTHORITY),
    ("update", "order", "5e5e", "entre-a", "--reason", "security", "--port", "8444"),
    ("update", "list"),
    ("station", "add", "entre-a"),
    ("station", "claim", "entre-a", "--authority", AUTHORITY, "--server", "https://localhost:8443"),
    ("user", "add", "nils", "--role", "viewer"),
    ("user", "reset", "nils"),
    ("user", "disable", "nils"),
    ("user", "list"),
    ("token", "add", "feed", "--role", "viewer"),
    ("token", "revoke", "feed"),
    ("token", "list"),
    ("secrets", "rotate", "--authority", AUTHORITY),
    ("verify-audit",),
    ("export-evidence", "--station", "entre-a", "--into", "new.zip", "--authority", AUTHORITY),
    ("guard", "list"),
    ("guard", "confirm", "clock"),
    ("retain", "--authority", AUTHORITY),
    ("erase", "--hsa-id", "TEST000000-0001", "--authority", AUTHORITY),
    ("verifier", "--unseparated", "--socket", "new-socket", "--keys", FILE, "--peer", "root"),
    ("begin-tries",),
    ("doctor", "--authority", AUTHORITY),
    ("simulate", "--stations", "1", "--seconds", "0", "--authority", AUTHORITY),
    ("issuer-simulator",),
)
WITHOUT_DATA = {"init", "verify-evidence", "worker", "broker-files", "units", "directory-check", "issuer-check"}
"""Commands without `--data`, and the one that makes it."""


def _name(words: tuple[str, ...]) -> str:
    return " ".join(word for word in words[:2] if word.islower() and not word.startswith("-"))


def test_every_command_is_in_the_table() -> None:
    assert {words[0] for words in WITH_DATA} | WITHOUT_DATA == {command.name for command in COMMANDS}


@pytest.mark.parametrize("words", WITH_DATA, ids=_name)
def test_a_folder_that_is_not_there_is_refused_and_nothing_is_made(
    authority: Authority,
    tmp_path: Path,
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.csv").write_text("")
    stands_for = {AUTHORITY: str(authority.directory), FILE: str(tmp_path / "file.csv")}
    given = [stands_for.get(word, word) for word in words]
    before = sorted(authority.directory.rglob("*"))
    assert main([*given, "--data", str(tmp_path / "dta")]) == 2
    assert f"--data {tmp_path}/dta: no such folder: name the folder that is in use" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["file.csv"]
    assert sorted(authority.directory.rglob("*")) == before


@pytest.mark.parametrize("words", [SERVE, ("user", "list"), ("migrate",)], ids=_name)
def test_a_folder_of_something_else_is_refused(
    authority: Authority, tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "holiday.jpg").touch()
    given = [str(authority.directory) if word == AUTHORITY else word for word in words]
    assert main([*given, "--data", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path} holds no store (fleet.sqlite)" in said
    assert f"`kortkiosk-fleet init --data {tmp_path}` makes a new one" in said
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_init_makes_the_store_that_the_others_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--data", str(tmp_path / "new" / "data")]
    assert main(["init", *place]) == 0
    assert main(["init", *place]) == 0, "what is there stays"
    assert (tmp_path / "new" / "data" / FILE_NAME).stat().st_mode & 0o077 == 0
    assert main(["user", "list", *place]) == 0
    assert "revision" in capsys.readouterr().out
