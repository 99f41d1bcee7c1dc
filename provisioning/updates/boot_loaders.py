"""Boot loaders that start one of two slots: Raspberry Pi's firmware (tryboot) and systemd-boot on EFI.

Both have a default slot in a file of the boot folder, and a one-shot choice that is spent by the next start: whatever ends a
start that was not confirmed (a crash, a watchdog, a power cut), the one after it is of the default slot.

- Raspberry Pi: `autoboot.txt` names the boot partition of each slot; the one-shot choice is the argument of the reboot
  (`0 tryboot`), which systemd takes from `/run` and image/module hands to the firmware. A power cut before the reboot forgets it.
- EFI: `loader/loader.conf` names the unified kernel image; the one-shot choice is the variable `LoaderEntryOneShot`.

The boot folder is FAT: a file is replaced in one step, and what a cut left of such a step is removed with the next one.
"""

import contextlib
import fcntl
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from provisioning import files


class Slot(StrEnum):
    A = "A"
    B = "B"

    @property
    def other(self) -> "Slot":
        return Slot.B if self is Slot.A else Slot.A


class BootLoader(Protocol):
    """Boot loader, as the slots need it."""

    @property
    def folder(self) -> Path:
        """The boot folder."""

    def default_slot(self) -> Slot | None:
        """The slot of a start without a one-shot choice; None where its file says none."""

    def write_default(self, slot: Slot) -> None:
        """Durable when this returns. Raises OSError."""

    def is_armed(self) -> bool:
        """Return whether there is a one-shot choice."""

    def arm(self, slot: Slot) -> None:
        """The next start shall be of that slot, once. Raises OSError."""

    def disarm(self) -> None: ...

    def version(self) -> str:
        """The day on which it was built, as ISO 8601; empty where it does not say so."""

    def problems(self, current: Slot | None) -> tuple[str, ...]:
        """Codes of what is wrong with it. `current`: the slot that runs."""


PARTITIONS = {Slot.A: 2, Slot.B: 3}
"""The boot partitions of a Raspberry Pi's slots; the first partition has `autoboot.txt` alone."""
OLDEST_FIRMWARE = 1_673_458_852
"""Build time (Unix seconds) of the oldest boot loader in the EEPROM that is known to obey tryboot: 11 January 2023."""
UNDERVOLTAGE = 1 << 16
"""Of what the firmware tells by GET_THROTTLED: the supply has been too weak since the power came on."""


@dataclass(frozen=True, slots=True)
class RaspberryPi:
    """Raspberry Pi's own firmware. `firmware`: what it tells of itself in the device tree (big-endian 32-bit numbers)."""

    folder: Path
    reboot_argument: Path = Path("/run/systemd/reboot-param")
    firmware: Path = Path("/proc/device-tree/chosen/bootloader")
    throttled: Path = Path("/sys/module/kortkiosk_pi/parameters/throttled")

    def version(self) -> str:
        built = self._number("build-timestamp")
        return "" if built is None else f"{datetime.fromtimestamp(built, UTC):%Y-%m-%d}"

    def default_slot(self) -> Slot | None:
        return self._slot_in("all")

    def write_default(self, slot: Slot) -> None:
        lines = ["[all]", "tryboot_a_b=1", f"boot_partition={PARTITIONS[slot]}", "[tryboot]"]
        lines.append(f"boot_partition={PARTITIONS[slot.other]}")
        replace_file(self._file, "\n".join([*lines, ""]))

    def is_armed(self) -> bool:
        return "tryboot" in _read(self.reboot_argument)

    def arm(self, slot: Slot) -> None:
        """The firmware tries the slot that is not the default one."""
        if self._slot_in("tryboot") is not slot:
            self.write_default(slot.other)
        self.reboot_argument.parent.mkdir(parents=True, exist_ok=True)
        self.reboot_argument.write_text("0 tryboot")

    def disarm(self) -> None:
        if self.is_armed():
            self.reboot_argument.unlink()

    def problems(self, current: Slot | None) -> tuple[str, ...]:
        problems = []
        if self.firmware.is_dir():
            built = self._number("build-timestamp")
            if self._number("tryboot") is None or (built is not None and built < OLDEST_FIRMWARE):
                problems.append("old_firmware")
            partition = self._number("partition")
            if current is not None and partition not in (None, PARTITIONS[current]):
                problems.append("wrong_partition")
        if self.default_slot() is None or self._slot_in("tryboot") is None:
            problems.append("no_boot_file")
        if re.fullmatch(r"0x[0-9a-f]+", seen := _read(self.throttled).strip()) and int(seen, 16) & UNDERVOLTAGE:
            problems.append("undervoltage")
        return tuple(problems)

    @property
    def _file(self) -> Path:
        return self.folder / "autoboot.txt"

    def _slot_in(self, section: str) -> Slot | None:
        reading = "all"
        partition = None
        for line in _read(self._file).splitlines():
            if head := re.fullmatch(r"\s*\[(\w+)]\s*", line):
                reading = head[1]
            elif reading == section and (match := re.fullmatch(r"\s*boot_partition=(\d+)\s*", line)):
                partition = int(match[1])
        return next((slot for slot, number in PARTITIONS.items() if number == partition), None)

    def _number(self, name: str) -> int | None:
        try:
            return int(struct.unpack(">I", (self.firmware / name).read_bytes())[0])
        except (OSError, struct.error):
            return None


IMAGES = {Slot.A: "kortkiosk-a.efi", Slot.B: "kortkiosk-b.efi"}
"""The slots' unified kernel images, in `EFI/Linux` of the EFI system partition."""
_VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
"""The variables of the Boot Loader Interface, as systemd's specification says."""
_ATTRIBUTES = struct.pack("<I", 7)
"""Not volatile, for boot services and the running system (UEFI 2.10, section 8.2)."""
_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10


@dataclass(frozen=True, slots=True)
class SystemdBoot:
    """systemd-boot. `variables`: where the kernel shows the firmware's variables."""

    folder: Path
    variables: Path = Path("/sys/firmware/efi/efivars")

    def version(self) -> str:
        return ""

    def default_slot(self) -> Slot | None:
        defaults = re.findall(r"^default\s+(\S+)\s*$", _read(self._file), re.MULTILINE)
        return next((slot for slot, image in IMAGES.items() if defaults and defaults[-1] == image), None)

    def write_default(self, slot: Slot) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self._file, loader_conf(slot))

    def is_armed(self) -> bool:
        return self._one_shot.exists()

    def arm(self, slot: Slot) -> None:
        self.disarm()
        with self._one_shot.open("wb", buffering=0) as file:  # the variable is set by a single write
            file.write(_ATTRIBUTES + f"{IMAGES[slot]}\0".encode("utf-16-le"))

    def disarm(self) -> None:
        if self.is_armed():
            _make_mutable(self._one_shot)
            self._one_shot.unlink()

    def problems(self, current: Slot | None) -> tuple[str, ...]:
        problems = []
        if not self.variables.is_dir():
            problems.append("no_variables")
        if (self.variables / f"LoaderEntryDefault-{_VENDOR}").exists():
            problems.append("default_overridden")  # this variable wins over loader.conf
        if self.default_slot() is None:
            problems.append("no_boot_file")
        return tuple(problems)

    @property
    def _file(self) -> Path:
        return self.folder / "loader" / "loader.conf"

    @property
    def _one_shot(self) -> Path:
        return self.variables / f"LoaderEntryOneShot-{_VENDOR}"


def loader_conf(slot: Slot) -> str:
    """The settings of systemd-boot. Without a menu: one that a key opened would wait for another. Where keys of Secure Boot lie
    beside it they are enrolled in a firmware that takes any, with no key pressed."""
    return f"timeout menu-disabled\neditor no\nauto-firmware no\nsecure-boot-enroll force\ndefault {IMAGES[slot]}\n"


def boot_loader(efi: Path = Path("/efi"), pi: Path = Path("/boot/firmware")) -> BootLoader:
    """Return the boot loader of this machine. Raises OSError where there is none."""
    if (efi / "loader").is_dir():
        return SystemdBoot(efi)
    if (pi / "autoboot.txt").is_file():
        return RaspberryPi(pi)
    raise FileNotFoundError(f"neither {efi}/loader nor {pi}/autoboot.txt is there: no boot loader of ours")


def replace_file(path: Path, text: str) -> None:
    """Replace a file of the boot folder in one step. Raises OSError."""
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)
    files.write_file(path, text.encode(), files.PUBLIC)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _make_mutable(path: Path) -> None:
    """Take the flag away that the kernel guards firmware variables with, where there is one."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        flags = struct.unpack("<l", fcntl.ioctl(file, _GET_FLAGS, bytes(4)))[0]
        fcntl.ioctl(file, _SET_FLAGS, struct.pack("<l", flags & ~_IMMUTABLE))
