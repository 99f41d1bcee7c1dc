"""What the appliance brings for updates: all that the documents name, RAUC's file as RAUC reads it, and a trial that is given up.

RAUC's service is the real one, on a bus of its own; the machine with two slots is made up.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from image.layout import kernel_line, partitions
from provisioning.appliance.layout import PROGRAMS, write_appliance
from provisioning.authority import Authority
from provisioning.cli import main as provision
from provisioning.updates.boot_loaders import Slot
from provisioning.updates.bundle import issue_signer
from provisioning.updates.slots import Slots
from tests.fakes.machine.boot_firmware import EfiMachine
from tests.fakes.machine.bundle import small_bundle
from tests.provisioning.appliance.conftest import add_programs

DOCUMENT = Path(__file__).parents[3] / "docs/updates.md"
OF_THE_BUILD = {"/usr/lib/os-release"}
HAS_RAUC = shutil.which("rauc") and shutil.which("dbus-run-session")
needs_rauc = pytest.mark.skipif(not HAS_RAUC, reason="Debian's rauc or dbus-daemon is not installed")

ON_A_BUS = """
export DBUS_SYSTEM_BUS_ADDRESS="$DBUS_SESSION_BUS_ADDRESS"
rauc --conf="$1" --override-boot-slot=B service >"$1.log" 2>&1 &
service=$!
until rauc status >/dev/null 2>&1 || ! kill -0 $service 2>/dev/null; do sleep 0.1; done
shift
"$@"
code=$?
kill $service
wait $service
exit $code
"""

BACK_END = """#!{python}
import sys
from pathlib import Path

sys.path.insert(0, "{project}")
from provisioning.updates import slots
from provisioning.updates.boot_loaders import SystemdBoot

slots.KERNEL_LINE = Path("{machine}/cmdline")
sys.exit(slots.main(sys.argv[1:], SystemdBoot(Path("{machine}/boot"), Path("{machine}/efivars"))))
"""


def test_all_that_the_documents_name_is_laid_out(root: Path) -> None:
    text = DOCUMENT.read_text("utf-8").split("## What an image brings for it")[1]
    named = set(re.findall(r"(?m)^\| `(/[^`]+)` \|", text))
    assert len(named) > 5
    assert {path for path in named - OF_THE_BUILD if not os.path.lexists(root / path.lstrip("/"))} == set()


def test_slots_are_the_partitions_of_the_disk(root: Path) -> None:
    named = set(re.findall(r"/dev/disk/by-partlabel/(\S+)", (root / "etc/rauc/system.conf").read_text()))
    assert named == {part.label for part in partitions("amd64") if part.label.startswith(("root-", "verity-"))}
    assert {"rauc.slot=A", "rauc.slot=B"} == {kernel_line(slot, "00").split()[-2] for slot in ("a", "b")}
    assert "device=/efi/EFI/Linux/kortkiosk-b.efi" in (root / "etc/rauc/system.conf").read_text().splitlines()


def test_a_raspberry_pi_starts_from_partitions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_programs(tmp_path)
    assert provision(["appliance", "layout", "--root", str(tmp_path), "--machine", "arm64"]) == 0
    assert "/etc/rauc/system.conf" in capsys.readouterr().out
    lines = (tmp_path / "etc/rauc/system.conf").read_text().splitlines()
    assert {"compatible=kortkiosk-arm64", "device=/dev/disk/by-partlabel/boot-b"} <= set(lines)


def test_a_trial_is_given_up_by_restarting_and_only_a_trial(root: Path) -> None:
    units = root / "usr/lib/systemd/system"
    trial = (units / "kortkiosk-trial.service").read_text().splitlines()
    assert f"ExecCondition={PROGRAMS}/kortkiosk-slots is-trial" in trial
    assert [line for line in trial if line.startswith("ExecStart=")] == [
        "ExecStart=/usr/bin/systemctl --no-block --no-wall reboot"
    ]
    assert {"OnBootSec=5min", "OnBootSec=20min"} <= set((units / "kortkiosk-trial.timer").read_text().splitlines())


@pytest.mark.parametrize(("uptime_s", "gives_up"), [("301.07", False), ("1199.99", False), ("1200.01", True)])
def test_a_trial_is_not_given_up_when_the_station_is_first_looked_at(
    uptime_s: str, gives_up: bool, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "uptime").write_text(f"{uptime_s} 17.00\n")
    unit = (root / "usr/lib/systemd/system/kortkiosk-trial.service").read_text()
    (condition,) = re.findall(r"ExecCondition=/bin/sh -c '(.*/proc/uptime.*)'", unit)
    script = condition.replace("$$", "$").replace("%%", "%").replace("/proc/uptime", str(tmp_path / "uptime"))
    assert (subprocess.run(["/bin/sh", "-c", script], check=False).returncode == 0) is gives_up


@pytest.fixture
def machine(tmp_path: Path) -> EfiMachine:
    """On trial: slot B was installed, and runs."""
    machine = EfiMachine(tmp_path / "machine")
    slots = Slots(machine.loader, Slot.A)
    machine.slots["B"] = "second"
    slots.set_primary(Slot.B)
    assert machine.reboot() == "B"
    Slots(machine.loader, Slot.B).note_start()
    (machine.root / "cmdline").write_text(machine.kernel_line)
    return machine


@pytest.fixture
def rauc(root: Path, machine: EfiMachine, tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """RAUC's program, and its service with the appliance's file, whose paths lead to the made-up machine."""
    back_end = tmp_path / "slots"
    project = Path(__file__).parents[3]
    back_end.write_text(BACK_END.format(python=sys.executable, project=project, machine=machine.root))
    back_end.chmod(0o755)
    text = (root / "etc/rauc/system.conf").read_text().replace(f"{PROGRAMS}/kortkiosk-slots", str(back_end))
    for folder in ("data/rauc", "data/kortkiosk/identity"):
        (tmp_path / folder).mkdir(parents=True)
    configuration = tmp_path / "system.conf"
    configuration.write_text(text.replace("=/data/", f"={tmp_path}/data/"))

    def call(*words: str) -> "subprocess.CompletedProcess[str]":
        command = ["dbus-run-session", "--", "sh", "-c", ON_A_BUS, "sh", str(configuration), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return call


@needs_rauc
def test_rauc_takes_its_file_and_confirms_the_slot_that_runs(
    rauc: Callable[..., "subprocess.CompletedProcess[str]"], machine: EfiMachine
) -> None:
    ended = rauc("rauc", "status", "--output-format=json")
    assert ended.returncode == 0, ended.stderr
    said: dict[str, Any] = json.loads(ended.stdout)
    assert (said["compatible"], said["booted"], said["boot_primary"]) == ("kortkiosk-amd64", "B", "rootfs.1")
    states = {name: slot["boot_status"] for line in said["slots"] for name, slot in line.items() if slot["boot_status"]}
    assert states == {"rootfs.0": "good", "rootfs.1": "good"}
    assert Slots(machine.loader, Slot.B).trial is Slot.B, "to ask confirms nothing"

    ended = rauc("rauc", "status", "mark-good")
    assert ended.returncode == 0, ended.stderr
    assert machine.loader.default_slot() is Slot.B
    assert machine.lose_power() == "B"


@pytest.mark.skipif(shutil.which("rauc") is None, reason="Debian's rauc is not installed")
def test_rauc_believes_the_pinned_authority_and_no_other(root: Path, tmp_path: Path) -> None:
    made = small_bundle(tmp_path)
    text = (root / "etc/rauc/system.conf").read_text()
    assert "path=/data/machine/trust/ca.pem" in text.splitlines(), "in a folder of root's"
    keyring, configuration = tmp_path / "machine/trust/ca.pem", tmp_path / "system.conf"
    keyring.parent.mkdir(parents=True)
    configuration.write_text(text.replace("=/data/", f"={tmp_path}/"))
    info = ("rauc", "--conf", str(configuration), "info", str(made.path))
    foreign = Authority.init(tmp_path / "foreign", [], made.now).directory / "ca/ca.pem"
    for authority, believed in ((None, False), (foreign, False), (made.target.keyring, True)):
        if authority is not None:
            keyring.write_bytes(authority.read_bytes())
        assert (subprocess.run(info, capture_output=True, check=False).returncode == 0) is believed


@pytest.mark.skipif(shutil.which("rauc") is None, reason="Debian's rauc is not installed")
def test_an_image_with_the_fleet_s_authority_believes_no_signer_that_was_revoked(tmp_path: Path) -> None:
    """The list of revocations is in the same file, and comes with the next image."""
    made = small_bundle(tmp_path / "first")
    add_programs(tmp_path)
    configuration, ca = tmp_path / "etc/rauc/system.conf", made.authority.directory / "ca"

    def is_believed(*trusted: Path) -> bool:
        keyring = tmp_path / "update-ca.pem"
        keyring.write_bytes(b"".join(path.read_bytes() for path in trusted))
        write_appliance(tmp_path, update_ca=keyring)
        text = configuration.read_text()
        assert "path=/usr/lib/kortkiosk/update-ca.pem" in text.splitlines()
        configuration.write_text(text.replace("=/usr/", f"={tmp_path}/usr/").replace("=/data/", f"={tmp_path}/"))
        info = ("rauc", "--conf", str(configuration), "info", str(made.path))
        return subprocess.run(info, capture_output=True, check=False).returncode == 0

    assert is_believed(ca / "ca.pem")
    assert is_believed(ca / "ca.pem", ca / "crl.pem")
    issue_signer(made.authority, made.now, revoke=True)
    assert not is_believed(ca / "ca.pem", ca / "crl.pem")
    assert is_believed(ca / "ca.pem"), "nobody has told it"


BUS = """<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/>
  <allow send_type="method_return"/><allow send_type="error"/><allow send_type="signal"/>
  <allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
  <allow receive_type="signal"/><allow send_destination="org.freedesktop.DBus"/></policy>
<policy context="default"><allow send_destination="de.pengutronix.rauc"/></policy>
<policy user="root"><allow own="de.pengutronix.rauc"/></policy>
<include ignore_missing="yes">{ours}</include></busconfig>"""
"""Debian's system bus in short, with RAUC's policy as Debian ships it, then ours."""
ASKED_BY_TWO = """
cd {folder}
dbus-daemon --config-file=bus.conf --nofork --nopidfile & bus=$!
export DBUS_SYSTEM_BUS_ADDRESS=unix:path={folder}/bus
until [ -S bus ]; do sleep 0.1; done
rauc --conf=system.conf --override-boot-slot=A service & service=$!
ask() {{ "$@" dbus-send --system --print-reply --dest=de.pengutronix.rauc / de.pengutronix.rauc.Installer.GetPrimary; }}
until ask env >root 2>&1; do sleep 0.1; grep -q ServiceUnknown root || break; done
ask setpriv --reuid=nobody --clear-groups >nobody 2>&1
kill $service $bus
wait
"""
RAUC = "[system]\ncompatible=x\nbootloader=noop\n[slot.rootfs.0]\ndevice=/dev/null\nbootname=A\n"


@pytest.mark.skipif(not HAS_RAUC or os.getuid() != 0, reason="no rauc or dbus-daemon of Debian's, or not root")
def test_nobody_but_root_has_a_word_with_rauc(root: Path) -> None:
    with tempfile.TemporaryDirectory() as name:  # short, and for everybody to enter
        folder = Path(name)
        folder.chmod(0o755)
        ours = root / "etc/dbus-1/system.d/kortkiosk-rauc.conf"
        (folder / "bus.conf").write_text(BUS.format(folder=folder, ours=ours))
        (folder / "system.conf").write_text(RAUC)
        subprocess.run(["sh", "-c", ASKED_BY_TWO.format(folder=folder)], capture_output=True, check=False, timeout=60)
        said = {who: (folder / who).read_text() for who in ("root", "nobody")}
    assert "AccessDenied" not in said["root"]
    assert "AccessDenied" in said["nobody"], said["nobody"]


def test_the_layout_of_another_kind_of_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        provision(["appliance", "layout", "--root", str(tmp_path), "--machine", "riscv64"])
    with pytest.raises(KeyError):
        write_appliance(tmp_path, machine="riscv64")  # type: ignore[arg-type]
