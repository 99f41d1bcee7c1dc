"""Image writer for a Raspberry Pi Pico in BOOTSEL: by picotool, or by copying onto the drive that the Pico shows.

Rules: exactly one Pico in BOOTSEL is written to. picotool reads back what it wrote; a drive cannot be read back, so there
the board's own word, once it has started, is what verifies it. What a tool says is passed on, and what to do is added.

    load = choose(drive=None, mounts=Path("/proc/mounts"))
    load(Path("kortkiosk-cabinet.uf2"))
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

LABEL = "RPI-RP2"
INFO = "INFO_UF2.TXT"
"""Tells on the drive which board shows it (UF2's own description, "Board-ID")."""
PICOTOOL_LIMIT_S = 60.0
HOLD = "hold the button BOOTSEL on the board while you plug it in, then run this again"

Load = Callable[[Path], None]
"""Writes an image. Raises FlashError; OSError from a drive."""


class FlashError(Exception):
    """A board that is not there, not the right one or not as it should be. `code` is stable, the text says what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def choose(drive: Path | None, mounts: Path = Path("/proc/mounts")) -> Load:
    """Choose how an image gets onto the Pico: the named drive, picotool where it is installed, or a drive that is mounted.

    Raises FlashError where there is no way.
    """
    if drive is not None:
        return _onto(drive)
    if (picotool := shutil.which("picotool")) is not None:
        return lambda image: _by_picotool(picotool, image)
    drives = _mounted(mounts)
    if len(drives) > 1:
        raise FlashError("two_boards", f"two boards are in BOOTSEL ({', '.join(map(str, drives))}): unplug all but one")
    if not drives:
        raise FlashError("no_bootsel", f"picotool is not installed, and no drive {LABEL} is mounted: {HOLD}")
    return _onto(drives[0])


def _by_picotool(picotool: str, image: Path) -> None:
    command = [picotool, "load", "--verify", "--execute", str(image), "-t", "uf2"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PICOTOOL_LIMIT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise FlashError("flash_failed", f"picotool did not end within {PICOTOOL_LIMIT_S:g} s: {HOLD}") from None
    if done.returncode == 0:
        return
    message = " ".join((done.stdout + done.stderr).split()) or f"it ended with {done.returncode}"
    if "BOOTSEL" in message:
        raise FlashError("no_bootsel", f"picotool: {message} To get one: {HOLD}")
    raise FlashError("flash_failed", f"picotool could not write the image: {message}")


def _mounted(mounts: Path) -> list[Path]:
    """Return the folders where drives of a Pico are mounted; the kernel writes a blank in a name as \\040."""
    fields = (line.split() for line in mounts.read_text().splitlines())
    folders = (Path(field[1].replace("\\040", " ")) for field in fields if len(field) > 1)
    return [folder for folder in folders if folder.name.startswith(LABEL) and (folder / INFO).is_file()]


def _onto(drive: Path) -> Load:
    try:
        info = (drive / INFO).read_text(errors="replace")
    except OSError:
        raise FlashError("no_bootsel", f"{drive} is not the drive of a Pico in BOOTSEL: {HOLD}") from None
    if f"Board-ID: {LABEL}" not in info:
        raise FlashError("other_board", f"{drive} is the drive of another board than the Pico (RP2040)")
    return lambda image: _copy(image, drive)


def _copy(image: Path, drive: Path) -> None:
    """The Pico starts as soon as it has the last block, and takes its drive away: that is no error any more."""
    content = image.read_bytes()
    handle = os.open(drive / image.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with os.fdopen(handle, "wb", buffering=0) as file:
        file.write(content)
        try:
            os.fsync(handle)
        except OSError:
            if (drive / INFO).exists():
                raise
