"""Key rotation: a chain of signed statements, each of which hands the server's authority from one set of keys to the next.

Rules:
- A statement names all keys that count from then on: the server's signing key, the verifier's, and the authorities of the fleet.
- It is signed twice (as The Update Framework's roots are): inside by the new signing key, which proves that it is held, around
  it by the key before. Each is a compact JWS (RFC 7515, ES256) of its own `typ`.
- A station begins at the key that it pinned and takes statements in the order of their `sequence`, never one twice and never
  back. It walks old links also when their time is over: a station that lay on a shelf comes to the newest keys.
- The key before is good until `old_until`, then never again. The server signs with the new one from `starts` on.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from fleet.messages.statements import ALGORITHM

ROTATION_TYP = "kortkiosk.key-rotation+jws"
NEW_KEY_TYP = "kortkiosk.key-rotation.new-key+jws"
MAX_STATEMENT_BYTES = 32 * 1024
MAX_STATEMENTS = 64
"""Of a chain: two in three years for as long as an authority lasts."""
VERIFIER_KEY_BYTES = 32
MAX_AUTHORITIES = 8
_END = "-----END CERTIFICATE-----"


class RotationError(ValueError):
    """It is no statement that hands keys over, or not from these keys. The text shows nothing of the content."""


class KeysAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="keys", tag_field="ask"):
    """Give me the chain of the server's keys: `keys` of the answer, which proves itself from the pinned key on."""


class KeyStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signed content of a key rotation. `signing_key` is a public JWK, `verifier_key` base64 of 32 bytes; `authorities` are
    certificates in PEM, the pinned one where there are none.

    Times are RFC 3339: made at `made`; the server signs with the new key from `starts`; the key before is good until `old_until`;
    the new one is to be rotated by `not_after`.
    """

    sequence: int
    made: str
    starts: str
    old_until: str
    not_after: str
    signing_key: dict[str, str]
    verifier_key: str
    authorities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Handover:
    """A statement that was verified, with its times and keys read."""

    text: str
    sequence: int
    made: datetime
    starts: datetime
    old_until: datetime
    not_after: datetime
    signing_key: ECKey
    verifier_key: bytes
    authorities: tuple[str, ...]

    def is_settled(self, kid: str, verifier_key: str, authorities: str) -> bool:
        """Return whether a public.json names what this hands over to: a thumbprint, a key as base64, certificates in PEM."""
        stated = self.signing_key.thumbprint(), base64.b64encode(self.verifier_key).decode()
        return stated == (kid, verifier_key) and set(self.authorities) == set(split_pem(authorities))


def sign_statement(statement: KeyStatement, old: ECKey, new: ECKey) -> str:
    """The compact JWS of the old key around that of the new one."""
    inner = _sign(msgspec.json.encode(statement), NEW_KEY_TYP, new)
    return _sign(inner.encode(), ROTATION_TYP, old)


def open_statement(text: str, old: ECKey) -> Handover:
    """Check both signatures and what is stated. Raises RotationError."""
    if len(text) > MAX_STATEMENT_BYTES:
        raise RotationError(f"a statement has at most {MAX_STATEMENT_BYTES} bytes")
    inner = _opened(text, ROTATION_TYP, old)
    try:
        claimed = msgspec.json.decode(_payload(inner), type=KeyStatement)
        new = ECKey.import_key(dict(claimed.signing_key))
        verifier_key = base64.b64decode(claimed.verifier_key, validate=True)
    except (msgspec.MsgspecError, JoseError, binascii.Error, ValueError, TypeError, RecursionError):
        raise RotationError("the statement cannot be read") from None
    if new.is_private or new.curve_name != "P-256" or len(verifier_key) != VERIFIER_KEY_BYTES or claimed.sequence < 1:
        raise RotationError("the statement names keys of another kind")
    _opened(inner.decode("ascii", "replace"), NEW_KEY_TYP, new)
    made, starts, old_until, not_after = map(
        _moment, (claimed.made, claimed.starts, claimed.old_until, claimed.not_after)
    )
    authorities = tuple(pem for text in claimed.authorities for pem in split_pem(text))
    if "".join(authorities) != "".join(claimed.authorities):
        raise RotationError("the authorities of the statement are not written as certificates are")
    _check_authorities(authorities)
    if not made <= starts <= old_until <= not_after:
        raise RotationError("the statement's times are out of order")
    return Handover(text, claimed.sequence, made, starts, old_until, not_after, new, verifier_key, authorities)


def follow_chain(pinned: ECKey, chain: Sequence[str], after: int = 0) -> list[Handover]:
    """Return the handovers that follow from that key: statements before it, which another key signed, are passed over, as are
    those up to `after`.

    Raises RotationError where a statement is signed by the key of the moment and says what it may not, or a link is missing.
    """
    if len(chain) > MAX_STATEMENTS:
        raise RotationError(f"a chain has at most {MAX_STATEMENTS} statements")
    key, taken = pinned, list[Handover]()
    for text in chain:
        if _signer(text) != key.thumbprint():
            if taken:
                raise RotationError("a link of the chain is missing")
            continue
        handover = open_statement(text, key)
        if handover.sequence > max(after, taken[-1].sequence if taken else 0):
            taken.append(handover)
            key = handover.signing_key
    return taken


class _Kid(msgspec.Struct):
    kid: str = ""


def split_pem(text: str) -> tuple[str, ...]:
    """The certificates in a text that holds some, one after the other."""
    return tuple(f"{part.strip()}\n{_END}\n" for part in text.split(_END)[:-1])


def _sign(content: bytes, typ: str, key: ECKey) -> str:
    header = {"alg": ALGORITHM, "kid": key.thumbprint(), "typ": typ}
    return jws.serialize_compact(header, content, key, algorithms=[ALGORITHM])


def _opened(text: str, typ: str, key: ECKey) -> bytes:
    try:
        token = jws.deserialize_compact(text, key, algorithms=[ALGORITHM])
        is_right = token.protected.get("typ") == typ and token.protected.get("kid") == key.thumbprint()
    except (JoseError, ValueError, TypeError, RecursionError):  # a header's `crit` may be anything
        raise RotationError("the statement is not signed by the key that it follows") from None
    if not is_right:
        raise RotationError("the statement is signed as something else")
    return token.payload or b""


def _signer(text: str) -> str:
    """The `kid` that the header claims; empty where there is none."""
    try:
        head = base64.urlsafe_b64decode(text.partition(".")[0] + "==")
        return msgspec.json.decode(head, type=_Kid).kid
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError):
        return ""


def _payload(compact: bytes) -> bytes:
    """Of the inner JWS, whose signature is checked once the key in it is known."""
    parts = compact.split(b".")
    if len(parts) != 3:
        raise RotationError("the statement holds no signed keys")
    return base64.urlsafe_b64decode(parts[1] + b"==")


def _check_authorities(authorities: tuple[str, ...]) -> None:
    """A station that took what it cannot read would never connect again."""
    if len(authorities) > MAX_AUTHORITIES:
        raise RotationError(f"a statement names at most {MAX_AUTHORITIES} authorities")
    try:
        for authority in authorities:
            x509.load_pem_x509_certificate(authority.encode()).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise RotationError("an authority of the statement cannot be read") from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RotationError("a time of the statement is not RFC 3339") from None
    if moment.tzinfo is None:
        raise RotationError("a time of the statement names no zone")
    return moment
