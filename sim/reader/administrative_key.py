"""The administrative key of a kind B card, by challenge and answer: whoever has it sets a new PIN without the PUK.

Rules: GET CHALLENGE gives sixteen bytes, and EXTERNAL AUTHENTICATE as the very next command takes them enciphered under the
key as one block (AES-256); without a challenge it costs no try. A wrong answer does, durably before it is told, and the
fifth in a row ends the key for good. What a right one allows is one RESET RETRY COUNTER with a new PIN (P1=02), or is lost with
the power or another application.

>>> len(answer_to(bytes(16), key_of("98110001000000000001")))
16
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sim.reader import status
from sim.reader.command_apdu import Ins, ReceivedCommand
from sim.reader.pkcs15_codes import Pkcs15Codes, StoredCode
from sim.reader.status import StatusError
from sim.reader.t0 import Answer

TRIES = 5
CHALLENGE_BYTES = 16
_MADE_UP = b"kortkiosk made-up administrative key "


def key_of(serial: str) -> bytes:
    """The key of the made-up card with that serial number (hex): each card has its own, and it protects nothing."""
    return hashlib.sha256(_MADE_UP + serial.upper().encode()).digest()


def issue_key(serial: str) -> StoredCode:
    """The key as a card gets it from its issuer."""
    return StoredCode(key_of(serial), TRIES, TRIES)


def answer_to(challenge: bytes, key: bytes) -> bytes:
    """Return the answer of whoever has the key to a challenge of one block."""
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a single block
    return encryptor.update(challenge) + encryptor.finalize()


class AdministrativeKey:
    """See the module. The key is `codes.administrator`."""

    def __init__(self, codes: Pkcs15Codes, key: StoredCode) -> None:
        self._codes = codes
        self._key = key
        self._challenge = b""

    def commands(self) -> dict[int, Callable[[ReceivedCommand], Answer]]:
        """Handlers of its commands by instruction byte."""
        return {Ins.GET_CHALLENGE: self._ask, Ins.EXTERNAL_AUTHENTICATE: self._authenticate}

    def forget_challenge(self) -> None:
        """Discard the challenge, because another command came."""
        self._challenge = b""

    def _ask(self, command: ReceivedCommand) -> Answer:
        if command.p1 or command.p2:
            raise StatusError(status.WRONG_P1P2)
        challenge = secrets.token_bytes(command.le or 0)
        self._challenge = challenge if len(challenge) == CHALLENGE_BYTES else b""
        return challenge, status.OK

    def _authenticate(self, command: ReceivedCommand) -> Answer:
        challenge, self._challenge = self._challenge, b""
        if command.p1 or command.p2:
            raise StatusError(status.WRONG_P1P2)
        if not challenge:
            raise StatusError(status.CONDITIONS)
        if len(command.data or b"") != CHALLENGE_BYTES:
            raise StatusError(status.WRONG_LENGTH)
        if not self._key.tries_left:
            raise StatusError(status.LOCKED)
        right = hmac.compare_digest(answer_to(challenge, self._key.value), command.data or b"")
        self._key.verified = self._codes.tried(self._key, right=right)
        return b"", status.OK if self._key.verified else self._key.left
