"""PC/SC backend. The only file that imports pyscard, and it uses its lowest layer.

Rules: a card is held exclusively and loses its power when it is let go (which drops verified codes, and has the next visit begin
with the answer to a cold reset, by which products are known); nothing here ever connects
again by itself. No two calls share a context at the same time, so that a wait never stands in the way of a card; a context
that is free is used again, since the service asks polkit at each new one who is there. A service that was restarted needs no
mending. Without the service there is no reader, and there is one again when it is back.
"""

import functools
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal, TypeVar

try:
    from smartcard import scard
except ModuleNotFoundError:  # a demo, which has virtual readers alone
    scard = None

from drivers.reader.errors import (
    CardBusyError,
    CardGoneError,
    MuteCardError,
    NoCardError,
    NoReaderError,
    ReaderError,
)
from drivers.reader.port import NO_READER, Look, Presence
from drivers.reader.transport import pinpad

Answer = TypeVar("Answer")

BUSY_TRIES = 8
"""How often a card that another program holds is tried; others look at a new card for a moment, too."""
BUSY_PAUSE_S = 0.1
SLICE_S = 0.5
"""Longest wait at the service in one piece: a cancel that came just before it would not be heard."""
SERVICE_PAUSE_S = 1.0
"""How long a wait lasts where there is no service to wait at."""
FEATURE_REQUEST = 3400
"""CM_IOCTL_GET_FEATURE_REQUEST (PC/SC part 10, 2.2): which features does the reader have?"""
_USB_CHANNEL = 0x20
_NEW_READER = "\\\\?PnP?\\Notification"
"""The name under which PC/SC tells that readers came or went (PC/SC part 5, as pcsc-lite does it)."""

_SERVICE = {0x8010001D: "no PC/SC service", 0x8010001E: "the PC/SC service stopped",
            0x80100003: "the PC/SC service was restarted", 0x80100013: "the PC/SC service failed"}  # fmt: skip
_NO_READER = {0x80100009: "no such reader", 0x80100017: "the reader is not available",
              0x8010002E: "there are no readers"}  # fmt: skip
_NO_CARD = {0x8010000C: "the reader is empty", 0x80100069: "the card was taken out"}
_MUTE = {0x80100066: "the card does not answer", 0x80100067: "the card has no power",
         0x80100065: "the card cannot be understood", 0x8010000F: "no protocol in common with the card"}  # fmt: skip
_SHARING_VIOLATION = 0x8010000B
_ERRORS: tuple[tuple[dict[int, str], type[ReaderError]], ...] = (
    (_NO_READER, NoReaderError),
    (_NO_CARD, NoCardError),
    (_MUTE, MuteCardError),
    ({_SHARING_VIOLATION: "another program uses the card"}, CardBusyError),
)


def _code(result: int) -> int:
    """pyscard gives the same code signed or unsigned, by platform."""
    return result & 0xFFFFFFFF


def _error(result: int, reader: str) -> ReaderError:
    """The fault that a result of PC/SC stands for."""
    code = _code(result)
    if code in _SERVICE:
        return _ServiceGoneError(_SERVICE[code], reader=reader)
    for texts, kind in _ERRORS:
        if code in texts:
            return kind(texts[code], reader=reader)
    return MuteCardError(f"the reader reports {code:08X}", reader=reader)


class _ServiceGoneError(NoReaderError):
    """The service does not answer, or knows the context no more."""


class _Contexts:
    """Contexts of PC/SC that are free to be used again. From any thread."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._spoilt: set[int] = set()
        self._lock = threading.Lock()
        weakref.finalize(self, _release, self._free)

    def asked(self, ask: Callable[[int], Answer]) -> Answer:
        """Return what `ask` gives of a context; of a new one where the service forgot those it had. Raises NoReaderError."""
        while True:
            with self._lock:
                used = self._free.pop() if self._free else None
            context = _established() if used is None else used
            try:
                answer = ask(context)
            except _ServiceGoneError:
                self._forget(context)
                if used is None:
                    raise
            except BaseException:
                self._give_back(context)
                raise
            else:
                self._give_back(context)
                return answer

    def cancel(self, context: int) -> None:
        """End its wait. It is not used again: the service's word of it may come late, and be taken for another answer."""
        with self._lock:
            self._spoilt.add(context)
        scard.SCardCancel(context)

    def _give_back(self, context: int) -> None:
        with self._lock:
            spoilt = context in self._spoilt
            self._spoilt.discard(context)
            if not spoilt:
                self._free.append(context)
        if spoilt:
            scard.SCardReleaseContext(context)

    def _forget(self, context: int) -> None:
        """This one, and those that are as old."""
        with self._lock:
            contexts, self._free[:] = [context, *self._free], []
            self._spoilt.discard(context)
        _release(contexts)


def _established() -> int:
    """A new context. Raises NoReaderError where there is no service."""
    if scard is None:
        raise _ServiceGoneError("no PC/SC service: pyscard is not installed (make setup)")
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if result != scard.SCARD_S_SUCCESS:
        raise _ServiceGoneError(_SERVICE.get(_code(result), "no PC/SC service"))
    return int(context)


def _release(contexts: list[int]) -> None:
    for context in contexts:
        scard.SCardReleaseContext(context)


class PcscPad:
    """The key pad of a reader (PC/SC part 10). `codes`: control code by feature tag."""

    def __init__(self, handle: int, codes: dict[int, int], reader: str) -> None:
        self._handle = handle
        self._codes = codes
        self._reader = reader

    def verify(self, structure: bytes) -> bytes:
        return self._control(pinpad.VERIFY_PIN_DIRECT, structure)

    def modify(self, structure: bytes) -> bytes:
        return self._control(pinpad.MODIFY_PIN_DIRECT, structure)

    def _control(self, feature: int, structure: bytes) -> bytes:
        result, answer = scard.SCardControl(self._handle, self._codes[feature], list(structure))
        if result != scard.SCARD_S_SUCCESS or len(answer) < 2:
            raise CardGoneError(f"the pad failed with {_code(result):08X}", reader=self._reader)
        return bytes(answer)


class PcscConnection:
    """Exclusive access to one powered card, with the context that it needs."""

    def __init__(self, context: int, handle: int, protocol: int, atr: bytes, reader: str) -> None:
        self._context = context
        self._handle = handle
        self._pci = protocol
        self._reader = reader
        self._open = True
        self.atr = atr
        self.protocol: Literal["T=0", "T=1"] = "T=1" if protocol == scard.SCARD_PROTOCOL_T1 else "T=0"

    def transmit(self, apdu: bytes) -> bytes:
        """One command, one response. Raises CardGoneError on any fault: the outcome is unknown then."""
        if not self._open:
            raise CardGoneError("the connection is closed", reader=self._reader)
        result, answer = scard.SCardTransmit(self._handle, self._pci, list(apdu))
        if result != scard.SCARD_S_SUCCESS:
            raise CardGoneError(f"transmission failed with {_code(result):08X}", reader=self._reader)
        if len(answer) < 2:  # some drivers call a torn card's silence a success
            raise CardGoneError("the card said nothing", reader=self._reader)
        return bytes(answer)

    def still_in(self) -> bool:
        """See `WithStatus`: a handle whose card left stays void, whatever was put in since (PC/SC part 5, 3.2.5.1)."""
        return self._open and scard.SCardStatus(self._handle)[0] == scard.SCARD_S_SUCCESS

    @functools.cached_property
    def pinpad(self) -> "PcscPad | None":
        """The reader's own key pad; None where it cannot verify and change at it, or is not known to."""
        result, answer = scard.SCardControl(self._handle, scard.SCARD_CTL_CODE(FEATURE_REQUEST), [])
        offered = pinpad.features(bytes(answer)) if result == scard.SCARD_S_SUCCESS else {}
        if not {pinpad.VERIFY_PIN_DIRECT, pinpad.MODIFY_PIN_DIRECT} <= offered.keys():
            return None
        return PcscPad(self._handle, offered, self._reader)

    def close(self) -> None:
        """Take the card's power and let it go. Faults are of no use to anyone here: the card may have left."""
        if self._open:
            self._open = False
            scard.SCardDisconnect(self._handle, scard.SCARD_UNPOWER_CARD)
            scard.SCardReleaseContext(self._context)


class PcscBackend:
    """The readers of this machine's PC/SC service."""

    def __init__(self) -> None:
        self._contexts = _Contexts()
        self._lock = threading.Lock()
        self._waits: dict[str, set[int]] = {}
        self._woken = threading.Event()
        self._cancelled: set[str] = set()

    def readers(self) -> tuple[str, ...]:
        """Names of the readers that are there now. Raises NoReaderError where there is no service."""
        return self._contexts.asked(_names)

    def usb_address(self, reader: str) -> tuple[int, int] | None:
        """Bus and device number of a reader, by its driver (libccid since 1.4.32); None where the driver tells none, or the
        reader is gone. No card is powered. Raises CardBusyError where a card in it is in use."""
        with suppress(NoReaderError):
            return self._contexts.asked(lambda context: _usb_address(context, reader))
        return None

    def connect(self, reader: str) -> PcscConnection:
        """Raises NoReaderError, NoCardError, MuteCardError, CardBusyError."""
        context = _established()
        try:
            return _connect(context, reader)
        except BaseException:
            scard.SCardReleaseContext(context)
            raise

    def look(self, reader: str) -> Look:
        """Return what is in the reader now, with the service's count of events; no reader where there is no service."""
        try:
            return self._contexts.asked(lambda context: _look(_state(context, reader)))
        except NoReaderError:
            return NO_READER

    def wait_for_change(self, reader: str, last: Look, timeout_s: float) -> Look:
        """Block until the reader differs from `last`, or the time is out, or `cancel` is called."""
        deadline = time.monotonic() + timeout_s

        def wait(context: int) -> Look:
            with self._waiting(reader, context):
                return self._wait(context, reader, last, deadline)

        try:
            return self._contexts.asked(wait)
        except NoReaderError:
            if last == NO_READER:
                self._woken.wait(min(timeout_s, SERVICE_PAUSE_S))
                self._woken.clear()
            return NO_READER

    def cancel(self, reader: str) -> None:
        """Wake whoever waits for a change of that reader."""
        with self._lock:
            self._woken.set()
            self._cancelled.add(reader)
            for context in self._waits.get(reader, ()):
                self._contexts.cancel(context)

    @contextmanager
    def _waiting(self, reader: str, context: int) -> Iterator[None]:
        with self._lock:
            self._waits.setdefault(reader, set()).add(context)
        try:
            yield
        finally:
            with self._lock:
                self._waits[reader].discard(context)
                self._cancelled.discard(reader)

    def _wait(self, context: int, reader: str, last: Look, deadline: float) -> Look:
        state = _state(context, reader)
        while True:
            now = _look(state)
            left_s = deadline - time.monotonic()
            if now != last or left_s <= 0 or reader in self._cancelled:
                return now
            _changed(context, reader, state, min(left_s, SLICE_S))
            state = _state(context, reader)


def _usb_address(context: int, reader: str) -> tuple[int, int] | None:
    result, handle, _protocol = scard.SCardConnect(
        context, reader, scard.SCARD_SHARE_DIRECT, scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    )
    if _code(result) == _SHARING_VIOLATION or _code(result) in _SERVICE:
        raise _error(result, reader)
    if result != scard.SCARD_S_SUCCESS:
        return None
    result, channel = scard.SCardGetAttrib(handle, scard.SCARD_ATTR_CHANNEL_ID)
    scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)
    return usb_address(bytes(channel)) if result == scard.SCARD_S_SUCCESS else None


def usb_address(channel: bytes) -> tuple[int, int] | None:
    """Bus and device number in a channel id (PC/SC part 3, 3.1.4.2): type 0x20 is USB; None where it is of another type.

    >>> usb_address(bytes.fromhex("07012000"))
    (1, 7)
    """
    value = int.from_bytes(channel, sys.byteorder)
    return (value >> 8 & 0xFF, value & 0xFF) if value >> 16 == _USB_CHANNEL else None


def _names(context: int) -> tuple[str, ...]:
    result, names = scard.SCardListReaders(context, [])
    if result != scard.SCARD_S_SUCCESS and _code(result) in _SERVICE:
        raise _error(result, "")
    return tuple(names) if result == scard.SCARD_S_SUCCESS else ()


def _connect(context: int, reader: str) -> PcscConnection:
    protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    for left in reversed(range(BUSY_TRIES)):
        result, handle, protocol = scard.SCardConnect(context, reader, scard.SCARD_SHARE_EXCLUSIVE, protocols)
        if result == scard.SCARD_S_SUCCESS:
            return PcscConnection(context, handle, protocol, _atr(handle, reader), reader)
        if _code(result) != _SHARING_VIOLATION or not left:
            break
        time.sleep(BUSY_PAUSE_S)
    raise _error(result, reader)


def _atr(handle: int, reader: str) -> bytes:
    result, _name, _state, _protocol, atr = scard.SCardStatus(handle)
    if result != scard.SCARD_S_SUCCESS:
        scard.SCardDisconnect(handle, scard.SCARD_UNPOWER_CARD)
        raise _error(result, reader)
    return bytes(atr)


def _state(context: int, reader: str) -> int:
    """The reader's state word now, with the count of events in its upper half. Raises NoReaderError (service)."""
    result, states = scard.SCardGetStatusChange(context, 0, [(reader, scard.SCARD_STATE_UNAWARE)])
    if _code(result) in _SERVICE:
        raise _error(result, reader)
    return int(states[0][1]) if result == scard.SCARD_S_SUCCESS else int(scard.SCARD_STATE_UNKNOWN)


def _changed(context: int, reader: str, state: int, timeout_s: float) -> None:
    """Wait until the reader's state differs from `state`, readers come or go, time is out, or the wait is cancelled.

    Raises NoReaderError where the service went away.
    """
    watched = [(_NEW_READER, _plugs(context))]
    if _presence(state) is not Presence.NO_READER:
        watched.append((reader, state & ~scard.SCARD_STATE_CHANGED))
    result, _states = scard.SCardGetStatusChange(context, max(1, int(timeout_s * 1000)), watched)
    if _code(result) in _SERVICE:
        raise _error(result, reader)


def _plugs(context: int) -> int:
    """The service's own count of readers that came and went, in the upper half: a wait with another one ends at once."""
    _result, states = scard.SCardGetStatusChange(context, 0, [(_NEW_READER, scard.SCARD_STATE_UNAWARE)])
    return int(states[0][1] & ~scard.SCARD_STATE_CHANGED)


def _look(state: int) -> Look:
    """Return what a state word says, with the count of events in its upper half."""
    presence = _presence(state)
    return NO_READER if presence is Presence.NO_READER else Look(presence, state >> 16)


def _presence(state: int) -> Presence:
    """Return what a state word says."""
    if state & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_IGNORE):
        return Presence.NO_READER
    if state & scard.SCARD_STATE_MUTE:
        return Presence.MUTE
    return Presence.PRESENT if state & scard.SCARD_STATE_PRESENT else Presence.EMPTY
