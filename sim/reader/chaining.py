"""Command chaining: a long command in short parts, all but the last marked in CLA (ISO/IEC 7816-4 5.4.1).

>>> chain = CommandChain()
>>> chain.add(ReceivedCommand(0x10, 0xDB, 0x3F, 0xFF, b"ab")) is None
True
>>> len(chain.add(ReceivedCommand(0x00, 0xDB, 0x3F, 0xFF, b"c")).data)
3
"""

from dataclasses import replace

from sim.reader import status
from sim.reader.command_apdu import CHAINED, ReceivedCommand
from sim.reader.status import StatusError

MAX_BYTES = 4096


class CommandChain:
    """The parts so far. A command of another kind in between drops them."""

    def __init__(self) -> None:
        self._header: tuple[int, int, int, int] | None = None
        self._data = b""

    def forget(self) -> None:
        """Discard the parts, because the power went."""
        self._header, self._data = None, b""

    def add(self, command: ReceivedCommand) -> ReceivedCommand | None:
        """The whole command where this was its last part, else None. Raises StatusError(6700) where it gets too long."""
        header = (command.cla & ~CHAINED, command.ins, command.p1, command.p2)
        if header != self._header:
            self.forget()
        if command.cla & CHAINED:
            self._header, self._data = header, self._data + (command.data or b"")
            if len(self._data) > MAX_BYTES:
                self.forget()
                raise StatusError(status.WRONG_LENGTH)
            return None
        before = self._data
        self.forget()
        return replace(command, data=before + (command.data or b"")) if before else command
