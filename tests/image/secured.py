"""The image signed with a region's keys, in an emulated PC with Secure Boot: `make image-test`, not part of `make test`.

The firmware begins without keys, and the boot manager enrols them. What a test wants to hear comes by an add-on that is signed
with the same keys, since the firmware's tables count no more.
"""

from pathlib import Path

import pytest

from image import layout
from tests.fakes.emulated_pc.disks import ARCHITECTURE, copy_file, copy_of_disk, flip, fresh_folder
from tests.fakes.emulated_pc.machine import BOOT_S, KERNEL_LINE, EmulatedPc
from tests.fakes.emulated_pc.secure_boot import find_image, make_keys, put_addon, sign_disk, update_image

pytestmark = [pytest.mark.timeout(7200)]

SECURE = "od -An -t u1 /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
HEARD = f"{KERNEL_LINE} systemd.import_credentials=yes systemd.wants=test-shell.service"
BOUND = "head -c 20 /efi/kortkiosk/data.sealed"
KEPT = "until [ -s /run/kortkiosk-data-kept ]; do sleep 2; done; cat /run/kortkiosk-data-kept"
NO_STATION = "systemd.mask=kortkiosk-station.service"


def test_nothing_starts_but_what_the_region_has_signed(tmp_path: Path) -> None:
    keys, disk, variables = make_keys(tmp_path / "keys"), copy_of_disk(tmp_path), tmp_path / "variables.fd"
    tpm = tmp_path / "tpm"
    sign_disk(disk, keys, tmp_path / "boot")
    with EmulatedPc(disk, fresh_folder("enrol"), variables=variables, looks=False, secure=True) as machine:
        machine.process.wait(BOOT_S)  # the keys are enrolled, and it starts anew

    changed = copy_file(disk, tmp_path / "changed.img")
    flip(changed, find_image(changed) + (1 << 20))
    with EmulatedPc(changed, fresh_folder("changed"), variables=variables, looks=False, secure=True) as machine:
        machine.wait_for("No bootable option", BOOT_S)
        machine.shoot("changed")

    put_addon(disk, "heard", HEARD, tmp_path, keys)
    put_addon(disk, "unsigned", NO_STATION, tmp_path)
    with EmulatedPc(disk, fresh_folder("secured"), variables=variables, secure=True, tpm=tpm) as machine:
        machine.shell.wait_until_there(BOOT_S)
        assert machine.shell.run(SECURE).split()[-1] == "1"
        line = machine.shell.run("cat /proc/cmdline")
        assert "systemd.import_credentials=no" in line
        assert "console=ttyS0" in line, "an add-on of the region's counts"
        assert NO_STATION not in line, "another does not"
        machine.wait_for("Svenska", BOOT_S)
        machine.shoot("secured")
        assert machine.shell.run("systemctl --failed --no-legend --plain") == ""
        assert machine.shell.run(BOUND) == "+vfrk0HjQSyhpDb5Wik2", "/data is sealed to what was started"
        machine.shell.run("sync")
        machine.cut_power()

    update_image(disk, keys, tmp_path / "update")
    with EmulatedPc(disk, fresh_folder("sealed-updated"), variables=variables, secure=True, tpm=tpm) as machine:
        machine.shell.wait_until_there(BOOT_S)
        assert machine.shell.run(KEPT, BOOT_S) == "tpm", "an image that the region has signed opens it"
        machine.cut_power()
    with EmulatedPc(disk, fresh_folder("sealed-insecure"), tpm=tpm) as machine:
        machine.shell.wait_until_there(BOOT_S)
        assert machine.shell.run(KEPT, BOOT_S) == "D3", "what a firmware starts that checks nothing does not"
    assert layout.offset_of("esp", ARCHITECTURE) == layout.MIB
