"""The virtual card: power, transmission, memory and the test's hooks around the commands of its kind.

>>> from datetime import UTC, datetime
>>> from drivers.reader.virtual.personas import person
>>> from drivers.reader.virtual.pki import TestAuthority
>>> now = datetime(2026, 1, 1, tzinfo=UTC)
>>> card = VirtualCard.create(person(6).new, TestAuthority.create(now), now)
>>> card.power_on() == card.atr
True
>>> card.transmit(bytes.fromhex("00200001")).hex()
'63c3'
"""

import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn, Self

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from drivers.reader.virtual import pins, state, status, t0
from drivers.reader.virtual.application import Application
from drivers.reader.virtual.command import Command, Ins, parse
from drivers.reader.virtual.keys import CardKey, CardPrivateKey
from drivers.reader.virtual.kinds import ATR_T0, ATR_T1, KINDS
from drivers.reader.virtual.objects import KeyWithCertificate, file_system
from drivers.reader.virtual.persona import KeyAlgorithm, Persona
from drivers.reader.virtual.pins import Code, Codes
from drivers.reader.virtual.pki import TestAuthority
from drivers.reader.virtual.slot import CardTornError
from drivers.reader.virtual.state import CardFileError, CardMemory, StoredKey
from drivers.reader.virtual.status import StatusError

Protocol = Literal["T=0", "T=1"]
TearPoint = Literal["before", "during", "after"]
CERTIFICATE_FILES, PUBLIC_FILES, KEY_FILES = 0x4301, 0x5501, 0x4B01


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
    """A kind B card. Safe to call from several threads; one exchange at a time."""

    def __init__(self, memory: CardMemory, *, path: Path | None = None, protocol: Protocol = "T=1") -> None:
        self.protocol: Protocol = protocol
        self.atr = ATR_T1 if protocol == "T=1" else ATR_T0
        self.kind = memory.kind
        self.persona = memory.persona
        self.path = path
        self.log: list[LogEntry] = []
        self._memory = memory
        self._codes = Codes(memory.pin, memory.puk, self._store)
        self._application = _application(memory, self._codes)
        self._pending = t0.PendingAnswer()
        self._tear: _Tear | None = None
        self._powered = False
        self._lock = threading.RLock()

    @classmethod
    def create(
        cls,
        persona: Persona,
        authority: TestAuthority,
        now: datetime,
        *,
        path: Path | None = None,
        protocol: Protocol = "T=1",
    ) -> Self:
        """Make a card with keys and certificates of its own; with `path` it lives in that file from now on.

        Raises OSError where the file cannot be written.
        """
        keys: list[StoredKey] = []
        for purpose in state.PURPOSES:
            private = _generate(persona.key_algorithm)
            certificate = authority.issue(persona, private.public_key(), purpose, now)
            keys.append(StoredKey(purpose, private, certificate))
        pin = Code(persona.pin.encode(), pins.PIN_TRIES, pins.PIN_TRIES)
        puk = Code(persona.puk.encode(), pins.PUK_TRIES, pins.PUK_TRIES)
        card = cls(CardMemory("B", persona, pin, puk, tuple(keys)), path=path, protocol=protocol)
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

    @property
    def keys(self) -> tuple[StoredKey, ...]:
        """Keys with their certificates, identification first."""
        return self._memory.keys

    @property
    def tries_left(self) -> tuple[int, int]:
        """Tries left of PIN and PUK, for the bench and for tests; no command, no effect."""
        return self._codes.pin.tries_left, self._codes.puk.tries_left

    def power_on(self) -> bytes:
        """Cold reset (ISO/IEC 7816-3 6.2.2): nothing selected, nothing verified. Gives the ATR."""
        with self._lock:
            self._application.reset()
            self._pending.forget()
            self._powered = True
            return self.atr

    def power_off(self) -> None:
        """Take the power away."""
        with self._lock:
            self._application.reset()
            self._pending.forget()
            self._powered = False

    def reset(self) -> bytes:
        """Warm reset, with the same effect as the cold one. Gives the ATR."""
        return self.power_on()

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
            if not self._powered:
                raise CardTornError("the card has no power")
            when = self._due()
            command = _quick_look(apdu)
            if when == "before":
                self._break(command)
            self._codes.midway = (lambda: self._break(command)) if when == "during" else _go_on
            data, word = self._answer(apdu)
            if when is not None:
                self._break(command)
            self.log.append(LogEntry(command.name, command.p1, command.p2, word))
            return data + word.to_bytes(2, "big")

    def _answer(self, apdu: bytes) -> t0.Answer:
        try:
            command = parse(apdu)
            if self.protocol == "T=0":
                return self._answer_t0(command)
            data, word = self._application.execute(command)
            return t0.cut_to_le(command, data), word
        except StatusError as end:
            return b"", end.word

    def _answer_t0(self, command: Command) -> t0.Answer:
        if command.ins == Ins.GET_RESPONSE:
            return self._pending.fetch(command)
        self._pending.forget()
        if command.ins == Ins.VERIFY and command.data is None:  # P3=00 is all that T=0 can say for "no data"
            command = Command(command.cla, command.ins, command.p1, command.p2)
        data, word = self._application.execute(command)
        return self._pending.hold(command, data) if word == status.OK else (data, word)

    def _due(self) -> TearPoint | None:
        if self._tear is None:
            return None
        if self._tear.exchanges:
            self._tear.exchanges -= 1
            return None
        when, self._tear = self._tear.when, None
        return when

    def _break(self, command: Command) -> NoReturn:
        self.log.append(LogEntry(command.name, command.p1, command.p2, None))
        self.power_off()
        raise CardTornError(f"the contact broke during {command.name}")

    def _store(self) -> None:
        if self.path is not None:
            state.write(self.path, self._memory)


def _application(memory: CardMemory, codes: Codes) -> Application:
    serial = bytes.fromhex(memory.persona.serial)
    entries: list[KeyWithCertificate] = []
    for index, stored in enumerate(memory.keys):
        number = index + 1
        key = CardKey(stored.purpose, bytes([0x40 + number]), number, KEY_FILES + index, stored.private)
        entries.append(KeyWithCertificate(key, stored.certificate, CERTIFICATE_FILES + index, PUBLIC_FILES + index))
    return Application(serial, file_system(serial, entries), codes, tuple(entry.key for entry in entries))


def _generate(algorithm: KeyAlgorithm) -> CardPrivateKey:
    if algorithm == "EC-P256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _quick_look(apdu: bytes) -> Command:
    """The header for the log, of whatever was sent."""
    header = apdu[:4].ljust(4, b"\x00")
    return Command(*header)


def _go_on() -> None:
    """Nothing breaks midway."""
