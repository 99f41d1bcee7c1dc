"""`kortkiosk-fleet doctor`: what is not in order is named with what to do, and nothing is changed."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from fleet.server.cli import main
from fleet.server.database.database import FILE_NAME, open_database
from fleet.server.diagnosis.doctor import Diagnosis, Examined, diagnose, worst
from fleet.server.keys.expiry import End, Sources
from fleet.server.stations.tables import stations
from provisioning.authority import Authority
from provisioning.exporting import export_server

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """As `authority export-server` makes it."""
    made = Authority.init(tmp_path / "offline", [], NOW)
    export_server(made, tmp_path / "authority")
    return tmp_path / "authority"


def examined(authority: Path, **more: object) -> Examined:
    return Examined(authority, Sources(authority), NOW, swaps=authority / "no-swaps", **more)  # type: ignore[arg-type]


def faults(found: list[Diagnosis]) -> dict[str, str]:
    return {one.what: f"{one.level}: {one.text}" for one in found if one.level != "ok" and one.what != "user"}


def test_a_server_s_part_as_it_was_exported_is_in_order(authority: Path) -> None:
    found = diagnose(examined(authority))
    assert faults(found) == {}
    assert {one.what for one in found} >= {"permissions", "ca_key", "broker", "fleet-server", "signing", "ends"}


def test_a_whole_authority_beside_the_server_is_told(tmp_path: Path, authority: Path) -> None:
    said = faults(diagnose(examined(tmp_path / "offline")))
    assert "authority export-server" in said["ca_key"]
    assert "authority export-verifier" in said["verifier_keys"]
    assert worst(diagnose(examined(tmp_path / "offline"))) == "warning"


SPOILT: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a key that others read": (lambda at: (at / "server/broker.key").chmod(0o640), "permissions", "chmod 600"),
    "a folder that others read": (lambda at: at.chmod(0o755), "permissions", "chmod 700"),
    "a pair that does not fit": (
        lambda at: (at / "server/broker.key").write_bytes((at / "server/fleet-server.key").read_bytes()),
        "broker",
        "is not the certificate of broker.key",
    ),
    "another authority": (
        lambda at: (at / "ca/ca.pem").write_bytes((at / "server/broker.pem").read_bytes()),
        "broker",
        "was not issued by",
    ),
    "a certificate that is none": (lambda at: (at / "server/broker.pem").write_text("x"), "broker", "as PEM"),
    "no signing key": (lambda at: (at / "server/signing.key").unlink(), "signing", "No such file"),
    "no server's certificate": (lambda at: (at / "server/fleet-server.pem").unlink(), "fleet-server", "No such file"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_not_in_order_is_a_fault_with_what_to_do(what: str, authority: Path) -> None:
    spoil, name, said = SPOILT[what]
    spoil(authority)
    found = faults(diagnose(examined(authority)))
    assert found[name].startswith("fault: ")
    assert said in found[name]


@pytest.mark.parametrize(("days", "level"), [(61, None), (59, "warning"), (7, "warning"), (6, "fault"), (-3, "fault")])
def test_what_ends_is_told_before_it_does(days: int, level: str | None, authority: Path) -> None:
    end = End("station", "entre-a", NOW + timedelta(days=days))
    said = faults(diagnose(examined(authority, stations=(end,))))
    assert (said["ends"].partition(":")[0] if "ends" in said else None) == level
    assert level is None or "station entre-a" in said["ends"]


def test_the_verifier_data_and_swap_are_looked_at(authority: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    swaps = tmp_path / "swaps"
    swaps.write_text("Filename Type Size Used Priority\n/swapfile file 1 0 -2\n")
    looked = Examined(authority, Sources(authority), NOW, data, tmp_path / "socket", swaps=swaps)
    said = faults(diagnose(looked))
    assert "socket: No such file or directory" in said["verifier"]
    assert "MemorySwapMax=0" in said["swap"]
    texts = [one.text for one in diagnose(looked) if one.what == "data"]
    assert any("chmod 700" in text for text in texts)
    assert any("belongs to root" in text for text in texts) is (os.geteuid() == 0)
    missing = diagnose(examined(authority, data=tmp_path / "none"))
    assert "the server makes it" in faults(missing)["data"]


def test_the_certificate_of_a_retired_station_is_not_told(
    authority: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--data", str(tmp_path / "data")]) == 0
    ended = {"online": False, "state": '{"certificate_until": "2020-01-01T00:00:00Z"}'}
    with open_database(tmp_path / "data" / FILE_NAME) as database, database.writing.begin() as connection:
        connection.execute(insert(stations).values(name="entre-a", retired=NOW, **ended))
        connection.execute(insert(stations).values(name="entre-b", **ended))
    capsys.readouterr()
    main(["doctor", "--authority", str(authority), "--data", str(tmp_path / "data")])
    said = capsys.readouterr().out
    assert "station entre-b" in said
    assert "station entre-a" not in said


def test_the_command_says_it_in_words_and_as_json_and_changes_nothing(
    authority: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--data", str(tmp_path / "data")]) == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    capsys.readouterr()
    where = ["--authority", str(authority), "--data", str(tmp_path / "data")]
    code = main(["doctor", *where, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (code, told["level"]) in ((0, "ok"), (0, "warning"))
    assert {"level", "what", "text"} == set(told["found"][0])
    (authority / "server" / "signing.key").chmod(0o644)
    assert main(["doctor", *where]) == 3
    assert "fault    permissions:" in capsys.readouterr().out
    assert main(["doctor", *where, "--web", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert main(["doctor", "--authority", str(tmp_path / "nothing")]) == 3
