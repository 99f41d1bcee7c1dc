"""Transport of answers: under T=0 (ISO/IEC 7816-3 12.2) by `61xx`, fetch them, and `6Cxx`, ask again with this length.

Under T=1 an answer comes with its command, at most as long as Le says; the rest of a longer one, such as a signature by a key of
3072 bits, comes after `61xx` too (ISO/IEC 7816-4 5.4.3).
"""

from dataclasses import replace

from sim.reader import status
from sim.reader.command_apdu import MAX_SHORT_LE, ReceivedCommand
from sim.reader.status import StatusError

Answer = tuple[bytes, int]
HEADER_AND_P3 = 5


def check(apdu: bytes, command: ReceivedCommand) -> None:
    """Reject what T=0 cannot carry: no length byte at all, or one behind the data. A card takes that for the next command's
    first.

    Raises StatusError(6700).
    """
    if len(apdu) < HEADER_AND_P3 or (command.data is not None and command.le is not None):
        raise StatusError(status.WRONG_LENGTH)


class PendingAnswer:
    """Answer that a card holds back until GET RESPONSE."""

    def __init__(self) -> None:
        self._data = b""
        self._made: tuple[ReceivedCommand, bytes] | None = None
        """A command with a wrong Le, and the answer that waits for the right one."""

    def forget(self) -> None:
        """The power went, or another command came."""
        self._data, self._made = b"", None

    def repeat(self, command: ReceivedCommand) -> Answer | None:
        """The same command after 6Cxx: it is answered, and not carried out twice."""
        made, self._made = self._made, None
        if made is None or replace(made[0], le=command.le) != command:
            return None
        return self.hold(command, made[1])

    def fetch(self, command: ReceivedCommand) -> Answer:
        """GET RESPONSE: a part, and how much is left."""
        if not self._data:
            return b"", status.CONDITIONS
        size = command.le or MAX_SHORT_LE
        if size > len(self._data) and size != MAX_SHORT_LE:
            return b"", _exactly(len(self._data))
        part, self._data = self._data[:size], self._data[size:]
        return part, _more(len(self._data)) if self._data else status.OK

    def chain(self, command: ReceivedCommand, data: bytes) -> Answer:
        """T=1: as much as Le takes (or a short answer, without Le), and how much is left."""
        size = command.le or MAX_SHORT_LE
        self._data = data[size:]
        return data[:size], _more(len(self._data)) if self._data else status.OK

    def hold(self, command: ReceivedCommand, data: bytes) -> Answer:
        """Turn a whole answer into what T=0 can carry in this step."""
        if not data:
            return b"", status.OK
        if command.data is not None or command.le is None:
            self._data = data
            return b"", _more(len(data))
        if command.le != len(data):
            self._made = command, data
            return b"", _exactly(len(data))
        return data, status.OK


def _more(size: int) -> int:
    return 0x6100 | (size if size < MAX_SHORT_LE else 0)


def _exactly(size: int) -> int:
    return 0x6C00 | (size if size < MAX_SHORT_LE else 0)
