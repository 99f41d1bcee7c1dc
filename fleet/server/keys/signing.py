"""Server signature over synced data: compact JWS (RFC 7515), ES256, `kid` the key's thumbprint (RFC 7638).

Rules: while the key is rotated there are two, and a statement in the chain says from when on the new one signs; it goes by the
clock, so that no restart is needed at that moment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from fleet.messages.key_rotation import MAX_STATEMENT_BYTES, MAX_STATEMENTS, Handover, RotationError, follow_chain

ALGORITHM = "ES256"
NEXT_KEY, CHAIN = "signing-next.key", "keys.json"


class SigningKeyError(Exception):
    """The key cannot be used. The text names the file and the reason."""


@dataclass(frozen=True, slots=True)
class Following:
    """The key that signs after this one, and from when on."""

    key: ECKey
    starts: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Signer:
    """Signs with a P-256 key, and from a moment on with the one that follows it."""

    def __init__(
        self,
        key: ECKey,
        following: Following | None = None,
        chain: tuple[str, ...] = (),
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`chain`: the statements of all rotations, for stations that ask."""
        self._following, self._clock = following, clock
        self._keys = (_headed(key), *([_headed(following.key)] if following else []))
        self.chain = chain

    @classmethod
    def load(cls, path: Path, clock: Callable[[], datetime] = _utc_now) -> "Signer":
        """Read a private key in PEM, and what rotation has put beside it. Raises SigningKeyError."""
        key = _private(path)
        beside, chain = path.with_name(NEXT_KEY), _chain(path.parent.parent / CHAIN)
        following = _following(key, _private(beside), chain, beside) if beside.exists() else None
        return cls(key, following, chain, clock)

    def sign(self, content: bytes, typ: str) -> str:
        """The compact JWS over these bytes. `typ` says what it is, so that it cannot stand for anything else (RFC 8725 3.11)."""
        begun = self._following is not None and self._clock() >= self._following.starts
        key, header = self._keys[-1 if begun else 0]
        return jws.serialize_compact({**header, "typ": typ}, content, key, algorithms=[ALGORITHM])

    def opened(self, text: str, typ: str) -> bytes | None:
        """Return the payload of a compact JWS of these keys and `typ`; None where it is none."""
        for key, _ in self._keys:
            try:
                token = jws.deserialize_compact(text, key, algorithms=[ALGORITHM])
            except (JoseError, ValueError, TypeError):
                continue
            return token.payload if token.protected.get("typ") == typ else None
        return None


def _headed(key: ECKey) -> tuple[ECKey, dict[str, str]]:
    return key, {"alg": ALGORITHM, "kid": key.thumbprint()}


def _following(key: ECKey, beside: ECKey, chain: tuple[str, ...], path: Path) -> Following | None:
    """Return the key beside, with the time when it begins to sign; None where no statement hands over to it yet, or it
    is the key itself."""
    if beside.thumbprint() == key.thumbprint():
        return None
    try:
        taken: list[Handover] = follow_chain(key, chain)
    except RotationError as error:
        raise SigningKeyError(f"{path}: the chain of keys does not lead to it: {error}") from None
    starts = [handover.starts for handover in taken if handover.signing_key.thumbprint() == beside.thumbprint()]
    return Following(beside, starts[0]) if starts else None


def _private(path: Path) -> ECKey:
    try:
        key = ECKey.import_key(path.read_bytes())
    except OSError as error:
        raise SigningKeyError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, JoseError):
        raise SigningKeyError(f"{path}: no private key in PEM") from None
    if not key.is_private or key.curve_name != "P-256":
        raise SigningKeyError(f"{path}: must be a private key on P-256")
    return key


def _chain(path: Path) -> tuple[str, ...]:
    if not path.exists():
        return ()
    try:
        chain = msgspec.json.decode(path.read_bytes(), type=tuple[str, ...])
    except OSError as error:
        raise SigningKeyError(f"{path}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SigningKeyError(f"{path}: no list of statements") from None
    if len(chain) > MAX_STATEMENTS or any(len(statement) > MAX_STATEMENT_BYTES for statement in chain):
        raise SigningKeyError(f"{path}: more, or longer, than statements are")
    return chain
