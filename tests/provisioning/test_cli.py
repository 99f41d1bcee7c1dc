"""`kortkiosk-provision` as an installer meets it."""

from datetime import timedelta
from pathlib import Path

import pytest

from provisioning.cli import main
from tests.provisioning.conftest import Program


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.fixture
def authority(run: Program, tmp_path: Path) -> Path:
    assert run("authority", "init", tmp_path / "authority", "--unsealed", "--server-name", "fleet.example") == 0
    return tmp_path / "authority"


def code_file(run: Program, authority: Path, tmp_path: Path, station: str = "entre-a") -> Path:
    path = tmp_path / "code"
    path.write_text(run.object("claim", authority, station)["code"])
    return path


def test_a_station_is_enrolled_from_claim_code_to_identity(run: Program, authority: Path, tmp_path: Path) -> None:
    code = code_file(run, authority, tmp_path)
    arguments = ("enrol", "--authority", authority, "--into", tmp_path / "id", "--broker", "fleet.example:8883")
    result = run.object(*arguments, "--code-file", code)
    assert (result["station"], result["epoch"], result["broker"]) == ("entre-a", 1, "fleet.example:8883")
    assert run.object("status", tmp_path / "id")["station"] == "entre-a"
    status = run.object("status", authority)
    assert [(one["station"], one["state"]) for one in status["stations"]] == [("entre-a", "valid")]
    assert [one["state"] for one in status["claims"]] == ["used"]


def test_the_code_comes_from_a_prompt_where_no_file_is_given(
    run: Program, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = run.object("claim", authority, "entre-a")["code"]
    monkeypatch.setattr("getpass.getpass", lambda prompt: code)
    assert run("enrol", "--authority", authority, "--into", tmp_path / "id", "--broker", "localhost:1") == 0
    assert code not in run.said


def test_a_wrong_or_late_code_is_refused_without_repeating_it(run: Program, authority: Path, tmp_path: Path) -> None:
    code = code_file(run, authority, tmp_path)
    run.now += timedelta(hours=25)
    arguments = ("enrol", "--authority", authority, "--into", tmp_path / "id", "--broker", "localhost:1")
    assert run(*arguments, "--code-file", code) == 3
    assert code.read_text() not in run.said
    assert not (tmp_path / "id").exists()


def test_a_revoked_station_is_shown_as_such(run: Program, authority: Path, tmp_path: Path) -> None:
    code = code_file(run, authority, tmp_path)
    run("enrol", "--authority", authority, "--into", tmp_path / "id", "--broker", "localhost:1", "--code-file", code)
    assert run.object("revoke", authority, "entre-a")["revoked"] == 1
    assert run.object("status", authority)["stations"][0]["state"] == "revoked"
    assert run.object("authority", "crl", authority)["revoked"] == 1


def test_nothing_is_overwritten(run: Program, authority: Path) -> None:
    assert run("authority", "init", authority) == 2
    assert "never overwritten" in run.said


@pytest.mark.parametrize(
    "arguments",
    [
        ("claim", "nowhere", "entre-a"),
        ("authority", "crl", "nowhere"),
        ("status", "nowhere"),
        ("revoke", "nowhere", "entre-a"),
        ("enrol", "--authority", "nowhere", "--into", "id", "--broker", "no-port"),
    ],
)
def test_bad_input_ends_with_2_and_words(
    run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    assert run.said.startswith("kortkiosk-provision: ")
    assert run.object(*arguments)["error"] == "bad_input"


def test_a_missing_code_file_ends_with_words(run: Program, authority: Path, tmp_path: Path) -> None:
    arguments = ("enrol", "--authority", authority, "--into", tmp_path / "id", "--broker", "localhost:1")
    assert run(*arguments, "--code-file", tmp_path / "none") == 2
    assert "none" in run.said


def test_wrong_usage_ends_with_2() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["claim"])
    assert ended.value.code == 2
