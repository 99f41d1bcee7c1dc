"""Machines with two slots, as their makers describe the start: Raspberry Pi's firmware (tryboot), and systemd-boot.

They share no code with what is tested. `slots` holds what was written to each slot: None where there is nothing that starts.
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.updates.boot_loaders import BootLoader, RaspberryPi, SystemdBoot

FIRMWARE_2021, FIRMWARE_2023 = 1_619_712_685, 1_673_458_852


@dataclass
class Machine:
    """`obeys`: whether the firmware knows a one-shot choice. `loses_power`: a reboot turns the power off and on."""

    root: Path
    obeys: bool = True
    loses_power: bool = False
    slots: dict[str, str | None] = field(default_factory=lambda: {"A": "first", "B": None})
    running: str | None = None

    def __post_init__(self) -> None:
        """Write the boot folder of a new image, and turn the power on."""
        raise NotImplementedError

    @property
    def loader(self) -> BootLoader:
        raise NotImplementedError

    @property
    def boot(self) -> Path:
        path = self.root / "boot"
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def notes(self) -> Path:
        return self.root / "run" / "kortkiosk" / "slots.json"

    @property
    def kernel_line(self) -> str:
        return f"ro rauc.slot={self.running} quiet" if self.running else "ro"

    def reboot(self) -> str | None:
        """Gives the slot that came up; None where nothing does."""
        raise NotImplementedError

    def lose_power(self) -> str | None:
        raise NotImplementedError

    def _start(self, slot: str | None) -> str | None:
        self.running = slot if slot is not None and self.slots.get(slot) else None
        self.notes.unlink(missing_ok=True)
        return self.running


class PiMachine(Machine):
    def __post_init__(self) -> None:
        (self.boot / "autoboot.txt").write_text("[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n")
        self._flag = False
        self.lose_power()

    @property
    def loader(self) -> RaspberryPi:
        return RaspberryPi(self.boot, self.root / "run" / "reboot-param", self.root / "device-tree")

    def reboot(self) -> str | None:
        argument = self.root / "run" / "reboot-param"
        self._flag = argument.exists() and argument.read_text().split()[1:] == ["tryboot"]
        argument.unlink(missing_ok=True)
        if self.loses_power:
            self._flag = False
        return self._power_on()

    def lose_power(self) -> str | None:
        self._flag = False
        (self.root / "run" / "reboot-param").unlink(missing_ok=True)
        return self._power_on()

    def _power_on(self) -> str | None:
        flag, self._flag = self._flag and self.obeys, False
        sections: dict[str, str] = {}
        head = ""
        for line in (self.boot / "autoboot.txt").read_text().split("\n"):
            if line.startswith("["):
                head = line
            elif line.startswith("boot_partition="):
                sections[head] = line.split("=")[1]
        number = sections.get("[tryboot]" if flag else "[all]")
        tree = self.root / "device-tree"
        tree.mkdir(exist_ok=True)
        for old in tree.iterdir():
            old.unlink()
        if self.obeys:
            (tree / "tryboot").write_bytes(struct.pack(">I", flag))
        (tree / "build-timestamp").write_bytes(struct.pack(">I", FIRMWARE_2023 if self.obeys else FIRMWARE_2021))
        if number is not None:
            (tree / "partition").write_bytes(struct.pack(">I", int(number)))
        return self._start({"2": "A", "3": "B"}.get(number or ""))


class EfiMachine(Machine):
    VARIABLE = "LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

    def __post_init__(self) -> None:
        (self.boot / "loader").mkdir()
        (self.boot / "loader" / "loader.conf").write_text("timeout menu-disabled\ndefault kortkiosk-a.efi\n")
        (self.root / "efivars").mkdir()
        self.lose_power()

    @property
    def loader(self) -> SystemdBoot:
        return SystemdBoot(self.boot, self.root / "efivars")

    def reboot(self) -> str | None:
        variable = self.root / "efivars" / self.VARIABLE
        choice = None
        if self.obeys and variable.exists():
            choice = variable.read_bytes()[4:].decode("utf-16-le").rstrip("\0")
            variable.unlink()
        said = [line.split() for line in (self.boot / "loader" / "loader.conf").read_text().split("\n")]
        default = next((words[1] for words in said if words[:1] == ["default"]), None)
        return self._start({"kortkiosk-a.efi": "A", "kortkiosk-b.efi": "B"}.get(choice or default or ""))

    lose_power = reboot
