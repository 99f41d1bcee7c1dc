"""Signed profiles from outside the program: `PRODUCT.toml` counts only with `PRODUCT.toml.jws` beside it, by a pinned key.

The signature is a compact JWS with its content detached (RFC 7515 appendix F) over the exact bytes of the file, by
Ed25519 (RFC 9864) or ES256; `kid` is the thumbprint of the key (RFC 7638). The keys are pinned in configuration, public,
in PEM. Rules: a file that is refused is refused alone, with file, key and reason, and whatever was known before stays;
no signature makes an unsafe profile safe (`safety`); a profile that takes the name of one that ships may only be stricter.
"""

import getpass
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from drivers.reader.profiles import IssuerRules, Profile, ProfileError, Profiles, is_issuer, parse, parse_issuer, safety

SUFFIX = ".jws"
MAX_FILE_BYTES = 64 * 1024
MAX_SIGNATURE_BYTES = 2 * 1024
ALGORITHMS = {"Ed25519": "Ed25519", "P-256": "ES256"}
"""JOSE algorithm by the curve of the key."""
Key = ECKey | OKPKey
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)


class ProfileKeys:
    """The public keys that may sign profiles, by thumbprint."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys = {key.thumbprint(): key for key in keys}

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def load(cls, path: Path) -> "ProfileKeys":
        """Every public key of a PEM file. Raises ProfileError with file and reason."""
        try:
            content = path.read_bytes()
        except OSError as fault:
            raise ProfileError(f"{path}: {fault.strerror}") from None
        keys = [_public(match.group(), path) for match in _PEM.finditer(content)]
        if not keys:
            raise ProfileError(f"{path}: no public key in PEM form")
        return cls(keys)

    def find(self, thumbprint: object) -> Key | None:
        """The pinned key of that `kid`."""
        return self._keys.get(thumbprint) if isinstance(thumbprint, str) else None


def _public(pem: bytes, path: Path) -> Key:
    if b"PRIVATE" in pem:
        raise ProfileError(f"{path}: holds a private key; only the public one belongs here")
    try:
        key = _jose_key_of(serialization.load_pem_public_key(pem))
    except (ValueError, TypeError, JoseError):
        key = None
    if key is None:
        raise ProfileError(f"{path}: a key must be Ed25519 or on P-256")
    return key


def _jose_key_of(native: object) -> Key | None:
    kinds: tuple[type[Key], ...] = (OKPKey, ECKey)
    for kind in kinds:
        try:
            key = kind.import_key(native)  # type: ignore[arg-type]  # the other kind of key is refused at run time
        except (ValueError, TypeError, AttributeError, JoseError):
            continue
        if key.curve_name in ALGORITHMS:
            return key
    return None


def sign(content: bytes, private_key: object) -> str:
    """The detached signature over a profile file, by an Ed25519 or P-256 private key of `cryptography`.

    Raises ValueError for another kind of key.
    """
    key = _jose_key_of(private_key)
    if key is None or not key.is_private:
        raise ValueError("profiles are signed with Ed25519 or P-256")
    algorithm = ALGORITHMS[key.curve_name]
    header = {"alg": algorithm, "kid": key.thumbprint()}
    return jws.detach_content(jws.serialize_compact(header, content, key, algorithms=[algorithm]))


def private_key(path: Path) -> PrivateKey:
    """The key of a PEM file; one with a passphrase asks for it. Raises OSError, ValueError."""
    pem = path.read_bytes()
    try:
        key = serialization.load_pem_private_key(pem, None)
    except TypeError:  # it has a passphrase
        key = serialization.load_pem_private_key(pem, getpass.getpass(f"Passphrase of {path}: ").encode())
    if not isinstance(key, PrivateKey):
        raise ValueError(f"{path}: profiles are signed with Ed25519 or P-256")
    return key


def check(content: bytes, signature: bytes, keys: ProfileKeys, name: str) -> None:
    """Raises ProfileError unless a pinned key signed exactly this content."""
    try:
        header = jws.extract_compact(signature.strip(), content).headers()
    except (ValueError, TypeError, JoseError):
        raise ProfileError(f"{name}: signature: is not a compact JWS") from None
    key = keys.find(header.get("kid"))
    if key is None:
        raise ProfileError(f"{name}: signature: by a key that is not pinned here")
    try:
        jws.deserialize_compact(signature.strip(), key, algorithms=[ALGORITHMS[key.curve_name]], payload=content)
    except (ValueError, TypeError, JoseError):
        raise ProfileError(f"{name}: signature: is not over this content") from None


@dataclass(frozen=True, slots=True)
class RejectedProfile:
    """A profile file that does not count. `reason` begins with the key, or with `signature` or `file`."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


@dataclass(frozen=True, slots=True)
class LoadedProfiles:
    """Result of loading a folder: the profiles that count now, and the files that do not."""

    profiles: Profiles
    refused: tuple[RejectedProfile, ...] = ()


def add_signed(base: Profiles, folder: Path, keys: ProfileKeys) -> LoadedProfiles:
    """`base` and the signed profiles of a folder, in the order of their file names. Never raises: what is wrong is told.

    Two files of one name in `name`: the first counts.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except OSError as fault:
        return LoadedProfiles(base, (RejectedProfile(str(folder), f"file: {fault.strerror}"),))
    added: dict[str, Profile | IssuerRules] = {}
    refused: list[RejectedProfile] = []
    for path in files:
        try:
            profile = load(path, keys, base)
            if profile.name in added:
                raise ProfileError(f"{path.name}: name: another file has it already")
        except ProfileError as fault:
            refused += [RejectedProfile(*line.split(": ", 1)) for line in str(fault).splitlines()]
            continue
        added[profile.name] = profile
    profiles = base
    for profile in added.values():
        profiles = profiles.with_added(profile)
    return LoadedProfiles(profiles, tuple(refused))


def load(path: Path, keys: ProfileKeys, base: Profiles) -> Profile | IssuerRules:
    """One signed profile, of a product or of an issuer. The signature is checked before a byte of it is understood.

    Raises ProfileError.
    """
    content = _read_bounded(path, MAX_FILE_BYTES, path.name)
    signature = _read_bounded(path.with_name(path.name + SUFFIX), MAX_SIGNATURE_BYTES, path.name)
    check(content, signature, keys, path.name)
    return checked(content, path.name, base)


def checked(content: bytes, name: str, base: Profiles) -> Profile | IssuerRules:
    """A profile file by every rule under which a signed one counts; `base` are those that ship. Raises ProfileError."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ProfileError(f"{name}: file: is not UTF-8") from None
    if is_issuer(text, name):
        return parse_issuer(text, name)
    profile = parse(text, name)
    shipped = {shipped_profile.name: shipped_profile for shipped_profile in base}.get(profile.name)
    if shipped is not None:
        profile = parse(text, name, replaced=shipped)
    for key, reason in safety.signing_offences(profile):
        raise ProfileError(f"{name}: {key}: {reason}")
    return profile


def _read_bounded(path: Path, most: int, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        raise ProfileError(f"{name}: signature: {path.name} is missing") from None
    except OSError as fault:
        raise ProfileError(f"{name}: file: {path.name}: {fault.strerror}") from None
    if len(content) > most:
        raise ProfileError(f"{name}: file: {path.name} is longer than {most} bytes")
    return content
