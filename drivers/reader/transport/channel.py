"""APDU channel over T=0 and T=1: GET RESPONSE, command chaining, extended length, limits and statistics.

PC/SC leaves `61xx` (fetch the answer with GET RESPONSE) and `6Cxx` (ask again with the right Le) to the caller
(ISO/IEC 7816-3 12.2.1, 7816-4 5.3.4). `ApduChannel.send` does both under one lock round the whole exchange, because a
chained GET RESPONSE from two threads corrupts both answers. Codes are never sent twice: a command with data that is
answered 6Cxx is not repeated unless it asked for an answer.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.reader.apdu import SHORT_LE, CommandApdu, ResponseApdu
from drivers.reader.errors import CardAnswerError, CardGoneError, CardSlowError
from drivers.reader.iso7816 import get_response
from drivers.reader.model import Exchange
from drivers.reader.port import CardConnection
from drivers.reader.transport.atr import offers_extended_length
from drivers.reader.transport.pinpad import TIME_OUT_S, PinPad, WithPad

MAX_EXCHANGES = 2000
"""Most APDUs in one visit between two resets of the budget: a full read of a large card takes some 200."""
OPERATION_LIMIT_S = 120.0
"""Longest piece of work with a card, however it answers: a full read of a slow one takes some ten seconds."""
MAX_ANSWER = 64 * 1024
PAD_PATIENCE_S = 4 * TIME_OUT_S
"""Extra time limit for a person at the reader's pad: three codes, and the reader's own time-outs."""
MAX_PARTS = 1024
"""Most GET RESPONSE commands for one answer; some cards hand it out a few bytes at a time."""
COMPUTING = {0x46: 12, 0x47: 12, 0x2A: 6, 0x87: 6, 0x88: 6, 0x2C: 3}
"""By instruction: how many times longer a card may think. While it makes a key or signs, a T=1 card asks for more time (WTX,
ISO/IEC 7816-3 11.6.2.3), which the reader grants and nobody above it sees; half a minute for an RSA key is usual."""


@dataclass(slots=True)
class Pulse:
    """View of an operation in another thread, for the watchdog.

    `since` is when the card was last given something to do (monotonic seconds; None while nothing is under way); `times`: for
    how many of the watchdog's limits it may do it; `abandoned` tells the operation that nobody waits for it any more: it must
    not send another byte.
    """

    since: float | None = None
    times: int = 1
    abandoned: bool = False


class ApduChannel:
    """One connection, counted and bounded. Every fault of transmission leaves it closed for good (`gone`)."""

    def __init__(
        self, connection: CardConnection, *, reader: str = "", pulse: Pulse | None = None,
        max_exchanges: int = MAX_EXCHANGES, short_only: bool = False, limit_s: float = OPERATION_LIMIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`short_only`: the reader carries no extended length fields, whatever the card offers. `limit_s`: of one operation, by
        this monotonic clock."""
        self.connection = connection
        self.reader = reader
        self.gone = False
        self._may_extend = connection.protocol == "T=1" and not short_only
        self.t0 = connection.protocol == "T=0"
        """Answers to commands with data have to be fetched."""
        self.extended = self._may_extend and offers_extended_length(connection.atr)
        """The card takes extended length fields, until it shows that it does not: long data go out in one command, else
        chained (`send`), and long answers come in one."""
        self.broke_at_extended = False
        """The transmission broke off at a command with extended length fields."""
        self.committed = False
        """A command that changes the card, or holds a code, has gone out and its answer has not come."""
        self._pulse = pulse or Pulse()
        self._max = max_exchanges
        self._spent = 0
        self._limit_s, self._clock = limit_s, clock
        self._began = clock()
        self._lock = threading.Lock()
        self._exchange = Exchange()

    @property
    def exchange(self) -> Exchange:
        """Statistics of the exchange so far."""
        return self._exchange

    @property
    def over(self) -> bool:
        """True once the channel is closed: the card is gone, or the operation was abandoned."""
        return self.gone or self._pulse.abandoned

    def extend(self) -> None:
        """The card is known to take extended length fields, though its answer to reset does not say so."""
        self.extended = self._may_extend

    def restart_clock(self) -> None:
        """Restart the time limit of the operation: what lay between was a person's time."""
        self._began = self._clock()

    def new_operation(self) -> None:
        """Give the next operation its own budget of exchanges."""
        self._spent = 0

    @property
    def pinpad(self) -> PinPad | None:
        """The reader's own key pad, where its backend found one."""
        return self.connection.pinpad if isinstance(self.connection, WithPad) else None

    def send(self, command: CommandApdu, *, enough: int = MAX_ANSWER) -> ResponseApdu:
        """The whole answer to a command, or its first parts as soon as `enough` bytes are there (status 61xx then).

        More data than a short command holds are chained (ISO/IEC 7816-4 5.3.3) where the card takes no extended length.

        Raises CardGoneError where transmission broke off (outcome unknown), CardAnswerError where the card answers more
        than it may, and CardSlowError where the operation has taken too long; then nothing more is sent.
        """
        with self._lock:
            *links, last = [command] if self.extended else command.chained()
            for link in links:
                response = self._send_once(link)
                if not response.ok:
                    return response
            response = self._send_once(last)
            if response.right_le is not None and command.le is not None:
                response = self._send_once(last.with_le(response.right_le))
            return self._collect(command, response, enough)

    def ask_at_pad(self, at_pad: Callable[[bytes], bytes], structure: bytes, name: str) -> ResponseApdu:
        """Have the reader ask its person for a code and send it to the card. Raises CardGoneError."""
        with self._lock:
            if self.over:
                raise CardGoneError("the card is gone", reader=self.reader, command=name)
            before = self._clock()
            try:
                return self._exchange_bytes(structure, name, at_pad, patience_s=PAD_PATIENCE_S)
            finally:
                self._began += self._clock() - before  # a person's time, not the card's

    def _collect(self, command: CommandApdu, response: ResponseApdu, enough: int) -> ResponseApdu:
        data = bytearray(response.data)
        parts = 0
        while (more := response.more) is not None and len(data) < enough:
            parts += 1
            if parts > MAX_PARTS or len(data) > MAX_ANSWER:
                raise CardAnswerError("an answer without end", reader=self.reader, command=command.name)
            response = self._send_once(get_response(min(more, SHORT_LE)))
            if response.right_le is not None:
                response = self._send_once(get_response(response.right_le))
            data += response.data
        return ResponseApdu(bytes(data), response.sw)

    def _send_once(self, command: CommandApdu) -> ResponseApdu:
        if self.over:
            raise CardGoneError("the card is gone", reader=self.reader, command=command.name)
        self._spent += 1
        if self._spent > self._max:
            raise CardAnswerError("too many exchanges", reader=self.reader, command=command.name)
        if self._clock() - self._began > self._limit_s:
            raise CardSlowError(
                f"the card took more than {self._limit_s:.0f} s", reader=self.reader, command=command.name
            )
        sent = command.encode(t0=self.t0)
        self._pulse.times = COMPUTING.get(command.ins, 1)
        before = self._clock()
        try:
            return self._exchange_bytes(sent, command.name, self.connection.transmit)
        except CardGoneError:
            self.broke_at_extended = command.extended
            raise
        finally:
            if command.ins in COMPUTING:
                self._began += self._clock() - before

    def _exchange_bytes(
        self, sent: bytes, name: str, exchange: Callable[[bytes], bytes], patience_s: float = 0
    ) -> ResponseApdu:
        started = time.monotonic()
        raw = self._transmit(sent, name, started, exchange, patience_s)
        self._account(len(sent), len(raw), time.monotonic() - started)
        try:
            return ResponseApdu.decode(raw)
        except ValueError:
            self.gone = True
            raise CardGoneError("no status words", reader=self.reader, command=name) from None

    def _transmit(
        self, sent: bytes, name: str, started: float, exchange: Callable[[bytes], bytes], patience_s: float
    ) -> bytes:
        self._pulse.since = started + patience_s
        try:
            return exchange(sent)
        except CardGoneError as fault:
            # Chained from None: what lies below may hold the command, and the command may hold a code.
            self.gone = True
            self._account(len(sent), 0, time.monotonic() - started)
            raise CardGoneError(_first_line(fault), reader=self.reader, command=name) from None
        finally:
            self._pulse.since = None

    def _account(self, sent: int, received: int, seconds: float) -> None:
        so_far = self._exchange
        self._exchange = Exchange(
            so_far.apdus + 1, so_far.bytes_sent + sent, so_far.bytes_received + received,
            so_far.ms + seconds * 1000,
        )  # fmt: skip


def _first_line(fault: CardGoneError) -> str:
    return "the card left or stopped answering" if not fault.args else str(fault.args[0]).split(" [")[0]
