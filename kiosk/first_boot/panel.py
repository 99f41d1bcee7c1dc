"""Size of the panel, as the kernel's display driver tells it (DRM in sysfs): a blank station has no settings that say it."""

import re
from pathlib import Path

SYSFS = Path("/sys/class/drm")


def panel_size(root: Path = SYSFS) -> tuple[int, int] | None:
    """Pixels across and down of the first display that is connected, in the mode that it prefers; None where none tells."""
    for status in sorted(root.glob("card*-*/status")):
        try:
            modes = (status.parent / "modes").read_text("ascii").split()
            connected = status.read_text("ascii").strip() == "connected"
        except (OSError, UnicodeDecodeError):
            continue
        if connected and modes and (found := re.fullmatch(r"([0-9]{3,4})x([0-9]{3,4})", modes[0])):
            return int(found[1]), int(found[2])
    return None
