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
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self

from sim.reader.vscard import EmulatedReader
from tests.fakes.emulated_pc.keyboards import Keyboard
from tests.fakes.emulated_pc.qmp import Qmp
from tests.fakes.emulated_pc.screen import (
    NotShownError,
    find_main_button,
    find_phrase,
    read_words,
    wait_for_main_button,
    wait_for_phrase,
)
from tests.fakes.emulated_pc.serial_line import RootShell, SerialLine

FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
SECURE_FIRMWARE = FIRMWARE.with_name("OVMF_CODE_4M.secboot.fd")
"""With Secure Boot, in setup mode as long as its variables have no keys."""
VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
WIDTH, HEIGHT = 800, 480
"""The smallest panel that a station may have: all is drawn by the processor, which is emulated too."""
PAD_LEFT, PAD_TOP, PAD_STEP_X, PAD_STEP_Y = 545, 118, 95, 94
"""Where the pad's keys are on that panel, in pixels: a text reader is not sure of single digits."""
PAD_KEYS = {"0": (1, 3), **{str(digit): ((digit - 1) % 3, (digit - 1) // 3) for digit in range(1, 10)}}
TOUCH_RANGE = 32767
KERNEL_LINE = (
    "console=tty0 console=ttyS0 systemd.journald.forward_to_console=1 "
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
Environment=DRI_NO_MSAA=1 LP_NATIVE_VECTOR_WIDTH=128
"""
"""Of the station's unit: a picture takes seconds where the processor is emulated, draws too, and is shared with others. One
sample a pixel takes a third of the time that four take, and narrow vectors a fifth less than wide ones."""
SETTINGS_UNIT = """
[Unit]
After=kortkiosk-data.service
Before=kortkiosk-settings.service kortkiosk-station.service

[Service]
Type=oneshot
StandardInput=data
StandardInputData={script}
ExecStart=/bin/sh -eu
"""
SETTINGS_SCRIPT = """
cd /data/kortkiosk
put() {{
    [ -e "$1" ] || base64 -d >"$1"
    chown --reference=. "$1"
}}
grep -qF '{mark}' station.toml || echo {rows} | base64 -d >>station.toml
{files}
"""
"""Rows that a new station.toml gets once, and files beside it: what an emulated machine has and a real one does not."""
TAPS, AGAIN_S = 5, 60
"""So often a finger is put on something of which nothing comes, and after so many seconds."""
BOOT_S = 1500
"""Limit of a start: a machine that eight others share takes many times what it takes alone."""


class EmulatedPc:
    """One machine from power on to power off. `folder`: its sockets, logs and pictures."""

    def __init__(
        self, disk: Path, folder: Path, *, extra: Sequence[str] = (), memory_mib: int = 1024, tpm: Path | None = None,
        settings: str = "", files: Mapping[str, bytes] = MappingProxyType({}), variables: Path | None = None,
        looks: bool = True, secure: bool = False,
    ) -> None:  # fmt: skip
        """`tpm`: the folder of a TPM in software, which keeps its state there. `extra`: devices, as QEMU is told.
        `settings`: rows for a new station's station.toml; `files`: what lies beside it. `variables`: the file with the firmware's
        variables, where they outlive this start. `looks`: return once its first process runs. `secure`: a firmware that knows
        Secure Boot."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._pictures = 0
        self._shift = 0
        self._log = (folder / "qemu.log").open("wb")
        self._variables = variables or folder / "variables.fd"
        self._tpm_state, self._secure = tpm, secure
        self._units = _units(settings, files)
        self._line = [*self._command(disk, memory_mib), *(self._tpm_device if tpm else ()), *extra]
        self._connect()
        try:
            while looks and not self._comes_up():
                print("the emulator lost a timer of the kernel, which stands still: once more", flush=True)
                self._disconnect()
                self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        for name in ("qmp", "console", "shell", "card", "tpm"):
            (self.folder / name).unlink(missing_ok=True)
        self._tpm = self._start_tpm(self._tpm_state) if self._tpm_state else None
        self.process = subprocess.Popen(self._line, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL)
        self._wait_for_socket("qmp", self.process)
        self.qmp = Qmp(self.folder / "qmp")
        self.console = SerialLine(self.folder / "console", self.folder / "console.log")
        self._shell_line = SerialLine(self.folder / "shell", self.folder / "shell.log")
        self.shell = RootShell(self._shell_line)
        self.reader = EmulatedReader(self.folder / "card")
        self.qmp.command("cont")

    def _comes_up(self) -> bool:
        """Whether the first process runs: in one start of some twenty an emulated core sleeps for good instead."""
        return "stalls" not in self.console.wait_for(r"systemd\[1\]|rcu.* stalls", BOOT_S).group()

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

    def tap_phrase_until(self, phrase: str, then: str) -> None:
        """Until that stands there: a finger counts for nothing while the screen changes. Raises NotShownError."""
        for _ in range(TAPS):
            self.tap_phrase(phrase)
            with contextlib.suppress(NotShownError):
                self.wait_for(then, AGAIN_S)
                return
        raise NotShownError(f"{then!r} does not come of {phrase!r}")

    def tap_main_button(self, picture: str = "", limit_s: float = 600) -> None:
        """Once it can be pressed. `picture`: the name of one that is taken then. Raises NotShownError."""
        place = wait_for_main_button(lambda: self.shoot("screen"), limit_s)
        if picture:
            self.shoot(picture)
        self.tap(place)

    def tap_main_button_until(self, *phrases: str, limit_s: float = 600) -> None:
        """Through pages and questions that have but one way on, until one of the phrases stands. Raises NotShownError."""
        end = time.monotonic() + limit_s
        while True:
            picture = self.shoot("screen")
            words = read_words(picture)
            if any(find_phrase(words, phrase) is not None for phrase in phrases):
                return
            if (button := find_main_button(picture)) is not None:
                self.tap(button)
            if time.monotonic() > end:
                shown = " ".join(word.text for word in words)
                raise NotShownError(f"none of {phrases} is on the screen ({picture}): {shown}")

    def type_text(self, text: str, keyboard: Keyboard) -> None:
        """Type on a keyboard of the screen, key by key."""
        for place in keyboard.places_of(text):
            self.tap(place)

    def press_keys(self, digits: str, last: str = "") -> None:
        """Type on the keyboard on the USB. `last`: QEMU's name of a key that is pressed then."""
        for key in [*digits, *([last] if last else [])]:
            self.qmp.command("send-key", keys=[{"type": "qcode", "data": key}], **{"hold-time": 200})
            time.sleep(0.6)

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
        self._disconnect()
        self._log.close()

    def _disconnect(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.close()
        self.qmp.close()
        self.console.close()
        self._shell_line.close()
        if self._tpm is not None:
            self._tpm.terminate()  # most have ended with the machine
            self._tpm.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _command(self, disk: Path, memory_mib: int) -> list[str]:
        if not self._variables.exists():
            shutil.copy(VARIABLES, self._variables)
        line = " ".join([KERNEL_LINE, *(f"systemd.wants={name}" for name in self._units)]).replace(",", ",,")
        unit = "kortkiosk-station.service~zz-patience"  # the image's own drop-in, which is read before, empties the environment
        patience = f"io.systemd.credential.binary:systemd.unit-dropin.{unit}={_base64(PATIENCE)}"
        brought = "io.systemd.credential.binary:systemd.extra-unit"
        credentials = [patience, *(f"{brought}.{name}={_base64(text)}" for name, text in self._units.items())]
        sockets = [word for name in ("console", "shell", "card") for word in ("-chardev", self._socket(name))]
        return [
            "qemu-system-x86_64", "-S", "-M", f"q35,i8042=off,smm={'on' if self._secure else 'auto'}",
            "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
            "-m", str(memory_mib), "-nodefaults", "-display", "none", "-no-reboot",
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={SECURE_FIRMWARE if self._secure else FIRMWARE}",
            "-global", f"driver=cfi.pflash01,property=secure,value={'on' if self._secure else 'off'}",
            "-drive", f"if=pflash,format=raw,unit=1,file={self._variables}",
            "-drive", f"if=none,id=disk,format=raw,file={disk}", "-device", "virtio-blk-pci,drive=disk,bootindex=0",
            "-smbios", f"type=11,value=io.systemd.stub.kernel-cmdline-extra={line}",
            *(word for value in credentials for word in ("-smbios", f"type=11,value={value}")),
            "-device", f"virtio-gpu-pci,xres={WIDTH},yres={HEIGHT}", "-device", "virtio-multitouch-pci",
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net",
            *sockets, "-serial", "chardev:console", "-serial", "chardev:shell",
            "-device", "qemu-xhci,id=usb", "-device", "usb-ccid,id=ccid,bus=usb.0",
            "-device", "ccid-card-passthru,chardev=card,bus=ccid.0",
            "-device", "virtio-rng-pci", "-device", "i6300esb",
            "-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off",
        ]  # fmt: skip

    @property
    def _tpm_device(self) -> tuple[str, ...]:
        chardev = f"socket,id=tpm,path={self.folder / 'tpm'}"
        return "-chardev", chardev, "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"

    def _socket(self, name: str) -> str:
        return f"socket,id={name},path={self.folder / name},server=on,wait=off"

    def _start_tpm(self, state: Path) -> "subprocess.Popen[bytes]":
        """One process a start: it ends with the machine."""
        state.mkdir(exist_ok=True)
        control = f"type=unixio,path={(self.folder / 'tpm').resolve()}"
        command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state.resolve()}", "--ctrl", control]
        process = subprocess.Popen([*command, "--flags", "startup-clear"], stdout=self._log, stderr=self._log)
        self._wait_for_socket("tpm", process)
        return process

    def _wait_for_socket(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + 60
        while not (self.folder / name).is_socket():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self.folder / "qemu.log").read_text("utf-8", "replace"))
            time.sleep(0.05)

    def _input(self, *events: dict[str, object]) -> None:
        self.qmp.command("input-send-event", events=list(events))


def _units(settings: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """What the machine's credentials bring, by name."""
    units = {"test-shell.service": SHELL_UNIT}
    if settings:
        puts = "\n".join(f"echo {base64.b64encode(content).decode()} | put {name}" for name, content in files.items())
        mark, rows = settings.strip().splitlines()[-1], _base64(f"\n{settings}")
        script = SETTINGS_SCRIPT.format(mark=mark, rows=rows, files=puts)
        units["test-settings.service"] = SETTINGS_UNIT.format(script=_base64(script))
    return units


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _finger(kind: str, axis: str = "x", value: int = 0) -> dict[str, object]:
    number = -1 if kind == "end" else 1  # QEMU hands it on as it is; the kernel takes a finger away at -1
    return {"type": "mtt", "data": {"type": kind, "slot": 0, "tracking-id": number, "axis": axis, "value": value}}


def _button(*, down: bool) -> dict[str, object]:
    return {"type": "btn", "data": {"button": "touch", "down": down}}
