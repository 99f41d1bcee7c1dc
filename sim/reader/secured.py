"""A card that shows nothing before secure messaging or PACE: an application behind a guard that no command here opens.

It can be selected, and with PACE its EF.CardAccess be read (BSI TR-03110 part 3, A.1.1); all else is 6982.
"""

from typing import Protocol

from sim.reader import status
from sim.reader.command_apdu import Ins, ReceivedCommand
from sim.reader.file_system import MF_ID
from sim.reader.file_traits import BY_AID, Guard
from sim.reader.status import StatusError
from sim.reader.t0 import Answer

EF_CARD_ACCESS = 0x011C
CARD_ACCESS = bytes.fromhex("31143012060A04007F0007020204020202010202010D")
"""SecurityInfos: PACE by ECDH with generic mapping and AES-128, version 2, on brainpoolP256r1 (TR-03110 part 3, A.1.1.1)."""
SHORT_ID_BIT = 0x80


class Guarded(Protocol):
    """Application that lies behind the guard."""

    def reset(self) -> None:
        """Lose what does not outlive the power."""

    def execute(self, command: ReceivedCommand) -> Answer:
        """Carry a command out. Raises StatusError."""


class SecuredApplication:
    """See the module."""

    def __init__(self, application: Guarded, guard: Guard) -> None:
        self._application = application
        self._access = CARD_ACCESS if guard == "pace" else b""
        self._shown = b""

    def reset(self) -> None:
        self._shown = b""
        self._application.reset()

    def execute(self, command: ReceivedCommand) -> Answer:
        if command.ins == Ins.SELECT:
            return self._select(command)
        if command.ins == Ins.READ_BINARY and self._shown and not command.p1 & SHORT_ID_BIT:
            return self._shown[command.p2 : command.p2 + (command.le or 0)], status.OK
        raise StatusError(status.SECURITY_STATUS)

    def _select(self, command: ReceivedCommand) -> Answer:
        self._shown = b""
        name = command.data or b""
        if command.p1 == BY_AID or name == MF_ID.to_bytes(2, "big"):
            return self._application.execute(command)
        if not self._access or name[-2:] != EF_CARD_ACCESS.to_bytes(2, "big"):
            raise StatusError(status.SECURITY_STATUS)
        self._shown = self._access
        return b"", status.OK
