"""The appliance's files, below a root: read by systemd, udev, nft, chrony and polkit's own language, as far as they are here."""

import configparser
import itertools
import json
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from provisioning.appliance.layout import ENABLED, MASKED, PROGRAMS, LayoutError, write_appliance
from provisioning.cli import main as provision
from provisioning.keys import machine_seal

MOST_EXPOSED = 2.0
SERVICES = ("kortkiosk-station", "kortkiosk-data", "kortkiosk-settings", "kortkiosk-usb", "kortkiosk-erase")


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the programs, and the appliance laid out in it twice: the second time changes nothing."""
    root = tmp_path_factory.mktemp("root")
    programs = root / PROGRAMS.relative_to("/")
    programs.mkdir(parents=True)
    for name in ("kortkiosk", "kortkiosk-provision"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    assert write_appliance(root) == write_appliance(root)
    return root


def run(*words: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


@needs("systemd-analyze")
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_with_its_drop_ins_is_exposed_as_little_as_the_house_rule_says(name: str, root: Path) -> None:
    said = run("systemd-analyze", f"--root={root}", "security", "--offline=true", "--no-pager", f"{name}.service")
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)
    assert exposure is not None, said.stderr
    assert float(exposure.group(1)) <= MOST_EXPOSED


@needs("systemd-analyze")
@pytest.mark.parametrize(
    "name",
    [
        *(f"{name}.service" for name in SERVICES),
        "kortkiosk-settings.path",
        "kortkiosk-erase.path",
        "kortkiosk-settings.timer",
    ],
)
def test_systemd_understands_every_line(name: str, root: Path) -> None:
    said = run("systemd-analyze", f"--root={root}", "verify", "--man=no", name).stderr.splitlines()
    absent = ("Failed to create", "not executable: No such file")  # what Debian brings is not below this root
    assert [line for line in said if "kortkiosk" in line and not any(word in line for word in absent)] == []


@needs("systemd-analyze")
def test_no_unit_waits_for_one_that_waits_for_it(tmp_path: Path) -> None:
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    for name in ("kortkiosk", "kortkiosk-provision"):
        program = tmp_path / PROGRAMS.relative_to("/") / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    write_appliance(tmp_path)
    said = run("systemd-analyze", f"--root={tmp_path}", "verify", "--man=no", "graphical.target").stderr
    assert "ordering cycle" not in said, said


def test_all_units_that_the_layout_brings_are_tested(root: Path) -> None:
    services = {path.stem for path in (root / "usr/lib/systemd/system").glob("kortkiosk-*.service")}
    assert services == set(SERVICES)


def test_units_run_by_themselves_and_nothing_asks_for_a_password_at_the_console(root: Path) -> None:
    units = root / "etc/systemd/system"
    for name, wanted_by in ENABLED.items():
        target = (units / f"{wanted_by}.wants" / name).readlink()
        assert target.parent == Path("/usr/lib/systemd/system")
        if target.name.startswith("kortkiosk"):
            assert f"WantedBy={wanted_by}" in (root / target.relative_to("/")).read_text().splitlines()
    assert {name: (units / name).readlink() for name in MASKED} == dict.fromkeys(MASKED, Path("/dev/null"))
    assert "getty@.service" in MASKED


def test_files_are_for_everybody_to_read_and_programs_to_run(root: Path) -> None:
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    modes = {path.relative_to(root).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in files}
    scripts = {name for name, mode in modes.items() if mode == 0o755 and not name.startswith("opt/")}
    ours = {"usr/lib/kortkiosk/usb-gate", "usr/lib/kortkiosk/make-seal"}
    assert scripts == {*ours, "usr/lib/NetworkManager/dispatcher.d/50-kortkiosk"}
    assert {mode for name, mode in modes.items() if name not in scripts and not name.startswith("opt/")} == {0o644}
    assert not any("@PRO" in path.read_text() for path in files)


def test_the_station_draws_without_a_display_server_and_keeps_its_things_on_data(root: Path) -> None:
    folder = root / "usr/lib/systemd/system"
    names = ("kortkiosk-station.service", "kortkiosk-station.service.d/appliance.conf")
    texts = [(folder / name).read_text() for name in names]
    lines = list(itertools.chain.from_iterable(text.splitlines() for text in texts))
    after = lines[len(lines) - lines[::-1].index("Environment=") :]
    assert any("SDL_VIDEODRIVER=kmsdrm" in line for line in after)
    assert not any("DISPLAY=" in line for line in after)
    assert {"RequiresMountsFor=/data", "ReadWritePaths=/data/kortkiosk"} <= set(lines)
    assert f"ExecStart={PROGRAMS}/kortkiosk run --config /data/kortkiosk/station.toml" in after


def test_the_machine_s_secret_is_made_once_and_handed_to_the_station(root: Path, tmp_path: Path) -> None:
    seal = tmp_path / "machine" / machine_seal.CREDENTIAL
    made = []
    for _ in range(2):
        assert run(str(root / "usr/lib/kortkiosk/make-seal"), str(seal)).returncode == 0
        made.append(machine_seal.of_this_machine(seal, seal))
    assert made[0] == made[1]
    assert (stat.S_IMODE(seal.stat().st_mode), stat.S_IMODE(seal.parent.stat().st_mode)) == (0o600, 0o700)
    assert len(seal.read_bytes()) > 40
    folder = root / "usr/lib/systemd/system"
    assert "make-seal /data/machine/station-seal" in (folder / "kortkiosk-data.service").read_text()
    drop_in = (folder / "kortkiosk-station.service.d/appliance.conf").read_text().splitlines()
    assert f"LoadCredential={machine_seal.CREDENTIAL}:/data/machine/station-seal" in drop_in


@needs("udevadm")
def test_udev_understands_the_rules(root: Path) -> None:
    said = run("udevadm", "verify", f"--root={root}", "--resolve-names=never")
    assert said.returncode == 0, said.stdout + said.stderr


@needs("chronyd")
def test_chrony_understands_its_file_and_serves_nobody(root: Path) -> None:
    said = run("chronyd", "-p", "-f", str(root / "etc/chrony/chrony.conf"))
    assert said.returncode == 0, said.stderr
    assert {"port 0", "cmdport 0"} <= set(said.stdout.splitlines())


@pytest.mark.parametrize(
    ("user", "action", "result"),
    [
        ("kortkiosk", "org.debian.pcsc-lite.access_pcsc", "yes"),
        ("kortkiosk", "org.debian.pcsc-lite.access_card", "yes"),
        ("kortkiosk", "org.freedesktop.login1.reboot", None),
        ("somebody", "org.debian.pcsc-lite.access_card", None),
    ],
)
def test_polkit_lets_the_station_and_nobody_else_use_readers(
    user: str, action: str, result: str | None, root: Path
) -> None:
    import playwright

    node = Path(playwright.__file__).parent / "driver/node"
    if not node.exists():
        pytest.skip("no interpreter of JavaScript")
    rule = (root / "usr/share/polkit-1/rules.d/50-kortkiosk.rules").read_text()
    asked = f"({json.dumps({'id': action})}, {json.dumps({'user': user})})"
    polkit = "let rule; const polkit = {Result: {YES: 'yes'}, addRule: one => { rule = one }};"
    program = f"{polkit}{rule};console.log(JSON.stringify(rule{asked}))"
    assert run(str(node), "-e", program).stdout.strip() == ("undefined" if result is None else json.dumps(result))


def test_the_journal_is_bounded(root: Path) -> None:
    settings = configparser.ConfigParser()
    settings.read(root / "usr/lib/systemd/journald.conf.d/50-kortkiosk.conf")
    assert settings["Journal"]["RuntimeMaxUse"] == "32M"


def test_a_layout_without_programs_or_root_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LayoutError):
        write_appliance(tmp_path, Path("bin"))
    assert provision(["appliance", "layout", "--root", str(tmp_path / "none")]) == 2
    assert provision(["appliance", "layout", "--root", str(tmp_path)]) == 2
    assert "there is no such program" in capsys.readouterr().err
