"""Signed envelopes of the link: a station's signature on each ask, the server's on each answer and on what it holds.

Rules:
- An ask is a compact JWS (RFC 7515, ES256) by the station's key, its certificate in `x5c`, over a `SignedAsk`. A nonce is taken
  once; `time` is within `CLOCK_SLACK` of the server's clock.
- An answer, an error too, is a compact JWS by the server key that the station pinned, over a `SignedAnswer` with the nonce of the
  ask: it answers that one ask of that one station.
- `acked` is signed once for all that a commit tells: each station gets its own leaf, the path, and the root that is signed
  (`fleet.messages.merkle`). The leaf binds station, epoch, `through` and `wanted`.
- `typ` says which of them it is, so that none stands in for another (RFC 8725 section 3.11). Sizes are bounded before anything is
  read. What does not verify is a `SignedError`, whose text shows nothing of the content.
"""

import base64
import binascii
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509 import Certificate
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, GuestProtocol

from fleet.messages import statements
from fleet.messages.command_verification import aware_time
from fleet.messages.link import Acked, Answer, Ask, MessageError, decode, encode
from fleet.messages.merkle import HASH_BYTES, Tree, root_of
from fleet.messages.statements import StatementError, base64url

ASK_TYP = "kortkiosk.ask+jws"
ANSWER_TYP = "kortkiosk.answer+jws"
ACKED_TYP = "kortkiosk.acked+jws"
CLOCK_SLACK = timedelta(minutes=10)
"""So far a station's clock may be from the server's; further off, the answer is the error `clock`, with the server's time."""
MAX_ASK_BYTES = 32 * 1024
"""Of the ask itself: it may carry what three people's cards have signed, with their certificates."""
MAX_SIGNED_ASK_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 256 * 1024
MAX_ACKED_BYTES = 64 * 1024
MAX_PATH = 20
"""Hashes of a path: enough for a million stations in one commit."""
ROOTS_KEPT = 64
FIRST_YEAR, LAST_YEAR = 1970, 9000
"""A clock without a battery begins at the first."""

Content = TypeVar("Content")
OwnKey = tuple[EllipticCurvePrivateKey, Certificate]
"""A station's key, and the certificate of the fleet's authority for it."""
Key = ECKey | Callable[[GuestProtocol], ECKey]
"""The server's key; or who knows which of its keys a JWS names, and raises ValueError where it is none that counts."""
Sign = Callable[[bytes, str], str]
"""The compact JWS over some bytes, with that `typ`."""


class SignedError(ValueError):
    """It is not signed by who should have, or not for this. The text says why and shows no content."""


class SignedAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signed content of an ask. `nonce`: 32 hex digits, made for this ask; `time`: the station's clock, RFC 3339 with a zone."""

    station: str
    nonce: str
    time: str
    ask: msgspec.Raw


class SignedAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signed content of the server's answer. `nonce` is the ask's; `issued` is the server's clock, RFC 3339 with a zone."""

    station: str
    nonce: str
    issued: str
    answer: Answer


class AckedRoot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Content that the server signs once for all that one commit tells. `root` is base64url; `size` the number of leaves."""

    root: str
    size: int
    time: str


class SignedAcked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One station's part of it: its word, the place of its leaf, the path (base64url), and the JWS over the `AckedRoot`."""

    acked: Acked
    index: int
    path: tuple[str, ...]
    root: str


@dataclass(frozen=True, slots=True)
class OpenedAsk:
    """An ask whose signature fits the certificate that came with it. The certificate is not judged here."""

    signed: SignedAsk
    time: datetime
    certificate: Certificate


def sign_ask(own: OwnKey, station: str, ask: Ask, now: datetime) -> tuple[str, bytes]:
    """The nonce that was made for it, and the payload of a message on `ask`."""
    signed = SignedAsk(station, secrets.token_hex(16), format_time(now), msgspec.Raw(encode(ask)))
    return signed.nonce, statements.sign(*own, ASK_TYP, encode(signed)).encode()


def open_ask(payload: bytes) -> OpenedAsk:
    """Check form and signature of an ask. Raises SignedError."""
    if len(payload) > MAX_SIGNED_ASK_BYTES:
        raise SignedError(f"a signed ask has at most {MAX_SIGNED_ASK_BYTES} bytes")
    try:
        statement = statements.verify_statement(payload.decode("ascii"), ASK_TYP, most=MAX_SIGNED_ASK_BYTES)
        signed: SignedAsk = decode(SignedAsk, statement.payload)
    except (StatementError, MessageError, UnicodeDecodeError) as error:
        raise SignedError(f"no signed ask: {_reason(error)}") from None
    if not is_nonce(signed.nonce):
        raise SignedError("the nonce of a signed ask has 32 hex digits")
    return OpenedAsk(signed, _moment(signed.time), statement.certificate)


def unverified_nonce(payload: bytes) -> str | None:
    """The nonce that an ask claims, without any check of its signature: to refuse it, and for nothing else."""
    if len(payload) > MAX_SIGNED_ASK_BYTES:
        return None
    try:
        nonce = msgspec.json.decode(_unb64(payload.split(b".")[1]), type=_Claimed).nonce
    except (msgspec.MsgspecError, ValueError, IndexError, RecursionError):
        return None
    return nonce if is_nonce(nonce) else None


def is_nonce(text: str) -> bool:
    """Return whether the text is written as the nonce of an ask is."""
    return len(text) == 32 and all(letter in "0123456789abcdef" for letter in text)


def open_answer(payload: bytes, key: Key) -> SignedAnswer:
    """Check an answer under the server's key. Whose it is, and to which ask, is the caller's to check. Raises SignedError."""
    if len(payload) > MAX_ANSWER_BYTES:
        raise SignedError(f"a signed answer has at most {MAX_ANSWER_BYTES} bytes")
    answer: SignedAnswer = _opened(payload, ANSWER_TYP, key, SignedAnswer)
    _moment(answer.issued)
    return answer


def unverified_answer(payload: bytes) -> Answer | None:
    """Decode an answer without any check of its signature, for the statements of keys in it, which prove themselves."""
    if len(payload) > MAX_ANSWER_BYTES:
        return None
    try:
        return msgspec.json.decode(_unb64(payload.split(b".")[1]), type=SignedAnswer).answer
    except (msgspec.MsgspecError, ValueError, IndexError, RecursionError):
        return None


def sign_acked(words: Sequence[tuple[str, Acked]], now: datetime, sign: Sign) -> list[bytes]:
    """The payloads of messages on `acked`, one for each (station, word), under one signature."""
    if not words:
        return []
    tree = Tree([_leaf(station, acked) for station, acked in words])
    root = sign(encode(AckedRoot(base64url(tree.root), len(words), format_time(now))), ACKED_TYP)
    text = cache(base64url)  # a hash of the tree is in the paths of many leaves
    return [
        encode(SignedAcked(acked, index, tuple(map(text, tree.path(index))), root))
        for index, (_, acked) in enumerate(words)
    ]


class AckedReader:
    """Opens `acked` under the server's key; the last roots that were verified are not verified again."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self.roots: dict[str, tuple[AckedRoot, datetime]] = {}

    def open(self, payload: bytes, station: str) -> tuple[Acked, datetime]:
        """The server's word for that station, and when it was signed. Raises SignedError."""
        if len(payload) > MAX_ACKED_BYTES:
            raise SignedError(f"acked has at most {MAX_ACKED_BYTES} bytes")
        try:
            signed: SignedAcked = decode(SignedAcked, payload)
        except MessageError as error:
            raise SignedError(f"no signed word: {error}") from None
        root, time = self._root(signed.root)
        path = [_unb64(text.encode()) for text in signed.path[: MAX_PATH + 1]]
        if len(path) > MAX_PATH or any(len(step) != HASH_BYTES for step in path):
            raise SignedError("the path of a signed word is out of bounds")
        computed = root_of(_leaf(station, signed.acked), signed.index, root.size, path)
        if computed is None or base64url(computed) != root.root:
            raise SignedError("the word is not among those that were signed")
        return signed.acked, time

    def _root(self, text: str) -> tuple[AckedRoot, datetime]:
        if (opened := self.roots.get(text)) is not None:
            return opened
        root: AckedRoot = _opened(text.encode(), ACKED_TYP, self._key, AckedRoot)
        while len(self.roots) >= ROOTS_KEPT:
            del self.roots[next(iter(self.roots))]
        self.roots[text] = root, _moment(root.time)
        return self.roots[text]


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Claimed(msgspec.Struct, frozen=True):
    nonce: str


def _opened(payload: bytes, typ: str, key: Key, kind: type[Content]) -> Content:
    try:
        token = jws.deserialize_compact(payload, key, algorithms=[statements.ALGORITHM])
        if token.protected.get("typ") != typ:
            raise SignedError("it was signed as something else")
        content: Content = decode(kind, token.payload or b"")
    except SignedError:
        raise
    except MessageError as error:
        raise SignedError(f"no {typ}: {error}") from None
    except (JoseError, ValueError, TypeError, RecursionError):  # a header's `crit` may be anything
        raise SignedError("it is not signed by the server") from None
    return content


def _leaf(station: str, acked: Acked) -> bytes:
    return msgspec.json.encode(["kortkiosk-acked-v1", station, acked.epoch, acked.through, acked.wanted])


def _moment(text: str) -> datetime:
    """The moment, aware. Raises SignedError."""
    moment = aware_time(text)
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:  # arithmetic with others ends in an error
        raise SignedError("a time of it is not RFC 3339 with a zone, of this age")
    return moment.astimezone(UTC)


def _reason(error: ValueError) -> str:
    return "not ASCII" if isinstance(error, UnicodeDecodeError) else str(error)


def _unb64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise SignedError("it is not written in base64url") from None
