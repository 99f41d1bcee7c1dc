"""Partitions of a station's disk, as data: two slots, each a root with its hash tree, and `/data` for what stays.

Rules: a slot is chosen by the kernel line alone, which names its partitions and its root by hash; so an update
changes no identifier of a partition. All identifiers follow from names, never from chance.

A PC's table is a GPT. A Raspberry Pi's is an MBR, since the firmware that Debian packages for the Pi 4 loses its kernel on a GPT:
what the firmware reads is primary, the rest logical, and udev rules give the partitions the names that a GPT would have.

    >>> kernel_line("b", "00ff").split()[0:2]
    ['root=/dev/mapper/root', 'roothash=00ff']
    >>> partition_path("root-b", "arm64")
    '/dev/disk/by-partuuid/d078038c-07'
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
MBR_ID, MBR_PRIMARIES = str(uuid.uuid5(NAMES, "disk arm64"))[:8], 3
"""A Raspberry Pi's disk signature (8 hex digits), and its partitions before the extended one: what the firmware reads."""
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


def partition_path(label: str, architecture: str) -> str:
    """Return the path where Linux finds the partition, in the initial RAM disk too. Raises StopIteration for another label."""
    if architecture == "amd64":
        return f"/dev/disk/by-partlabel/{label}"
    number = next(n for n, part in enumerate(partitions(architecture), 1) if part.label == label)
    return f"/dev/disk/by-partuuid/{MBR_ID}-{number + (number > MBR_PRIMARIES):02x}"  # the extended one is the fourth


def partition_rules() -> str:
    """udev's rules by which a Raspberry Pi's partitions have the names of a PC's."""
    names = ((part.label, partition_path(part.label, "arm64").rpartition("/")[2]) for part in partitions("arm64"))
    return "".join(
        f'ENV{{ID_PART_ENTRY_UUID}}=="{uuid}", SYMLINK+="disk/by-partlabel/{name}"\n' for name, uuid in names
    )


def fstab(text: str, architecture: str) -> str:
    """The table of file systems with the boot folder of that kind of machine."""
    return text.replace("@BOOT@", BOOT[architecture][0].label).replace("@BOOT_FOLDER@", BOOT_FOLDER[architecture])


def identifier(name: str) -> str:
    """The UUID of a thing of the image by its name, the same in every build."""
    return str(uuid.uuid5(NAMES, name))


def offset_of(label: str, architecture: str) -> int:
    """Return where a partition begins, in bytes from the disk's beginning. Raises StopIteration for another label."""
    before = [part.mib for part in partitions(architecture)]
    index = next(index for index, part in enumerate(partitions(architecture)) if part.label == label)
    links = max(0, index + 1 - MBR_PRIMARIES) * (
        architecture == "arm64"
    )  # before each logical one is the link to the next
    return (1 + sum(before[:index]) + links) * MIB


def version_of(epoch: int) -> str:
    """The version of an image made from a commit of that time (Unix seconds): ISO year, week, weekday.

    >>> version_of(1764374400)
    '2025.48.6'
    """
    return ".".join(map(str, datetime.fromtimestamp(epoch, UTC).isocalendar()))


def kernel_line(slot: Slot, roothash: str, architecture: str = "amd64") -> str:
    """Return the command line that the kernel of a slot is started with.

    A block of the root that differs from its hash is given to nobody, and the root guard stops the machine then. A kernel that
    panics starts anew half a minute later, and one that is at fault panics: it could stand still otherwise. There is no shell in
    the initial RAM disk. A USB device is bound when it has been looked at.
    """
    return " ".join(
        (
            "root=/dev/mapper/root",
            f"roothash={roothash}",
            f"systemd.verity_root_data={partition_path(f'root-{slot}', architecture)}",
            f"systemd.verity_root_hash={partition_path(f'verity-{slot}', architecture)}",
            "rootfstype=squashfs",
            "ro",
            "oops=panic",
            "panic=30",
            "rd.shell=0",
            "rd.emergency=reboot",
            "usbcore.authorized_default=0",
            "vt.global_cursor_default=0",
            f"kortkiosk.boot={partition_path(BOOT[architecture][0].label, architecture)}",
            f"rauc.slot={slot.upper()}",
            "quiet",
        )
    )


def genimage_configuration(architecture: str) -> str:
    """The disk for genimage(1): one option a line, each partition at a MiB."""
    mbr = architecture == "arm64"
    disk = f"disk-signature = 0x{MBR_ID}" if mbr else f'disk-uuid = "{identifier(f"disk {architecture}")}"'
    lines = [
        f"image kortkiosk-{architecture}.img {{",
        "  hdimage {",
        f"    partition-table-type = {'mbr' if mbr else 'gpt'}",
        f"    {disk}",
        "    align = 1M",
        "  }",
    ]
    for part in partitions(architecture):
        lines += [f"  partition {part.label} {{", f"    size = {part.mib}M"]
        if mbr:
            lines += [f"    partition-type = {'0x0c' if part.type == BASIC_DATA else '0x83'}"]  # FAT32 by LBA; Linux
        else:
            lines += [f'    partition-type-uuid = "{part.type}"']
            lines += [f'    partition-uuid = "{identifier(f"partition {part.label}")}"']
        lines += [f'    image = "{part.image}"'] if part.image else []
        lines += ["  }"]
    return "\n".join([*lines, "}", ""])
