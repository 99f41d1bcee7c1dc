"""Cards that keep their files as real products do are read like any other; one that hides them says what it wants."""

import asyncio
import itertools
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.card_cache import CardCaches
from drivers.reader.card_reader import CardReader, ReaderSettings, open_session, visiting
from drivers.reader.card_session import CardSession
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.errors import UnknownCardError
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Accepted, Role
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import builtin
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import ApduChannel
from sim.reader import card_factory
from sim.reader.card_memory import CardMemory
from sim.reader.cards import VirtualCard
from sim.reader.file_system import CardFile
from sim.reader.file_traits import FILE_TRAITS, file_ways
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pkcs15_files import EF_TRUSTED, KeyWithCertificate, certificate_object
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW

NEW = Secret("975318")
READS = ("SELECT", "READ BINARY", "READ RECORD", "GET DATA")
GUARDED = {name: file_ways((name,)).guard.replace("-", "_") for name in FILE_TRAITS if file_ways((name,)).guard}
SHOWN = {name for name in FILE_TRAITS if name not in GUARDED and not file_ways((name,)).certificates_guarded}
READ = {kind: [name for name, t in FILE_TRAITS.items() if kind in t.kinds and name in SHOWN] for kind in "ABCD"}
Made = Callable[..., VirtualCard]


@pytest.fixture(scope="module")
def memories(authority: TestAuthority) -> dict[str, CardMemory]:
    persona = person(EC_PERSON).new
    return {kind: VirtualCard.create(persona, authority, NOW, kind=kind).memory for kind in "ABCD"}


@pytest.fixture
def made(memories: dict[str, CardMemory], authority: TestAuthority) -> Made:
    def make(kind: str, *traits: str) -> VirtualCard:
        memory = memories[kind]
        return VirtualCard(card_factory.fresh_memory(kind, memory.persona, authority, NOW, memory.keys, traits))

    return make


def opened(card: VirtualCard, caches: CardCaches | None = None) -> CardSession:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    channel = ApduChannel(InProcessBackend([slot]).connect("Bench 0"))
    return open_session(channel, profiles=builtin(), ledger=MemoryLedger(), memories=caches)


def told(facts: CardFacts) -> object:
    """What a card says whatever its ways."""
    codes = [(pin.id, pin.role, pin.tries_left) for pin in facts.pins]
    return facts.card_number, facts.holder, [c.der for c in facts.certificates[:1]], codes, facts.damaged


@pytest.mark.parametrize(("kind", "trait"), [(kind, trait) for kind, traits in READ.items() for trait in traits])
def test_a_card_of_each_trait_is_read_used_and_recognised(made: Made, kind: str, trait: str) -> None:
    card, caches = made(kind, trait), CardCaches()
    session = opened(card, caches)
    assert told(session.facts) == told(opened(made(kind)).facts)
    session.complete()
    assert session.change(Role.IDENTIFICATION, Secret(card.persona.pin), NEW, consented=False) == Accepted()
    assert told(opened(card, caches).facts) == told(opened(card).facts)


@pytest.mark.parametrize("seed", range(24))
def test_traits_together_are_read_too(made: Made, seed: int) -> None:
    """By cards of one product, one after the other, which share what the reader learned."""
    chance, caches = random.Random(seed), CardCaches()
    for kind in "AB":
        drawn = [name for name in chance.sample(READ[kind], 6) if name != "one-certificate"]
        chosen = [name for place, name in enumerate(drawn) if not clashes(name, drawn[:place])]
        card = made(kind, *chosen)
        for again in range(2):
            assert told(opened(card, caches).facts) == told(opened(made(kind)).facts), (chosen, again)
        session = opened(made(kind), caches)
        assert told(session.facts) == told(opened(made(kind)).facts), (
            "another card of that answer to reset, with other ways"
        )


def clashes(name: str, others: list[str]) -> bool:
    changes = [FILE_TRAITS[each].changes.keys() for each in (name, *others)]
    return any(first & second for first, second in itertools.combinations(changes, 2))


@pytest.mark.parametrize(("kind", "trait"), [(kind, trait) for trait in GUARDED for kind in FILE_TRAITS[trait].kinds])
def test_a_card_that_shows_nothing_says_what_it_wants(made: Made, kind: str, trait: str) -> None:
    card = made(kind, trait)
    with pytest.raises(UnknownCardError) as stranger:
        opened(card)
    assert stranger.value.why == GUARDED[trait]
    assert {entry.ins for entry in card.log} <= {*READS, "VERIFY", "INS F7", "INS F8"}, "no code, and nothing written"


def with_issuer(card: VirtualCard, issuer: x509.Certificate) -> VirtualCard:
    """The issuer's certificate in the list of trusted ones, with FF behind it."""
    files: dict[int, CardFile] = card.application.files.application.children  # type: ignore[attr-defined]
    entry = card_factory.key_entries(card.memory)[0]
    listed = certificate_object(KeyWithCertificate(entry.key, issuer, 0x4377, entry.public_file))
    files[EF_TRUSTED].content = listed.ljust(510, b"\xff")
    files[0x4377] = CardFile(0x4377, issuer.public_bytes(Encoding.DER))
    return card


@pytest.mark.parametrize("known", [True, False])
def test_authorities_of_the_card_are_read_where_a_chain_wants_them(
    made: Made, authority: TestAuthority, known: bool
) -> None:
    async def judged() -> tuple[list[str], int]:
        card = with_issuer(made("B", "trusted-list"), authority.intermediates()[0])
        slot = VirtualSlot("Bench 0")
        slot.insert(card)
        trust = TrustStore(authority.anchors(), authority.intermediates() if known else ())
        later = NOW + timedelta(days=1)
        reader = CardReader(InProcessBackend([slot]), "Bench 0", ReaderSettings(now=lambda: later, trust=trust))
        async with visiting(reader) as visit:
            chains = [c.chain for c in visit.facts.certificates]
            count = len((await visit.complete()).certificates)
        await reader.close()
        return chains, count

    chains, count = asyncio.run(judged())
    assert chains == ["ok"] * (2 if known else 3)
    assert count == 3
