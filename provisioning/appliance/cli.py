"""Command line of an appliance, `kortkiosk-provision appliance`: lay out its files, and make its machine's settings.

$ kortkiosk-provision appliance layout --root build/root

Erasing: a volume of LUKS loses all key slots; one without encryption has none, and says so. A file with a key, or with the secret
that keys are sealed with, is written over and goes in either case. May be cut off and done again. What is open stays open until
the machine starts anew.
"""

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from fleet.agent.identity import IDENTITY_FILE
from kiosk.config import ConfigError, load
from provisioning.appliance.layout import MACHINES, PROGRAMS, write_appliance
from provisioning.appliance.recovery import keep_recovery_key
from provisioning.appliance.settings import write_settings
from provisioning.appliance.trust import SETTINGS, RootTrust, UpdateRefusedError
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


def add_parsers(commands: Any, make: Callable[..., argparse.ArgumentParser]) -> None:
    """All of them. `make`: gives a command its summary, `--json` and its function."""
    appliance = commands.add_parser("appliance", help="the files of a station's image, and its machine's settings")
    below = appliance.add_subparsers(required=True, metavar="COMMAND")
    layout = make(below, "layout", "write units, rules and settings below a Debian root", _layout)
    layout.add_argument("--root", type=Path, required=True, metavar="DIR", help="the root of the station's system")
    layout.add_argument(
        "--programs", type=Path, default=PROGRAMS, metavar="DIR",
        help="where the programs are, as the station sees it (%(default)s)",
    )  # fmt: skip
    layout.add_argument("--machine", choices=MACHINES, default=MACHINES[0], help="its kind (%(default)s)")
    settings = make(below, "settings", "write firewall, time sources and USB devices from station.toml", _settings)
    settings.add_argument("--config", type=Path, required=True, metavar="FILE", help="station.toml")
    settings.add_argument(
        "--trust", type=Path, metavar="DIR", help="root's copy of it, made once the station is set up"
    )
    settings.add_argument("--output", type=Path, required=True, metavar="DIR", help="such as /run/kortkiosk-appliance")

    update = make(below, "update", "install what the fleet server has ordered, or confirm what runs; as root", _update)
    update.add_argument("action", choices=("install", "confirm"))
    update.add_argument("--config", type=Path, required=True, metavar="FILE", help="station.toml of the station's user")
    update.add_argument("--trust", type=Path, required=True, metavar="DIR", help="what root has pinned")
    update.add_argument("--keyring", type=Path, required=True, metavar="FILE", help="whose signers sign bundles")
    update.add_argument("--compatible", required=True, help="the machines that bundles are for")
    recovery = make(below, "recovery", "give /data a key for the authority, sealed; as root", _recovery)
    recovery.add_argument("--device", type=Path, required=True, help="the encrypted volume")
    recovery.add_argument("--keys", type=Path, required=True, metavar="DIR", help="where its own key is")
    recovery.add_argument("--trust", type=Path, required=True, metavar="DIR", help="what root has pinned")
    recovery.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="where the station reads it, sealed"
    )
    erase = make(below, "erase", "throw the keys of /data away: what is on the disk cannot be read any more", _erase)
    erase.add_argument("--device", type=Path, required=True, help="the encrypted volume")
    erase.add_argument(
        "--key-file", type=Path, action="append", default=[], metavar="FILE",
        help="a file with a key or a seal's secret, which goes too; several times",
    )  # fmt: skip


def _update(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    trust = RootTrust(arguments.trust, arguments.config)
    try:
        version = (
            trust.confirm() if arguments.action == "confirm" else trust.install(arguments.keyring, arguments.compatible)
        )
    except (ConfigError, UpdateRefusedError) as error:
        raise ValueError(str(error)) from None
    return {arguments.action: version}, f"{arguments.action}: {version}"


def _recovery(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    kept = keep_recovery_key(arguments.device, arguments.keys, arguments.trust, arguments.output)
    return {"kept": kept}, f"{arguments.device}: " + ("the authority can open it" if kept else "it is not encrypted")


def _erase(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    erased = erase_keys(arguments.device, *arguments.key_file)
    outcome = "no key opens it any more" if erased else "it is not encrypted, and has no key to throw away"
    return {"erased": erased}, f"{arguments.device}: {outcome}"


def _layout(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    written = write_appliance(arguments.root, arguments.programs, arguments.machine)
    return {"written": written}, "\n".join(written)


def _settings(arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    try:
        own = arguments.trust if arguments.trust and RootTrust(arguments.trust, arguments.config).pin() else None
        config = load(own / SETTINGS if own else arguments.config)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    base = arguments.config.resolve().parent
    identity, data = (own or base / config.station.identity) / IDENTITY_FILE, base / config.station.data
    made = write_settings(config, identity, data, arguments.output)
    for host in made.unresolved:
        print(f"kortkiosk-provision: {host} has no address now and stays closed", file=sys.stderr)
    return {"written": list(made.written), "unresolved": list(made.unresolved)}, "\n".join(made.written)
