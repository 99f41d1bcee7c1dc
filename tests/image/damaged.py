"""A damaged `/data`, in an emulated PC: `make image-test`. What the screen says of one is shown by `not_opened.py`.

One start makes the volume, with its key in a file and a mark in it; damage is done to copies of that disk. What can be mended
comes up by itself, with the mark; what cannot has its code, and the partition stays as it is.
"""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from image import layout
from tests.fakes.emulated_pc.disks import ARCHITECTURE, LARGER_MIB, copy_file, copy_of_disk, fresh_folder, write_at
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc

pytestmark = [pytest.mark.timeout(3600)]

DATA = layout.offset_of("data", ARCHITECTURE)
HEADER, FILES = 16384, 16 << 20
"""Bytes: one of the two headers of LUKS 2, and from the partition's beginning to the file system."""
NO_WAIT = "until pkill -f 'udevadm wait'; do sleep 1; done"
"""It waits ten minutes for a partition."""
KEPT = "cat /run/kortkiosk-data-kept"
SIZE = "df --output=size --block-size=1M /data | tail -1"
TABLE = "dumpe2fs /dev/mapper/kortkiosk-data 2>/dev/null | grep -m1 -o 'Inode table at [0-9]*'"
FILL = "fallocate --length $(($(df --output=avail --block-size=1 /data | tail -1) - 65536)) /data/kortkiosk/full"


@dataclass(frozen=True)
class Volume:
    """A disk that has made its volume. `inodes`: where the first table of them is, in bytes from the partition's beginning."""

    disk: Path
    inodes: int


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    disk = copy_of_disk(tmp_path_factory.mktemp("disk"))
    with EmulatedPc(disk, fresh_folder("damaged-none")) as machine:
        wait_for_data(machine)
        assert int(machine.shell.run(SIZE)) > LARGER_MIB, "it takes what the disk has left"
        block = int(machine.shell.run(TABLE).split()[-1])
        machine.shell.run("echo kept >/data/machine/mark; sync")
        machine.cut_power()
    return Volume(disk, FILES + block * 4096)


def wait_for_data(machine: EmulatedPc) -> None:
    machine.shell.wait_until_there(BOOT_S)
    machine.shell.run("until systemctl --quiet is-active kortkiosk-data; do sleep 2; done", BOOT_S)


def test_what_can_be_mended_comes_up_and_so_does_a_full_volume(volume: Volume, tmp_path: Path) -> None:
    """One header, the superblock, and the root folder's inode, of which e2fsck asks."""
    disk = copy_file(volume.disk, tmp_path / "disk.img")
    write_at(disk, DATA, bytes(HEADER))
    write_at(disk, DATA + FILES, os.urandom(4096))
    write_at(disk, DATA + volume.inodes, os.urandom(512))
    with EmulatedPc(disk, fresh_folder("damaged-mended")) as machine:
        wait_for_data(machine)
        assert machine.shell.run(KEPT) == "file"
        assert machine.shell.run("find /data -name mark -exec cat {} ';'") == "kept"
        machine.shell.run(f"{FILL}; sync")
        machine.cut_power()
    with EmulatedPc(disk, fresh_folder("damaged-full")) as machine:
        wait_for_data(machine)
        machine.wait_for("Svenska", BOOT_S)
        machine.shoot("full")
        assert machine.shell.run(KEPT) == "file"
        assert machine.shell.run("systemctl --failed --no-legend --plain") == ""


def no_headers(disk: Path) -> None:
    write_at(disk, DATA, bytes(2 * HEADER))


def no_partition(disk: Path) -> None:
    subprocess.run(["sfdisk", "--quiet", "--delete", disk, "6"], check=True)


@pytest.mark.parametrize(("damage", "code"), [(no_headers, "D4"), (no_partition, "D1")], ids=["headers", "partition"])
def test_what_cannot_be_mended_has_its_code_and_stays(
    damage: Callable[[Path], None], code: str, volume: Volume, tmp_path: Path
) -> None:
    disk = copy_file(volume.disk, tmp_path / "disk.img")
    damage(disk)
    before = read_data(disk)
    with EmulatedPc(disk, fresh_folder(f"damaged-{code}")) as machine:
        if code == "D1":
            machine.shell.wait_until_there(BOOT_S)
            machine.shell.run(NO_WAIT, BOOT_S)
        wait_for_data(machine)
        assert machine.shell.run(KEPT) == code
        machine.cut_power()
    assert read_data(disk) == before


def read_data(disk: Path) -> bytes:
    with disk.open("rb") as file:
        file.seek(DATA)
        return file.read(layout.DATA_MIB * layout.MIB)
