"""Disks of this machine that a system which runs from a USB stick can be written to. Root's service does the writing
(`kortkiosk-install.service`): it takes the disk's name from a file, judges it for itself, and tells how far it is in another.
"""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from provisioning import files

LEAST_BYTES = 4_000_000_000
LSBLK = ("lsblk", "--json", "--bytes", "--output", "NAME,TYPE,TRAN,MODEL,SIZE,PARTLABEL,LABEL,FSTYPE")
InstallState = Literal["working", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk. `name`: the kernel's. `title`: what a person knows it by. `holds`: what is on it, by partition; may be empty."""

    name: str
    title: str
    holds: tuple[str, ...]


def list_block_devices() -> str:
    """All of the machine, as lsblk's JSON; empty where it cannot tell."""
    try:
        return subprocess.run(LSBLK, capture_output=True, check=True, text=True).stdout  # noqa: S603  # words of our own
    except (OSError, subprocess.CalledProcessError):
        return '{"blockdevices": []}'


@dataclass(frozen=True)
class DiskInstaller:
    """The disks, and root's service, by its two files. `started_from`: a partition of the disk from which the firmware started;
    shut in as the station is, lsblk does not tell it on which disk the root lies."""

    list_devices: Callable[[], str] = list_block_devices
    started_from: Path = Path("/dev/disk/by-partlabel/esp")
    request: Path = Path("/data/kortkiosk/install-on")
    state_file: Path = Path("/run/kortkiosk-appliance/install")

    def disks(self) -> tuple[Disk, ...]:
        """Return the disks inside the machine that are large enough; none where it does not run from a USB stick."""
        rows = [row for row in json.loads(self.list_devices())["blockdevices"] if row["type"] == "disk"]
        own = self.started_from.resolve().name
        if not any(row["tran"] == "usb" and any(part["name"] == own for part in _below(row)) for row in rows):
            return ()
        inside = [row for row in rows if row["tran"] != "usb" and row["size"] >= LEAST_BYTES]
        return tuple(Disk(row["name"], _title(row), tuple(filter(None, map(_content, _below(row))))) for row in inside)

    def begin(self, disk: Disk) -> None:
        """Have the system written to it. Raises OSError."""
        files.write_file(self.request, disk.name.encode("ascii"))

    def state(self) -> InstallState:
        """Return the state of the installation: a request that nobody has taken yet is `working`. Raises OSError where nobody has
        told."""
        if self.request.exists() or (word := self.state_file.read_text("ascii").strip()) in ("writing", "checking"):
            return "working"
        return "done" if word == "done" else "failed"


def _below(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [row, *(deeper for child in row.get("children", ()) for deeper in _below(child))]


def _title(row: dict[str, Any]) -> str:
    return " ".join(f"{row['name']}: {row['model'] or ''} {row['size'] / 1e9:.0f} GB".split())


def _content(row: dict[str, Any]) -> str:
    return str(row["partlabel"] or row["label"] or row["fstype"] or "")
