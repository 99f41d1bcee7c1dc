"""Virtual PIV cards, one of each kind, in an in-process reader."""

from collections.abc import AsyncIterator, Callable

import pytest

from drivers.reader.card_reader import CardReader, ReaderSettings
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.pin.try_ledger import MemoryLedger
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW

KINDS = ("C", "D")
MakePiv = Callable[..., VirtualCard]


@pytest.fixture
def make_piv(authority: TestAuthority) -> MakePiv:
    def make(kind: str, order: int = EC_PERSON) -> VirtualCard:
        return VirtualCard.create(person(order).new, authority, NOW, kind=kind)

    return make


@pytest.fixture(params=KINDS)
def card(request: pytest.FixtureRequest, make_piv: MakePiv) -> VirtualCard:
    return make_piv(request.param)


@pytest.fixture
async def reader(slot: VirtualSlot, authority: TestAuthority, ledger: MemoryLedger) -> AsyncIterator[CardReader]:
    trust = TrustStore(authority.anchors(), authority.intermediates())
    settings = ReaderSettings(trust=trust, ledger=ledger, now=lambda: NOW)
    reader = CardReader(InProcessBackend([slot]), slot.name, settings)
    yield reader
    await reader.close()


def kind_of(card: VirtualCard) -> str:
    return "C" if b"KKPIVC" in card.atr else "D"
