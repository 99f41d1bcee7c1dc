"""Key management types: key algorithms, places for keys, and the port to whoever answers for a management key.

A management key never enters this layer. Whoever holds it (a file, a TPM, a server) answers the card's challenge with
one block of cipher text; `drivers.reader.piv.key_management` carries question and answer (SP 800-73-4 part 2, 3.2.4).

>>> Generated(b"made up").public_key
b'made up'
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from drivers.reader.outcomes import Refused, Unknown

KeyAlgorithm = Literal["RSA-2048", "EC-P256", "EC-P384"]
ManagementAlgorithm = Literal["3DES", "AES-128", "AES-192", "AES-256"]
ChallengeDigits = Literal["hexadecimal", "decimal"]
"""How people write a challenge and its answer: each byte as two digits, or all as one number with zeros before it."""


class ManagementKey(Protocol):
    """Party that can answer for a card's management key. Called in the reader's thread, between two commands."""

    algorithm: ManagementAlgorithm

    def answer(self, challenge: bytes) -> bytes:
        """The challenge (8 bytes for 3DES, 16 for AES), enciphered under the key as one block without chaining.

        May wait for somebody else. Raises ReaderError where there is no answer; nothing was changed then.
        """


@dataclass(frozen=True, slots=True)
class KeyChallenge:
    """A card's challenge to whoever has its administrative key. `answers_left`: so many still go out, were each wrong."""

    challenge: bytes
    answers_left: int


ChallengeAnswer = Callable[[bytes], Awaitable[bytes]]
"""Whoever can answer for a card's administrative key: one block, enciphered. It may take its time; the card waits."""


@dataclass(frozen=True, slots=True)
class MutualAnswer:
    """Answer of whoever has a card's management key to its witness, and to our challenge (SP 800-73-4 part 2, appendix A.1).

    `digest`: SHA-256 over the challenge enciphered under the key, by which the card's own answer is known without being told.
    """

    witness: bytes = field(repr=False)
    digest: bytes


MutualAsk = Callable[[ManagementAlgorithm, bytes, bytes], Awaitable[MutualAnswer | None]]
"""Algorithm, witness and challenge to whoever has the card's own management key; None where nobody has it."""


@dataclass(frozen=True, slots=True)
class Generated:
    """The card made a key pair. `public_key` is SubjectPublicKeyInfo in DER."""

    public_key: bytes = field(repr=False)


KeyOutcome = Generated | Refused | Unknown


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A place on the card without a certificate, in which a key may be made and no certificate loses its key.

    `public_key`: SubjectPublicKeyInfo in DER of the key that is there, where the card tells: one whose certificate never came.
    """

    key_id: str
    public_key: bytes | None = field(default=None, repr=False)
