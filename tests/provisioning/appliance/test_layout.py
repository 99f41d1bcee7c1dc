"""The appliance's files, below a root: read by systemd, udev, nft, chrony and polkit's own language, as far as they are here."""

import configparser
import itertools
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.config import load
from provisioning.appliance.layout import ENABLED, MASKED, PROGRAMS, LayoutError, write_appliance
from provisioning.cli import main as provision
from provisioning.keys import machine_seal, tpm
from tests.provisioning.appliance.conftest import add_programs

MOST_EXPOSED = 2.0
SERVICES = (
    "kortkiosk-station",
    "kortkiosk-data",
    "kortkiosk-settings",
    "kortkiosk-usb",
    "kortkiosk-erase",
    "kortkiosk-slots",
    "kortkiosk-trial",
    "kortkiosk-open-data",
    "kortkiosk-install",
    "kortkiosk-recovery",
    "kortkiosk-update@install",
)


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


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
        "kortkiosk-install.path",
        "kortkiosk-settings.timer",
        "kortkiosk-trial.timer",
    ],
)
def test_systemd_understands_every_line(name: str, root: Path) -> None:
    said = run("systemd-analyze", f"--root={root}", "verify", "--man=no", name).stderr.splitlines()
    absent = ("Failed to create", "not executable: No such file")  # what Debian brings is not below this root
    assert [line for line in said if "kortkiosk" in line and not any(word in line for word in absent)] == []


@needs("systemd-analyze")
def test_no_unit_waits_for_one_that_waits_for_it(tmp_path: Path) -> None:
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    add_programs(tmp_path)
    write_appliance(tmp_path)
    said = run("systemd-analyze", f"--root={tmp_path}", "verify", "--man=no", "graphical.target").stderr
    assert "ordering cycle" not in said, said


def test_no_start_waits_for_a_tpm_that_a_machine_does_not_have(root: Path) -> None:
    asked = [
        f"{path.name}: {line}"
        for path in (root / "usr/lib/systemd/system").rglob("*.*")
        if path.is_file()
        for line in path.read_text().splitlines()
        if re.match(
            r"(Wants|Requires|Requisite|BindsTo|Upholds)=.*tpm", line
        )  # systemd waits 90 s for /dev/tpmrm0 then
    ]
    assert asked == []


def test_all_units_that_the_layout_brings_are_tested(root: Path) -> None:
    services = {path.stem for path in (root / "usr/lib/systemd/system").glob("kortkiosk-*.service")}
    assert services == {name.replace("@install", "@") for name in SERVICES}


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
    ours = {
        f"usr/lib/kortkiosk/{name}"
        for name in (
            "install-disk",
            "usb-gate",
            "make-seal",
            "make-settings",
            "name-machine",
            "take-setup",
            "grow-data",
            "open-data",
            "keep-log",
        )
    }
    assert scripts == {*ours, "usr/lib/NetworkManager/dispatcher.d/50-kortkiosk"}
    assert {mode for name, mode in modes.items() if name not in scripts and not name.startswith("opt/")} == {0o644}
    assert not any(re.search("@[A-Z_]+@", path.read_text()) for path in files)


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


@pytest.mark.parametrize("name", ["", "../vda", "VDA", "no-disk", "nodisk9"])
def test_a_system_goes_to_no_disk_but_one_inside_a_machine_that_runs_from_a_stick(
    name: str, root: Path, tmp_path: Path
) -> None:
    request, state = tmp_path / "install-on", tmp_path / "install"
    request.write_text(name)
    assert run(str(root / "usr/lib/kortkiosk/install-disk"), str(request), str(state)).returncode != 0
    assert state.read_text() == "failed\n"
    assert not request.exists(), "it is not tried again"


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


def test_a_new_station_finds_its_readers_by_itself_and_settings_that_are_there_stay(root: Path, tmp_path: Path) -> None:
    settings = tmp_path / "station.toml"
    make = str(root / "usr/lib/kortkiosk/make-settings")
    for _ in range(2):
        assert run(make, str(settings)).returncode == 0
        readers = load(settings).readers
        assert (readers.holder, readers.administrator) == ("auto", "auto")
        assert [path.name for path in tmp_path.iterdir()] == ["station.toml"]
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    settings.write_text('[station]\ntitle = "Entre A"\n')
    assert run(make, str(settings)).returncode == 0
    assert settings.read_text() == '[station]\ntitle = "Entre A"\n'
    data = (root / "usr/lib/systemd/system/kortkiosk-data.service").read_text()
    assert "make-settings /data/kortkiosk/station.toml" in data


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives a folder away")
def test_new_settings_follow_no_link_of_the_station_s_user(root: Path, tmp_path: Path) -> None:
    """Once the link led to root's folder, which then was the user's."""
    station, machine = tmp_path / "station", tmp_path / "machine"
    for folder in (station, machine):
        folder.mkdir()
    shutil.chown(station, "nobody")
    (station / "station.toml.new").symlink_to(machine)
    assert run(str(root / "usr/lib/kortkiosk/make-settings"), str(station / "station.toml")).returncode == 0
    assert machine.stat().st_uid == 0
    assert not any(machine.iterdir())
    assert (station / "station.toml").owner() == "nobody"


def test_the_station_may_use_a_tpm_and_looks_for_one_nowhere_else(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (root / "usr/lib/systemd/system/kortkiosk-station.service.d/appliance.conf").read_text().splitlines()
    assert "DeviceAllow=char-tpm rw" in lines
    assert any("tss" in line.split() for line in lines if line.startswith("SupplementaryGroups="))
    words = [word.split("=", 1) for line in lines for word in line.removeprefix("Environment=").split() if "=" in word]
    said = {name: value for name, value in words if name in ("OPENSSL_CONF", "TPM2OPENSSL_TCTI", "TSS2_LOG")}
    assert (root / said["OPENSSL_CONF"].lstrip("/")).read_bytes() == tpm.CONFIGURATION.read_bytes()
    assert said["TPM2OPENSSL_TCTI"] == f"device:{tpm.DEVICE}"
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OPENSSL_CONF", str(root / said["OPENSSL_CONF"].lstrip("/")))
    device = tmp_path / "tpmrm0"
    monkeypatch.setenv("TPM2OPENSSL_TCTI", f"device:{device}")
    assert not tpm.is_usable(), "a machine without a TPM"
    ended = run(sys.executable, "-c", "import ssl; ssl.create_default_context()")
    assert (ended.returncode, ended.stderr) == (0, ""), "TLS does not need one, nor speak of it"
    device.touch()
    assert tpm.is_usable()


def test_a_kind_of_device_that_may_come_later_is_known_before_the_station_begins(root: Path) -> None:
    """systemd lets a service use the kinds that the kernel knows when it starts: a module that comes later is too late."""
    unit = (root / "usr/lib/systemd/system/kortkiosk-station.service").read_text().splitlines()
    kinds = {line.split("=char-")[1].split()[0] for line in unit if line.startswith("DeviceAllow=char-")}
    modules = {"ttyACM": "cdc_acm", "ttyUSB": "usbserial", "usblp": "usblp", "hidraw": "hid", "alsa": "snd"}
    assert kinds - modules.keys() == {"input", "usb_device", "gpiochip", "drm"}, (
        "parts of the kernel, or there with the screen"
    )
    loaded = {f"modprobe@{modules[kind]}.service" for kind in kinds & modules.keys()}
    for key in ("Wants=", "After="):
        assert loaded <= {word for line in unit if line.startswith(key) for word in line.removeprefix(key).split()}


def test_a_machine_is_told_by_its_board_and_the_station_is_handed_that(root: Path, tmp_path: Path) -> None:
    uuid, serial, named = (tmp_path / name for name in ("product_uuid", "serial-number", "machine"))
    name_machine = str(root / "usr/lib/kortkiosk/name-machine")

    def name() -> bytes:
        assert run(name_machine, str(named), str(uuid), str(serial)).returncode == 0
        return named.read_bytes()

    assert name() == b"", "a board that does not say who it is"
    serial.write_bytes(b"10000000deadbeef\0")  # as a device tree has it
    assert name() == name() == b"10000000deadbeef"
    uuid.write_text("4c4c4544-0000-1000-8000-000000000000\n")
    assert name().startswith(b"4c4c4544-")
    assert stat.S_IMODE(named.stat().st_mode) == 0o600
    folder = root / "usr/lib/systemd/system"
    said = [line for line in (folder / "kortkiosk-data.service").read_text().splitlines() if "name-machine" in line]
    assert said == [
        "ExecStart=/usr/lib/kortkiosk/name-machine /run/kortkiosk-appliance/machine /sys/class/dmi/id/product_uuid "
        "/sys/firmware/devicetree/base/serial-number"
    ]
    drop_in = (folder / "kortkiosk-station.service.d/appliance.conf").read_text().splitlines()
    assert f"LoadCredential={machine_seal.MACHINE_CREDENTIAL}:/run/kortkiosk-appliance/machine" in drop_in


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
        ("kortkiosk", "org.freedesktop.NetworkManager.settings.modify.system", "yes"),
        ("kortkiosk", "org.freedesktop.NetworkManager.network-control", "yes"),
        ("kortkiosk", "org.freedesktop.login1.reboot", "yes"),
        ("kortkiosk", "org.freedesktop.login1.power-off", None),
        ("kortkiosk", "org.freedesktop.login1.reboot-ignore-inhibit", None),
        ("kortkiosk", "org.freedesktop.systemd1.manage-units start kortkiosk-update@install.service", "yes"),
        ("kortkiosk", "org.freedesktop.systemd1.manage-units start kortkiosk-update@confirm.service", "yes"),
        ("kortkiosk", "org.freedesktop.systemd1.manage-units stop kortkiosk-update@install.service", None),
        ("kortkiosk", "org.freedesktop.systemd1.manage-units start rauc.service", None),
        ("somebody", "org.freedesktop.systemd1.manage-units start kortkiosk-update@install.service", None),
        ("somebody", "org.freedesktop.login1.reboot", None),
        ("somebody", "org.debian.pcsc-lite.access_card", None),
    ],
)
def test_polkit_lets_the_station_and_nobody_else_use_readers_set_up_the_network_and_restart(
    user: str, action: str, result: str | None, root: Path
) -> None:
    words = dict(zip(("id", "verb", "unit"), action.split(), strict=False))
    assert judge(root / "usr/share/polkit-1/rules.d/50-kortkiosk.rules", words, user) == result


@pytest.mark.parametrize(
    ("user", "verb", "unit", "result"),
    [
        ("kortkiosk", "reload", "kortkiosk-open-data.service", "yes"),
        ("kortkiosk", "restart", "kortkiosk-open-data.service", None),
        ("kortkiosk", "reload", "nftables.service", None),
        ("somebody", "reload", "kortkiosk-open-data.service", None),
    ],
)
def test_polkit_lets_the_station_ask_for_a_new_volume_and_for_nothing_else_of_a_unit(
    user: str, verb: str, unit: str, result: str | None, root: Path
) -> None:
    action = {"id": "org.freedesktop.systemd1.manage-units", "verb": verb, "unit": unit}
    assert judge(root / "usr/share/polkit-1/rules.d/51-kortkiosk-data.rules", action, user) == result
    assert "ExecReload=" in (root / "usr/lib/systemd/system/kortkiosk-open-data.service").read_text()


def judge(rules: Path, action: dict[str, str], user: str) -> str | None:
    """What a file of rules says of that action; None where it says nothing."""
    import playwright

    node = Path(playwright.__file__).parent / "driver/node"
    if not node.exists():
        pytest.skip("no interpreter of JavaScript")
    with_look_up = f"Object.assign({json.dumps(action)}, {{lookup(name) {{ return this[name]; }}}})"
    asked = f"{with_look_up}, {json.dumps({'user': user})}"
    polkit = "let rule; const polkit = {Result: {YES: 'yes'}, addRule: one => { rule = one }};"
    program = f"{polkit}{rules.read_text()};console.log(JSON.stringify(rule({asked}) ?? null))"
    said: str | None = json.loads(run(str(node), "-e", program).stdout)
    return said


def test_the_journal_is_bounded(root: Path) -> None:
    settings = configparser.ConfigParser()
    settings.read(root / "usr/lib/systemd/journald.conf.d/50-kortkiosk.conf")
    assert settings["Journal"]["RuntimeMaxUse"] == "32M"
    assert settings["Journal"]["SystemMaxUse"] == "16M", "for each of four lives"


def test_a_layout_without_programs_or_root_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LayoutError):
        write_appliance(tmp_path, Path("bin"))
    assert provision(["appliance", "layout", "--root", str(tmp_path / "none")]) == 2
    assert provision(["appliance", "layout", "--root", str(tmp_path)]) == 2
    assert "there is no such program" in capsys.readouterr().err
