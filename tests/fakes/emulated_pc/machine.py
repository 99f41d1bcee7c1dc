"""An emulated PC (QEMU, without hardware help) that starts a disk of ours under UEFI.

Nothing of the disk is changed for a test: what a test wants to hear or ask comes with the machine. Its firmware tables
add to the kernel line and bring a unit (systemd takes both from them while Secure Boot is off): the journal goes to the first
serial line, a shell waits on the second. Fingers are a multi-touch device's, cards come over the USB CCID reader.
"""

import base64
import contextlib
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from sim.reader.vscard import EmulatedReader
from tests.fakes.emulated_pc.qmp import Qmp
from tests.fakes.emulated_pc.screen import wait_for_main_button, wait_for_phrase
from tests.fakes.emulated_pc.serial_line import RootShell, SerialLine

FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
WIDTH, HEIGHT = 800, 480
"""The smallest panel that a station may have: all is drawn by the processor, which is emulated too."""
PAD_LEFT, PAD_TOP, PAD_STEP_X, PAD_STEP_Y = 545, 118, 95, 94
"""Where the pad's keys are on that panel, in pixels: a text reader is not sure of single digits."""
PAD_KEYS = {"0": (1, 3), **{str(digit): ((digit - 1) % 3, (digit - 1) // 3) for digit in range(1, 10)}}
TOUCH_RANGE = 32767
KERNEL_LINE = (
    "console=tty0 console=ttyS0 loglevel=6 systemd.journald.forward_to_console=1 systemd.wants=test-shell.service "
    "systemd.default_device_timeout_sec=1200 systemd.default_timeout_start_sec=1200"
)
SHELL_UNIT = """
[Unit]
DefaultDependencies=no
IgnoreOnIsolate=yes

[Service]
Environment=TERM=dumb PATH=/usr/sbin:/usr/bin
ExecStart=/usr/bin/bash --norc
Restart=always
RestartSec=0
StandardInput=tty
TTYPath=/dev/ttyS1
TTYReset=yes
TTYVHangup=yes
KillMode=process
IgnoreSIGPIPE=no
SendSIGHUP=yes
"""
"""A root shell on the second serial line. The image has none: it comes as a credential of the machine."""
PATIENCE = """
[Service]
TimeoutStartSec=infinity
WatchdogSec=30min
"""
"""Of the station's unit: a picture takes minutes where the processor is emulated, draws too, and is shared with others."""
BOOT_S = 1500
"""Limit of a start: a machine that eight others share takes many times what it takes alone."""


class EmulatedPc:
    """One machine from power on to power off. `folder`: its sockets, logs and pictures."""

    def __init__(self, disk: Path, folder: Path, *, extra: Sequence[str] = (), memory_mib: int = 1024) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._pictures = 0
        self._shift = 0
        self._log = (folder / "qemu.log").open("wb")
        command = [*self._command(disk, memory_mib), *extra]
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL)
        self._wait_for_socket("qmp")
        self.qmp = Qmp(folder / "qmp")
        self.console = SerialLine(folder / "console", folder / "console.log")
        self._shell_line = SerialLine(folder / "shell", folder / "shell.log")
        self.shell = RootShell(self._shell_line)
        self.reader = EmulatedReader(folder / "card")
        self.qmp.command("cont")

    def shoot(self, name: str = "") -> Path:
        """A picture of the screen."""
        self._pictures += 1
        path = self.folder / f"{name or f'screen-{self._pictures:03}'}.png"
        self.qmp.command("screendump", filename=str(path), format="png")
        return path

    def wait_for(self, phrase: str, limit_s: float = 600) -> tuple[int, int]:
        """Where a phrase stands, as soon as it does. Raises NotShownError."""
        return wait_for_phrase(lambda: self.shoot("screen"), phrase, limit_s)[1]

    def tap(self, place: tuple[int, int]) -> None:
        """A finger for half a second. The kernel drops a position that did not change: each tap is moved a pixel."""
        self._shift ^= 1
        x = (place[0] + self._shift) * TOUCH_RANGE // WIDTH
        y = place[1] * TOUCH_RANGE // HEIGHT
        self._input(_finger("begin"), _finger("data", "x", x), _finger("data", "y", y), _button(down=True))
        time.sleep(0.5)
        self._input(_finger("end"), _button(down=False))
        time.sleep(1.5)

    def tap_phrase(self, phrase: str, limit_s: float = 600) -> None:
        """Raises NotShownError."""
        self.tap(self.wait_for(phrase, limit_s))

    def tap_main_button(self, limit_s: float = 600) -> None:
        """Raises NotShownError."""
        self.tap(wait_for_main_button(lambda: self.shoot("screen"), limit_s))

    def type_digits(self, digits: str) -> None:
        """Type on the pad of the screen, key by key."""
        for digit in digits:
            column, row = PAD_KEYS[digit]
            self.tap((PAD_LEFT + column * PAD_STEP_X, PAD_TOP + row * PAD_STEP_Y))

    def cut_power(self) -> None:
        """End it at once, as without current."""
        with contextlib.suppress(Exception):
            self.qmp.command("quit")
        self.process.wait(60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.close()
        self.qmp.close()
        self.console.close()
        self._shell_line.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _command(self, disk: Path, memory_mib: int) -> list[str]:
        variables = self.folder / "variables.fd"
        if not variables.exists():
            shutil.copy(VARIABLES, variables)
        line = KERNEL_LINE.replace(",", ",,")
        shell, patience = (base64.b64encode(unit.encode()).decode() for unit in (SHELL_UNIT, PATIENCE))
        sockets = [word for name in ("console", "shell", "card") for word in ("-chardev", self._socket(name))]
        return [
            "qemu-system-x86_64", "-S", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
            "-m", str(memory_mib), "-nodefaults", "-display", "none", "-no-reboot",
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE}",
            "-drive", f"if=pflash,format=raw,unit=1,file={variables}",
            "-drive", f"if=none,id=disk,format=raw,file={disk}", "-device", "virtio-blk-pci,drive=disk,bootindex=0",
            "-smbios", f"type=11,value=io.systemd.stub.kernel-cmdline-extra={line}",
            "-smbios", f"type=11,value=io.systemd.credential.binary:systemd.extra-unit.test-shell.service={shell}",
            "-smbios", f"type=11,value=io.systemd.credential.binary:systemd.unit-dropin.kortkiosk-station.service={patience}",
            "-device", f"virtio-gpu-pci,xres={WIDTH},yres={HEIGHT}", "-device", "virtio-multitouch-pci",
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net",
            *sockets, "-serial", "chardev:console", "-serial", "chardev:shell",
            "-device", "qemu-xhci,id=usb", "-device", "usb-ccid,id=ccid,bus=usb.0",
            "-device", "ccid-card-passthru,chardev=card,bus=ccid.0",
            "-device", "virtio-rng-pci", "-device", "i6300esb",
            "-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off",
        ]  # fmt: skip

    def _socket(self, name: str) -> str:
        return f"socket,id={name},path={self.folder / name},server=on,wait=off"

    def _wait_for_socket(self, name: str) -> None:
        end = time.monotonic() + 60
        while not (self.folder / name).is_socket():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self.folder / "qemu.log").read_text("utf-8", "replace"))
            time.sleep(0.05)

    def _input(self, *events: dict[str, object]) -> None:
        self.qmp.command("input-send-event", events=list(events))


def _finger(kind: str, axis: str = "x", value: int = 0) -> dict[str, object]:
    number = -1 if kind == "end" else 1  # QEMU hands it on as it is; the kernel takes a finger away at -1
    return {"type": "mtt", "data": {"type": kind, "slot": 0, "tracking-id": number, "axis": axis, "value": value}}


def _button(*, down: bool) -> dict[str, object]:
    return {"type": "btn", "data": {"button": "touch", "down": down}}
