"""Emulated machines that start a Raspberry Pi's disk (QEMU, without hardware help): a Raspberry Pi 3, and a machine of no make.

Neither runs the firmware of a Raspberry Pi: in its place the emulator takes kernel, initial RAM disk and kernel line from the
boot partition of the slot that autoboot.txt names. The Pi 3 has an SD card, a watchdog and USB of its own, and no screen, so its
station stays out; the other one (`virt`) has a screen and a panel. What a test asks for comes with the kernel line.
"""

import base64
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from image import layout
from provisioning.updates.boot_loaders import RaspberryPi, Slot
from tests.fakes.emulated_pc.machine import HEIGHT, KERNEL_LINE, PATIENCE, SHELL_UNIT, WIDTH, EmulatedPc

Board = Literal["raspi3b", "virt"]
ARCHITECTURE = "arm64"
CARD_BYTES = 4 << 30
"""The emulator takes an SD card whose size is a power of two."""
SHELL_LINES = {"raspi3b": "ttyS1", "virt": "ttyAMA1"}
"""The serial line of the shell. On the Pi 3 it is the console too: the other line is Bluetooth's."""
CONSOLES = {
    "raspi3b": "console=ttyS1,115200 systemd.mask=kortkiosk-station.service",
    "virt": "console=ttyAMA0 loglevel=6 systemd.journald.forward_to_console=1",
}


def read_partition(disk: Path, label: str, folder: Path) -> Path:
    """All files of a FAT partition of the disk, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    place = f"{disk}@@{layout.offset_of(label, ARCHITECTURE)}"
    subprocess.run(
        ["mcopy", "-s", "-n", "-i", place, "::*", folder], check=True, env={**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    )
    return folder


class EmulatedArm(EmulatedPc):
    """One machine from power on to power off. `tree`: the device tree of the Pi 3, which is on no boot partition.

    `newer`: the kernel of the Pi 5 instead of the Pi 4's. `words`: more of the kernel line.
    """

    def __init__(
        self,
        board: Board,
        disk: Path,
        folder: Path,
        *,
        tree: Path | None = None,
        newer: bool = False,
        words: str = "",
        extra: Sequence[str] = (),
    ) -> None:
        self._board: Board = board
        self._tree = tree
        self._words = words
        self._ending = "-newer" if newer else ""
        super().__init__(disk, folder, extra=extra, looks=False)

    def _command(self, disk: Path, memory_mib: int) -> list[str]:
        autoboot = read_partition(disk, "boot", self.folder / "boot")
        slot = RaspberryPi(autoboot).default_slot() or Slot.A
        boot = read_partition(disk, f"boot-{slot.lower()}", self.folder / f"boot-{slot.lower()}")
        sockets = [word for name in ("console", "shell", "card") for word in ("-chardev", self._socket(name))]
        command = [
            "qemu-system-aarch64", "-S", "-accel", "tcg,thread=multi", "-display", "none", "-no-reboot", "-M", self._board,
            "-m", str(memory_mib), "-kernel", str(boot / f"vmlinuz{self._ending}"),
            "-initrd", str(boot / f"initrd{self._ending}"), "-append", self._kernel_line(boot / "cmdline.txt"), *sockets,
            "-serial", "chardev:console", "-serial", "chardev:shell", "-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off",
        ]  # fmt: skip
        reader = ["-device", "usb-ccid,id=ccid", "-device", "ccid-card-passthru,chardev=card,bus=ccid.0"]
        if self._board == "raspi3b":
            return [*command, "-dtb", str(self._tree), "-drive", f"if=sd,format=raw,file={disk}", *reader]
        return [
            *command, "-cpu", "cortex-a72", "-smp", "2", "-nodefaults",
            "-drive", f"if=none,id=disk,format=raw,file={disk}", "-device", "virtio-blk-pci,drive=disk",
            "-device", f"virtio-gpu-pci,xres={WIDTH},yres={HEIGHT}", "-device", "virtio-multitouch-pci",
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net",
            "-device", "qemu-xhci", *reader, "-device", "virtio-rng-pci",
        ]  # fmt: skip

    def _kernel_line(self, own: Path) -> str:
        units = {
            "extra-unit.test-shell.service": SHELL_UNIT.replace("ttyS1", SHELL_LINES[self._board]),
            "unit-dropin.kortkiosk-station.service": PATIENCE,
        }
        return " ".join((
            own.read_text("ascii").strip(), CONSOLES[self._board], self._words, "systemd.wants=test-shell.service",
            *(word for word in KERNEL_LINE.split() if word.startswith("systemd.default_")),
            *(f"systemd.set_credential_binary=systemd.{name}:{base64.b64encode(unit.encode()).decode()}"
              for name, unit in units.items()),
        ))  # fmt: skip
