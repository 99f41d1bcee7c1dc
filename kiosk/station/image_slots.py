"""Image slots of this machine: which one runs and what this start is, and who installs into the other one.

RAUC obeys root alone: the station starts a service of root's, which verifies the server's order (`provisioning.appliance.trust`),
and waits for it. Where a machine runs from no image with two slots there are no notes of the start, and no slots.
"""

import asyncio
import configparser
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kiosk.version import image
from provisioning.updates.slots import BLOCKING, NOTES

RAUC_CONFIGURATION = Path("/etc/rauc/system.conf")
INSTALL_WITHIN_S, ASK_WITHIN_S = 3600.0, 300.0


class InstallError(Exception):
    """The program that was asked did not do it. The text says why."""


@dataclass(frozen=True, slots=True)
class ImageSlots:
    """`start`: what this start is (`provisioning.updates.slots.Start`). `version`: of the image that runs."""

    compatible: str
    version: str
    slot: str
    start: str
    problems: tuple[str, ...] = ()

    @property
    def can_try(self) -> bool:
        """True where the boot loader would try another slot."""
        return not BLOCKING.intersection(self.problems)


class Installer(Protocol):
    """Service that installs the bundle beside the record of its order, and starts the machine anew."""

    async def install(self) -> None:
        """Into the other slot, which the next start is of. Raises InstallError."""

    async def confirm(self) -> None:
        """The slot that runs is good: it is the default from now on. Raises InstallError."""

    async def reboot(self) -> None:
        """Raises InstallError where it does not begin."""


class ServiceInstaller:
    """Root's service, and systemd's."""

    async def install(self) -> None:
        await _start("install", INSTALL_WITHIN_S)

    async def confirm(self) -> None:
        await _start("confirm", ASK_WITHIN_S)

    async def reboot(self) -> None:
        await _run(ASK_WITHIN_S, "systemctl", "reboot")


def image_slots(notes: Path = NOTES, configuration: Path = RAUC_CONFIGURATION) -> ImageSlots | None:
    """Return this machine's slots; None where it has none, or does not say what they are."""
    settings = configparser.ConfigParser(interpolation=None)
    try:
        settings.read_string(configuration.read_text("utf-8"))
        document: dict[str, Any] = json.loads(notes.read_bytes())
        problems = tuple(str(problem) for problem in document["problems"])
        return ImageSlots(
            settings["system"]["compatible"], image() or "", str(document["current"]), str(document["start"]), problems
        )
    except (OSError, ValueError, KeyError, TypeError, configparser.Error):
        return None


async def _start(instance: str, within_s: float) -> None:
    await _run(within_s, "systemctl", "start", "--no-ask-password", f"kortkiosk-update@{instance}.service")


async def _run(within_s: float, *words: str) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise InstallError(f"{words[0]}: {error.strerror}") from None
    try:
        _, errors = await asyncio.wait_for(process.communicate(), within_s)
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise InstallError(f"{' '.join(words[:2])} did not end") from None
        raise
    if process.returncode != 0:
        last = (errors.decode(errors="replace").strip().splitlines() or ["no reason"])[-1]
        raise InstallError(f"{' '.join(words[:2])}: {last}")
