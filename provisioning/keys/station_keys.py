"""Key files of a station: in a TPM where there is one, else sealed to the machine where it has a secret for that, else open.

Rules: a file of the key before and one of the key after may be kept differently; each says by its content how.

>>> password_of(b"-----BEGIN PRIVATE KEY-----") is None
True
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from provisioning.keys import machine_seal, sealing, storage, tpm
from provisioning.keys.machine_seal import MachineSealError
from provisioning.keys.secrets import KeyFileError
from provisioning.keys.storage import Kind
from provisioning.keys.tpm import TpmError


def best_kind() -> Kind:
    """The safest that this machine has."""
    if tpm.is_usable():
        return "tpm"
    try:
        machine_seal.of_this_machine()
    except MachineSealError:
        return "file"
    return "sealed"


def kept_kind(path: Path) -> Kind | None:
    """Return how the key of that key file is kept; None where there is no such file. Nothing is opened."""
    try:
        return storage.kind_of(path.read_bytes())
    except OSError:
        return None


def make(kind: Kind) -> bytes:
    """A new key; gives the content of its key file. Raises KeyFileError."""
    try:
        if kind == "tpm":
            return tpm.make_key()
        key = ec.generate_private_key(ec.SECP256R1())
        if kind == "sealed":
            return sealing.seal(key, machine_seal.of_this_machine())
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    except (TpmError, MachineSealError) as error:
        raise KeyFileError(str(error)) from None


def load(path: Path, content: bytes) -> ec.EllipticCurvePrivateKey:
    """The key of that file, whose content was read. Raises KeyFileError."""
    try:
        if storage.kind_of(content) == "tpm":
            return tpm.open_key(path)
        return storage.load(content, path.name, lambda _: machine_seal.of_this_machine())
    except (TpmError, MachineSealError) as error:
        raise KeyFileError(f"{path.name}: {error}") from None


def password_of(content: bytes) -> bytes | None:
    """Return the password of a key file that TLS reads itself; None where none is needed. Raises KeyFileError."""
    if storage.kind_of(content) != "sealed":
        return None
    try:
        return machine_seal.of_this_machine()
    except MachineSealError as error:
        raise KeyFileError(str(error)) from None
