"""The systemd units: as tight as they say, with nothing left to fill in."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.server.cli import main as fleet
from provisioning.cli import main as provision
from provisioning.units import FLEET, HIDDEN, STATION, UnitsError, write_units

SERVICES = sorted({name for name in (*FLEET, *STATION) if name.endswith(".service")})
MOST_EXPOSED = 2.0


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with both programs, which stands where a unit sees it: pytest's own folders are below /tmp."""
    monkeypatch.setattr("provisioning.units.HIDDEN", ("/home",))
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("kortkiosk", "kortkiosk-fleet"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def written(tmp_path: Path, programs: Path) -> Path:
    write_units((*FLEET, *STATION), tmp_path / "units", programs)
    instance = tmp_path / "units" / "kortkiosk-worker@1.service"
    (tmp_path / "units" / "kortkiosk-worker@.service").rename(instance)
    return tmp_path / "units"


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_exposed_as_little_as_the_house_rule_says(name: str, written: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"./{name.replace('@.', '@1.')}"]
    said = subprocess.run(words, cwd=written, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)
    assert found is not None, said.stderr
    assert float(found.group(1)) <= MOST_EXPOSED


@pytest.mark.parametrize("name", SERVICES)
def test_systemd_understands_every_line_of_a_unit(name: str, written: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    words = ["systemd-analyze", "verify", "--man=no", f"./{name.replace('@.', '@1.')}"]
    said = subprocess.run(words, cwd=written, capture_output=True, text=True, check=False)
    assert [line for line in said.stderr.splitlines() if "kortkiosk" in line] == []


@pytest.mark.parametrize("name", SERVICES)
def test_what_dies_comes_back_and_no_code_reaches_a_swap(name: str, written: Path) -> None:
    lines = (written / name.replace("@.", "@1.")).read_text().splitlines()
    assert {"Restart=always", "MemorySwapMax=0", "LimitCORE=0", "NoNewPrivileges=yes"} <= set(lines)
    assert not any("@PROGRAM@" in line for line in lines)
    assert any(line.startswith("User=kortkiosk") for line in lines)


def test_server_and_verifier_are_two_users(written: Path) -> None:
    users = [
        next(line for line in (written / name).read_text().splitlines() if line.startswith("User="))
        for name in ("kortkiosk-fleet.service", "kortkiosk-verifier.service")
    ]
    assert len(set(users)) == 2
    conf = (written / "kortkiosk-users.conf").read_text()
    assert all(f"u {user.removeprefix('User=')} " in conf for user in users)


def test_options_of_the_units_are_options_of_the_programs(written: Path) -> None:
    """Each long option in a unit is one that the command knows."""
    for name, command in (("fleet", "serve"), ("verifier", "verifier"), ("worker@1", "worker")):
        text = (written / f"kortkiosk-{name}.service").read_text()
        line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
        known = subprocess.run(
            [sys.executable, "-c", HELP, command], capture_output=True, text=True, check=False
        ).stdout
        assert set(re.findall(r"--[a-z-]+", line)) <= set(re.findall(r"--[a-z-]+", known)), name


HELP = "import sys; from fleet.server.cli import main; main([sys.argv[1], '--help'])"


def test_both_programs_write_theirs(
    tmp_path: Path, programs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.server.process.logs.configure", lambda form, level: None)
    where = ["--output", str(tmp_path / "out"), "--programs", str(programs)]
    assert fleet(["units", *where]) == 0
    assert provision(["units", *where]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*FLEET, *STATION}
    assert f"ExecStart={programs}/kortkiosk-fleet serve" in (tmp_path / "out" / "kortkiosk-fleet.service").read_text()
    capsys.readouterr()
    assert fleet(["units", "--output", str(tmp_path / "none"), "--programs", str(tmp_path)]) == 2
    assert "--programs DIR" in capsys.readouterr().err


@pytest.mark.parametrize("place", [f"{HIDDEN[0]}/bin", "/opt/a b"])
def test_a_program_that_a_unit_cannot_reach_is_refused(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "is_file", lambda self: True)
    with pytest.raises(UnitsError, match=r"units do not see|has no blanks"):
        write_units(FLEET, tmp_path, Path(place))
