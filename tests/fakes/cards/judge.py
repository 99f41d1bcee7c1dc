"""The judge of reliability I1 and I2: stands between reader and virtual cards, and sees every command that gets through.

The cards keep the true counters, so nothing that the station believes about them is believed here. A rule that is broken
is kept in `Court.broken`, and raised as an AssertionError where the command was sent, before the card sees it.

>>> Court().broken
[]
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from drivers.reader.errors import CardGoneError
from drivers.reader.port import NO_READER, Look
from sim.reader.card_memory import CardMemory
from sim.reader.cards import TearPoint, VirtualCard
from sim.reader.command_apdu import Ins, ReceivedCommand, parse
from sim.reader.in_process import InProcessBackend, InProcessConnection
from sim.reader.kinds import KINDS
from sim.reader.pkcs15_codes import NEW_ONLY, StoredCode
from sim.reader.slot import CardTornError, VirtualSlot
from sim.reader.status import StatusError

CODE_COMMANDS = frozenset({Ins.VERIFY, Ins.CHANGE_REFERENCE_DATA, Ins.RESET_RETRY_COUNTER})
IRREVERSIBLE = frozenset(
    {0x24, 0x2C, 0x46, 0x47, 0xD6, 0xDA, 0xDB, 0xE0, 0xE4, 0xF6}
)  # change, reset, generate (two), update, put (two), create, delete, move key
FLOORS = {10: 3, 5: 3, 4: 2, 3: 2}
"""Tries of the PUK that must remain before one is sent, by the tries that it starts with (reliability I1)."""
UNTOLD = ("A", "C")
"""Kinds that do not tell the tries of their PUK unless one is wrong: before the station counts, and is stricter by one."""
FIELD_BYTES = {"A": 16}
PIN_REFERENCES, PUK_REFERENCES = {"A": (1,), "B": (1, 3), "C": (0x80,), "D": (0x80,)}, {"B": 2, "C": 0x81, "D": 0x81}


@dataclass(frozen=True)
class Step:
    """What a person does at the moment: with which card, which codes were typed, and whether the last try may be used."""

    card: VirtualCard | None = None
    entries: tuple[str, ...] = ()
    consented: bool = False


@dataclass
class Court:
    """All that is known of the rules, shared by all cards."""

    step: Step = field(default_factory=Step)
    broken: list[str] = field(default_factory=list)
    codes_sent: int = 0
    """Commands with a code that came through in this step."""
    faults: int = 0
    """Faults of transmission in this step."""
    torn_code: bool = False
    """The command whose transmission broke off carried a code, or changed the card."""
    dishonest: bool = False
    """The reader goes on with another card on the same connection."""
    exchanges: int = 0
    """Commands that came through in this step."""
    answered: set[int] = field(default_factory=set)
    """Cards (`id`) that have answered a wrong PUK with the tries left, since they were reset."""

    def begin(self, step: Step) -> None:
        """A person begins something."""
        self.step = step
        self.codes_sent = self.faults = self.exchanges = 0
        self.torn_code = False

    def end(self) -> None:
        """From here on nobody has typed anything."""
        self.step = Step()

    def sees(self, card: VirtualCard, apdu: bytes) -> None:
        """Look at a command before the card does."""
        self.exchanges += 1
        try:
            command = parse(apdu, extended=True)
        except StatusError:
            return
        if command.ins in IRREVERSIBLE:
            self._must(card is self.step.card, f"{command.name} on another card than the one that was identified")
        if command.ins == Ins.EXTERNAL_AUTHENTICATE:
            self._sees_answer(card)
        if command.ins in CODE_COMMANDS and command.data is not None:
            self._sees_code(card, command)

    def transmission_failed(self, apdu: bytes) -> None:
        """Whoever sent that command does not know what became of it."""
        self.faults += 1
        self.torn_code = self.torn_code or changes(apdu)

    def _sees_code(self, card: VirtualCard, command: ReceivedCommand) -> None:
        self.codes_sent += 1
        self._must(card is self.step.card or self.dishonest, "a code on another card")
        self._must(self.codes_sent == 1, "a code was sent twice")
        size = FIELD_BYTES.get(card.kind, 8)
        data = command.data or b""
        fields = [data[at : at + size].rstrip(b"\xff\x00") for at in range(0, len(data), size)]
        typed = [entry.encode() for entry in self.step.entries]
        self._must(all(part in typed for part in fields if part), "a code that nobody has typed")
        pin, puk = card.tries_left
        if command.ins == Ins.RESET_RETRY_COUNTER and command.p1 == NEW_ONLY:
            key = card.memory.administrator
            proved = card.codes.puk.verified or (key is not None and key.verified)
            self._must(proved or not card.powered, "a new PIN for whom nobody has proved a right to it")
        elif command.ins == Ins.RESET_RETRY_COUNTER or command.p2 == PUK_REFERENCES.get(card.kind):
            told = card.kind not in UNTOLD or id(card) in self.answered
            self._must(puk >= floor_of(card) + (not told), f"a PUK with {puk} tries left")
        elif command.p2 in PIN_REFERENCES[card.kind]:
            self._must(pin > 0, "a PIN with no try left")
            self._must(pin > 1 or self.step.consented, "the last PIN try without consent")

    def _sees_answer(self, card: VirtualCard) -> None:
        """Nothing tells the tries of an administrative key: its floor is stricter by one."""
        key = card.memory.administrator
        self._must(card is self.step.card or self.dishonest, "an answer to another card")
        self._must(key is None or key.tries_left >= FLOORS[key.tries_max] + 1, "an answer below the floor of its key")

    def _must(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.broken.append(otherwise)
            raise AssertionError(otherwise)


def floor_of(card: VirtualCard) -> int:
    """The floor of a card's PUK, by the card's own word."""
    return FLOORS[KINDS[card.kind].puk_tries]


@dataclass(frozen=True)
class Fault:
    """What happens at the exchange number `at` of a step, counted from 0."""

    what: Literal["tear", "pull", "swap"]
    at: int
    when: TearPoint = "before"


class JudgedCard:
    """A virtual card with the judge in front; implements `sim.reader.slot.PluggableCard`."""

    def __init__(self, card: VirtualCard, court: Court) -> None:
        self.card = card
        self.atr = card.atr
        self.protocol = card.protocol
        self.fault: Fault | None = None
        self.leaves: Callable[[Fault], None] = lambda _fault: None
        """Takes this card out of the reader, and puts the next one in where the fault says so."""
        self._court = court
        self.power_on = card.power_on

    def power_off(self) -> None:
        self._court.answered.discard(id(self.card))
        self.card.power_off()

    def reset(self) -> None:
        self._court.answered.discard(id(self.card))
        self.card.reset()

    def transmit(self, apdu: bytes) -> bytes:
        """See `VirtualCard.transmit`."""
        fault = self._due()
        if fault and fault.when == "before":
            self._go(fault)
        self._court.sees(self.card, apdu)
        if fault and fault.what == "tear":
            self.card.tear(0, fault.when)
        answer = self.card.transmit(apdu)
        if apdu[1] == Ins.RESET_RETRY_COUNTER and answer[-2:] > b"\x63\xc0" and answer[-2:] <= b"\x63\xcf":
            self._court.answered.add(id(self.card))
        if fault:
            self._go(fault)
        return answer

    def _go(self, fault: Fault) -> None:
        """The card leaves between two commands, as seen from the card."""
        if fault.what != "tear":
            self.leaves(fault)

    def _due(self) -> Fault | None:
        if self.fault is None or self.fault.at != self._court.exchanges:
            return None
        fault, self.fault = self.fault, None
        return fault


def changes(apdu: bytes) -> bool:
    """Whether a command carries a code, signs, or changes the card."""
    return (apdu[1] in CODE_COMMANDS and len(apdu) > 5) or apdu[1] in IRREVERSIBLE or apdu[1] in (0x2A, 0x82, 0x88)


def fresh(memory: CardMemory) -> VirtualCard:
    """A new card with the same keys, its tries full."""
    full = [StoredCode(code.value, code.tries_max, code.tries_max) for code in (memory.pin, memory.puk)]
    piv = memory.piv and replace(
        memory.piv, keys=dict(memory.piv.keys), objects=dict(memory.piv.objects), generated=set(memory.piv.generated)
    )
    key = memory.administrator and StoredCode(memory.administrator.value, *(memory.administrator.tries_max,) * 2)
    changed = {"pin": full[0], "puk": full[1], "piv": piv, "administrator": key, "written": dict(memory.written)}
    return VirtualCard(replace(memory, **changed))


class Bench(InProcessBackend):
    """A reader that may be unplugged, and one that may go on with another card on the same connection."""

    def __init__(self, slot: VirtualSlot, court: Court) -> None:
        super().__init__([slot])
        self.plugged = True
        self.instead: JudgedCard | None = None
        self._court = court

    def readers(self) -> tuple[str, ...]:
        return super().readers() if self.plugged else ()

    def connect(self, reader: str) -> InProcessConnection:
        connection = super().connect(reader if self.plugged else "nowhere")
        real, self.instead = connection.transmit, None

        def transmit(apdu: bytes) -> bytes:
            try:
                return real(apdu) if self.instead is None else self._instead(self.instead, apdu)
            except CardGoneError:
                self._court.transmission_failed(apdu)
                raise

        connection.transmit = transmit  # type: ignore[method-assign]
        return connection

    def _instead(self, other: JudgedCard, apdu: bytes) -> bytes:
        try:
            return other.transmit(apdu)
        except CardTornError:
            raise CardGoneError("torn") from None

    def look(self, reader: str) -> Look:
        return super().look(reader) if self.plugged else NO_READER
