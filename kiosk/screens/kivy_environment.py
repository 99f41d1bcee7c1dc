"""Kivy environment of the process: Kivy parses no argument, writes no file at home and no log of its own.

Call `prepare()` before the first import of kivy, and `open_window()` before the first widget is made.
"""

import asyncio
import atexit
import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from drivers.touchscreen.discovery import no_desktop

LOOKS_PER_S = 20
"""While nobody is there (`frame_rate`), where each look may find a touch; each costs a station that stands idle all night."""
WOKEN_LOOKS_PER_S = 2.0
"""The same where touches wake the loop (`touch_input`)."""
RESOLUTION_S = 0.001
"""What is due in less is due now. Kivy takes a third of a frame and does not rest in it: long, where frames are seldom."""
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

    if no_desktop(os.environ):
        Config.set("kivy", "kivy_clock", "interrupt")  # what is scheduled comes when it is due, whatever the frames are
    Config.set("graphics", "maxfps", str(LOOKS_PER_S))  # Kivy's clock reads both when it is first imported


def prepare_clock() -> None:
    """Have Kivy's clock wait by asyncio, and where touches wake it, for as long as nothing is due."""
    from kivy.clock import Clock

    Clock.init_async_lib("asyncio")
    if no_desktop(os.environ):
        Clock.clock_resolution = RESOLUTION_S
        Clock._async_wait_for = _wait_at_most  # Kivy's own ends by an error where nothing comes


async def _wait_at_most(awaitable: Awaitable[object], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(awaitable, seconds)


def looks_per_s() -> float:
    """The frames in a second while nobody is there."""
    return WOKEN_LOOKS_PER_S if no_desktop(os.environ) else LOOKS_PER_S


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
    """Return whether pixels are made by the processor: screen changes then cut instead of fading."""
    from kivy.graphics.opengl import GL_RENDERER, glGetString

    name = glGetString(GL_RENDERER).decode("ascii", "replace").lower()
    return any(word in name for word in ("llvmpipe", "softpipe", "swrast", "software"))
