"""A card shows that it is genuine before anybody types a code, by a key that wants none; a copy cannot."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.keys import ManagementAlgorithm, MutualAnswer
from drivers.reader.model import CardFacts, Certificate, Holder
from drivers.reader.outcomes import CardAuthenticated, CardAuthentication, CardNotAuthenticated, NoFreeKey
from drivers.reader.profiles import Profile, Profiles, builtin
from drivers.reader.signatures import card_authentication as own_keys
from sim.reader.card_factory import fresh_memory, own_key
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.rogue import copy_card
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW

PERSONA = person(EC_PERSON).new
Make = Callable[..., VirtualCard]
WITH_A_KEY = [("A", ("free-key",)), ("B", ("free-key",)), ("C", ()), ("D", ())]
CODE_COMMANDS = {"VERIFY", "CHANGE REFERENCE DATA", "RESET RETRY COUNTER"}


@pytest.fixture
def make(authority: TestAuthority) -> Make:
    keys = VirtualCard.create(PERSONA, authority, NOW).keys

    def card(kind: str, traits: tuple[str, ...] = ()) -> VirtualCard:
        return VirtualCard(fresh_memory(kind, PERSONA, authority, NOW, keys, traits))

    return card


async def challenged(
    card: VirtualCard, authority: TestAuthority, changed: Callable[[Profile], Profile] = lambda profile: profile
) -> CardAuthentication:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    profiles = Profiles(changed(profile) for profile in builtin())
    trust = TrustStore(authority.anchors(), authority.intermediates())
    reader = CardReader(
        InProcessBackend([slot]), slot.name, ReaderSettings(profiles=profiles, trust=trust, now=lambda: NOW)
    )
    try:
        async with visiting(reader) as visit:
            return await visit.challenge_free_key()
    finally:
        await reader.close()


def says(genuine: str) -> Callable[[Profile], Profile]:
    return lambda profile: profile.model_copy(update={"genuine": genuine})


@pytest.mark.parametrize(("kind", "traits"), WITH_A_KEY)
async def test_a_card_with_a_key_of_its_own_shows_that_it_is_genuine_and_no_code_is_used(
    kind: str, traits: tuple[str, ...], make: Make, authority: TestAuthority
) -> None:
    card = make(kind, traits)
    assert isinstance(await challenged(card, authority), CardAuthenticated)
    sent = [entry for entry in card.log if entry.ins in CODE_COMMANDS]
    assert all(entry.ins == "VERIFY" for entry in sent), "tries are asked for, and nothing else"
    assert card.tries_left[0] == card.codes.pin.tries_max


@pytest.mark.parametrize(("kind", "traits"), WITH_A_KEY)
async def test_a_copy_of_it_is_found_out_before_any_code(
    kind: str, traits: tuple[str, ...], make: Make, authority: TestAuthority
) -> None:
    required = says("free-key")
    for signs, why in (("nothing", "refused"), ("garbage", "false_signature"), ("own key", "false_signature")):
        rogue = copy_card(make(kind, traits), signs)  # type: ignore[arg-type]
        assert await challenged(rogue, authority, required) == CardNotAuthenticated(why)  # type: ignore[arg-type]
        assert rogue.heard == []


@pytest.mark.parametrize("kind", ["A", "B"])
async def test_a_card_without_such_a_key_tells_nothing_unless_its_product_has_one(
    kind: str, make: Make, authority: TestAuthority
) -> None:
    assert await challenged(make(kind), authority) == NoFreeKey()
    assert await challenged(make(kind), authority, says("free-key")) == CardNotAuthenticated("no_key")


@pytest.mark.parametrize("kind", ["C", "D"])
async def test_a_piv_card_whose_key_was_taken_away_is_not_taken_for_one_that_never_had_one(
    kind: str, make: Make, authority: TestAuthority
) -> None:
    memory = make(kind).copy_memory()
    assert memory.piv is not None
    del memory.piv.objects[0x5FC101]
    assert await challenged(VirtualCard(memory), authority) == CardNotAuthenticated("no_key")
    assert await challenged(VirtualCard(memory), authority, says("none")) == NoFreeKey()


async def test_the_key_of_another_card_vouches_for_none(make: Make, authority: TestAuthority) -> None:
    """Its certificate is the issuer's, and its signature right; but it names a card of another number."""
    memory = make("B", ("free-key",)).copy_memory()
    other = own_key(replace(PERSONA, card_number="9999000010260999"), authority, NOW)
    rogue = VirtualCard(replace(memory, keys=(*memory.keys[:2], other)))
    assert await challenged(rogue, authority, says("free-key")) == CardNotAuthenticated("another_card")
    assert await challenged(rogue, authority) == NoFreeKey()


async def test_a_certificate_that_does_not_hold_vouches_for_none(make: Make, authority: TestAuthority) -> None:
    memory = make("B", ("free-key",)).copy_memory()
    ended = own_key(replace(PERSONA, issued_days_ago=1000, lifetime_days=900), authority, NOW)
    card = VirtualCard(replace(memory, keys=(*memory.keys[:2], ended)))
    assert await challenged(card, authority, says("free-key")) == CardNotAuthenticated("certificate")


GUID = UUID("99990000-0000-4000-8000-000000000001")


def by_guid(*names: str) -> Certificate:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    if names:
        uris = [x509.UniformResourceIdentifier(name) for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(uris), False)
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    return Certificate("9e", "", "", "", "", NOW, NOW, "other", None, "ok", der)


@pytest.mark.parametrize(
    ("names", "outcome"),
    [
        ((GUID.urn,), CardAuthenticated("9e")),
        ((UUID(int=9).urn, GUID.urn), CardAuthenticated("9e")),
        ((UUID(int=9).urn,), NoFreeKey()),
        (("urn:uuid:none",), NoFreeKey()),
        ((), NoFreeKey()),
    ],
)
def test_a_piv_card_without_a_number_is_named_by_its_guid(names: tuple[str, ...], outcome: CardAuthentication) -> None:
    facts = CardFacts("", b"", "piv", "piv", GUID.hex.upper(), "", Holder("", ""), (), (), b"")
    assert own_keys.outcome_of_certificate(by_guid(*names), facts, builtin().match_name("piv")) == outcome


class Server:
    """Whoever has the card's own management key; remembers what was asked."""

    def __init__(self, key: bytes | None) -> None:
        self.key = key
        self.asked: list[tuple[str, bytes, bytes]] = []

    async def __call__(self, algorithm: ManagementAlgorithm, witness: bytes, challenge: bytes) -> MutualAnswer | None:
        self.asked.append((algorithm, witness, challenge))
        if self.key is None:
            return None
        cipher = Cipher(TripleDES(self.key) if algorithm == "3DES" else AES(self.key), ECB())  # noqa: S305 - a single block
        decryptor, encryptor = cipher.decryptor(), cipher.encryptor()
        answer = encryptor.update(challenge) + encryptor.finalize()
        return MutualAnswer(decryptor.update(witness) + decryptor.finalize(), hashlib.sha256(answer).digest())


OWN_KEY = bytes(range(100, 124))


async def managed(card: VirtualCard, authority: TestAuthority, server: Server) -> CardAuthentication:
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    trust = TrustStore(authority.anchors(), authority.intermediates())
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(trust=trust, now=lambda: NOW))
    try:
        async with visiting(reader) as visit:
            return await visit.authenticate_by_management(server)
    finally:
        await reader.close()


def keyed(card: VirtualCard) -> VirtualCard:
    """The same card with a management key of its own."""
    memory = card.copy_memory()
    assert memory.piv is not None
    return VirtualCard(replace(memory, piv=replace(memory.piv, management_key=OWN_KEY)))


@pytest.mark.parametrize("kind", ["C", "D"])
async def test_a_card_shows_that_it_has_its_management_key_and_no_copy_does(
    kind: str, make: Make, authority: TestAuthority
) -> None:
    card = keyed(make(kind))
    server = Server(OWN_KEY)
    assert await managed(card, authority, server) == CardAuthenticated("9b")
    rogue = copy_card(card, "own key")
    assert await managed(rogue, authority, server) == CardNotAuthenticated("wrong_answer")
    assert rogue.heard == []
    assert await managed(make(kind), authority, server) == CardNotAuthenticated("wrong_answer"), "another card's key"
    assert len({challenge for _, _, challenge in server.asked}) == len(server.asked), "each challenge is fresh"


async def test_without_a_key_of_its_own_at_the_server_nothing_is_known(make: Make, authority: TestAuthority) -> None:
    assert await managed(make("D"), authority, Server(None)) == NoFreeKey()
    server = Server(OWN_KEY)
    assert await managed(make("B"), authority, server) == NoFreeKey()
    assert server.asked == []
