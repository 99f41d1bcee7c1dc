"""Transactional steps of writing a PKCS#15 card, and what is known when one of them fails.

Rules: every step that changes the card begins with the same-card check (reliability I2); once one has gone out, a fault
of transmission, or another card, ends the whole operation as Unknown; where the card refuses, it ends as Refused. The
code that the card wants must have been verified in this visit: without it the card refuses, and no try is used.
"""

from collections.abc import Callable, Collection
from typing import TypeVar

from drivers.reader import tlv
from drivers.reader.apdu import SHORT_DATA, CommandApdu, ResponseApdu
from drivers.reader.certificates import public_keys
from drivers.reader.certificates.public_keys import PublicKey
from drivers.reader.errors import CardAnswerError, CardChangedError, CardGoneError, CommandRefusedError
from drivers.reader.keys import KeyAlgorithm
from drivers.reader.outcomes import RefusalReason, Refused, Unknown
from drivers.reader.pkcs15 import apdus as commands
from drivers.reader.pkcs15.directory_entries import DirectoryChange
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.tlv import TlvError
from drivers.reader.transport.channel import ApduChannel

FILE_EXISTS = 0x6A89
MOST_PLACES = 32
"""So many file numbers of one family are tried: one may be taken by a file that nothing names."""
T = TypeVar("T")


class OperationEndedError(Exception):
    """The operation is over, with that outcome."""

    def __init__(self, outcome: Refused | Unknown) -> None:
        super().__init__(type(outcome).__name__)
        self.outcome = outcome


class CardWriter:
    """See the module. Paths are from the MF."""

    def __init__(self, channel: ApduChannel, files: CardFiles, same_card: Callable[[], None]) -> None:
        self._channel = channel
        self._files = files
        self._same_card = same_card
        self._begun = False

    def run(self, steps: Callable[[], T]) -> T | Refused | Unknown:
        """Do the steps of one operation. Raises CardGoneError and CardChangedError before anything was changed, and
        CardAnswerError."""
        self._begun = False
        try:
            done = steps()
        except (CardGoneError, CardChangedError):
            if not self._begun:
                raise
            self._channel.gone = True
            return Unknown()
        except (OperationEndedError, CommandRefusedError) as end:
            outcome = end.outcome if isinstance(end, OperationEndedError) else Refused(RefusalReason.CARD, end.status)
            self._channel.committed = isinstance(outcome, Unknown)
            return outcome
        except CardAnswerError:
            self._channel.committed = False
            raise
        self._channel.committed = False
        return done

    def create(self, family: bytes, taken: Collection[bytes], make: Callable[[bytes], CommandApdu]) -> bytes:
        """Create the first file of a family, `family` being its path with a last byte of 0, that nothing has taken."""
        for last in range(1, MOST_PLACES + 1):
            path = family[:-1] + bytes((last,))
            if path in taken:
                continue
            self._same_card()
            self._files.enter(path[:-2])
            response = self._send(make(path[-2:]))
            if response.sw != FILE_EXISTS:
                self._demand(response)
                self._files.forget(path)
                return path
        raise OperationEndedError(Refused(RefusalReason.NOT_ALLOWED))

    def fill(self, path: bytes, data: bytes) -> None:
        """Write a file from its beginning."""
        self._same_card()
        self._files.select(path)
        for at in range(0, len(data), SHORT_DATA):
            self._demand(self._send(commands.update_binary(at, data[at : at + SHORT_DATA])))
        self._files.forget(path)

    def change(self, path: bytes, change: DirectoryChange) -> None:
        """Change a directory file by one command."""
        if not change.data:
            return
        self._same_card()
        self._files.select(path)
        self._demand(self._send(commands.update_binary(change.offset, change.data)))
        self._files.forget(path)

    def discard(self, path: bytes) -> None:
        """Delete a file that nothing names any more; one that the card does not let go stays, and harms nobody."""
        self._same_card()
        self._files.select(path)
        self._send(commands.delete_file())
        self._files.forget(path)

    def generate(self, path: bytes, algorithm: KeyAlgorithm) -> PublicKey:
        """Make a key in its file, and ask for its public half. Raises CardAnswerError for a key that was not asked for."""
        self._same_card()
        self._files.select(path)
        self._demand(self._send(commands.generate_key_pair(algorithm)))
        key = self._rsa() if algorithm == "RSA-2048" else self._elliptic()
        if key is None or key.key_size != commands.KEY_FILES[algorithm][1]:
            raise CardAnswerError("a key that was not asked for", reader=self._channel.reader)
        return key

    def _rsa(self) -> PublicKey | None:
        modulus, exponent = (self._read_public_part(part) for part in (commands.MODULUS, commands.EXPONENT))
        return public_keys.from_numbers(modulus, exponent)

    def _elliptic(self) -> PublicKey | None:
        try:
            nodes = tlv.parse(self._read_public_part(commands.POINT))
        except TlvError:
            return None
        return public_keys.from_point(nodes[0].value) if nodes and nodes[0].tag == commands.POINT else None

    def _read_public_part(self, part: int) -> bytes:
        response = self._channel.send(commands.public_part(part))
        self._demand(response)
        return response.data

    def _send(self, command: CommandApdu) -> ResponseApdu:
        """A command that changes the card."""
        self._channel.committed = self._begun = True
        try:
            return self._channel.send(command)
        except (CardGoneError, CardAnswerError):
            raise OperationEndedError(Unknown()) from None

    def _demand(self, response: ResponseApdu) -> None:
        if not response.ok:
            raise OperationEndedError(Refused(RefusalReason.CARD, response.sw))
