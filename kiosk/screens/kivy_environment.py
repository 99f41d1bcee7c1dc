"""Kivy environment of the process: Kivy parses no argument, writes no file at home and no log of its own.

Call `prepare()` before the first import of kivy, and `open_window()` before the first widget is made.
"""

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

FRAMES_PER_S = 20
"""While nobody is there (`pace`); each costs a station that stands idle all night."""
SAMPLES = 4
"""Samples for each pixel where the driver has them; Kivy itself falls back to none."""


def prepare(home: Path | None = None) -> None:
    """Set Kivy's environment and its pace.

    `home` keeps what Kivy must have on disk; without it a folder that goes with the process.
    """
    os.environ.setdefault("KIVY_NO_ARGS", "1")
    os.environ.setdefault("KIVY_NO_CONFIG", "1")
    os.environ.setdefault("KIVY_NO_FILELOG", "1")
    os.environ.setdefault("KIVY_NO_CONSOLELOG", "1")
    os.environ.setdefault("KIVY_LOG_MODE", "PYTHON")
    if home is not None:
        os.environ["KIVY_HOME"] = str(home)
    elif "KIVY_HOME" not in os.environ:
        scratch = tempfile.mkdtemp(prefix="kortkiosk-kivy-")
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        os.environ["KIVY_HOME"] = scratch
    logging.getLogger("kivy").setLevel(logging.WARNING)
    from kivy.config import Config

    Config.set("graphics", "maxfps", str(FRAMES_PER_S))  # Kivy's clock reads it when it is first imported


def open_window(
    width: int, height: int, fullscreen: bool = False, position: tuple[int, int] | None = None, rotation: int = 0
) -> Any:
    """Open the one window of this process, or give the open one. Touches and keys come through SDL, or by `touch_input`.

    `position` is of its upper left corner on the display, in pixels; without one the display's manager chooses. `rotation`:
    degrees that the picture is turned clockwise; width and height are the picture's.

    Kivy's own probing of touch devices is taken away: it would report each touch a second time.
    """
    prepare()
    from kivy.config import Config

    across, down = (height, width) if rotation in (90, 270) else (width, height)
    for section, key, value in (
        ("graphics", "width", str(across)),
        ("graphics", "height", str(down)),
        ("graphics", "rotation", str(-rotation % 360)),  # Kivy turns counter-clockwise
        ("graphics", "resizable", "0"),
        ("graphics", "borderless", "1" if fullscreen else "0"),
        ("graphics", "fullscreen", "auto" if fullscreen else "0"),
        ("graphics", "show_cursor", "0" if fullscreen else "1"),
        ("graphics", "multisamples", str(SAMPLES)),
        ("kivy", "exit_on_escape", "0"),
        ("kivy", "keyboard_mode", ""),
        ("input", "mouse", "mouse,disable_multitouch"),
    ):
        Config.set(section, key, value)
    if position is not None:
        for key, value in (("position", "custom"), ("left", str(position[0])), ("top", str(position[1]))):
            Config.set("graphics", key, value)
    Config.remove_option("input", "%(name)s")
    from kivy.core.window import Window

    Window.set_title("kortkiosk")
    return Window


def draws_in_software() -> bool:
    """Whether pixels are made by the processor: screen changes then cut instead of fading."""
    from kivy.graphics.opengl import GL_RENDERER, glGetString

    name = glGetString(GL_RENDERER).decode("ascii", "replace").lower()
    return any(word in name for word in ("llvmpipe", "softpipe", "swrast", "software"))
