"""Setup files of new stations, beside the image on a card or a stick: `kortkiosk-provision stick`.

The station takes the file into its encrypted /data at its first start, and writes it over (`take-setup`). Until then who has the
card has the code, which lets nobody in by itself: people do, by the key on the station's screen.
"""

import os
import tomllib
from pathlib import Path

from pydantic import ValidationError

from kiosk.config import describe_fault
from kiosk.first_boot.plan import SetupPlan, settings_text
from provisioning.authority import check_station_name
from provisioning.updates.boot_loaders import IMAGES, Slot

FILE = "kortkiosk-setup.toml"
MARKS = (f"EFI/Linux/{IMAGES[Slot.A]}", "autoboot.txt")
"""A file that the boot folder of an image has: of a PC, or of a Raspberry Pi."""


def write_setup_file(folder: Path, base: Path | None, server: str, station: str, code: str) -> Path:
    """Write it into the boot folder of an image; one that is there is replaced. Gives its path.

    Args:
        folder: where the first partition of the card or stick is mounted.
        base: a setup file with what the stations have in common, without a claim.
        server: the https address at which stations enrol.
        station: empty where the name is typed at the station, as where one stick installs many.

    Raises ValueError, AuthorityError, OSError.
    """
    if not any((folder / mark).is_file() for mark in MARKS):
        raise ValueError(
            f"{folder} is not the boot folder of a station's image: mount the card's first partition, and name its folder"
        )
    if station:
        check_station_name(station)
    try:
        document = tomllib.loads(base.read_text("utf-8")) if base else {}
    except ValueError as error:
        raise ValueError(f"{base} is not TOML: {error}") from None
    if "claim" in document:
        raise ValueError(f"{base}: leave [claim] out: server, station and code are given to this command")
    named = {"station": station} if station else {}
    try:
        plan = SetupPlan.model_validate({**document, "claim": {"server": server, "code": code.strip(), **named}})
    except ValidationError as error:
        faults = "; ".join(describe_fault(fault) for fault in error.errors(include_url=False, include_input=False))
        raise ValueError(f"{base or 'the setup file'}: {faults}") from None
    _write(folder / FILE, settings_text(plan).encode())
    return folder / FILE


def _write(path: Path, content: bytes) -> None:
    """Replace the file in one step on FAT, where no file has a mode of its own: setting one is refused."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        new.replace(path)
        os.fsync(file.fileno())
