"""A Raspberry Pi's disk, started in emulated machines: `make image-test ARCH=arm64` (many minutes; not part of `make test`).

Kernel, initial RAM disk, kernel line and all partitions are those of the disk. What they are started by is not: no emulator runs
a Raspberry Pi's firmware, and none that runs Debian's kernel is a Raspberry Pi 4 or 5. Pictures are kept in `build/image/test`.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from image import boards, boot, guard, layout
from provisioning.updates.boot_loaders import RaspberryPi, Slot
from provisioning.updates.slots import STARTS_FILE, STATE_FILE
from tests.fakes.emulated_pc.arm import ARCHITECTURE, CARD_BYTES, EmulatedArm, read_partition
from tests.fakes.emulated_pc.disks import BUILT, STATION_TOML, built_disk, copy_of_disk, flip, fresh_folder
from tests.fakes.emulated_pc.machine import BOOT_S

STEPS = BUILT / ARCHITECTURE / "steps"
TREE = STEPS / "root/dtb/bcm2837-rpi-3-b.dtb"
KERNEL_MAGIC = b"ARM\x64"
"""At byte 56 of a kernel for this processor that is not packed: the firmware unpacks gzip alone."""
DEVICE_TREE_MAGIC = b"\xd0\x0d\xfe\xed"
KERNELS = ("", "-newer")
"""The endings of the kernels' files."""
SUPPLIES = """
/dts-v1/;
/plugin/;
/ {
    fragment@0 { target-path = "/"; __overlay__ {
        card: regulator-card { compatible = "regulator-fixed"; regulator-name = "card"; enable-active-high; gpio = <&gpio 6 0>;
            regulator-min-microvolt = <3300000>; regulator-max-microvolt = <3300000>; };
        lines: regulator-lines { compatible = "regulator-gpio"; regulator-name = "lines"; gpios = <&gpio 5 0>;
            regulator-min-microvolt = <1800000>; regulator-max-microvolt = <3300000>; states = <1800000 1>, <3300000 0>; };
    }; };
    fragment@1 { target = <&sdhost>; __overlay__ { vmmc-supply = <&card>; vqmmc-supply = <&lines>; }; };
    fragment@2 { target = <&sdhci>; __overlay__ { vmmc-supply = <&card>; vqmmc-supply = <&lines>; }; };
};
"""
"""What a Pi 4 has and a Pi 3 has not: the card and its lines are fed by regulators, whose drivers are modules."""

AT_REST = "loglevel=4 systemd.show_status=1 systemd.watchdog_sec=0"
"""The emulated watchdog has a test of its own."""

pytestmark = [pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def pi3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedArm]:
    """A Pi 3 that starts the disk as it is flashed, once its system has come up. Its watchdog has a test of its own."""
    card = copy_of_disk(tmp_path_factory.mktemp("card"), architecture=ARCHITECTURE, size=CARD_BYTES)
    folder = tmp_path_factory.mktemp("tree")
    subprocess.run(["dtc", "-q", "-O", "dtb", "-o", folder / "supplies"], input=SUPPLIES, text=True, check=True)
    subprocess.run(["fdtoverlay", "-i", TREE, "-o", folder / "tree", folder / "supplies"], check=True)
    logged = ["-d", "guest_errors,unimp"]
    with EmulatedArm(
        "raspi3b", card, fresh_folder("pi3"), tree=folder / "tree", words=AT_REST, extra=logged
    ) as machine:
        machine.shell.wait_until_there(BOOT_S)
        machine.shell.run("until systemctl --quiet is-active multi-user.target; do sleep 2; done", BOOT_S)
        yield machine


@pytest.mark.parametrize("slot", layout.SLOTS)
def test_each_boot_partition_has_what_both_boards_start_from(slot: layout.Slot, tmp_path: Path) -> None:
    folder = read_partition(built_disk(ARCHITECTURE), f"boot-{slot}", tmp_path)
    roothash = (BUILT / ARCHITECTURE / "roothash").read_text("ascii").strip()
    assert (folder / "start4.elf").read_bytes()[:4] == b"\x7fELF"
    assert (folder / "cmdline.txt").read_text("ascii") == layout.kernel_line(slot, roothash, ARCHITECTURE) + "\n"
    trees = list(folder.glob("*.dtb"))
    assert {tree.name for tree in trees} == boards.shipped_trees(STEPS / "root").keys()
    assert {tree.read_bytes()[:4] for tree in [*trees, folder / boot.STEPPING]} == {DEVICE_TREE_MAGIC}
    for ending in KERNELS:
        assert (folder / f"vmlinuz{ending}").read_bytes()[56:60] == KERNEL_MAGIC
        version = (STEPS / f"root/kernel-version{ending}").read_text("ascii").strip()
        assert version.encode() in (folder / f"vmlinuz{ending}").read_bytes(), "the kernel that the modules are for"


@pytest.mark.parametrize("ending", KERNELS)
def test_an_initial_ram_disk_brings_modules_guard_and_picture(ending: str, tmp_path: Path) -> None:
    folder = read_partition(built_disk(ARCHITECTURE), "boot-a", tmp_path)
    version = (STEPS / f"root/kernel-version{ending}").read_text("ascii").strip()
    content = (folder / f"initrd{ending}").read_bytes()
    end = (STEPS / f"root/initrd{ending}").stat().st_size
    unpacked = subprocess.run(
        ["zstd", "--decompress", "--stdout"], input=content[:end], capture_output=True, check=True
    )
    listed = subprocess.run(["cpio", "--quiet", "--list"], input=unpacked.stdout, capture_output=True, check=True)
    names = listed.stdout.decode().splitlines()
    assert any(name.endswith(f"modules/{version}/modules.dep") for name in names)
    assert any(re.search(r"/systemd-veritysetup$", name) for name in names)
    assert guard.PROGRAM.encode() in content[end:]
    assert (STEPS / "splash/splash.cpio").read_bytes() in content[end:]


def test_the_boot_folder_names_both_slots(tmp_path: Path) -> None:
    folder = read_partition(built_disk(ARCHITECTURE), "boot", tmp_path)
    firmware = RaspberryPi(folder, firmware=tmp_path / "none")
    assert firmware.problems(Slot.A) == ()
    assert firmware.default_slot() is Slot.A


def test_the_newer_kernel_alone_knows_the_pi_5() -> None:
    older, newer = ((STEPS / f"root/modules{ending}").read_text("utf-8") for ending in KERNELS)
    assert not re.search(r"/rp1[_-]pci\.ko", older)
    assert re.search(r"/rp1[_-]pci\.ko", newer)


def test_a_pi_reaches_its_system_from_every_partition(pi3: EmulatedArm) -> None:
    assert "verified" in pi3.shell.run("veritysetup status root").split()
    assert pi3.shell.run("findmnt -no FSTYPE /") == "squashfs"
    labels = pi3.shell.run("ls -x -w 999 /dev/disk/by-partlabel").split()
    assert set(labels) == {part.label for part in layout.partitions(ARCHITECTURE)}
    assert pi3.shell.run("cat /sys/firmware/devicetree/base/model | tr -d '\\0'") == "Raspberry Pi 3 Model B"


def test_a_pi_s_card_waits_for_its_supplies_and_comes(pi3: EmulatedArm) -> None:
    names = pi3.shell.run("cat /sys/class/regulator/*/name").split()
    assert {"card", "lines"} <= set(names)
    assert "3f202000.mmc" not in pi3.shell.run("cat /sys/kernel/debug/devices_deferred"), (
        "the Wi-Fi's host is, in the emulator"
    )


def test_a_pi_s_data_is_encrypted_and_has_the_rest_of_the_card(pi3: EmulatedArm) -> None:
    assert pi3.shell.run("cat /run/kortkiosk-data-kept") == "file", "it has no TPM"
    assert pi3.shell.run("ls /boot/firmware/kortkiosk") == "data.key"
    pi3.shell.run("systemctl is-system-running --wait", BOOT_S)
    mib = int(pi3.shell.run("df --output=size --block-size=1M /data | tail -1"))
    assert mib > layout.DATA_MIB * 4


def test_a_pi_names_the_reader_on_its_usb(pi3: EmulatedArm) -> None:
    """As soon as it is there: the emulated USB drops its hub at times, and what hangs on it comes anew."""
    said = pi3.shell.run("until /opt/kortkiosk/bin/kortkiosk card list | grep CCID; do sleep 5; done", BOOT_S)
    print(said)
    assert "CCID" in said


def test_a_pi_s_outputs_read_back_as_the_station_s_user_drives_them(pi3: EmulatedArm) -> None:
    """Nobody moves a contact there: inputs are read, and not shown."""
    test = "runuser -u kortkiosk -- /opt/kortkiosk/bin/kortkiosk devices test --json --config /run/pins/station.toml"
    pi3.shell.run("install -d -o kortkiosk /run/pins; printf '[pins]\\nkind = \"pi\"\\n' >/run/pins/station.toml")
    said = pi3.shell.run(f"{test} | grep devices", BOOT_S)
    (pins,) = json.loads(said)["devices"]
    assert (pins["kind"], pins["ok"]) == ("gpio", True), pins
    assert pi3.shell.run("find /dev/gpiochip* -group kortkiosk | wc -l") == "1", "the header's chip alone"


def test_a_pi_s_own_watchdog_is_armed(tmp_path: Path) -> None:
    """The emulated one counts no time: it resets the machine as soon as it is armed."""
    card = copy_of_disk(tmp_path, architecture=ARCHITECTURE, size=CARD_BYTES)
    folder = fresh_folder("pi3-watchdog")
    with EmulatedArm("raspi3b", card, folder, tree=TREE, words="loglevel=6", extra=["-d", "unimp"]) as machine:
        machine.process.wait(BOOT_S)
    assert "bcm2835_powermgt_write: WDOG" in (folder / "qemu.log").read_text("utf-8", "replace")
    console = (folder / "shell.log").read_text("utf-8", "replace")
    assert "reboot: " not in console, "nothing else has asked for a reset"
    assert "systemd-shutdown" not in console


def test_a_pi_reads_its_slot_from_the_boot_folder(pi3: EmulatedArm) -> None:
    notes = json.loads(pi3.shell.run("cat /run/kortkiosk-slots.json"))
    assert (notes["start"], notes["current"], notes["problems"]) == ("usual", "A", [])
    assert pi3.shell.run("/opt/kortkiosk/bin/kortkiosk-slots get-primary") == "A"


def test_the_guard_watches_and_nothing_of_a_pi_failed(pi3: EmulatedArm) -> None:
    assert pi3.shell.run("systemctl is-active kortkiosk-guard") == "active"
    assert pi3.shell.run("systemctl --failed --no-legend --plain") == ""


def test_a_pi_s_firmware_is_asked_for_its_supply_and_for_the_other_slot(pi3: EmulatedArm) -> None:
    """The last test of this machine. The emulated firmware logs each tag that it does not know."""
    assert pi3.shell.run("cat /sys/module/kortkiosk_pi/parameters/throttled") == "0x0"
    pi3.shell.run("echo '0 tryboot' >/run/systemd/reboot-param; (sleep 2; systemctl --force --force reboot) & true")
    pi3.process.wait(BOOT_S)
    tags = re.findall(
        r"unhandled tag (0x000380\w+|0x00030048)", (pi3.folder / "qemu.log").read_text("utf-8", "replace")
    )
    assert tags[-2:] == ["0x00038064", "0x00030048"], "before it is told of the restart"


def test_a_pi_whose_default_slot_is_damaged_goes_over_to_the_other_one(tmp_path: Path) -> None:
    card = copy_of_disk(tmp_path, architecture=ARCHITECTURE, size=CARD_BYTES)
    for kind, mib in (("root", layout.ROOT_MIB), ("verity", layout.VERITY_MIB)):
        source, target = (layout.offset_of(f"{kind}-{slot}", ARCHITECTURE) // layout.MIB for slot in layout.SLOTS)
        subprocess.run(["dd", f"if={card}", f"of={card}", "bs=1M", f"skip={source}", f"seek={target}", f"count={mib}",
                        "conv=notrunc,sparse", "status=none"], check=True)  # fmt: skip
    flip(card, layout.offset_of("root-a", ARCHITECTURE))
    place = f"{card}@@{layout.offset_of('boot', ARCHITECTURE)}"
    for name, text in {STATE_FILE: '{"trial": null, "started": false, "bad": []}', STARTS_FILE: "A 2 "}.items():
        subprocess.run(["mcopy", "-o", "-i", place, "-", f"::{name}"], input=text, text=True, check=True,
                       env={**os.environ, "MTOOLS_SKIP_CHECK": "1"})  # fmt: skip
    for start, default in enumerate(
        (Slot.A, Slot.B)
    ):  # the third one fails; the fourth gives way in the initial RAM disk
        with EmulatedArm("raspi3b", card, fresh_folder(f"pi3-damaged-{start}"), tree=TREE, words=AT_REST) as machine:
            machine.process.wait(BOOT_S)
        assert RaspberryPi(read_partition(card, "boot", tmp_path / f"boot{start}")).default_slot() is default
    with EmulatedArm("raspi3b", card, fresh_folder("pi3-damaged-b"), tree=TREE, words=AT_REST) as machine:
        machine.shell.wait_until_there(BOOT_S)
        machine.shell.run("until [ -e /run/kortkiosk-slots.json ]; do sleep 2; done", BOOT_S)
        notes = json.loads(machine.shell.run("cat /run/kortkiosk-slots.json"))
        assert (notes["start"], notes["current"], notes["problems"]) == ("usual", "B", ["gave_way"])
        assert "verified" in machine.shell.run("veritysetup status root").split()


@pytest.mark.parametrize("newer", [False, True], ids=["kernel of the Pi 4", "kernel of the Pi 5"])
def test_a_picture_stands_from_the_start_and_then_the_station(newer: bool, tmp_path: Path) -> None:
    disk = copy_of_disk(tmp_path, STATION_TOML, ARCHITECTURE)
    with EmulatedArm("virt", disk, fresh_folder("virt-newer" if newer else "virt"), newer=newer) as machine:
        machine.wait_for("Startar", BOOT_S)
        machine.shoot("splash")
        machine.wait_for("Vad vill du", BOOT_S)
        machine.shoot("first-screen")
        machine.shell.wait_until_there(BOOT_S)
        assert machine.shell.run("systemctl --failed --no-legend --plain") == ""
        assert "verified" in machine.shell.run("veritysetup status root").split()
