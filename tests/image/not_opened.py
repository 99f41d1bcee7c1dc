"""A station's disk whose `/data` does not open, in an emulated PC: `make image-test`.

Another TPM is a new mainboard. The screen says what failed; what an installer sets up then is on the new volume after a restart.
"""

from pathlib import Path

import pytest

from tests.fakes.emulated_pc.disks import copy_of_disk, fresh_folder
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc

pytestmark = [pytest.mark.timeout(3600)]

FAILED = "systemctl --failed --no-legend --plain"
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
