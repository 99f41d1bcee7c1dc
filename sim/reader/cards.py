"""The virtual card: power, transmission, memory and the test's hooks around the commands of its kind.

>>> from datetime import UTC, datetime
>>> from sim.reader.personas import person
>>> now = datetime(2026, 1, 1, tzinfo=UTC)
>>> card = VirtualCard.create(person(6).new, TestAuthority.create(now), now)
>>> card.power_on() == card.atr
True
>>> card.transmit(bytes.fromhex("00200001")).hex()
'63c3'
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn, Self

from sim.reader import card_memory as state
from sim.reader import status, t0
from sim.reader.card_factory import CardApplication, build, make_memory
from sim.reader.card_memory import CardFileError, CardMemory, StoredKey
from sim.reader.chaining import CommandChain
from sim.reader.command_apdu import Ins, ReceivedCommand, parse
from sim.reader.file_traits import file_ways
from sim.reader.kinds import KINDS, CardKind, t0_alone
from sim.reader.persona import Persona
from sim.reader.pkcs15_codes import CountedCodes
from sim.reader.pki import TestAuthority
from sim.reader.slot import CardTornError
from sim.reader.status import StatusError

Protocol = Literal["T=0", "T=1"]
TearPoint = Literal["before", "during", "after"]
COMPUTING = frozenset({
    Ins.GENERATE_KEY_PAIR, Ins.GENERATE_KEY_PAIR_OLD, Ins.PERFORM_SECURITY_OPERATION, Ins.GENERAL_AUTHENTICATE,
    Ins.INTERNAL_AUTHENTICATE, Ins.RESET_RETRY_COUNTER,
})  # fmt: skip
"""What a slow card asks time for."""


class LogEntry(NamedTuple):
    """One exchange, without data. `sw` is None where the contact broke."""

    ins: str
    p1: int
    p2: int
    sw: int | None


@dataclass(slots=True)
class _Tear:
    exchanges: int
    when: TearPoint


class VirtualCard:
    """A card of one of the kinds of `kinds.KINDS`. Safe to call from several threads; one exchange at a time."""

    def __init__(self, memory: CardMemory, *, path: Path | None = None, protocol: Protocol = "T=1") -> None:
        self._kind = KINDS[memory.kind]
        self._ways = ways = file_ways(memory.traits)
        only_t0, self._answers_as_t0 = ways.t0, ways.answers_as_t0
        self.sleep = time.sleep
        """How a slow card spends its time; seconds."""
        self._cold_atr = b""
        """The one of a cold reset, while that of a warm one is told."""
        self.protocol: Protocol = "T=0" if only_t0 else protocol
        self.atr = t0_alone(self._kind.atr) if only_t0 else _atr(self._kind, protocol)
        self.kind = memory.kind
        self.persona = memory.persona
        self.path = path
        self.log: list[LogEntry] = []
        self.memory = memory
        self.application, self.codes = self._build(memory)
        self._chain = CommandChain()
        self._pending = t0.PendingAnswer()
        self._tear: _Tear | None = None
        self.powered = False
        self._lock = threading.RLock()

    def _build(self, memory: CardMemory) -> tuple[CardApplication, CountedCodes]:
        return build(memory, self._store)

    @classmethod
    def create(
        cls,
        persona: Persona,
        authority: TestAuthority,
        now: datetime,
        *,
        kind: str = "B",
        path: Path | None = None,
        protocol: Protocol = "T=1",
        traits: Iterable[str] = (),
    ) -> Self:
        """Make a card with keys and certificates of its own; with `path` it lives in that file from now on.

        Raises OSError where the file cannot be written, KeyError for a kind that is not in `KINDS`, ValueError where
        that kind does not speak the protocol or has no such trait.
        """
        card = cls(make_memory(kind, persona, authority, now, traits), path=path, protocol=protocol)
        card._store()
        return card

    @classmethod
    def load(cls, path: Path, *, protocol: Protocol = "T=1") -> Self:
        """The card of a file, as it was left. Raises CardFileError."""
        memory = state.read(path)
        if memory.kind not in KINDS:
            raise CardFileError(path, f"a card of kind {memory.kind!r}, which this version does not have")
        return cls(memory, path=path, protocol=protocol)

    def save(self, path: Path | None = None) -> None:
        """Write the card to `path`, and to there from now on; without it to its own file. Raises OSError."""
        if path is not None:
            self.path = path
        self._store()

    def copy_memory(self) -> CardMemory:
        """All that the card keeps, with counters of its own: for another card that begins as this one is now."""
        with self._lock:
            return state.copy(self.memory)

    @property
    def traits(self) -> tuple[str, ...]:
        """In what it differs from others of its kind."""
        return self.memory.traits

    @property
    def keys(self) -> tuple[StoredKey, ...]:
        """Keys with their certificates as issued, identification first."""
        return self.memory.keys

    @property
    def tries_left(self) -> tuple[int, int]:
        """Tries left of PIN and PUK, for the bench and for tests; no command, no effect."""
        return self.codes.pin.tries_left, self.codes.puk.tries_left

    def lock(self) -> None:
        """Use the PIN's tries up, as somebody does who has forgotten it; no command. Raises OSError as `save`."""
        with self._lock:
            self.codes.pin.tries_left = 0
            self._store()

    def power_on(self) -> bytes:
        """Cold reset (ISO/IEC 7816-3 6.2.2): nothing selected, nothing verified. Gives the ATR."""
        with self._lock:
            self._lose()
            self.powered = True
            return self.atr

    def power_off(self) -> None:
        with self._lock:
            self._lose()
            self.powered = False

    def _lose(self) -> None:
        self.application.reset()
        self._pending.forget()
        self._chain.forget()
        self.atr, self._cold_atr = self._cold_atr or self.atr, b""

    def reset(self) -> bytes:
        """Warm reset, with the same effect as the cold one. Gives the ATR, which may be another."""
        with self._lock:
            cold = self.power_on()
            if self._ways.warm_atr:
                self.atr, self._cold_atr = _warm(cold), cold
            return self.atr

    def tear(self, exchanges: int = 0, when: TearPoint = "before") -> None:
        """Break the contact in an exchange to come: 0 is the next one.

        "before": the card never sees the command. "during": a code command counts its try and dies before the
        comparison (other commands as "after"). "after": it is carried out, and the answer is lost.
        """
        with self._lock:
            self._tear = _Tear(exchanges, when)

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one APDU. Raises CardTornError where the contact broke, or the card has no power."""
        with self._lock:
            if not self.powered:
                raise CardTornError("the card has no power")
            when = self._due()
            command = _quick_look(apdu)
            if when == "before":
                self._break(command)
            self.codes.midway = (lambda: self._break(command)) if when == "during" else _go_on
            if self._ways.extension_s and command.ins in COMPUTING:
                self.sleep(self._ways.extension_s)
            data, word = self._answer(apdu)
            if when is not None:
                self._break(command)
            self.log.append(LogEntry(command.name, command.p1, command.p2, word))
            return data + word.to_bytes(2, "big")

    def _answer(self, apdu: bytes) -> t0.Answer:
        try:
            command = parse(apdu, extended=self._kind.extended)
            if self.protocol == "T=0":
                t0.check(apdu, command)
            if self.protocol == "T=0" or self._answers_as_t0:
                return self._answer_t0(command)
            return self._answer_in_parts(command)
        except StatusError as end:
            return b"", end.word

    def _answer_in_parts(self, command: ReceivedCommand) -> t0.Answer:
        if command.ins == Ins.GET_RESPONSE:
            return self._pending.fetch(command)
        self._pending.forget()
        whole = self._chain.add(command) if self._kind.chaining else command
        if whole is None:
            return b"", status.OK
        data, word = self.application.execute(whole)
        if command.le is None and not self._kind.chaining:
            return b"", word
        return self._pending.chain(whole, data) if word == status.OK else (data, word)

    def _answer_t0(self, command: ReceivedCommand) -> t0.Answer:
        if command.ins == Ins.GET_RESPONSE:
            return self._pending.fetch(command)
        if (answer := self._pending.repeat(command)) is not None:
            return answer
        self._pending.forget()
        if command.ins == Ins.VERIFY and command.data is None:  # P3=00 is all that T=0 can say for "no data"
            command = ReceivedCommand(command.cla, command.ins, command.p1, command.p2)
        whole = self._chain.add(command) if self._kind.chaining else command
        if whole is None:
            return b"", status.OK
        data, word = self.application.execute(whole)
        return self._pending.hold(command, data) if word == status.OK else (data, word)

    def _due(self) -> TearPoint | None:
        if self._tear is None:
            return None
        if self._tear.exchanges:
            self._tear.exchanges -= 1
            return None
        when, self._tear = self._tear.when, None
        return when

    def _break(self, command: ReceivedCommand) -> NoReturn:
        self.log.append(LogEntry(command.name, command.p1, command.p2, None))
        self.power_off()
        raise CardTornError(f"the contact broke during {command.name}")

    def _store(self) -> None:
        if self.path is not None:
            state.write(self.path, self.memory)


def _atr(kind: CardKind, protocol: Protocol) -> bytes:
    atr = kind.atr if protocol == "T=1" else kind.atr_t0
    if atr is None:
        raise ValueError(f"kind {kind.kind} speaks T=1 only")
    return atr


def _warm(atr: bytes) -> bytes:
    """Two other historical bytes, with the same check byte."""
    other = bytearray(atr)
    other[-6] ^= 0x01
    other[-4] ^= 0x01
    return bytes(other)


def _quick_look(apdu: bytes) -> ReceivedCommand:
    """The header for the log, of whatever was sent."""
    header = apdu[:4].ljust(4, b"\x00")
    return ReceivedCommand(*header)


def _go_on() -> None: ...
