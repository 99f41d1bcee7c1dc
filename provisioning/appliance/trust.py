"""Root's trust in the fleet, and the updates that root installs under it: what the station's user may ask for and never decide.

Rules:
- Trust on first use: once the station is enrolled and its setup is over, root copies its settings, its identity and the authority
  into a folder of its own. From then on only that copy counts, until a reset removes it.
- The server's key in it gives way to another by a statement of the old one alone (`fleet.messages.key_rotation`), the authority
  never: a newer one is vouched for by a certificate under it (`provisioning.updates.bundle`).
- A bundle is installed if the server's key has signed the order of exactly this file, no later order was taken before, and the
  version is not below what runs or was ordered last, unless the order says so. Nobody else can write to the file meanwhile.
"""

import base64
import fcntl
import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fleet.agent.identity import CA_FILE, IDENTITY_FILE, IdentityFile
from fleet.agent.server_keys import ServerKeys
from fleet.messages.command_verification import IgnoredCommand, open_command
from fleet.messages.commands import Command, UpdateOrder
from kiosk.config import load
from kiosk.first_boot.progress import is_setup_due
from kiosk.station.updates import BUNDLE, read_record
from kiosk.version import image
from provisioning import files
from provisioning.updates.bundle import Target, check_bundle, is_older

SETTINGS, KEYS, INSTALLED = "station.toml", "keys.json", "installed.json"


class UpdateRefusedError(ValueError):
    """Root does not install it. The text says why."""


class _Installed(msgspec.Struct, frozen=True):
    """The last order that was taken: its number, and the version that nothing may be below."""

    sequence: int = 0
    version: str = "0"


@dataclass(frozen=True, slots=True)
class RootTrust:
    """`folder`: root's own. `config`: the station's settings, as its user has them."""

    folder: Path
    config: Path

    def pin(self) -> bool:
        """Make the station's copy if its time has come; return whether it is here. Raises ConfigError, OSError, ValueError."""
        if self.folder.exists():
            return True
        base = self.config.resolve().parent
        identity = base / load(self.config).station.identity
        if is_setup_due(self.config) or not (identity / IDENTITY_FILE).exists():
            return False
        stated = (identity / IDENTITY_FILE).read_bytes()
        _ = _read_identity(stated)
        with files.atomic_directory(self.folder) as beside:
            files.write_file(beside / IDENTITY_FILE, stated)
            files.write_file(beside / CA_FILE, (identity / CA_FILE).read_bytes())
            files.write_file(beside / SETTINGS, self.config.read_bytes())
        return True

    def install(self, keyring: Path, compatible: str, version: str | None = None) -> str:
        """Install what the station's user has put there, and give its version. `version`: what runs.

        Raises UpdateRefusedError, BundleError, OSError, ValueError.
        """
        if not self.folder.exists():
            raise UpdateRefusedError("this station is not enrolled, or its setup is not over")
        data = self.config.resolve().parent / load(self.folder / SETTINGS).station.data
        record, last = read_record(data), self._last()
        command, order = self._ordered(record.signed, record.keys)
        if command.sequence < last.sequence:
            raise UpdateRefusedError(f"order {command.sequence} is older than {last.sequence}, which was the last")
        version = version or image() or "0"
        floor = version if is_older(last.version, version) else last.version
        bundle = self.folder / BUNDLE
        try:
            take_file(data / BUNDLE, bundle)
            checked = check_bundle(bundle, Target(keyring, compatible, floor, order.older))
            if (checked.sha256, checked.version) != (order.sha256, order.version):
                raise UpdateRefusedError("the bundle is another one than the server has ordered")
            files.write_file(
                self.folder / INSTALLED, msgspec.json.encode(_Installed(command.sequence, checked.version))
            )
            _rauc("install", str(bundle))
        finally:
            bundle.unlink(missing_ok=True)
        return checked.version

    def confirm(self) -> str:
        """The slot that runs is good; gives the image's version. Raises UpdateRefusedError, OSError."""
        _rauc("status", "mark-good")
        return image() or ""

    def _ordered(self, signed: str, statements: tuple[str, ...]) -> tuple[Command, UpdateOrder]:
        """Return the command and the update that the server has signed, by the keys that follow from the pinned one.

        Raises UpdateRefusedError, ValueError.
        """
        stated = _read_identity((self.folder / IDENTITY_FILE).read_bytes())
        keys = ServerKeys(stated.signing_key, base64.b64decode(stated.verifier_key))
        keys.take(files.read_json(self.folder / KEYS, default=[]))
        if keys.take(statements):
            files.write_json(self.folder / KEYS, [statement.text for statement in keys.taken])
        command = open_command(signed.encode(), keys.find, stated.station)
        if isinstance(command, IgnoredCommand):
            raise UpdateRefusedError(f"the order is {command.why}")
        if command.update is None:
            raise UpdateRefusedError(f"the server has ordered {command.command}, no update")
        return command, command.update

    def _last(self) -> _Installed:
        path = self.folder / INSTALLED
        return msgspec.json.decode(path.read_bytes(), type=_Installed) if path.exists() else _Installed()


def _read_identity(content: bytes) -> IdentityFile:
    try:
        return msgspec.json.decode(content, type=IdentityFile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"{IDENTITY_FILE}: {error}") from None


def _rauc(*words: str) -> None:
    done = subprocess.run(["rauc", *words], stdin=subprocess.DEVNULL)  # noqa: S603, S607  # what it says is for the journal
    if done.returncode != 0:
        raise UpdateRefusedError(f"rauc {words[0]} ended with {done.returncode}")


def take_file(path: Path, own: Path) -> None:
    """Make `own` another name of a file, to which nobody else can write any more. Raises UpdateRefusedError, OSError."""
    own.unlink(missing_ok=True)
    os.link(path, own, follow_symlinks=False)
    with os.fdopen(os.open(own, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UpdateRefusedError(f"{path} is no file")
        os.fchown(file.fileno(), os.geteuid(), -1)
        os.fchmod(file.fileno(), files.PUBLIC)
        try:  # a lease for reading is given only while nobody has the file open for writing
            fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except BlockingIOError:
            raise UpdateRefusedError(f"{path} is open for writing") from None
        fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_UNLCK)
