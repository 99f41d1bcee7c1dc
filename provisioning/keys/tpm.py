"""Keys in a TPM 2.0, by OpenSSL's provider `tpm2` (Debian's tpm2-openssl): a key file holds what only that TPM can open.

TLS reads such a file like any other, where `openssl-tpm2.cnf` beside this module is the process's `OPENSSL_CONF`. Signatures are
made by the program `openssl`: the library that `cryptography` brings has no providers. The TPM is `/dev/tpmrm0`, or what
`TPM2OPENSSL_TCTI` says: `device:FILE`, or an emulator. The provider writes requests (PKCS#10) in a form that strict readers
refuse, so requests are made by `cryptography` and only signed here.
"""

import os
import subprocess
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from provisioning.keys.remote_key import RemoteKey

CONFIGURATION = Path(__file__).with_name("openssl-tpm2.cnf")
DEVICE = Path("/dev/tpmrm0")
TCTI, BY_DEVICE = "TPM2OPENSSL_TCTI", "device:"
TIMEOUT_S = 20.0


class TpmError(Exception):
    """The TPM does not do it. The text says what was said."""


def is_usable() -> bool:
    """Return whether this machine has a TPM, and TLS in this process can use its keys (`OPENSSL_CONF`)."""
    named = os.environ.get(TCTI, f"{BY_DEVICE}{DEVICE}")
    device = named.removeprefix(BY_DEVICE)
    there = device == named or os.access(device, os.R_OK | os.W_OK)  # an emulator has no device
    try:
        return there and "tpm2" in Path(os.environ["OPENSSL_CONF"]).read_text()
    except (KeyError, OSError):
        return False


def make_key() -> bytes:
    """A new key, made in the TPM; gives the content of its key file. Raises TpmError."""
    return _openssl(["genpkey", "-propquery", "?provider=tpm2", "-algorithm", "EC", "-pkeyopt", "group:P-256"])


def open_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key of that key file. Raises TpmError."""
    public = load_pem_public_key(_openssl(["pkey", "-in", str(path), "-pubout"]))
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise TpmError(f"{path}: is no EC key on P-256")
    return RemoteKey(public, partial(_sign, path))


def _sign(path: Path, data: bytes) -> bytes:
    return _openssl(["dgst", "-sha256", "-sign", str(path)], data)


def _openssl(arguments: list[str], data: bytes = b"") -> bytes:
    try:
        ended = subprocess.run(  # noqa: S603
            ["openssl", *arguments], input=data, capture_output=True, timeout=TIMEOUT_S, check=False,  # noqa: S607
            env={**os.environ, "OPENSSL_CONF": str(CONFIGURATION)},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TpmError(f"openssl {arguments[0]}: {error}") from None
    if ended.returncode != 0:
        lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        raise TpmError(f"openssl {arguments[0]}: {lines[0] if lines else ended.returncode}")
    return ended.stdout
