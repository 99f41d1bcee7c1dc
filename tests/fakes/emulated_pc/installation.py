"""A station that is set up, as it is kept between the parts of `make image-test`: its disk, its TPM, and what stands around it.

Each part works on a copy of its own, so that one that failed begins again where the one before it ended.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from image.build import PROJECT
from sim.demo.seed import STATION
from tests.fakes.emulated_pc.disks import RESULTS, NotBuiltError, copy_of_disk, fresh_folder
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc
from tests.fakes.emulated_pc.surroundings import SERIAL_ON_USB, Surroundings

KEYPAD = "0627:0001"
"""QEMU's keyboard on the USB."""
SETTINGS = f"""
[cabinet]
kind = "serial"
usb = ["{SERIAL_ON_USB}"]
key = "cabinet.json"

[keypad]
allowed = ["{KEYPAD}"]

[timeouts]
idle_s = 3600
total_s = 7200

[trust]
anchors = "anchors.pem"
require_revocation = false
"""
"""QEMU's serial line on the USB is another chip than the Pico, its keyboard is no keypad, a visitor there is slow, and no issuer
publishes lists of revoked certificates."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The files of one station."""

    folder: Path

    @classmethod
    def begin(cls) -> Self:
        """A disk as it is flashed, and nothing around it yet. Raises NotBuiltError."""
        folder = _fresh("kept")
        copy_of_disk(folder)
        return cls(folder)

    @classmethod
    def copy(cls, part: str) -> Self:
        """What the set-up left, for that part alone. Raises NotBuiltError."""
        kept = RESULTS / "kept"
        if not (kept / "set-up").exists():
            raise NotBuiltError(f"{kept} has no station that is set up: begin with tests/image/installed.py")
        folder = _fresh(f"{part}-files")
        shutil.rmtree(folder)
        subprocess.run(["cp", "--archive", "--sparse=always", kept, folder], check=True)
        return cls(folder)

    @property
    def around(self) -> Path:
        return self.folder / "around"

    @property
    def disk(self) -> Path:
        return self.folder / "disk.img"

    def power_on(self, around: Surroundings, results: Path, *, tpm: bool = True) -> EmulatedPc:
        """The machine, with the cabinet's line and a keypad."""
        files = {"anchors.pem": around.anchors}
        devices = (*around.devices, "-device", "usb-kbd,bus=usb.0")
        state = self.folder / "tpm" if tpm else None
        return EmulatedPc(
            self.disk, results, extra=devices, tpm=state, settings=SETTINGS, files=files,
            variables=self.folder / "variables.fd",
        )  # fmt: skip

    def keep(self) -> None:
        """It is set up: other parts may begin here."""
        (self.folder / "set-up").touch()


@dataclass
class Station:
    """One station over several starts. `name`: of the folders of what is seen of them."""

    installation: Installation
    around: Surroundings
    name: str
    machine: EmulatedPc | None = None
    starts: int = 0

    @classmethod
    @contextmanager
    def new(cls, name: str) -> Iterator[Self]:
        """One as it is flashed, without power. Raises NotBuiltError."""
        with cls._of(Installation.begin(), name) as station:
            yield station

    @classmethod
    @contextmanager
    def set_up(cls, name: str) -> Iterator[Self]:
        """A copy of the one that was set up, without power. Raises NotBuiltError."""
        with cls._of(Installation.copy(name), name) as station:
            yield station

    @classmethod
    @contextmanager
    def _of(cls, installation: Installation, name: str) -> Iterator[Self]:
        with Surroundings(installation.around) as around:
            station = cls(installation, around, name)
            try:
                yield station
            finally:
                station.power_off()

    def power_on(self) -> EmulatedPc:
        """Until there is a shell. Raises NotSaidError."""
        self.power_off()
        self.starts += 1
        self.machine = self.installation.power_on(self.around, fresh_folder(f"{self.name}-{self.starts}"))
        self.machine.shell.wait_until_there(BOOT_S)
        return self.machine

    def wait_until_whole(self) -> None:
        """Until it receives visitors, and the server holds all that it did. Raises AssertionError."""
        desk = self.around.desk
        self.wait_until(lambda: desk.receives_visitors(STATION) and desk.holds_all(STATION))

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Look every five seconds. Raises AssertionError with the journal's end."""
        assert self.machine is not None
        for _ in range(BOOT_S // 5):
            if reached():
                return
            self.machine.shell.run("sleep 5")
        raise AssertionError(self.machine.shell.run("journalctl --boot --no-pager --lines=40"))

    def run_fleet(self, *words: str | Path) -> str:
        """What `kortkiosk-fleet` prints, beside the server that runs. Raises AssertionError with what it said."""
        command = [sys.executable, "-m", "fleet.server.cli", *words, "--data", self.around.folder / "data"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def power_off(self) -> None:
        if self.machine is not None:
            self.machine.close()
            self.machine = None


def _fresh(name: str) -> Path:
    shutil.rmtree(RESULTS / name, ignore_errors=True)
    (RESULTS / name).mkdir(parents=True)
    return RESULTS / name
