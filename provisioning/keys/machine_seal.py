"""Passphrase of a key file that is sealed to a machine without a TPM: made of what names the machine and a secret of its own.

What it is worth: a copy of the station's folder alone, as in a back-up or on a lost data disk, gives no key. Who has the whole
disk, or is root on the machine, has it: only a TPM keeps a key from them.

>>> len(passphrase(b"machine", b"secret"))
64
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MACHINE_ID = Path("/etc/machine-id")
CREDENTIAL = "station-seal"
"""The credential (systemd.exec(5), LoadCredential) that holds the secret."""
MACHINE_CREDENTIAL = "station-machine"
"""The credential that names the machine in the place of `/etc/machine-id`: an image has another one of those at each start."""
SECRET_FILE = Path("/etc/kortkiosk/station-seal")
"""Where it is outside of a unit."""
CONTEXT = b"kortkiosk-station-key-v1"


class MachineSealError(Exception):
    """The machine's secret cannot be had. The text says where it should be."""


def passphrase(machine_id: bytes, secret: bytes) -> bytes:
    """64 hex digits."""
    derivation = HKDF(hashes.SHA256(), 32, salt=machine_id.strip(), info=CONTEXT)
    return derivation.derive(secret.strip()).hex().encode()


def of_this_machine(machine_id: Path | None = None, secret_file: Path | None = None) -> bytes:
    """Raises MachineSealError."""
    path = secret_file or _credential(CREDENTIAL) or SECRET_FILE
    named = _credential(MACHINE_CREDENTIAL)
    machine_id = machine_id or (named if named is not None and named.exists() else MACHINE_ID)
    try:
        identity, secret = machine_id.read_bytes(), path.read_bytes()
    except OSError as error:
        raise MachineSealError(f"{error.filename}: {error.strerror}; the key is sealed with it") from None
    if not secret.strip():
        raise MachineSealError(f"{path}: is empty; the key is sealed with it")
    return passphrase(identity, secret)


def _credential(name: str) -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / name if folder else None
