r"""PIN pad readers (PC/SC part 10): PIN_VERIFY and PIN_MODIFY structures; the code never enters this process.

PC/SC part 10, version 2.02.09: a feature list tells which control codes the reader has (2.2), and a structure of fixed
layout tells it how to put the digits into an APDU (PIN_VERIFY 2.5.2, PIN_MODIFY 2.5.3). Building these is pure; numbers
of two and four bytes are in the byte order of the host, which is little endian on all that this program runs on.

>>> from drivers.reader import iso7816
>>> verify_structure(iso7816.verify(0x80, b"\xff" * 8), PadCode(6, 8, 8), PadText())[:13].hex()
'1e1e8208000806020109040000'
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from drivers.reader.apdu import CommandApdu
from drivers.reader.iso7816 import Alphabet

VERIFY_PIN_DIRECT = 0x06
MODIFY_PIN_DIRECT = 0x07
"""Feature tags (2.3)."""
TIME_OUT_S = 30
"""So long the reader waits for the first key, and for each one after it."""
NOT_ENTERED = (0x6402, 0x6403)
"""Status words of the reader's own (2.5.1): the two new codes differ; a length outside the limits. As with 6400 (time is
out) and 6401 (cancelled), the card saw nothing."""
NOT_UNDERSTOOD = 0x6B80
"""Status word of the reader's own: its firmware does not take the structure. The card saw nothing."""
STOPPED_AT_PAD = (0x6400, 0x6401, *NOT_ENTERED, NOT_UNDERSTOOD)
"""All of them."""
_FORMATS = {Alphabet.BCD: 0x01, Alphabet.ASCII_NUMERIC: 0x02, Alphabet.UTF8: 0x02}
_UNITS_ARE_BYTES = 0x80
_WHEN_OK_IS_PRESSED = 0x02
_CONFIRM_NEW, _ASK_OLD = 0x01, 0x02
_NEW, _NEW_AGAIN = 1, 2
"""Messages by number (2.5.3); 0 asks for the old code."""


class PinPad(Protocol):
    """The pad of one connection. Both raise CardGoneError on any fault of transmission."""

    def verify(self, structure: bytes) -> bytes:
        """Run a PIN_VERIFY structure; the response APDU of the card, or a status word of the reader's own."""

    def modify(self, structure: bytes) -> bytes:
        """Run a PIN_MODIFY structure, as `verify`."""


@runtime_checkable
class WithPad(Protocol):
    """A connection whose backend has looked for a pad."""

    @property
    def pinpad(self) -> PinPad | None:
        """The pad; None where the reader has none."""


@dataclass(frozen=True, slots=True)
class PadCode:
    """Code that the pad accepts, in characters, and its storage: `block` bytes, of the alphabet."""

    min_length: int
    max_length: int
    block: int
    alphabet: Alphabet = Alphabet.ASCII_NUMERIC

    @property
    def fits(self) -> bool:
        """Can a pad do it at all? Digits in a block of whole bytes, of at most 15."""
        return self.alphabet in _FORMATS and 1 <= self.block <= 15


@dataclass(frozen=True, slots=True)
class PadText:
    """Text on the reader's display: USB language identifier (0x0409 English, 0x041D Swedish)."""

    language: int = 0x0409


def features(answer: bytes) -> dict[int, int]:
    """Control code by feature tag, from the answer to CM_IOCTL_GET_FEATURE_REQUEST (2.2): tag, 4, big-endian code.

    What is not of that form is left out; features are an offer, not a duty.
    """
    codes: dict[int, int] = {}
    at = 0
    while at + 2 <= len(answer):
        tag, length = answer[at], answer[at + 1]
        value = answer[at + 2 : at + 2 + length]
        if length == 4 == len(value):
            codes[tag] = int.from_bytes(value, "big")
        at += 2 + length
    return codes


def verify_structure(apdu: CommandApdu, code: PadCode, text: PadText) -> bytes:
    """PIN_VERIFY (2.5.2) round a VERIFY whose data are nothing but padding."""
    messages = bytes((1,)) + _word(text.language) + bytes((0,))
    return _timing_and_format(code) + _limits(code) + _validation() + messages + _prologue_and(apdu)


def modify_structure(apdu: CommandApdu, code: PadCode, text: PadText) -> bytes:
    """PIN_MODIFY (2.5.3) round two fields, an old code (or PUK) and a new one: the first is asked for once, the new twice."""
    messages = bytes((_NEW_AGAIN + 1,)) + _word(text.language) + bytes((0, _NEW, _NEW_AGAIN))
    return _modify(apdu, code, bytes((0, code.block)), _CONFIRM_NEW | _ASK_OLD, messages)


def new_code_structure(apdu: CommandApdu, code: PadCode, text: PadText) -> bytes:
    """PIN_MODIFY (2.5.3) round one field, a new code, which is asked for twice."""
    messages = bytes((_NEW_AGAIN,)) + _word(text.language) + bytes((_NEW, _NEW_AGAIN, 0))
    return _modify(apdu, code, bytes(2), _CONFIRM_NEW, messages)


def _modify(apdu: CommandApdu, code: PadCode, offsets: bytes, confirm: int, messages: bytes) -> bytes:
    head = _timing_and_format(code) + offsets + _limits(code)
    return head + bytes((confirm,)) + _validation() + messages + _prologue_and(apdu)


def _timing_and_format(code: PadCode) -> bytes:
    """bTimeOut, bTimeOut2, bmFormatString, bmPINBlockString, bmPINLengthFormat: left-justified, no length in the APDU."""
    return bytes((TIME_OUT_S, TIME_OUT_S, _UNITS_ARE_BYTES | _FORMATS[code.alphabet], code.block, 0))


def _limits(code: PadCode) -> bytes:
    """wPINMaxExtraDigit: minimum in the upper byte, maximum in the lower."""
    return _word(code.min_length << 8 | code.max_length)


def _validation() -> bytes:
    return bytes((_WHEN_OK_IS_PRESSED,))


def _prologue_and(apdu: CommandApdu) -> bytes:
    """bTeoPrologue (used by T=1 drivers of the reader alone), ulDataLength, abData."""
    data = apdu.encode()
    return bytes(3) + len(data).to_bytes(4, "little") + data


def _word(number: int) -> bytes:
    return number.to_bytes(2, "little")
