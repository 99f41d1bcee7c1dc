"""The server's signature over what stations sync: compact JWS (RFC 7515), ES256, `kid` the key's thumbprint (RFC 7638).

>>> Signer.load(Path("server/signing.key")).sign(b"{}", "example+jws").count(".")  # doctest: +SKIP
2
"""

from pathlib import Path

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM = "ES256"


class SigningKeyError(Exception):
    """The key cannot be used. The text names the file and the reason."""


class Signer:
    """Signs with one P-256 key."""

    def __init__(self, key: ECKey) -> None:
        self._key = key
        self._header = {"alg": ALGORITHM, "kid": key.thumbprint()}

    @classmethod
    def load(cls, path: Path) -> "Signer":
        """Read a private key in PEM. Raises SigningKeyError."""
        try:
            key = ECKey.import_key(path.read_bytes())
        except OSError as error:
            raise SigningKeyError(f"{path}: {error.strerror}") from None
        except (ValueError, TypeError, JoseError):
            raise SigningKeyError(f"{path}: no private key in PEM") from None
        if not key.is_private or key.curve_name != "P-256":
            raise SigningKeyError(f"{path}: must be a private key on P-256")
        return cls(key)

    def sign(self, content: bytes, typ: str) -> str:
        """The compact JWS over these bytes. `typ` says what it is, so that it cannot stand for anything else (RFC 8725 3.11)."""
        return jws.serialize_compact({**self._header, "typ": typ}, content, self._key, algorithms=[ALGORITHM])

    def opened(self, text: str, typ: str) -> bytes | None:
        """What is in a compact JWS of this key and `typ`; None where it is none."""
        try:
            found = jws.deserialize_compact(text, self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError):
            return None
        return found.payload if found.protected.get("typ") == typ else None
