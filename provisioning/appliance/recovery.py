"""Recovery key of /data: a second key of the volume, which the fleet's authority alone reads (HPKE, RFC 9180, to its P-256 key).

Rules: it is made once the station is enrolled, sealed at once and kept nowhere else. The server keeps what is sealed, and gives
it out to two persons. A volume has one at a time; one that was used is gone, and another is made at the next start.

>>> key = ec.generate_private_key(ec.SECP256R1())
>>> open_sealed(key, "entre-a", seal(key.public_key(), "entre-a", "0123456789ABCDEFGHJK"))
'0123456789ABCDEFGHJK'
"""

import base64
import json
import secrets
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from fleet.agent.identity import CA_FILE, IDENTITY_FILE
from provisioning import files
from provisioning.claim import ALPHABET
from provisioning.est.claim_codes import SIGNS
from provisioning.keys.remote_key import RemoteKey

SUITE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
SLOT = "7"
"""The key slot of LUKS."""
SEALED = "recovery-key"
OPEN_DATA = Path("/usr/lib/kortkiosk/open-data")


def keep_recovery_key(device: Path, keys: Path, trust: Path, output: Path, open_data: Path = OPEN_DATA) -> bool:
    """Have a recovery key and hand the sealed one to the station; False where the volume is not encrypted.

    Args:
        keys: the folder with the volume's own key.
        trust: what root has pinned, where the sealed key stays.
        output: where the station reads it.

    Raises OSError, ValueError, subprocess.CalledProcessError.
    """
    words = ["cryptsetup", "luksDump", "--dump-json-metadata", str(device)]
    header = subprocess.run(words, capture_output=True, check=False)  # noqa: S603  # the device of the command
    if header.returncode != 0:
        return False
    kept = trust / SEALED
    if SLOT not in json.loads(header.stdout)["keyslots"] or not kept.exists():
        kept.unlink(missing_ok=True)  # a cut from here on leaves a slot that nobody knows: it is made anew
        station = json.loads((trust / IDENTITY_FILE).read_bytes())["station"]
        authority = x509.load_pem_x509_certificates((trust / CA_FILE).read_bytes())[0].public_key()
        if not isinstance(authority, ec.EllipticCurvePublicKey):
            raise ValueError(f"{trust / CA_FILE}: the authority's key must be an EC key on P-256")
        code = "".join(secrets.choice(ALPHABET) for _ in range(SIGNS))
        made: list[str | Path] = [open_data, "spare", device, keys, "/run/kortkiosk-data"]
        subprocess.run(made, input=code.encode(), check=True)  # noqa: S603  # of the image
        files.write_file(kept, seal(authority, station, code).encode())
    files.write_file(output / SEALED, kept.read_bytes(), files.PUBLIC)
    return True


def seal(authority: ec.EllipticCurvePublicKey, station: str, code: str) -> str:
    """The recovery key of that station for the authority, as base64."""
    return base64.b64encode(SUITE.encrypt(code.encode(), authority, info=_info(station))).decode()


def open_sealed(key: ec.EllipticCurvePrivateKey, station: str, sealed: str) -> str:
    """The recovery key. Raises ValueError where it was not sealed to that key for that station."""
    if isinstance(key, RemoteKey):
        raise ValueError("the authority's key is on a token, which opens nothing")
    try:
        return SUITE.decrypt(base64.b64decode(sealed, validate=True), key, info=_info(station)).decode()
    except (ValueError, InvalidTag):
        raise ValueError(f"this is no recovery key of {station} for this authority") from None


def _info(station: str) -> bytes:
    return f"kortkiosk recovery key of /data 1 {station}".encode()
