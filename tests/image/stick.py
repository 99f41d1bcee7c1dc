"""The image on a USB stick, in an emulated PC with an empty disk: it goes to the disk by fingers (`make image-test`)."""

import os
from pathlib import Path

import pytest

from image import layout
from tests.fakes.emulated_pc.disks import LARGER_MIB, copy_of_disk, fresh_folder
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc

pytestmark = [pytest.mark.timeout(7200)]

DISK_MIB = 4096
FIRST_WORDS = "Svenska"
PLACES = "for disk in /sys/block/sd*; do readlink -f $disk; done"
SIZE = "df --output=size --block-size=1M /data | tail -1"


def on_usb(name: str, file: Path, order: int) -> tuple[str, ...]:
    device = f"usb-storage,id={name},drive={name},bus=usb.0,bootindex={order}"
    return "-drive", f"if=none,id={name},format=raw,file={file}", "-device", device


def test_from_a_stick_to_the_disk_inside(tmp_path: Path) -> None:
    stick, inside, other = copy_of_disk(tmp_path), tmp_path / "inside.img", tmp_path / "other.img"
    for file in (inside, other):
        file.touch()
        os.truncate(file, DISK_MIB * layout.MIB)
    with EmulatedPc(
        inside, fresh_folder("stick"), extra=(*on_usb("other", other, 2), *on_usb("stick", stick, 1))
    ) as machine:
        machine.shell.wait_until_there(BOOT_S)
        machine.wait_for(FIRST_WORDS, BOOT_S)
        places = machine.shell.run(PLACES).split()
        assert len(places) == 1, f"the disk that the machine runs from stays, and no other on USB: {places}"
        assert "/usb" in places[0]
        assert machine.shell.run("systemctl --failed --no-legend --plain") == ""
        assert refused(machine, Path(places[0]).name), "it runs from there"
        assert refused(machine, "../vda")
        machine.tap_phrase_until(FIRST_WORDS, "maskinens disk")
        machine.shoot("disks")
        machine.tap_phrase_until("4 GB", "Radera disken")
        machine.tap_main_button("erase")
        machine.shell.run("until systemctl is-active kortkiosk-install | grep -qx activating; do sleep 1; done", BOOT_S)
        machine.shell.run("systemctl start --no-block kortkiosk-trial.service")  # as five minutes after the start
        machine.wait_for("Systemet finns", BOOT_S)
        machine.tap_main_button("installed")
        machine.process.wait(BOOT_S)  # it starts anew, which ends the emulation
    sizes = []
    for start in ("once", "larger"):
        with EmulatedPc(inside, fresh_folder(f"from-stick-{start}")) as machine:
            machine.shell.wait_until_there(BOOT_S)
            machine.wait_for(FIRST_WORDS, BOOT_S)
            assert machine.shell.run("systemctl --failed --no-legend --plain") == ""
            assert machine.shell.run("cat /run/kortkiosk-data-kept") == "file"
            sizes.append(int(machine.shell.run(SIZE)))
            machine.shell.run("sync")
            machine.cut_power()
        os.truncate(inside, (DISK_MIB + LARGER_MIB) * layout.MIB)
    assert sizes[1] > sizes[0] + LARGER_MIB // 2, "it grows at each start"


def refused(machine: EmulatedPc, name: str) -> bool:
    """Whether root's service takes no such disk from the station's user."""
    machine.shell.run(f"rm -f /run/kortkiosk-appliance/install; echo -n {name} >/data/kortkiosk/install-on")
    machine.shell.run("until grep -q -e failed -e done /run/kortkiosk-appliance/install; do sleep 1; done", BOOT_S)
    machine.shell.run("systemctl reset-failed kortkiosk-install.service")
    return bool(machine.shell.run("cat /run/kortkiosk-appliance/install") == "failed")
