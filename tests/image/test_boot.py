"""Boot partitions of a Raspberry Pi, made from made-up kernels and read back with mtools as the firmware reads FAT."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from image import boards, boot, layout
from provisioning.updates.boot_loaders import RaspberryPi, Slot
from tests.fakes.machine.device_tree import board

ROOTHASH = "ab" * 32
EPOCH = 1_764_374_400
MADE_UP = {
    "vmlinuz": b"kernel of the Pi 4",
    "vmlinuz-newer": b"kernel of the Pi 5",
    "initrd": b"RAM disk of the Pi 4",
    "initrd-newer": b"RAM disk of the Pi 5",
    "guard.cpio": b"guard of the root",
    "splash.cpio": b"picture",
    "dtb/bcm2711-rpi-4-b.dtb": b"Pi 4",
    "dtb/bcm2711-rpi-400.dtb": b"Pi 400",
    "dtb/bcm2837-rpi-3-b.dtb": b"Pi 3",
    "dtb/bcm2712-rpi-5-b.dtb": b"an old word of the Pi 5",
    "dtb-newer/bcm2711-rpi-4-b.dtb": b"a new word of the Pi 4",
    "dtb-newer/bcm2712-rpi-5-b.dtb": board(),
    "dtb-newer/bcm2712-d-rpi-5-b.dtb": board(reg=b"\x7d\x50", names=b"a\0b\0"),
    "firmware/usr/share/doc/raspi-firmware/copyright": b"its licence",
    "firmware/usr/lib/raspi-firmware/start4.elf": b"firmware",
    "firmware/usr/lib/raspi-firmware/fixup4.dat": b"its fix",
    "firmware/usr/lib/raspi-firmware/start.elf": b"of an older board",
}

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("mkfs.vfat", "mcopy", "dtc"))), reason="dosfstools, mtools or dtc is not installed"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The partitions, each read back into a folder."""
    root, folder = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("boot")
    for name, content in MADE_UP.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    boot.write_raspberry_pi(root, [root / "guard.cpio", root / "splash.cpio"], ROOTHASH, EPOCH, folder)
    read = {}
    for part in layout.BOOT["arm64"]:
        read[part.label] = tmp_path_factory.mktemp(part.label)
        assert part.image is not None
        assert (folder / part.image).stat().st_size == part.mib * layout.MIB
        subprocess.run(["mcopy", "-s", "-i", folder / part.image, "::*", read[part.label]], check=True)
    return read


def test_the_first_partition_names_the_slots_and_holds_nothing_else(made: dict[str, Path]) -> None:
    assert [path.name for path in made["boot"].iterdir()] == ["autoboot.txt"]
    firmware = RaspberryPi(made["boot"], firmware=made["boot"] / "no device tree")
    assert firmware.default_slot() is Slot.A
    assert firmware.problems(Slot.A) == ()


def test_the_slot_that_is_tried_has_a_config_like_any_other(made: dict[str, Path]) -> None:
    assert "tryboot_a_b=1" in (made["boot"] / "autoboot.txt").read_text("ascii").splitlines()
    assert not (made["boot-b"] / "tryboot.txt").exists(), (
        "it would be read in place of config.txt only without that line"
    )


def test_lines_are_no_longer_than_the_firmware_reads(made: dict[str, Path]) -> None:
    lines = (made["boot-a"] / "config.txt").read_text("ascii").splitlines()
    assert max(len(line) for line in lines) <= 98


@pytest.mark.parametrize("slot", layout.SLOTS)
def test_a_slot_s_partition_has_its_own_kernel_line(slot: layout.Slot, made: dict[str, Path]) -> None:
    assert (made[f"boot-{slot}"] / "cmdline.txt").read_text() == layout.kernel_line(slot, ROOTHASH, "arm64") + "\n"


def test_the_slots_differ_by_nothing_but_that(made: dict[str, Path]) -> None:
    a, b = ({p.name: p.read_bytes() for p in made[f"boot-{slot}"].rglob("*") if p.is_file()} for slot in layout.SLOTS)
    assert [name for name in a if a[name] != b[name]] == ["cmdline.txt"]
    assert a.keys() == b.keys()


@pytest.mark.parametrize(("board", "kernel", "trees"), [
    ("pi4", "kernel of the Pi 4", ["bcm2711-rpi-4-b.dtb", "bcm2711-rpi-400.dtb"]),
    ("pi5", "kernel of the Pi 5", ["bcm2712-rpi-5-b.dtb", "bcm2712-d-rpi-5-b.dtb"]),
])  # fmt: skip
def test_each_board_starts_the_kernel_that_knows_it(
    board: str, kernel: str, trees: list[str], made: dict[str, Path]
) -> None:
    folder = made["boot-a"]
    sections = re.split(r"(?m)^\[(\w+)]\n", (folder / "config.txt").read_text())
    wanted = dict(zip(sections[1::2], sections[2::2], strict=True))[board]
    image = re.findall(r"(?m)^kernel=(.+)$", wanted)[-1]
    disk = re.findall(r"(?m)^initramfs (\S+) followkernel$", wanted)[-1]
    assert (folder / image).read_bytes().decode() == kernel
    ram = kernel.replace("kernel", "RAM disk").encode()
    assert (folder / disk).read_bytes() == ram + b"guard of the root\0\0\0" + b"picture\0", "each at four bytes"
    ending = "-newer" if board == "pi5" else ""
    assert [(folder / name).read_bytes() for name in trees] == [MADE_UP[f"dtb{ending}/{name}"] for name in trees]


def test_every_tree_that_is_shipped_is_one_that_the_build_walks(made: dict[str, Path]) -> None:
    walked = {f"{name}.dtb" for names in boards.BOARDS.values() for name in names}
    assert {path.name for path in made["boot-a"].glob("*.dtb")} == walked - {f"{boards.EMULATED}.dtb"}


@pytest.mark.skipif(shutil.which("fdtoverlay") is None, reason="device-tree-compiler is not installed")
def test_the_overlay_makes_the_first_stepping_s_tree_into_the_later_one(made: dict[str, Path], tmp_path: Path) -> None:
    folder = made["boot-a"]
    command = ["fdtoverlay", "-i", folder / "bcm2712-rpi-5-b.dtb", "-o", tmp_path / "merged", folder / boot.STEPPING]
    subprocess.run(command, check=True)
    merged, later = (boards.parse_tree(p.read_bytes()) for p in (tmp_path / "merged", folder / "bcm2712-d-rpi-5-b.dtb"))
    assert "fragment" not in boards.overlay_between(merged, later)
    assert "fragment" not in boards.overlay_between(later, merged)


def test_a_site_s_own_lines_come_last_and_for_every_board(made: dict[str, Path]) -> None:
    folder = made["boot-a"]
    lines = (folder / "config.txt").read_text("ascii").splitlines()
    assert lines[-2:] == ["[all]", f"include {boot.SITE_CONFIG}"]
    assert all(line.startswith("#") for line in (folder / boot.SITE_CONFIG).read_text("ascii").splitlines())
    assert "usb_max_current_enable=1" in lines[lines.index("[pi5]") :]


def test_the_firmware_s_licence_goes_with_it(made: dict[str, Path]) -> None:
    assert (made["boot-a"] / "LICENCE.broadcom").read_bytes() == b"its licence"


def test_nothing_of_a_board_that_no_station_is(made: dict[str, Path]) -> None:
    names = {path.name for path in made["boot-a"].iterdir()}
    assert {"start4.elf", "fixup4.dat"} <= names
    assert not names & {"start.elf", "bcm2837-rpi-3-b.dtb"}
