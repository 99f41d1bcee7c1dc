"""A card that lies: its answers are changed at random, and only this layer's own faults come out, soon."""

import random
from contextlib import suppress
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.reader.card_reader import open_session
from drivers.reader.errors import ReaderError
from drivers.reader.outcomes import Role
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import builtin
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import ApduChannel
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.drivers.reader.conftest import EC_PERSON, NOW

MOST_EXCHANGES = 400


class LyingConnection:
    """A real virtual card whose answers are changed, one in so many, in one of several ways."""

    def __init__(self, card: VirtualCard, seed: int, one_in: int) -> None:
        self.atr = card.power_on()
        self.protocol: Literal["T=0", "T=1"] = "T=1"
        self._card = card
        self._random = random.Random(seed)
        self._one_in = one_in

    def transmit(self, apdu: bytes) -> bytes:
        answer = bytearray(self._card.transmit(apdu))
        if self._random.randrange(self._one_in):
            return bytes(answer)
        way = self._random.randrange(5)
        if way == 0:
            answer[self._random.randrange(len(answer))] ^= 1 << self._random.randrange(8)
        elif way == 1:
            del answer[self._random.randrange(len(answer)) :]
        elif way == 2:
            answer = bytearray(self._random.randbytes(self._random.randrange(260)))
        elif way == 3:
            answer[-2:] = bytes(
                (self._random.choice((0x61, 0x6C, 0x62, 0x63, 0x6A, 0x90)), self._random.randrange(256))
            )
        else:
            at = self._random.randrange(len(answer))
            answer[at:at] = self._random.randbytes(3)
        return bytes(answer)

    def close(self) -> None:
        """Nothing to let go."""


@pytest.fixture(scope="module", params=["A", "B", "C", "D"])
def lying_card(authority: TestAuthority, request: pytest.FixtureRequest) -> VirtualCard:
    return VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=request.param)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(seed=st.integers(0, 2**32), one_in=st.sampled_from([1, 3, 10, 30]))
def test_a_lying_card_gives_facts_or_a_named_fault(lying_card: VirtualCard, seed: int, one_in: int) -> None:
    untouched = lying_card.tries_left
    channel = ApduChannel(LyingConnection(lying_card, seed, one_in), max_exchanges=MOST_EXCHANGES)
    with suppress(ReaderError):
        session = open_session(channel, profiles=builtin(), ledger=MemoryLedger())
        session.unblock(Role.IDENTIFICATION, Secret("1234567"), Secret("975318"))  # too short: goes nowhere
        session.sign("signature", b"x")
        session.complete()
        session.refresh()
    assert channel.exchange.apdus <= 4 * MOST_EXCHANGES
    assert lying_card.tries_left == untouched
