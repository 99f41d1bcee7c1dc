"""Station identity: its name, epoch, key and the keys it trusts, read from the directory that enrolment wrote.

The directory holds `station.key`, `station.pem` (subject CN = station name; the issuing certificate follows where there is one),
`ca.pem`, `identity.json` and `store.key` (the secret under which the station encrypts what it keeps). Everything is checked once,
here: what `Identity.load` returns fits together. Enrolment (provisioning) writes it; a renewal puts another key and certificate
in place (`put_renewed`), and a station that was enrolled before there was a `store.key` makes one. A bit that has flipped in the
verifier's key or in `store.key` would be believed: `identity.sha256`, where enrolment has written it, says what they were.
"""

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
)
from cryptography.x509.oid import NameOID
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from fleet.agent.server_keys import ServerKeys
from fleet.messages.statements import is_issued_by
from fleet.messages.topics import STATION_NAME
from provisioning.keys import station_keys, storage
from provisioning.keys.secrets import KeyFileError

KEY_FILE = "station.key"
CERTIFICATE_FILE = "station.pem"
CA_FILE = "ca.pem"
IDENTITY_FILE = "identity.json"
STORE_KEY_FILE = "store.key"
STORE_KEY_BYTES = 32
KeyKept = Literal["file", "sealed", "tpm"]
NEXT_KEY_FILE = "station.key.next"
NEXT_CERTIFICATE_FILE = "station.pem.next"
"""What a renewal has put beside those in use."""
SUMS_FILE = "identity.sha256"
"""SHA-256 of the files whose content proves nothing of itself, as `sha256sum` has them; written by enrolment."""
SUMMED = (IDENTITY_FILE, STORE_KEY_FILE)


def staging(directory: Path) -> Path:
    """Return the folder in which an enrolment under way keeps key, claim and certificate."""
    return directory.with_name(f".{directory.name}.enrolling")


class IdentityError(Exception):
    """The identity cannot be used. `path` is the file at fault, `reason` says why and never shows its content."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Address to which the one outbound connection goes."""

    host: str
    port: int


class IdentityFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of identity.json. `signing_key` is a public JWK, `verifier_key` base64 of 32 raw bytes."""

    station: str
    epoch: int
    broker: Broker
    signing_key: dict[str, str]
    verifier_key: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A station's identity, checked. Paths, not keys, so that a stray print or traceback shows no key."""

    station: str
    epoch: int
    """Given at enrolment, counts from 1; a new one starts a new chain of events."""
    broker: Broker
    key_file: Path
    certificate_file: Path
    ca_file: Path
    signing_key: dict[str, str]
    """The server's public JWK (EC P-256), pinned at enrolment: signs what the station syncs (RFC 7517)."""
    verifier_key: bytes
    """The envelope verifier's raw X25519 public key, 32 bytes."""
    not_after: datetime
    """When the station's certificate ends, UTC; a renewal sets it anew."""
    not_before: datetime | None = None
    """When it began."""
    key_kept: KeyKept = "file"
    """Where the station's key is: in a file, in one sealed to the machine, or in a TPM."""
    server_keys: ServerKeys = field(init=False, compare=False, repr=False)
    """The pinned keys, and what rotation has made of them since: what verifies and seals asks these."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "server_keys", ServerKeys(self.signing_key, self.verifier_key))

    @classmethod
    def load(cls, directory: Path) -> "Identity":
        """Read and check the directory. Raises IdentityError, which names the file and the reason."""
        finish_renewal(directory)
        stated = _read_stated(directory / IDENTITY_FILE)
        certificate = _read_certificates(directory / CERTIFICATE_FILE)[0]
        key, authorities = _read_key(directory / KEY_FILE), _read_certificates(directory / CA_FILE)
        _check_certificate(directory / CERTIFICATE_FILE, stated.station, key, authorities)
        _check_sum(directory / IDENTITY_FILE)
        return cls(
            station=stated.station,
            epoch=stated.epoch,
            broker=stated.broker,
            key_file=directory / KEY_FILE,
            certificate_file=directory / CERTIFICATE_FILE,
            ca_file=directory / CA_FILE,
            signing_key=stated.signing_key,
            verifier_key=base64.b64decode(stated.verifier_key),
            not_after=certificate.not_valid_after_utc,
            not_before=certificate.not_valid_before_utc,
            key_kept=_kept(directory / KEY_FILE),
        )

    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The station's own key, read anew: for the signature of receipts (ES256). Raises IdentityError."""
        return _read_key(self.key_file)

    def certificate(self) -> x509.Certificate:
        """The station's own certificate. Raises IdentityError."""
        return _read_certificates(self.certificate_file)[0]

    def chain(self) -> tuple[x509.Certificate, ...]:
        """The station's certificate, and those above it up to the fleet's authority. Raises IdentityError."""
        chain = _chain_of(_read_certificates(self.certificate_file), _read_certificates(self.ca_file))
        if not chain:
            raise IdentityError(self.certificate_file, f"was not issued by the authority in {CA_FILE}")
        return chain

    def authority(self) -> x509.Certificate:
        """The fleet's authority that vouches for the station's certificate. Raises IdentityError."""
        return self.chain()[-1]

    def next_key(self) -> ec.EllipticCurvePrivateKey:
        """The key of the next certificate, beside the one in use and kept as that is; made where there is none. Raises
        IdentityError, OSError."""
        path = self.key_file.with_name(NEXT_KEY_FILE)
        with contextlib.suppress(IdentityError):  # missing, or damaged
            return _read_key(path)
        try:
            write_private(path, station_keys.make(self.key_kept))
        except KeyFileError as error:
            raise IdentityError(path, str(error)) from None
        return _read_key(path)

    def put_renewed(self, certificates: bytes) -> None:
        """Put a certificate for `next_key`, in PEM with what is above it, into place, and that key. A stop at any moment leaves a
        pair that fits, or one that the next start puts into place. Raises IdentityError (the pair in use stays), OSError.
        """
        folder = self.key_file.parent
        fresh = folder / f".{CERTIFICATE_FILE}.offered"
        write_private(fresh, certificates)
        try:
            root = _check_certificate(fresh, self.station, self.next_key(), self._trusted())
            pinned = _read_certificates(self.ca_file)
            if root not in pinned:  # rotated in since: at the next start it must be there
                write_private(self.ca_file, b"".join(trusted.public_bytes(Encoding.PEM) for trusted in (*pinned, root)))
            fresh.replace(folder / NEXT_CERTIFICATE_FILE)
        finally:
            fresh.unlink(missing_ok=True)
        finish_renewal(folder)
        certificate = self.certificate()
        object.__setattr__(self, "not_after", certificate.not_valid_after_utc)
        object.__setattr__(self, "not_before", certificate.not_valid_before_utc)

    def _trusted(self) -> list[x509.Certificate]:
        """The fleet's authorities, as pinned or as rotated since. Raises IdentityError."""
        rotated = "".join(self.server_keys.authorities).encode()
        return x509.load_pem_x509_certificates(rotated) if rotated else _read_certificates(self.ca_file)

    def store_secret(self) -> bytes:
        """The secret of the encryption at rest, 32 bytes; made here where there is none. Raises IdentityError."""
        path = self.key_file.parent / STORE_KEY_FILE
        if not path.exists():
            _forget_sum(path)
            _write_store_key(path)
        try:
            secret = bytes.fromhex(_read_private(path).decode("ascii"))
        except ValueError:
            secret = b""
        if len(secret) != STORE_KEY_BYTES:
            raise IdentityError(
                path, f"must hold {STORE_KEY_BYTES} bytes in hex; remove it, and the station makes a new one"
            )
        _check_sum(path)
        return secret


def finish_renewal(directory: Path) -> None:
    """Put a renewed pair into place: its certificate was written last, so the pair is whole where there is one. What fits no key
    is taken away: the pair in use stays. Raises IdentityError."""
    fresh, key, own = directory / NEXT_CERTIFICATE_FILE, directory / NEXT_KEY_FILE, directory / KEY_FILE
    if not fresh.exists():
        return
    try:
        if _fits(fresh, key):
            key.replace(own)
        if _fits(fresh, own):
            fresh.replace(directory / CERTIFICATE_FILE)
        else:
            fresh.unlink()
        _sync(directory)
    except OSError as error:
        raise IdentityError(fresh, f"cannot be put into place: {error.strerror}") from None


def _fits(certificate: Path, key: Path) -> bool:
    try:
        return _read_certificates(certificate)[0].public_key() == _read_key(key).public_key()
    except IdentityError:
        return False


def write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step, for the owner alone. Raises OSError."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def new_store_key() -> bytes:
    """The content of a new `store.key`: 32 random bytes in hex, and a line end."""
    return secrets.token_hex(STORE_KEY_BYTES).encode() + b"\n"


def sums_of(directory: Path) -> bytes:
    """The content of a new `identity.sha256`. Raises OSError."""
    return b"".join(_sum_line(directory / name) for name in SUMMED)


def _sum_line(path: Path) -> bytes:
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n".encode()


def _check_sum(path: Path) -> None:
    """Raises IdentityError where enrolment wrote something else."""
    sums = path.with_name(SUMS_FILE)
    if not sums.exists() or f"  {path.name}\n".encode() not in (content := _read(sums)):
        return
    if _sum_line(path) not in content:
        raise IdentityError(path, f"is not what enrolment wrote ({SUMS_FILE}): it is damaged; enrol this station again")


def _forget_sum(path: Path) -> None:
    """It has been removed, and is made anew. Raises IdentityError."""
    sums = path.with_name(SUMS_FILE)
    if not sums.exists():
        return
    kept = [line for line in _read(sums).splitlines(keepends=True) if not line.endswith(f"  {path.name}\n".encode())]
    beside = sums.with_name(f".{SUMS_FILE}.new")
    try:
        beside.write_bytes(b"".join(kept))
        beside.replace(sums)
    except OSError as error:
        raise IdentityError(sums, f"cannot be written: {error.strerror}") from None


def check_signing_key(jwk: dict[str, Any]) -> None:
    """Raises ValueError unless the JWK is a public EC key on P-256 (RFC 7518 section 6.2.1)."""
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise ValueError("signing_key must be an EC key on P-256")
    if "d" in jwk:
        raise ValueError("signing_key must be a public key: this one holds the private part")
    try:
        ECKey.import_key(jwk)
    except (JoseError, ValueError):
        raise ValueError("signing_key is no valid EC key") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise IdentityError(path, "is missing; enrol this station with `kortkiosk-provision enrol`") from None
    except OSError as error:
        raise IdentityError(path, f"cannot be read: {error.strerror}") from None


def _read_stated(path: Path) -> IdentityFile:
    try:
        stated = msgspec.json.decode(_read(path), type=IdentityFile)
        check_signing_key(stated.signing_key)
        raw = base64.b64decode(stated.verifier_key, validate=True)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise IdentityError(path, str(error)) from None
    if not STATION_NAME.match(stated.station):
        raise IdentityError(path, "station: use 1 to 40 of a-z, 0-9 and hyphens, not at either end")
    if stated.epoch < 1:
        raise IdentityError(path, "epoch must be a whole number from 1")
    if not stated.broker.host or not 1 <= stated.broker.port <= 65535:
        raise IdentityError(path, "broker: host must not be empty and port from 1 to 65535")
    if len(raw) != 32:
        raise IdentityError(path, "verifier_key must be base64 of 32 bytes")
    return stated


def _read_certificates(path: Path) -> list[x509.Certificate]:
    """All of the file, one at least. Raises IdentityError."""
    try:
        certificates = x509.load_pem_x509_certificates(_read(path))
        for certificate in certificates:
            certificate.public_key()  # a curve or a parameter that nobody knows comes out only here
    except (ValueError, UnsupportedAlgorithm):
        raise IdentityError(path, "is no PEM certificate") from None
    return certificates


def _read_private(path: Path) -> bytes:
    content = _read(path)
    if path.stat().st_mode & 0o077:
        raise IdentityError(path, "others may read this key; set its mode to 0600")
    return content


def _write_store_key(path: Path) -> None:
    """Whole or not at all, for the owner alone; who made one meanwhile is left in peace."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(new_store_key())
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except FileExistsError:
        return
    except OSError as error:
        raise IdentityError(path, f"is missing and cannot be made: {error.strerror}") from None


def _kept(path: Path) -> KeyKept:
    kind = storage.kind_of(_read_private(path))
    if kind == "pkcs11":
        raise IdentityError(path, "names a PKCS#11 token, which a station has not")
    return kind


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        return station_keys.load(path, _read_private(path))
    except KeyFileError as error:
        raise IdentityError(path, str(error).removeprefix(f"{path.name}: ")) from None


def _check_certificate(
    path: Path, station: str, key: ec.EllipticCurvePrivateKey, authorities: list[x509.Certificate]
) -> x509.Certificate:
    """Gives the authority that vouches for it. Raises IdentityError."""
    certificates = _read_certificates(path)
    names = [attribute.value for attribute in certificates[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [station]:
        raise IdentityError(path, f"is not the certificate of {station}, which {IDENTITY_FILE} names")
    if certificates[0].public_key() != key.public_key():
        raise IdentityError(path, f"does not belong to {KEY_FILE}")
    if not (chain := _chain_of(certificates, authorities)):
        raise IdentityError(path, f"was not issued by the authority in {CA_FILE}")
    return chain[-1]


def _chain_of(own: list[x509.Certificate], authorities: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """From the first of `own` to an authority, directly or by an issuing certificate that follows it; empty where neither leads
    there. There are several authorities once the fleet's has been rotated."""
    certificate, *others = own
    for issuing in ((), *((other,) for other in others if _is_authority(other) and is_issued_by(certificate, other))):
        for authority in authorities:
            if is_issued_by((certificate, *issuing)[-1], authority):
                return certificate, *issuing, authority
    return ()


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
