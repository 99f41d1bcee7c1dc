"""Key files by their content: which kind of key one holds, and how it is opened.

>>> kind_of(b"pkcs11:token=fleet;object=ca?module-path=/usr/lib/softhsm/libsofthsm2.so")
'pkcs11'
"""

from types import ModuleType
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from provisioning.keys import sealing
from provisioning.keys.secrets import KeyFileError, Unlock

Kind = Literal["file", "sealed", "pkcs11", "tpm"]
URI = b"pkcs11:"
TPM = b"-----BEGIN TSS2 PRIVATE KEY-----"


def kind_of(content: bytes) -> Kind:
    """Tell how a key file keeps its key."""
    if content.startswith(URI):
        return "pkcs11"
    if content.startswith(TPM):
        return "tpm"
    return "sealed" if content.startswith(sealing.MARKER) else "file"


def load(content: bytes, name: str, unlock: Unlock) -> ec.EllipticCurvePrivateKey:
    """The key of a key file that is called `name`. Raises KeyFileError."""
    match kind_of(content):
        case "pkcs11":
            key: ec.EllipticCurvePrivateKey = _tokens().open_key(content.decode("utf-8", "replace"), unlock)
            return key
        case "sealed":
            return _load_pem(content, name, unlock(f"passphrase of {name}"))
        case "file":
            return _load_pem(content, name, None)
        case "tpm":
            raise KeyFileError(f"{name}: is a TPM's key, and belongs to a station")


def keep_new(like: bytes, name: str, unlock: Unlock) -> bytes:
    """Make a key that is kept as that of the key file `like` is; gives the content of its key file, which is called `name`.
    Raises KeyFileError."""
    if kind_of(like) == "pkcs11":
        content: bytes = _tokens().make_key(like.decode("utf-8", "replace"), unlock)
        return content
    key = ec.generate_private_key(ec.SECP256R1())
    if kind_of(like) == "sealed":
        return sealing.seal(key, unlock(f"passphrase of {name}"))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _tokens() -> ModuleType:
    """Only where there is a token: a station has no such library. Raises KeyFileError."""
    try:
        from provisioning.keys import tokens
    except ImportError as error:
        raise KeyFileError(
            f"a PKCS#11 token needs python-pkcs11 ({error}): install the program with its extra server"
        ) from None
    return tokens


def _load_pem(content: bytes, name: str, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(content, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        reason = (
            "is no PEM private key without a passphrase" if passphrase is None else "the passphrase does not open it"
        )
        raise KeyFileError(f"{name}: {reason}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFileError(f"{name}: must be an EC key on P-256")
    return key
