"""Signed envelopes of the link, on both sides: whatever the bytes are, the answer is what was signed, or the one named error.

The first byte says how the rest is read: as an ask, as an answer, as `acked`, or as what a refusal reads of an ask unverified.

>>> read_signed(b"")
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey

from fleet.messages.link import Acked, Answer, SyncAsk, encode
from fleet.messages.signed import (
    ANSWER_TYP,
    AckedReader,
    SignedAnswer,
    SignedError,
    open_answer,
    open_ask,
    sign_acked,
    sign_ask,
    unverified_answer,
    unverified_nonce,
)
from fleet.server.keys.signing import Signer
from provisioning import pki

ASK, ANSWER, ACKED, UNVERIFIED = b"\0", b"\1", b"\2", b"\3"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def server_key() -> ECKey:
    """The same in every process, so that seeds stay well signed. It guards nothing."""
    key = ec.derive_private_key(7, ec.SECP256R1())
    return ECKey.import_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def read_signed(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    with suppress(SignedError):
        if kind == ANSWER:
            open_answer(rest, server_key())
        elif kind == ACKED:
            AckedReader(server_key()).open(rest, "entre-a")
        elif kind == UNVERIFIED:
            unverified_nonce(rest)
            unverified_answer(rest)
        else:
            open_ask(rest)


def signed_seeds() -> Iterator[tuple[str, bytes]]:
    """One of each, well signed."""
    signer, own = Signer(server_key()), pki.new_key()
    certificate = pki.issue_client(pki.make_ca(NOW), "entre-a", own.public_key(), NOW)
    _, ask = sign_ask((own, certificate), "entre-a", SyncAsk(), NOW)
    content = SignedAnswer("entre-a", "0" * 32, "2026-01-01T00:00:00Z", Answer(ok=True, verdict="match"))
    answer = signer.sign(encode(content), ANSWER_TYP).encode()
    words = [(name, Acked(1, 7, ((9, 9),))) for name in ("entre-a", "entre-b", "entre-c")]
    yield "ask", ASK + ask
    yield "answer", ANSWER + answer
    yield "acked", ACKED + sign_acked(words, NOW, signer.sign)[0]
    yield "nonce", UNVERIFIED + ask
    yield "keys", UNVERIFIED + answer
