"""Encryption at rest of secrets in the store (ChaCha20-Poly1305, RFC 8439), under keys that lie in a file outside it.

Rules: a sealed text is `s1.KEY.DATA`: the key's name, and nonce and ciphertext, base64url. What a secret belongs to is its
associated data: moved to another account it does not open. The file `secrets.key`, mode 0600, has a line `NAME KEY` (base64) for
each key: the first seals, all of them open. It is made at the first start and never again, where something in the store is sealed
already: then it was lost, and the text of the fault says what to do.

>>> sealer = Sealer({"a": bytes(32)})
>>> sealed = sealer.seal("made-up", "account 1")
>>> sealer.open(sealed, "account 1"), sealed.startswith("s1.a.")
('made-up', True)
"""

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from sqlalchemy import Connection, select, update

from fleet.server.accounts.tables import users
from fleet.server.database.database import Database

KEY_FILE = "secrets.key"
_FORM, _NONCE_BYTES, _KEY_BYTES = "s1", 12, 32


class SecretsError(Exception):
    """Secrets of the store cannot be sealed or opened. The text names file, reason and what to do, and shows nothing of them."""


class Sealer:
    """Seals with the first of its keys, opens with any. `path`: where keys are read again, once they were rotated meanwhile."""

    def __init__(self, keys: Mapping[str, bytes], path: Path | None = None) -> None:
        self._keys = dict(keys)
        self._path = path
        self.current = next(iter(self._keys))

    def seal(self, text: str, about: str) -> str:
        """`about`: what the secret belongs to."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = ChaCha20Poly1305(self._keys[self.current]).encrypt(nonce, text.encode(), about.encode())
        return f"{_FORM}.{self.current}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, about: str) -> str:
        """Raises SecretsError."""
        form, _, rest = sealed.partition(".")
        name, _, data = rest.partition(".")
        if name not in self._keys and self._path is not None:
            self._keys |= read(self._path)
        if form != _FORM or name not in self._keys:
            raise SecretsError(
                f"{about}: sealed with the key {name[:16]!r}, which {KEY_FILE} does not have: restore that file"
            )
        try:
            raw = base64.urlsafe_b64decode(data)
            nonce, text = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
            return ChaCha20Poly1305(self._keys[name]).decrypt(nonce, text, about.encode()).decode()
        except (InvalidTag, ValueError):  # binascii.Error too
            raise SecretsError(f"{about}: its secret was changed, or is another one's: reset that account") from None


def account(user: int) -> str:
    """Return the associated data of the secret of an account's one-time codes."""
    return f"account {user}"


def sealer_for(database: Database, path: Path, *, makes: bool) -> Sealer:
    """The keys of that file, which is made where it is missing and nothing is sealed yet. `makes`: this process may.

    What lies in the clear in the store since an earlier version, or was sealed with an older key, is sealed with the present one.
    Raises SecretsError, also where something does not open.
    """
    with database.reading.begin() as connection:
        sealed = connection.execute(select(users.c.id).where(users.c.sealed_secret.is_not(None)).limit(1)).first()
    if makes and sealed is None and not path.exists():
        write(path, {_new_name(): secrets.token_bytes(_KEY_BYTES)})
    sealer = Sealer(read(path), path)
    with database.writing.begin() as connection:
        seal_all(connection, sealer)
    return sealer


def seal_all(connection: Connection, sealer: Sealer) -> int:
    """Every secret under the present key. Gives how many were not. Raises SecretsError."""
    changed = 0
    for row in connection.execute(select(users.c.id, users.c.secret, users.c.sealed_secret)).all():
        about, sealed = account(row.id), row.sealed_secret
        text = row.secret if sealed is None else sealer.open(sealed, about)
        if text is None or (
            sealed is not None and sealed.startswith(f"{_FORM}.{sealer.current}.") and row.secret is None
        ):
            continue
        values = {"secret": None, "sealed_secret": sealer.seal(text, about)}
        connection.execute(update(users).where(users.c.id == row.id).values(values))
        changed += 1
    return changed


def rotate(connection: Connection, path: Path) -> int:
    """A new key for everything; the one before stays in the file for servers that run, and goes at the next rotation. Gives how
    many secrets were sealed anew. Raises SecretsError."""
    old_keys = read(path)
    before = next(iter(old_keys))
    keys = {_new_name(): secrets.token_bytes(_KEY_BYTES), **old_keys}
    write(path, keys)  # durable before anything is sealed with it
    changed = seal_all(connection, Sealer(keys))
    write(path, {name: key for name, key in keys.items() if name == before or name not in old_keys})
    return changed


def read(path: Path) -> dict[str, bytes]:
    """Raises SecretsError."""
    try:
        if path.stat().st_mode & 0o077:
            raise SecretsError(f"{path}: others can read it; make its mode 0600")
        lines = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
        keys = {name: base64.b64decode(key, validate=True) for name, key in lines}
    except FileNotFoundError:
        raise SecretsError(
            f"{path} is missing: secrets of the store are sealed with it. Copy it from the machine that has it, or from the"
            " back-up of the authority's folder; if it is lost for good, `kortkiosk-fleet user reset` every local account"
        ) from None
    except (OSError, ValueError, binascii.Error) as error:
        raise SecretsError(f"{path}: {getattr(error, 'strerror', None) or 'is no file of keys: restore it'}") from None
    if not keys or any(len(key) != _KEY_BYTES for key in keys.values()):
        raise SecretsError(f"{path}: holds no key of {_KEY_BYTES} bytes: restore it")
    return keys


def write(path: Path, keys: Mapping[str, bytes]) -> None:
    """Whole or not at all, for the own account alone. Raises SecretsError."""
    text = "".join(f"{name} {base64.b64encode(key).decode()}\n" for name, key in keys.items())
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise SecretsError(f"{path}: {error.strerror}") from None


def _new_name() -> str:
    return secrets.token_hex(4)
