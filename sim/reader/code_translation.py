"""Application of a card with code traits: its commands with codes, translated into those that its kind knows.

The kind keeps, compares and counts. What a trait refuses never comes as far, and costs no try.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from sim.reader import status
from sim.reader.code_traits import CodeField, CodeWays
from sim.reader.command_apdu import Ins, ReceivedCommand
from sim.reader.der import constructed, octets, tlv
from sim.reader.file_system import FileSystem
from sim.reader.pkcs15_codes import CountedCodes, Pkcs15Codes, StoredCode
from sim.reader.status import StatusError
from sim.reader.t0 import Answer

CODE_COMMANDS = frozenset({Ins.VERIFY, Ins.CHANGE_REFERENCE_DATA, Ins.RESET_RETRY_COUNTER})
USES_KEY = frozenset({Ins.PERFORM_SECURITY_OPERATION, Ins.INTERNAL_AUTHENTICATE})
EMPTY_REFUSED = {"6700": status.WRONG_LENGTH, "6A80": status.BAD_DATA}
BLOCK_BYTES = 8
IAS_PLACE, IAS_HEAD, IAS_TAIL = (0x3F, 0xFF), bytes.fromhex("4D087006BF81"), bytes.fromhex("02A080")
"""P1 and P2 of GET DATA, and what stands before and behind the reference (OpenSC card-esteid2018.c)."""
IAS_RIGHTS = bytes.fromhex("8C06F30000737300" + "9C06F30000737300")
DF21_PLACE, DF21_HEAD = (0x00, 0xFF), bytes.fromhex("A0038301")
TRIES_LEFT, CHANGED = 0xDF21, 0xDF2F


class Application(Protocol):
    """Application that carries out the commands of the kind."""

    def reset(self) -> None: ...

    def execute(self, command: ReceivedCommand) -> Answer: ...


@dataclass(frozen=True, slots=True)
class KindsField:
    """Form in which the kind wants a code: filled up to that length."""

    length: int
    filler: int

    def fill(self, code: bytes, length: int) -> bytes:
        """Fill a code. What ends in the kind's filler is a wrong code here. Raises StatusError(6700) for one that is too long."""
        if len(code) > length:
            raise StatusError(status.WRONG_LENGTH)
        if code.endswith(bytes([self.filler])):
            code = code[:-1] + bytes([self.filler ^ 0x01])
        return code.ljust(length, bytes([self.filler]))


class CodeTranslation:
    """See the module; implements `Application`. `find` gives the code of a reference of the kind, or None."""

    def __init__(
        self, kind: Application, codes: CountedCodes, ways: CodeWays, find: Callable[[int], StoredCode | None]
    ) -> None:
        self._kind = kind
        self._codes = codes
        self._ways = ways
        self._find = find

    def reset(self) -> None:
        """Lose what does not outlive the power."""
        self._kind.reset()

    def execute(self, command: ReceivedCommand) -> Answer:
        """Carry a command out. Raises StatusError where it ends early."""
        if command.ins not in CODE_COMMANDS:
            return self._kind.execute(command)
        data, word = self._code_command(command)
        counts = self._ways.counts_630x and word & 0xFFF0 == status.tries(0)
        return data, 0x6300 | word & 0x0F if counts else word

    def _code_command(self, command: ReceivedCommand) -> Answer:
        if command.ins == Ins.VERIFY and not command.p1 and command.data is None:
            return b"", self._empty(command)
        return self._kind.execute(command)

    def _empty(self, command: ReceivedCommand) -> int:
        status_word, way, code = self._kind.execute(command)[1], self._ways.empty_verify, self._find(command.p2)
        if code is None or way == "tells":
            return status_word
        if way in EMPTY_REFUSED:
            return EMPTY_REFUSED[way]
        self._codes.tried(code, right=False)
        return code.left


class Pkcs15CodeTranslation(CodeTranslation):
    """The same for PKCS#15 cards, which differ in more. `own`: how the kind wants its codes."""

    def __init__(
        self, kind: Application, codes: Pkcs15Codes, ways: CodeWays, files: FileSystem, own: KindsField,
        issued: tuple[bytes, ...],
    ) -> None:  # fmt: skip
        super().__init__(kind, codes, ways, codes.by_reference)
        self._pins = codes
        self.files = files
        self._own = own
        self._issued = issued
        """The PINs as they were issued."""

    def execute(self, command: ReceivedCommand) -> Answer:
        if command.ins in USES_KEY and self._ways.must_change and self._verified_as_issued():
            raise StatusError(status.CONDITIONS)
        if command.ins == Ins.GET_DATA_BER and (answer := self._object(command)) is not None:
            return answer, status.OK
        if command.ins == Ins.SELECT and self._ways.at_mf:
            return self._select(command)
        away = self._ways.at_mf and self.files.current_df is not self.files.application
        if command.ins == Ins.MANAGE_SECURITY_ENVIRONMENT and away:
            raise StatusError(status.NO_REFERENCE)
        return super().execute(command)

    def _verified_as_issued(self) -> bool:
        pins = (self._pins.pin, self._pins.signature_pin)
        return any(pin is not None and pin.verified and pin.value in self._issued for pin in pins)

    def _select(self, command: ReceivedCommand) -> Answer:
        """Select as the kind does; what was verified at the MF holds below it too."""
        verified = self._pins.pin.verified
        answer = self._kind.execute(command)
        self._pins.pin.verified = verified
        return answer

    def _code_command(self, command: ReceivedCommand) -> Answer:
        ways, bit = self._ways, self._ways.reference_bit
        elsewhere = ways.at_mf and self.files.current_df is not self.files.mf
        if elsewhere or command.p2 & bit != bit:
            raise StatusError(status.NO_REFERENCE)
        if command.ins == Ins.RESET_RETRY_COUNTER and ways.reset_modes and command.p1 not in ways.reset_modes:
            raise StatusError(status.WRONG_P1P2)
        plain_command = replace(command, p2=command.p2 & ~bit)
        if ways.field is not None and command.data is not None:
            plain_command = replace(plain_command, data=self._translated(plain_command, ways.field))
        changes = plain_command.ins == Ins.CHANGE_REFERENCE_DATA and (ways.change_p1 or ways.refuses_new)
        return super()._code_command(self._judged_change(plain_command) if changes else plain_command)

    def _judged_change(self, command: ReceivedCommand) -> ReceivedCommand:
        """The kind's own CHANGE, old and new code, where the card does not refuse the new one."""
        code, data, size = self._find(command.p2), command.data or b"", self._own.length
        if command.p1 != self._ways.change_p1 or code is None:
            raise StatusError(status.WRONG_P1P2)
        if command.p1:
            if not code.verified:
                raise StatusError(status.SECURITY_STATUS)
            data = self._own.fill(code.value, size) + data
        old, new = (part.rstrip(bytes([self._own.filler])) for part in (data[:size], data[size:]))
        if old == code.value and self._ways.refuses_new == "history" and new in (*self._issued, old):
            raise StatusError(status.CONDITIONS)
        if old == code.value and self._ways.refuses_new == "weak" and any(a == b for a, b in pairwise(new)):
            raise StatusError(status.BAD_DATA)
        return replace(command, p1=0, data=data)

    def _translated(self, command: ReceivedCommand, field: CodeField) -> bytes:
        """The codes of a command, as the kind wants them."""
        data, parts = command.data or b"", b""
        expected = self._expected(command)
        for number, code in enumerate(expected):
            length = self._length(code, field) if number + 1 < len(expected) or field.form != "bare" else len(data)
            part, data = data[:length], data[length:]
            parts += self._own.fill(self._bare(part, field, length), self._room(code))
        if data:
            raise StatusError(status.WRONG_LENGTH)
        return parts

    def _expected(self, command: ReceivedCommand) -> list[StoredCode]:
        """Return whose codes stand in the data, one after the other."""
        code = self._find(command.p2)
        if code is None:
            raise StatusError(status.NO_REFERENCE)
        if command.ins == Ins.CHANGE_REFERENCE_DATA:
            return [code] * (1 if command.p1 else 2)
        if command.ins == Ins.RESET_RETRY_COUNTER:
            return [self._pins.puk] * (command.p1 in (0, 1)) + [code] * (command.p1 in (0, 2))
        return [code]

    def _room(self, code: StoredCode) -> int:
        """Bytes that the kind gives a code."""
        return max(self._own.length, len(code.value) if code is self._pins.puk else 0)

    def _length(self, code: StoredCode, field: CodeField) -> int:
        """Bytes that a code takes in a command."""
        if field.form == "bare":
            return len(code.value)
        return BLOCK_BYTES if field.form == "block" else self._room(code)

    def _bare(self, part: bytes, field: CodeField, length: int) -> bytes:
        """The characters of a field. Raises StatusError(6700, 6A80) for one of another form."""
        if field.form == "bare":
            if part[-1:] in (b"\x00", b"\xff"):
                raise StatusError(status.BAD_DATA)
            return part
        if len(part) != length:
            raise StatusError(status.WRONG_LENGTH)
        if field.form == "block":
            return _digits_of_block(part)
        return part.rstrip(bytes([self._own.filler if field.filler is None else field.filler]))

    def _object(self, command: ReceivedCommand) -> bytes | None:
        """The data object of a code; None where the command asks for another."""
        place, request, bit = (command.p1, command.p2), command.data or b"", self._ways.reference_bit
        if (
            self._ways.counter == "ias-ecc"
            and place == IAS_PLACE
            and request[:-4] == IAS_HEAD
            and request[-3:] == IAS_TAIL
        ):
            code = self._find(request[-4])
            return None if code is None else _ias_object(code, request[-4])
        thales = self._ways.counter == "df21" or self._ways.must_change
        if thales and place == DF21_PLACE and request[:-1] == DF21_HEAD and request[-1] & bit == bit:
            code = self._find(request[-1] & ~bit)
            return None if code is None else self._df21_object(code, request[-1])
        return None

    def _df21_object(self, code: StoredCode, reference: int) -> bytes:
        changed = not (self._ways.must_change and code.value in self._issued)
        left = octets(bytes([code.tries_left]), TRIES_LEFT)
        return constructed(0, octets(bytes([reference]), 0x83), left, octets(bytes([changed]), CHANGED))


def _ias_object(code: StoredCode, reference: int) -> bytes:
    """The object of a code as EstEID 2018 gives it: 9A most tries, 9B tries left, then access rights. Unverified."""
    tries = octets(bytes([code.tries_max]), 0x9A) + octets(bytes([code.tries_left]), 0x9B)
    inner = constructed(0, tries, constructed(1, IAS_RIGHTS))
    return tlv(0x70, b"\xbf\x81", bytes([reference, len(inner)]), inner)


def _digits_of_block(block: bytes) -> bytes:
    """Of ISO 9564-1 format 2: control nibble 2, length, digits, filled with F."""
    digits = block.hex()[2 : 2 + (block[0] & 0x0F)]
    if block.hex() != f"2{len(digits):x}{digits}".ljust(2 * BLOCK_BYTES, "f") or not digits.isdecimal():
        raise StatusError(status.BAD_DATA)
    return digits.encode()
