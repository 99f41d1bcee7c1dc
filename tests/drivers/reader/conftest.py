"""A virtual card in an in-process reader, and a card that says what a script tells it to."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Literal

import pytest

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, visiting
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.errors import CardGoneError
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EC_PERSON = 6
"""A person whose cards have keys on an elliptic curve, which are made at once."""


class ScriptedConnection:
    """Answers what the script says, command by command; None tears the card. Remembers what was sent."""

    def __init__(self, answers: dict[str, list[str | None]] | list[str | None]) -> None:
        self.atr = bytes.fromhex("3B00")
        self.protocol: Literal["T=0", "T=1"] = "T=1"
        self.answers = answers
        self.sent: list[str] = []
        self.closed = False

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu.hex())
        script = self.answers if isinstance(self.answers, list) else self._matching(apdu.hex())
        answer = script.pop(0) if len(script) > 1 or isinstance(self.answers, list) else script[0]
        if answer is None:
            raise CardGoneError("torn")
        return bytes.fromhex(answer)

    def _matching(self, command: str) -> list[str | None]:
        assert isinstance(self.answers, dict)
        fitting = [script for start, script in self.answers.items() if command.startswith(start)]
        return fitting[0] if fitting else ["6a82"]

    def close(self) -> None:
        self.closed = True


def wrong_codes(count: int, length: int = 6) -> list[Secret]:
    """So many codes that no card has, each another: what was refused is not sent again."""
    return [Secret(str(10**length - 7000 + number)) for number in range(count)]


@asynccontextmanager
async def visit_to(
    card: VirtualCard, profiles: Profiles | None = None, ledger: MemoryLedger | None = None
) -> AsyncIterator[CardVisit]:
    """A visit to that card in a reader of its own."""
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    settings = ReaderSettings(profiles=profiles or builtin(), ledger=ledger or MemoryLedger(), now=lambda: NOW)
    reader = CardReader(InProcessBackend([slot]), slot.name, settings)
    async with visiting(reader) as visit:
        yield visit
    await reader.close()


@pytest.fixture(scope="session")
def authority() -> TestAuthority:
    return TestAuthority.create(NOW)


@pytest.fixture
def make_card(authority: TestAuthority) -> Callable[..., VirtualCard]:
    def make(order: int = EC_PERSON, protocol: Literal["T=0", "T=1"] = "T=1") -> VirtualCard:
        return VirtualCard.create(person(order).new, authority, NOW, protocol=protocol)

    return make


@pytest.fixture
def card(make_card: Callable[..., VirtualCard]) -> VirtualCard:
    return make_card()


@pytest.fixture
def slot(card: VirtualCard) -> VirtualSlot:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    return slot


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
async def reader(slot: VirtualSlot, authority: TestAuthority, ledger: MemoryLedger) -> AsyncIterator[CardReader]:
    trust = TrustStore(authority.anchors(), authority.intermediates())
    settings = ReaderSettings(trust=trust, ledger=ledger, now=lambda: NOW)
    reader = CardReader(InProcessBackend([slot]), slot.name, settings)
    yield reader
    await reader.close()
