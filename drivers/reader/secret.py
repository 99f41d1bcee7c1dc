"""Secret: a PIN or PUK in locked memory that is wiped, on its short way from the key pad to the card.

Rules: a code is wrapped where it is typed, passed along as `Secret`, revealed only where the APDU (or the sealed envelope
check) is made, and wiped when its errand ends, or at the latest when nobody holds it. It prints as stars and refuses to be
pickled, so it does not end up in a log, a traceback or a crash dump by accident. Its bytes lie in a `CodeBuffer`: a slot of a
few pages that are locked (mlock), left out of core files and emptied in a forked process, as far as the system allows. What
Python and pyscard copy where a code is used stays for the memory's next user: docs/security.md says so.

>>> code = Secret("123456")
>>> f"{code}", len(code)
('******', 6)
>>> code.wipe()
>>> code.reveal()
Traceback (most recent call last):
drivers.reader.secret.WipedError: the code has been wiped: its errand is over
"""

import hashlib
import hmac
import logging
import mmap
import os
from collections import deque
from typing import ClassVar, NoReturn

from drivers.reader.system import lock_pages

SLOT_BYTES = 64
SLOTS = 256

_log = logging.getLogger(__name__)


class WipedError(RuntimeError):
    """A code was asked for after its errand."""


class _Arena:
    """Pages that hold the slots. Slots are taken and given back from any thread: a deque's ends are safe to use so."""

    def __init__(self) -> None:
        self._pages = mmap.mmap(-1, SLOTS * SLOT_BYTES)
        self._free: deque[int] = deque(range(SLOTS))
        reason = lock_pages(self._pages)
        self.locked = not reason
        if reason:  # said once
            _log.warning("codes may reach the swap, since their memory cannot be locked: %s", reason)

    def take(self) -> tuple[int, memoryview] | None:
        """A slot, all zero; None where all are in use."""
        try:
            slot = self._free.popleft()
        except IndexError:
            return None
        return slot, memoryview(self._pages)[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES]

    def give_back(self, slot: int) -> None:
        self._free.append(slot)


class CodeBuffer:
    """Up to `most` bytes of a code, mutable, and zero again after `wipe`. A long one, or one too many, has plain memory."""

    __slots__ = ("_length", "_memory", "_slot")
    _arena: ClassVar[_Arena] = _Arena()

    def __init__(self, most: int) -> None:
        taken = self._arena.take() if most <= SLOT_BYTES else None
        self._slot: int | None = taken[0] if taken else None
        self._memory = taken[1][:most] if taken else memoryview(bytearray(most))
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, at: int) -> int:
        if not 0 <= at < self._length:
            raise IndexError(at)
        return self._memory[at]

    def append(self, byte: int) -> None:
        """Raises IndexError where it is full."""
        self._memory[self._length] = byte
        self._length += 1

    def pop(self) -> None:
        """The last byte less. Raises IndexError where there is none."""
        if not self._length:
            raise IndexError("the buffer is empty")
        self._length -= 1
        self._memory[self._length] = 0

    def view(self) -> memoryview:
        """Return what is in it, without a copy."""
        return self._memory[: self._length]

    def wipe(self) -> None:
        self._memory[:] = bytes(len(self._memory))
        self._length = 0

    def __del__(self) -> None:
        if hasattr(self, "_memory"):
            self.wipe()
            if self._slot is not None:
                self._arena.give_back(self._slot)


class CodeDigests:
    """A set of codes in the form in which a card got them: keyed digests in locked memory, for one visit.

    >>> wrong = CodeDigests()
    >>> wrong.add(b"123456"); b"123456" in wrong, b"654321" in wrong
    (True, False)
    """

    def __init__(self) -> None:
        self._key = os.urandom(hashlib.blake2b.MAX_KEY_SIZE)
        self._digests: list[CodeBuffer] = []

    def add(self, sent: bytes) -> None:
        buffer = CodeBuffer(SLOT_BYTES)
        for byte in self._digest(sent):
            buffer.append(byte)
        self._digests.append(buffer)

    def __contains__(self, sent: bytes) -> bool:
        return any(hmac.compare_digest(digest.view(), self._digest(sent)) for digest in self._digests)

    def clear(self) -> None:
        self._digests.clear()

    def _digest(self, sent: bytes) -> bytes:
        return hashlib.blake2b(sent, key=self._key).digest()


class Secret:
    """A code that prints as stars. Its only exits are `reveal` and, a character at a time, `characters`."""

    __slots__ = ("_buffer", "_length", "_wiped")

    def __init__(self, code: str) -> None:
        self._buffer = CodeBuffer(len(code) if code.isascii() else 4 * len(code))
        self._length, self._wiped = len(code), False
        for char in code:
            # A terminal may send what is no letter: it must not raise, for the fault would hold the code.
            for byte in (ord(char),) if char.isascii() else char.encode("utf-8", "surrogatepass"):
                self._buffer.append(byte)

    @classmethod
    def of(cls, buffer: CodeBuffer) -> "Secret":
        """The code in a buffer of ASCII, which is the secret's own from now on."""
        secret = cls("")
        secret._buffer, secret._length = buffer, len(buffer)
        return secret

    def reveal(self) -> str:
        """Give the code itself. Call it where the bytes to the card are made, and nowhere else. Raises WipedError."""
        return str(self._bytes(), "utf-8", "surrogatepass")

    def characters(self) -> tuple[str, ...]:
        """Each by itself, for rules: Python has one copy of each ASCII character, so no text is left. Raises WipedError."""
        raw = self._bytes()
        return tuple(map(chr, raw)) if len(raw) == self._length else tuple(self.reveal())

    def wipe(self) -> None:
        """Zero the code. What asks for it later gets an error."""
        self._buffer.wipe()
        self._wiped = True

    def _bytes(self) -> memoryview:
        if self._wiped:
            raise WipedError("the code has been wiped: its errand is over")
        return self._buffer.view()

    def __len__(self) -> int:
        return self._length

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._bytes(), other._bytes())

    __hash__ = None  # type: ignore[assignment]  # a hash of a six-digit code is the code

    def __repr__(self) -> str:
        return "Secret(******)"

    def __str__(self) -> str:
        return "******"

    def __format__(self, spec: str) -> str:
        return "******"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a code is never serialised")
