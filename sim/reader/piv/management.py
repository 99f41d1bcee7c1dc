"""Authentication with the management key (SP 800-73-4 part 2, 3.2.4 and appendix A): who may write to the card.

Two ways: the card gives a challenge (81) and the caller sends it back encrypted (82); or the card gives an encrypted
witness (80), the caller sends it back decrypted together with a challenge of its own (80, 81), and the card answers
that encrypted (82). What the card gave is good for one answer.
"""

import hmac
import secrets

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sim.reader import status
from sim.reader.der import octets
from sim.reader.piv.references import AlgorithmReference
from sim.reader.status import StatusError

WITNESS, CHALLENGE, RESPONSE = 0x80, 0x81, 0x82
_ALSO_TRIPLE_DES = 0x00


class ManagementKeyState:
    """The key and how far the caller has come. `authenticated` is lost with the power."""

    def __init__(self, algorithm: AlgorithmReference, key: bytes) -> None:
        cipher = TripleDES(key) if algorithm is AlgorithmReference.TRIPLE_DES else algorithms.AES(key)
        self.authenticated = False
        self._algorithm = algorithm
        self._cipher = Cipher(cipher, modes.ECB())  # noqa: S305 - the standard's own way, one block at a time
        self._block = cipher.block_size // 8
        self._expected: tuple[int, bytes] | None = None

    def forget(self) -> None:
        """The power went, or another application was selected."""
        self.authenticated = False
        self._expected = None

    def answer(self, algorithm: int, objects: dict[int, bytes]) -> bytes:
        """One step. Gives what goes into the answer's `7C`, or nothing. Raises StatusError."""
        if algorithm != self._algorithm and (algorithm, self._algorithm) != (
            _ALSO_TRIPLE_DES,
            AlgorithmReference.TRIPLE_DES,
        ):
            raise StatusError(status.WRONG_P1P2)
        expected, self._expected = self._expected, None
        if objects.get(WITNESS) == b"":
            return self._give(WITNESS)
        if objects.get(CHALLENGE) == b"":
            return self._give(CHALLENGE)
        tag = WITNESS if WITNESS in objects else RESPONSE
        self.authenticated = expected is not None and self._proves(expected, tag, objects.get(tag, b""))
        if not self.authenticated:
            raise StatusError(status.SECURITY_STATUS)
        return octets(self._encrypt(objects.get(CHALLENGE, b"")), RESPONSE) if tag == WITNESS else b""

    def _give(self, tag: int) -> bytes:
        """A challenge as it is, a witness encrypted."""
        fresh = secrets.token_bytes(self._block)
        self._expected = (tag, fresh)
        return octets(self._encrypt(fresh) if tag == WITNESS else fresh, tag)

    def _proves(self, expected: tuple[int, bytes], tag: int, proof: bytes) -> bool:
        given, fresh = expected
        expected_proof = fresh if given == WITNESS else self._encrypt(fresh)
        return (given == WITNESS) == (tag == WITNESS) and hmac.compare_digest(proof, expected_proof)

    def _encrypt(self, block: bytes) -> bytes:
        if len(block) != self._block:
            raise StatusError(status.BAD_DATA)
        encryptor = self._cipher.encryptor()
        return encryptor.update(block) + encryptor.finalize()
