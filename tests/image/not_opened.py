"""A station's disk whose `/data` does not open, in an emulated PC: `make image-test`.

Another TPM is a new mainboard. The screen says what failed; what an installer sets up then is on the new volume after a restart.
"""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from provisioning.appliance.recovery import open_sealed
from tests.fakes.emulated_pc.disks import copy_of_disk, fresh_folder
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc

pytestmark = [pytest.mark.timeout(3600)]

FAILED = "systemctl --failed --no-legend --plain"
TRUST = "/data/machine/trust"
ENROLLED = (
    f'mkdir -p {TRUST}; echo \'{{"station": "entre-a"}}\' >{TRUST}/identity.json; '
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /run/ca.key -out /run/ca.pem "
    f"2>/dev/null; cp /run/ca.pem {TRUST}/ca.pem; systemctl start kortkiosk-recovery.service; echo $?"
)
"""As root pins it: the authority is then given a key of the volume."""
TYPED = "/data/kortkiosk/recovery-key"
KEPT = "until mountpoint -q /data; do sleep 2; done; cat /run/kortkiosk-data-kept"
"""The shell is there before the volume is opened, and the volume is opened before it is mounted."""
ANEW = "runuser -u kortkiosk -- systemctl reload --no-ask-password kortkiosk-open-data.service"


def test_another_tpm_is_said_on_the_screen_and_a_new_volume_takes_what_was_set_up(tmp_path: Path) -> None:
    disk, old, new = copy_of_disk(tmp_path), tmp_path / "old-tpm", tmp_path / "new-tpm"
    with EmulatedPc(disk, fresh_folder("opened"), tpm=old) as machine:
        machine.shell.wait_until_there(BOOT_S)
        machine.wait_for("Svenska", BOOT_S)
        assert machine.shell.run(f"{ANEW}; echo $?") != "0", "one that was opened is not made anew"
        machine.shell.run("sync")
        machine.cut_power()
    with EmulatedPc(disk, fresh_folder("not-opened"), tpm=new) as machine:
        machine.shell.wait_until_there(BOOT_S)
        machine.wait_for("Ring supporten", BOOT_S)
        machine.shoot("said")
        assert machine.shell.run("cat /run/kortkiosk-data-kept") == "D3"
        assert machine.shell.run(FAILED) == ""
        machine.tap_phrase_until("borja om", "Svenska")
        machine.tap_phrase_until("Svenska", "forlorat")
        machine.shoot("lost")
        assert machine.shell.run(f"{ANEW}; echo $?", BOOT_S) == "0"
        machine.shell.run("sync")
        machine.cut_power()
    with EmulatedPc(disk, fresh_folder("anew"), tpm=new) as machine:
        machine.shell.wait_until_there(BOOT_S)
        machine.wait_for("nar stationen natet", BOOT_S)
        machine.shoot("goes-on")
        assert machine.shell.run("cat /run/kortkiosk-data-kept") == "tpm"
        assert machine.shell.run(FAILED) == ""


def test_the_authority_opens_the_volume_for_another_tpm(tmp_path: Path) -> None:
    disk, old, new = copy_of_disk(tmp_path), tmp_path / "old-tpm", tmp_path / "new-tpm"
    with EmulatedPc(disk, fresh_folder("recovery-made"), tpm=old) as machine:
        machine.shell.wait_until_there(BOOT_S)
        machine.wait_for("Svenska", BOOT_S)
        machine.shell.run("echo kept >/data/machine/story")
        assert machine.shell.run(ENROLLED, BOOT_S) == "0"
        sealed = machine.shell.run("cat /run/kortkiosk-appliance/recovery-key")
        key = load_pem_private_key((machine.shell.run("cat /run/ca.key") + "\n").encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        code = open_sealed(key, "entre-a", sealed)
        machine.shell.run("sync")
        machine.cut_power()
    with EmulatedPc(disk, fresh_folder("recovery-typed"), tpm=new) as machine:
        machine.shell.wait_until_there(BOOT_S)
        machine.wait_for("Ring supporten", BOOT_S)
        assert machine.shell.run(f"echo wrong >{TYPED}; {ANEW}; echo $?", BOOT_S) != "0"
        assert machine.shell.run(f"printf {code} >{TYPED}; {ANEW}; echo $?", BOOT_S) == "0"
        machine.shell.run("sync")
        machine.cut_power()
    with EmulatedPc(disk, fresh_folder("recovered"), tpm=new) as machine:
        machine.shell.wait_until_there(BOOT_S)
        assert machine.shell.run(KEPT) == "tpm"
        assert machine.shell.run("cat /data/machine/story") == "kept"
