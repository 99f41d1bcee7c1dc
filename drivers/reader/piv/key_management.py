"""PIV key management: key pairs and certificates are made, written and deleted under the management key.

Rules: the key that answers is behind a port and never here; the same-card check stands before every change; a key and
the certificate that is written to its slot must be a pair, by public key; what was written is read back.

>>> public_key_of(tlv.parse(bytes.fromhex("860104"))) is None
True
"""

import hashlib
import hmac
from collections.abc import Callable

from drivers.reader import tlv
from drivers.reader.apdu import CommandApdu, ResponseApdu
from drivers.reader.certificates import public_keys
from drivers.reader.certificates.public_keys import PublicKey
from drivers.reader.errors import CardAnswerError, CardGoneError
from drivers.reader.keys import (
    Generated,
    KeyAlgorithm,
    KeyOutcome,
    ManagementAlgorithm,
    ManagementKey,
    MutualAnswer,
)
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Unknown
from drivers.reader.piv import apdus as commands
from drivers.reader.piv.objects import KeySlot
from drivers.reader.piv.signing import algorithm_of
from drivers.reader.tlv import Tlv, TlvError
from drivers.reader.transport.channel import ApduChannel

WriteOutcome = Accepted | Refused | Unknown
ALGORITHMS: dict[KeyAlgorithm, int] = {"RSA-2048": 0x07, "EC-P256": 0x11, "EC-P384": 0x14}
MANAGEMENT_ALGORITHMS: dict[ManagementAlgorithm, int] = {
    "3DES": 0x03,
    "AES-128": 0x08,
    "AES-192": 0x0A,
    "AES-256": 0x0C,
}
"""SP 800-78-4, table 6-2."""
BLOCK_BYTES: dict[ManagementAlgorithm, int] = {"3DES": 8, "AES-128": 16, "AES-192": 16, "AES-256": 16}
WITNESS, CHALLENGE, RESPONSE = 0x80, 0x81, 0x82
"""Tags within the dynamic authentication template (part 2, table 7)."""
_NOT_PACKED = b"\x71\x01\x00"
_NO_CHECKSUM = b"\xfe\x00"


class PivKeyManager:
    """Commands that need the management key. Raises CardGoneError and CardChangedError before the change went out."""

    def __init__(self, channel: ApduChannel, same_card: Callable[[], None]) -> None:
        self._channel = channel
        self._same_card = same_card

    def witness(self, algorithm: ManagementAlgorithm) -> bytes | None:
        """The card's witness for mutual authentication; None where it gives none of the key's length."""
        response = self._channel.send(commands.ask_witness(MANAGEMENT_ALGORITHMS[algorithm]))
        given = _object(response.data, WITNESS) if response.ok else b""
        return given if len(given) == BLOCK_BYTES[algorithm] else None

    def proves(self, algorithm: ManagementAlgorithm, challenge: bytes, answer: MutualAnswer) -> bool:
        """Return whether the card enciphers our challenge as its key does, once its witness is answered."""
        command = commands.answer_witness(MANAGEMENT_ALGORITHMS[algorithm], answer.witness, challenge)
        response = self._channel.send(command)
        given = _object(response.data, RESPONSE) if response.ok else b""
        return bool(given) and hmac.compare_digest(hashlib.sha256(given).digest(), answer.digest)

    def generate(self, slot: KeySlot, algorithm: KeyAlgorithm, management: ManagementKey) -> KeyOutcome:
        """GENERATE ASYMMETRIC KEY PAIR: the key that was in the slot is gone after it."""
        response = self._run_managed(commands.generate_key_pair(ALGORITHMS[algorithm], slot.key), management)
        if not isinstance(response, ResponseApdu):
            return response
        key = _template(response.data)
        if key is None or algorithm_of(key) != ALGORITHMS[algorithm]:
            raise CardAnswerError("a key that was not asked for", reader=self._channel.reader)
        return Generated(public_keys.encode_spki(key))

    def write(self, slot: KeySlot, der: bytes, management: ManagementKey) -> WriteOutcome:
        """PUT DATA of a certificate, unpacked; empty `der` deletes it. Read back by the caller."""
        content = tlv.encode(0x70, der) + _NOT_PACKED + _NO_CHECKSUM if der else b""
        response = self._run_managed(commands.put_data(slot.tag, content), management)
        return Accepted() if isinstance(response, ResponseApdu) else response

    def delete_key(self, slot: KeySlot, management: ManagementKey) -> WriteOutcome:
        """Delete the key of a slot."""
        response = self._run_managed(commands.delete_key(slot.key), management)
        return Accepted() if isinstance(response, ResponseApdu) else response

    def _run_managed(self, change: CommandApdu, management: ManagementKey) -> ResponseApdu | Refused | Unknown:
        refusal = self._authenticate(management)
        if refusal is not None:
            return refusal
        self._same_card()
        self._channel.committed = True
        try:
            response = self._channel.send(change)
        except (CardGoneError, CardAnswerError):
            return Unknown()
        self._channel.committed = False
        return response if response.ok else Refused(RefusalReason.CARD, response.sw)

    def _authenticate(self, management: ManagementKey) -> Refused | None:
        """External authentication (SP 800-73-4 part 2, appendix A.1). A wrong answer costs no try of any code."""
        algorithm = MANAGEMENT_ALGORITHMS[management.algorithm]
        answer = self._channel.send(commands.ask_challenge(algorithm))
        if not answer.ok:
            return Refused(RefusalReason.CARD, answer.sw)
        challenge = _object(answer.data, CHALLENGE)
        if len(challenge) != BLOCK_BYTES[management.algorithm]:
            raise CardAnswerError("a challenge of another length", reader=self._channel.reader)
        answered = self._channel.send(commands.answer_challenge(algorithm, management.answer(challenge)))
        return None if answered.ok else Refused(RefusalReason.CARD, answered.sw)


def _object(answer: bytes, tag: int) -> bytes:
    """Return what stands in that tag of the dynamic authentication template; empty where it is not there."""
    nodes = tlv.parse_prefix(answer)
    node = nodes[0].find(tag) if nodes and nodes[0].tag == 0x7C else None
    return b"" if node is None else node.value


def _template(answer: bytes) -> PublicKey | None:
    """The public key in 7F49 (SP 800-73-4 part 2, table 11)."""
    try:
        nodes = tlv.parse_prefix(answer)
        return public_key_of(nodes[0].children) if nodes and nodes[0].tag == 0x7F49 else None
    except TlvError:
        return None


def public_key_of(nodes: tuple[Tlv, ...]) -> PublicKey | None:
    """Modulus 81 and exponent 82, or an uncompressed point 86; None for anything else."""
    values = {node.tag: node.value for node in nodes}
    if 0x86 in values:
        return public_keys.from_point(values[0x86])
    return public_keys.from_numbers(values.get(0x81, b""), values.get(0x82, b""))
