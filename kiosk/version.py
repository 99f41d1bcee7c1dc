"""Versions of the program, from its metadata, and of the image that it runs from.

>>> image_of({"ID": "debian", "VERSION_ID": "13"})
'debian 13'
"""

import functools
import platform
from collections.abc import Mapping
from importlib.metadata import version

VERSION = version("kortkiosk")


def image_of(release: Mapping[str, str]) -> str | None:
    """By os-release(5): the version of the image (`IMAGE_VERSION`); without one, the system and the version of that."""
    system = " ".join(release[name] for name in ("ID", "VERSION_ID") if release.get(name))
    return release.get("IMAGE_VERSION") or system or None


@functools.cache
def image() -> str | None:
    """Of this machine; None where it has no os-release."""
    try:
        return image_of(platform.freedesktop_os_release())
    except OSError:
        return None
