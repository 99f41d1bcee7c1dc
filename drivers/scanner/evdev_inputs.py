"""Input devices of Linux through evdev; the only file that imports it."""

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import evdev

from drivers.scanner.grabbed_scanner import Input, InputDeniedError

FOLDER = Path("/dev/input")


def inputs(folder: Path = FOLDER) -> Iterable[Input]:
    """Every input device that can be opened, open; whoever takes none of them closes them all.

    Raises InputDeniedError where there are some and none may be read.
    """
    opened: list[Input] = []
    denied: list[str] = []
    for path in sorted(folder.glob("event*")):
        try:
            opened.append(cast(Input, evdev.InputDevice(str(path))))
        except PermissionError:
            denied.append(path.name)
        except OSError:
            continue  # it was unplugged while we looked
    if denied and not opened:
        raise InputDeniedError(
            f"{folder}: {', '.join(denied)} may not be read; the station's user belongs in the group input"
        )
    return opened
