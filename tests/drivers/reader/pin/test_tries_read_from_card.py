"""A card that has told its tries and does not tell them any more gets no code: the station's count knows too little."""

from collections.abc import Callable

import pytest

from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.errors import CommandRefusedError
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW

PIN = Role.IDENTIFICATION


@pytest.fixture
def token(authority: TestAuthority) -> VirtualCard:
    return VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind="D")


@pytest.fixture
def reader_with(token: VirtualCard) -> Callable[[], CardReader]:
    slot = VirtualSlot("Bench 0")
    slot.insert(token)
    return lambda: CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(now=lambda: NOW))


async def test_a_token_that_was_reset_unnoticed_gets_no_code(
    token: VirtualCard, reader_with: Callable[[], CardReader]
) -> None:
    reader = reader_with()
    async with visiting(reader) as visit:
        assert visit.facts.pins[0].tries_left == 3
        token.reset()  # its application is no longer selected, and nothing is told of the tries
        token.log.clear()
        outcome = await visit.verify(PIN, Secret("994167"), last_try_consented=True)
        assert isinstance(outcome, Refused)
        assert outcome.reason is RefusalReason.CARD
        assert len(token.log) == 1  # the tries were asked for, and that was all
        with pytest.raises(CommandRefusedError):
            await visit.refresh()
    assert token.tries_left == (3, 3)
    async with visiting(reader) as visit:
        assert await visit.verify(PIN, Secret(token.persona.pin)) == Accepted()
    await reader.close()
