"""Partitions of a station's disk, as data: two slots, each a root with its hash tree, and `/data` for what stays.

Rules: a slot is chosen by the kernel line alone, which names its partitions by label and its root by hash; so an update
changes no identifier of a partition. All identifiers follow from names, never from chance.

    >>> kernel_line("b", "00ff").split()[0:2]
    ['root=/dev/mapper/root', 'roothash=00ff']
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Slot = Literal["a", "b"]
SLOTS: tuple[Slot, Slot] = ("a", "b")

# UEFI specification 5.3.3; the types of root and /data are those of the Discoverable Partitions Specification.
ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BASIC_DATA = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"  # a FAT partition that is no EFI system partition
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"
NAMES = uuid.UUID("6b6f7274-6b69-5f73-8b00-000000000000")  # "kortki_s": the namespace of our identifiers

MIB = 1 << 20
ESP_MIB, ROOT_MIB, VERITY_MIB, DATA_MIB = 384, 1024, 16, 128
BOOT_MIB, BOOT_SLOT_MIB = 64, 384


@dataclass(frozen=True)
class RootTypes:
    """The partition types of a root and of its hash tree, on one kind of machine."""

    root: str
    verity: str


ROOT_TYPES = {
    "amd64": RootTypes("4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"),
    "arm64": RootTypes("b921b045-1df0-41c3-af44-4c6f280d3fae", "df3300ce-d69f-4c92-978c-9bfb0f38d820"),
}


@dataclass(frozen=True)
class Partition:
    """One partition: its label, type, size in MiB and the file that fills it (none: empty)."""

    label: str
    type: str
    mib: int
    image: str | None = None


BOOT = {
    "amd64": (Partition("esp", ESP, ESP_MIB, "esp.vfat"),),
    "arm64": (
        Partition("boot", BASIC_DATA, BOOT_MIB, "boot.vfat"),
        Partition("boot-a", BASIC_DATA, BOOT_SLOT_MIB, "boot-a.vfat"),
        Partition("boot-b", BASIC_DATA, BOOT_SLOT_MIB, "boot-b.vfat"),
    ),
}
"""What the firmware reads. The first partition is the boot folder, which no update writes anew."""
BOOT_FOLDER = {"amd64": "/efi", "arm64": "/boot/firmware"}


def partitions(architecture: str) -> tuple[Partition, ...]:
    """The disk as it is flashed: slot A filled, slot B empty, `/data` last so that it can grow."""
    types = ROOT_TYPES[architecture]
    return (
        *BOOT[architecture],
        Partition("root-a", types.root, ROOT_MIB, "root.squashfs"),
        Partition("verity-a", types.verity, VERITY_MIB, "root.verity"),
        Partition("root-b", types.root, ROOT_MIB),
        Partition("verity-b", types.verity, VERITY_MIB),
        Partition("data", LINUX, DATA_MIB, "data.ext4"),
    )


def install_definitions(architecture: str) -> dict[str, str]:
    """The same disk for systemd-repart, by name of the file: as an installer writes it, filled from the disk that runs."""
    files = {}
    for number, part in enumerate(partitions(architecture), 1):
        lines = ["[Partition]", f"Type={part.type}", f"Label={part.label}", f"SizeMinBytes={part.mib}M"]
        if part.label != "data":
            lines += [f"SizeMaxBytes={part.mib}M", f"CopyBlocks=/dev/disk/by-partlabel/{part.label}"]
        files[f"{number}-{part.label}.conf"] = "\n".join([*lines, ""])
    return files


def fstab(text: str, architecture: str) -> str:
    """The table of file systems with the boot folder of that kind of machine."""
    return text.replace("@BOOT@", BOOT[architecture][0].label).replace("@BOOT_FOLDER@", BOOT_FOLDER[architecture])


def identifier(name: str) -> str:
    """The UUID of a thing of the image by its name, the same in every build."""
    return str(uuid.uuid5(NAMES, name))


def offset_of(label: str, architecture: str) -> int:
    """Where a partition begins, in bytes from the disk's beginning. Raises StopIteration for another label."""
    before = [part.mib for part in partitions(architecture)]
    index = next(index for index, part in enumerate(partitions(architecture)) if part.label == label)
    return (1 + sum(before[:index])) * MIB


def version_of(epoch: int) -> str:
    """The version of an image made from a commit of that time (Unix seconds): ISO year, week, weekday.

    >>> version_of(1764374400)
    '2025.48.6'
    """
    return ".".join(map(str, datetime.fromtimestamp(epoch, UTC).isocalendar()))


def kernel_line(slot: Slot, roothash: str) -> str:
    """What the kernel of a slot is started with.

    A block of the root that differs from its hash is given to nobody, and the root guard stops the machine then. A kernel that
    panics starts anew half a minute later, and one that is at fault panics: it could stand still otherwise. There is no shell in
    the initial RAM disk. A USB device is bound when it has been looked at.
    """
    return " ".join(
        (
            "root=/dev/mapper/root",
            f"roothash={roothash}",
            f"systemd.verity_root_data=/dev/disk/by-partlabel/root-{slot}",
            f"systemd.verity_root_hash=/dev/disk/by-partlabel/verity-{slot}",
            "rootfstype=squashfs",
            "ro",
            "oops=panic",
            "panic=30",
            "rd.shell=0",
            "rd.emergency=reboot",
            "usbcore.authorized_default=0",
            "vt.global_cursor_default=0",
            f"rauc.slot={slot.upper()}",
            "quiet",
        )
    )


def genimage_configuration(architecture: str) -> str:
    """The disk for genimage(1): one option a line, each partition at a MiB."""
    lines = [
        f"image kortkiosk-{architecture}.img {{",
        "  hdimage {",
        "    partition-table-type = gpt",
        f'    disk-uuid = "{identifier(f"disk {architecture}")}"',
        "    align = 1M",
        "  }",
    ]
    for part in partitions(architecture):
        lines += [f"  partition {part.label} {{", f'    partition-type-uuid = "{part.type}"']
        lines += [f'    partition-uuid = "{identifier(f"partition {part.label}")}"', f"    size = {part.mib}M"]
        lines += [f'    image = "{part.image}"'] if part.image else []
        lines += ["  }"]
    return "\n".join([*lines, "}", ""])
