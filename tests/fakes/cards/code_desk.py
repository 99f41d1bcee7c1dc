"""A card of which each command is scripted, and what sends codes to it."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from drivers.reader.errors import CardChangedError
from drivers.reader.iso7816 import Alphabet
from drivers.reader.outcomes import (
    CodeOutcome,
    RefusalReason,
    Refused,
    Role,
)
from drivers.reader.pin.code_commands import CodeCommands
from drivers.reader.pin.try_counter import TryCounter, ledger_key_of
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.pkcs15.values import CodeFlag, CodeObject
from drivers.reader.profiles import Profile
from drivers.reader.profiles.tables import CommandRules, PinRules, PukRules, Unblocking
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import ApduChannel
from tests.drivers.reader.conftest import ScriptedConnection

PIN = CodeObject(b"\x01", "PIN", b"\x02", frozenset(), Alphabet.ASCII_NUMERIC, 6, 8, 8, 0x11, 0x00, b"")

PUK = replace(PIN, auth_id=b"\x02", label="PUK", puk_id=b"", flags=frozenset({CodeFlag.UNBLOCKING}), reference=0x12)

IDENTIFICATION = Role.IDENTIFICATION

RULES = Profile(
    name="made-up",
    title="",
    proved="card",
    pin=PinRules(min_length=4, max_length=8, tries=3),
    puk=PukRules(min_length=8, max_length=8, tries=10, floor=3),
    commands=CommandRules(unblock="puk-and-new"),
    unblocking=Unblocking(by="holder"),
)

CODE, NEW, WRONG, RIGHT_PUK = Secret("482915"), Secret("593026"), Secret("604137"), Secret("13572468")


@dataclass
class Desk:
    """The commands, and all that they did, in order."""

    answers: list[str | None]
    profile: Profile = RULES
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    born: tuple[date, ...] = ()
    log: list[str] = field(default_factory=list)
    changed: bool = False

    def __post_init__(self) -> None:
        self.channel = ApduChannel(Told(self.answers, self.log))
        self.counter = TryCounter(self.channel, self.profile, self.ledger, "card")
        self.codes = CodeCommands(self.channel, self.profile, self.counter, self._same, self._enter, self.born)

    def _same(self) -> None:
        self.log.append("same card?")
        if self.changed:
            raise CardChangedError("another card")

    def _enter(self, code: CodeObject) -> None:
        self.log.append(f"enter {code.label}")

    def used(self, code: CodeObject) -> int:
        return self.ledger.used("card", ledger_key_of(code))

    def use(self, code: CodeObject, times: int) -> "Desk":
        """So many tries were used before."""
        self.ledger.settle("card", ledger_key_of(code), times)
        return self

    def verify(self, pin: Secret = CODE, code: CodeObject = PIN, *, consented: bool = False) -> CodeOutcome:
        return self.codes.verify(code, IDENTIFICATION, pin, consented=consented)

    def change(self, new: Secret = NEW, code: CodeObject = PIN, *, consented: bool = False) -> CodeOutcome:
        return self.codes.change(code, IDENTIFICATION, CODE, new, consented=consented)

    def unblock(
        self, puk: Secret = RIGHT_PUK, new: Secret = NEW, code: CodeObject = PIN, *, attended: bool = False
    ) -> CodeOutcome:
        return self.codes.unblock(code, PUK, IDENTIFICATION, puk, new, attended=attended)


class Told(ScriptedConnection):
    """A card of a script that tells what it gets."""

    def __init__(self, answers: list[str | None], log: list[str]) -> None:
        super().__init__(answers)
        self._log = log

    def transmit(self, apdu: bytes) -> bytes:
        self._log.append(apdu.hex())
        return super().transmit(apdu)


def with_commands(**rules: Any) -> Profile:
    return RULES.model_copy(update={"commands": RULES.commands.model_copy(update=rules)})


LAST = Refused(RefusalReason.LAST_TRY)


def with_unblocking(**rules: Any) -> Profile:
    return RULES.model_copy(update={"unblocking": RULES.unblocking.model_copy(update=rules)})
