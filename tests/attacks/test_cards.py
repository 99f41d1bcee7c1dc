"""Attacks by cards: a false new card in the slot, a copy that answers 9000 to everything, a card that is asked the wrong way."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from drivers.reader.errors import CardAnswerError
from drivers.reader.inprocess import InProcessBackend
from drivers.reader.outcomes import Accepted, Role, Signed
from drivers.reader.trust import Trust
from drivers.reader.virtual import traits
from drivers.reader.virtual.cards import VirtualCard
from drivers.reader.virtual.rogue import Signs, copied, interposed
from drivers.reader.virtual.slot import VirtualSlot
from drivers.reader.visit import CardReader, CardVisit, ReaderSettings, try_card, visiting
from drivers.secret import Secret
from tests.fakes.clock import NOW
from tests.fakes.room import authority, keys_of, persona_of
from tests.fakes.room import make_card as made

KINDS = ("A", "B", "C", "D")


@asynccontextmanager
async def visit_of(card: VirtualCard) -> AsyncIterator[CardVisit]:
    """A visit of that card in a reader of its own, as a station makes it."""
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    trust = Trust(authority().anchors(), authority().intermediates())
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(trust=trust, now=lambda: NOW))
    try:
        async with visiting(reader) as visit:
            yield visit
    finally:
        await reader.close()


async def passes(card: VirtualCard, pin: str) -> bool:
    """Whether the card passes for its holder's after that PIN."""
    async with visit_of(card) as visit:
        assert await visit.verify(Role.IDENTIFICATION, Secret(pin)) == Accepted()
        try:
            return (await try_card(visit, "identification")).passed
        except CardAnswerError:
            return False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("signs", ["nothing", "garbage", "own key"])
async def test_a_copy_that_takes_any_pin_passes_the_card_test(kind: str, signs: Signs) -> None:
    """A copy of a card's public files that answers 9000 to everything passes the card test."""
    card = made(persona_of("1:new"), kind)
    assert await passes(card, card.persona.pin)
    assert not await passes(copied(card, signs), "00000000")
    assert not await passes(interposed(card, signs=signs), card.persona.pin)


@pytest.mark.parametrize("trait", sorted(traits.SIGNING))
@pytest.mark.parametrize("algorithm", ["EC-P256", "EC-P384", "RSA-2048"])
async def test_a_product_that_refuses_one_form_of_signature_proves_nobody(
    trait: str, algorithm: str, make_traited: Callable[[str, str], VirtualCard]
) -> None:
    """A product whose key refuses the one form that is tried proves nobody, so that its holder is believed for a PIN."""
    card = make_traited(algorithm, trait)
    async with visit_of(card) as visit:
        assert await visit.verify(Role.IDENTIFICATION, Secret(card.persona.pin)) == Accepted()
        assert isinstance(await visit.sign("identification", b"made up"), Signed)
    assert not await passes(copied(card, "own key"), "00000000")


@pytest.fixture(scope="session")
def make_traited() -> Callable[[str, str], VirtualCard]:
    """A card of kind B with a trait, by the algorithm of its keys, which are made once."""
    from dataclasses import replace

    from drivers.reader.virtual.making import fresh_memory

    def make(algorithm: str, trait: str) -> VirtualCard:
        persona = replace(persona_of("1:new"), key_algorithm=algorithm)
        return VirtualCard(fresh_memory("B", persona, authority(), NOW, keys_of(persona), (trait,)))

    return make
