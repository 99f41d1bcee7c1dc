"""Cards with more than a pair of certificates: one says whose card it is, and the rest is read before anything is decided."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, is_same_card, visiting
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.errors import CardGoneError
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role, Signed
from drivers.reader.profiles import Profiles
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.shapes import SHAPES, Pair, Shape
from sim.reader.slot import VirtualSlot
from sim.stories.clock import NOW
from sim.stories.room import authority, make_card, persona_of

PIN = Role.IDENTIFICATION
STAGED = [name for name, shape in SHAPES.items() if shape.beside]


def shaped(shape: str) -> VirtualCard:
    return make_card(replace(persona_of("6:new"), shape=shape), "B")


@asynccontextmanager
async def reading(card: VirtualCard) -> AsyncIterator[CardReader]:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    trust = TrustStore(authority().anchors(), authority().intermediates())
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(trust=trust, now=lambda: NOW))
    yield reader
    await reader.close()


@asynccontextmanager
async def visit_to(card: VirtualCard) -> AsyncIterator[CardVisit]:
    async with reading(card) as reader, visiting(reader) as visit:
        yield visit


def shown(facts: CardFacts) -> CardFacts:
    return replace(facts, digest=b"")


@pytest.mark.parametrize("shape", SHAPES)
async def test_read_in_two_steps_a_card_is_what_it_is_when_it_is_read_at_once(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = shaped(shape)
    async with visit_to(card) as visit:
        first = visit.facts
        whole = await visit.read_rest()
        assert is_same_card(first, whole)
    assert first.holder.hsa_id == card.persona.hsa_id or shape == "two-employers"
    certificate = first.certificate("identification")
    assert certificate is not None
    assert certificate.chain == "ok"
    monkeypatch.setattr(Profiles, "tell_by_issuer", lambda self, kind: True)
    async with visit_to(card) as visit:
        assert shown(visit.facts) == shown(whole)


@pytest.mark.parametrize("shape", STAGED)
async def test_the_rest_is_read_once(shape: str) -> None:
    async with visit_to(shaped(shape)) as visit:
        few = visit.exchange.apdus
        await visit.read_rest()
        all_of_it = visit.exchange.apdus
        assert all_of_it > few
        await visit.read_rest()
        assert visit.exchange.apdus == all_of_it


@pytest.mark.parametrize(
    "beside",
    [Pair("old", days=5), Pair(expired=True), Pair("person-id", days=5)],
    ids=["old-ca", "expired", "personal"],
)
async def test_what_was_listed_last_is_not_believed_where_it_is_worth_less(
    beside: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that says first what does not hold is read to the end before it is anybody's."""
    monkeypatch.setitem(SHAPES, "reversed", Shape("the holder's own pair, then another", (), (beside, beside)))  # type: ignore[arg-type]
    card = shaped("reversed")
    async with visit_to(card) as visit:
        certificate = visit.facts.certificate("identification")
        assert certificate is not None
        assert (certificate.chain, visit.facts.holder.hsa_id) == ("ok", card.persona.hsa_id)


async def test_a_second_employer_is_known_before_anything_is_decided() -> None:
    async with visit_to(shaped("two-employers")) as visit:
        await visit.read_rest()
        assert len(visit.facts.holders) == 2


async def test_who_acts_for_one_employer_still_does_when_the_rest_is_read() -> None:
    async with visit_to(shaped("two-employers")) as visit:
        acting = visit.facts.holder.hsa_id
        visit.act_as(acting)
        assert (await visit.read_rest()).holder.hsa_id == acting


async def test_a_code_is_judged_by_what_was_not_read_yet() -> None:
    """The date of birth stands in a certificate that identification leaves out."""
    card, born = shaped("siths"), Secret("010101")
    async with visit_to(card) as visit:
        assert await visit.change(PIN, Secret(card.persona.pin), born) == Refused(RefusalReason.POLICY)
    async with visit_to(shaped("one-pair")) as visit:
        assert await visit.change(PIN, Secret(card.persona.pin), born) == Accepted(new_code_set=True)


async def test_signatures_are_made_with_what_was_not_read_yet() -> None:
    card = shaped("siths")
    async with visit_to(card) as visit:
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
        assert isinstance(await visit.sign("signature", b"made up"), Signed)


async def test_a_card_that_was_put_back_goes_on_as_that_holder() -> None:
    async with reading(shaped("two-employers")) as reader:
        visit = await reader.visit()
        other = next(h.hsa_id for h in (await visit.read_rest()).holders if h != visit.facts.holder)
        visit.act_as(other)
        assert await reader.resume() == "goes_on"
        assert (visit.facts.holder.hsa_id, len(visit.facts.holders)) == (other, 2)
        await visit.close()


async def test_a_card_is_the_same_after_a_certificate_was_taken_off() -> None:
    """By what the next visit reads first."""
    card = shaped("siths")
    async with reading(card) as reader:
        async with visiting(reader) as visit:
            personal = next(c for c in (await visit.read_rest()).certificates if c.personal)
            assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
            assert await visit.delete_certificate(personal.id) == Accepted()
            after = visit.facts
        async with visiting(reader) as visit:
            assert is_same_card(after, visit.facts)
            assert len((await visit.read_rest()).certificates) == len(after.certificates) == 3


async def test_a_card_that_is_torn_between_the_steps_is_gone() -> None:
    card = shaped("siths")
    async with visit_to(card) as visit:
        card.tear(4)
        with pytest.raises(CardGoneError):
            await visit.read_rest()
