"""Where a renewed key may be made: never where a certificate would lose its own; and a key that waits for its certificate."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, visiting
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.keys import Generated, KeyPlace
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role, Signed
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW
from tests.fakes.cards.management_keys import FactoryKey

PIV = ("C", "D")
ORDINARY = {"B": "41", "C": "9a", "D": "9a"}
FIRST_FREE = {"B": "43", "C": "94", "D": "94"}
"""The spare places of the virtual PIV cards are 94 and 95."""
NOT_ALLOWED = Refused(RefusalReason.NOT_ALLOWED)


@pytest.fixture
def made(authority: TestAuthority) -> Callable[..., VirtualCard]:
    def make(kind: str, days_ago: int = 1800) -> VirtualCard:
        persona = replace(person(EC_PERSON).new, issued_days_ago=days_ago)
        return VirtualCard.create(persona, authority, NOW, kind=kind)

    return make


@asynccontextmanager
async def met(card: VirtualCard, authority: TestAuthority, *, code: bool = True) -> AsyncIterator[CardVisit]:
    slot = VirtualSlot("Bench 1")
    slot.insert(card)
    settings = ReaderSettings(trust=TrustStore(authority.anchors(), authority.intermediates()), now=lambda: NOW)
    reader = CardReader(InProcessBackend([slot]), slot.name, settings)
    async with visiting(reader) as visit:
        if code:
            assert await visit.verify(Role.IDENTIFICATION, Secret(card.persona.pin)) == Accepted()
        yield visit
    await reader.close()


def key_of(kind: str) -> FactoryKey | None:
    return FactoryKey(kind) if kind in PIV else None


def issued(authority: TestAuthority, card: VirtualCard, public_key: bytes) -> bytes:
    public = serialization.load_der_public_key(public_key)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    persona = replace(card.persona, issued_days_ago=0)
    return authority.issue(persona, public, "identification", NOW).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("kind", ORDINARY)
async def test_a_card_is_renewed_beside_its_old_key(
    made: Callable[..., VirtualCard], authority: TestAuthority, kind: str
) -> None:
    """Old and new are both usable; the newer counts, also for whoever meets the card later; then the old one goes."""
    card, key = made(kind), key_of(kind)
    async with met(card, authority) as visit:
        (place, *_) = await visit.places("identification")
        assert place == KeyPlace(FIRST_FREE[kind])
        generated = await visit.generate_key(place.key_id, "EC-P256", key)
        assert isinstance(generated, Generated)
        der = issued(authority, card, generated.public_key)
        assert await visit.write_certificate(place.key_id, der, key) == Accepted()
        digest = visit.facts.digest
        assert isinstance(await visit.sign_with(ORDINARY[kind], b"the old key"), Signed)
        assert isinstance(await visit.sign_with(place.key_id, b"the new key"), Signed)
    async with met(card, authority) as visit:
        newest = visit.facts.certificate("identification")
        assert newest is not None
        assert (newest.der, newest.id, newest.chain, visit.facts.digest) == (der, place.key_id, "ok", digest)
        assert isinstance(await visit.sign("identification", b"log in"), Signed)
        assert await visit.delete_certificate(ORDINARY[kind], key) == Accepted()
    async with met(card, authority) as visit:
        left = [c.der for c in visit.facts.certificates if c.purpose == "identification"]
        assert left == [der]


@pytest.mark.parametrize("kind", ORDINARY)
async def test_a_key_whose_certificate_never_came_is_found_again(
    made: Callable[..., VirtualCard], authority: TestAuthority, kind: str
) -> None:
    """By what the card says of it; kind C says nothing of its keys, so there it is only a free place."""
    card = made(kind)
    async with met(card, authority) as visit:
        (place, *_) = await visit.places("identification")
        generated = await visit.generate_key(place.key_id, "EC-P256", key_of(kind))
        assert isinstance(generated, Generated)
    async with met(card, authority) as visit:
        (again, *_) = await visit.places("identification")
        assert again == KeyPlace(place.key_id, None if kind == "C" else generated.public_key)
        signed = await visit.sign_with(place.key_id, b"a request")
        assert isinstance(signed, Signed) == (kind != "C")
        der = issued(authority, card, generated.public_key)
        assert await visit.write_certificate(place.key_id, der, key_of(kind)) == Accepted()


async def test_a_card_that_says_nothing_of_its_key_shows_it_by_a_signature(
    made: Callable[..., VirtualCard], authority: TestAuthority
) -> None:
    card, key = made("C"), FactoryKey("C")
    async with met(card, authority) as visit:
        generated = await visit.generate_key("95", "EC-P256", key)
        assert isinstance(generated, Generated)
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    spki = stranger.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    async with met(card, authority) as visit:
        assert await visit.write_certificate("95", issued(authority, card, spki), key) == NOT_ALLOWED
        assert await visit.write_certificate("94", issued(authority, card, generated.public_key), key) == NOT_ALLOWED
    async with met(card, authority, code=False) as visit:
        assert await visit.write_certificate("95", issued(authority, card, generated.public_key), key) == NOT_ALLOWED


@pytest.mark.parametrize("kind", PIV)
async def test_spare_places_cost_a_card_nothing_that_has_long_to_go(
    made: Callable[..., VirtualCard], authority: TestAuthority, kind: str
) -> None:
    spent = []
    for days_ago in (1, 1800):
        async with met(made(kind, days_ago), authority, code=False) as visit:
            spent.append(visit.exchange.apdus)
            assert [c.id for c in visit.facts.certificates] == ["9a", "9c"]
    assert spent[1] == spent[0] + 2


async def test_a_card_that_cannot_be_written_to_has_no_places(
    made: Callable[..., VirtualCard], authority: TestAuthority
) -> None:
    async with met(made("A"), authority, code=False) as visit:
        assert await visit.places("identification") == ()


async def test_a_key_for_signatures_is_made_and_used_under_the_second_code(authority: TestAuthority) -> None:
    """It is no place for identification, though it waits for a certificate."""
    persona = replace(person(EC_PERSON).new, signature_pin="864297")
    card = VirtualCard.create(persona, authority, NOW)
    async with met(card, authority) as visit:
        assert await visit.places("signature") == (KeyPlace("43"),)
        assert await visit.generate_key("43", "EC-P256", purpose="signature") == Refused(RefusalReason.CARD, 0x6982)
    async with met(card, authority) as visit:
        assert await visit.verify(Role.SIGNATURE, Secret("864297")) == Accepted()
        place, *_ = await visit.places("signature")
        made = await visit.generate_key(place.key_id, "EC-P256", purpose="signature")
        assert isinstance(made, Generated)
        assert isinstance(await visit.sign_with(place.key_id, b"a request"), Signed)
        assert KeyPlace(place.key_id, made.public_key) in await visit.places("signature")
        assert KeyPlace(place.key_id, made.public_key) not in await visit.places("identification")
    async with met(card, authority) as visit:
        refused = await visit.sign_with(place.key_id, b"a request")
        assert refused == Refused(RefusalReason.CARD, 0x6982), "the code for identification is not enough"
