"""Virtual PIN pad of a card reader: runs the structures of PC/SC part 10 on an in-process card.

Keys are pressed by putting codes into `typed`: one for a verification, old (or PUK), new and new again for a change; None is the
cancel key, and an empty list a person who walked away. It holds to the rules of a real pad: lengths as the
structure says, the new code twice the same, the block filled in at its place (version 2.02.09, 2.5.2 and 2.5.3).

>>> backend = PadBackend([VirtualSlot("Pad 0")]); backend.typed.append("246813")
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from drivers.reader.errors import CardGoneError
from sim.reader.in_process import InProcessBackend, InProcessConnection
from sim.reader.slot import PluggableCard, VirtualSlot

Typed = list[str | None]
_TIME_OUT, _CANCELLED = bytes.fromhex("6400"), bytes.fromhex("6401")
_DIFFERENT, _LENGTH, _NOT_UNDERSTOOD = bytes.fromhex("6402"), bytes.fromhex("6403"), bytes.fromhex("6B80")
_HEADER = 5
"""CLA, INS, P1, P2 and Lc stand before the data of the APDU."""
_CONFIRM_NEW, _ASK_OLD = 0x01, 0x02
MODIFYING = (0x24, 0x2C)
"""Instructions that a pad lets through: CHANGE REFERENCE DATA, RESET RETRY COUNTER."""
_VERIFY_FIXED, _MODIFY_FIXED = 19, 24
"""Bytes before abData."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Values that a structure asks for."""

    block: int
    shortest: int
    longest: int
    offsets: tuple[int, ...]
    """Of the fields; the last one is for a new code."""
    apdu: bytes
    twice: bool = False
    """The new code is asked for once more."""


class VirtualPad:
    """The pad of one connection."""

    def __init__(self, transmit: Callable[[bytes], bytes], typed: Typed) -> None:
        self._transmit = transmit
        self._typed = typed

    def verify(self, structure: bytes) -> bytes:
        """One code into one place."""
        request = _Asked(structure[3], structure[6], structure[5], (0,), _apdu(structure, _VERIFY_FIXED))
        return self._run(request)

    def modify(self, structure: bytes) -> bytes:
        """Old code where it is asked for, new code, new code again, into one place or two."""
        apdu = _apdu(structure, _MODIFY_FIXED)
        asks_old, twice = bool(structure[9] & _ASK_OLD), bool(structure[9] & _CONFIRM_NEW)
        if apdu[1] not in MODIFYING or structure[11] != 1 + asks_old + twice:
            return _NOT_UNDERSTOOD
        places = (structure[5], structure[6]) if asks_old else (structure[6],)
        return self._run(_Asked(structure[3], structure[8], structure[7], places, apdu, twice))

    def _run(self, request: _Asked) -> bytes:
        entered: list[str] = []
        for _ in range(len(request.offsets) + request.twice):
            code = self._typed.pop(0) if self._typed else ""
            if code is None or not code:
                return _CANCELLED if code is None else _TIME_OUT
            if not request.shortest <= len(code) <= request.longest:
                return _LENGTH
            entered.append(code)
        if request.twice and entered[-1] != entered[-2]:
            return _DIFFERENT
        apdu = bytearray(request.apdu)
        for code, offset in zip(entered, request.offsets, strict=False):
            at = _HEADER + offset
            apdu[at : at + len(code)] = code.encode("ascii")
        return self._transmit(bytes(apdu))


def _apdu(structure: bytes, fixed: int) -> bytes:
    """abData, of the length that ulDataLength says. Raises CardGoneError, as a reader fails on a bad structure."""
    length = int.from_bytes(structure[fixed - 4 : fixed], "little")
    if length != len(structure) - fixed:
        raise CardGoneError("the pad does not understand what it is asked")
    return structure[fixed:]


class PadConnection(InProcessConnection):
    """A connection with a pad."""

    def __init__(self, backend: "PadBackend", slot: VirtualSlot, card: PluggableCard) -> None:
        super().__init__(backend, slot, card)
        self.pinpad = VirtualPad(self.transmit, backend.typed)


class PadBackend(InProcessBackend):
    """Readers with key pads. `typed` is what will be typed next, at any of them."""

    def __init__(self, slots: Iterable[VirtualSlot]) -> None:
        super().__init__(slots)
        self.typed: Typed = []

    def _connection(self, slot: VirtualSlot, card: PluggableCard) -> PadConnection:
        return PadConnection(self, slot, card)
