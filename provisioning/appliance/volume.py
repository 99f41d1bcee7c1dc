"""The volume of what stays (/data): its keys are thrown away, so that nothing on the disk can be read any more.

Rules: a volume of LUKS loses all key slots; one without encryption has none, and says so. A file with a key, or with the secret
that keys are sealed with, is written over and goes in either case. May be cut off and done again. What is open stays open until
the machine starts anew.
"""

import contextlib
import subprocess
from pathlib import Path

from provisioning.files import destroy_file

NOT_LUKS = 1
"""How `cryptsetup isLuks` ends where the volume is not encrypted."""


class VolumeError(OSError):
    """The volume cannot be erased. The text says why, by cryptsetup."""


def erase_keys(device: Path, *key_files: Path) -> bool:
    """Destroy every key slot, and those files; False where the volume is not encrypted. Raises VolumeError, OSError."""
    if not device.exists():
        raise VolumeError(f"{device}: there is no such device")
    encrypted = _cryptsetup("isLuks", device).returncode != NOT_LUKS
    erased = _cryptsetup("luksErase", device) if encrypted else None
    if erased is not None and erased.returncode != 0:
        raise VolumeError(erased.stderr.strip() or f"{device}: cryptsetup ended with {erased.returncode}")
    for key_file in key_files:
        with contextlib.suppress(FileNotFoundError):
            destroy_file(key_file)
    return encrypted


def _cryptsetup(action: str, device: Path) -> "subprocess.CompletedProcess[str]":
    words = ["cryptsetup", action, "--batch-mode", str(device)]
    return subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  # the device of the command
