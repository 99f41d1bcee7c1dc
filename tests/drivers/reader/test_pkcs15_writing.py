"""Keys and certificates made and written on a MyEID-like PKCS#15 card, by whoever has verified its PIN."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from drivers.reader.card_reader import CardReader, CardVisit, ReaderSettings, try_card, visiting
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.errors import CardAnswerError, CardGoneError
from drivers.reader.keys import Generated, KeyAlgorithm
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role, Signed, Unknown
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.values import FilePath
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.secret import Secret
from drivers.reader.signatures.signing import verifies_with
from sim.reader.cards import TearPoint, VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pkcs15_files import EF_CDF, EF_PRKDF, EF_PUKDF
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW
from tests.drivers.reader.interrupted import memories, scene
from tests.fakes.cards.judge import Fault, Step, fresh

NOT_ALLOWED = Refused(RefusalReason.NOT_ALLOWED)
NEW = "43"
OLD = "41"
CHANGING = {"CREATE FILE", "DELETE FILE", "UPDATE BINARY", "GENERATE KEY PAIR"}
PIN_MISSING = Refused(RefusalReason.CARD, 0x6982)


async def verified(visit: CardVisit, card: VirtualCard) -> None:
    assert await visit.verify(Role.IDENTIFICATION, Secret(card.persona.pin)) == Accepted()


def certificate_for(authority: TestAuthority, card: VirtualCard, public_key: bytes) -> bytes:
    public = serialization.load_der_public_key(public_key)
    assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    issued = authority.issue(card.persona, public, "identification", NOW)
    return issued.public_bytes(serialization.Encoding.DER)


async def renewed(visit: CardVisit, card: VirtualCard, authority: TestAuthority, key_id: str = NEW) -> bytes:
    """A new key and its certificate."""
    made = await visit.generate_key(key_id, "EC-P256")
    assert isinstance(made, Generated)
    der = certificate_for(authority, card, made.public_key)
    assert await visit.write_certificate(key_id, der) == Accepted()
    return der


@pytest.mark.parametrize("algorithm", ["EC-P256", "EC-P384", "RSA-2048"])
async def test_a_certificate_is_renewed_and_the_old_one_taken_off(
    reader: CardReader, card: VirtualCard, authority: TestAuthority, algorithm: KeyAlgorithm
) -> None:
    async with visiting(reader) as visit:
        await verified(visit, card)
        made = await visit.generate_key(NEW, algorithm)
        assert isinstance(made, Generated)
        request = await visit.sign_with(NEW, b"a certificate request")
        assert isinstance(request, Signed)
        public = serialization.load_der_public_key(made.public_key)
        assert verifies_with(public, b"a certificate request", request.signature)
        der = certificate_for(authority, card, made.public_key)
        assert await visit.write_certificate(NEW, der) == Accepted()
        assert [(c.id, c.label, c.chain) for c in visit.facts.certificates if c.der == der] == [
            (NEW, "Identification", "ok")
        ]
        assert (await try_card(visit, "identification")).passed
        assert await visit.delete_certificate(OLD) == Accepted()
        assert [c.id for c in visit.facts.certificates] == ["42", NEW]
        assert await visit.delete_key(OLD) == Accepted()
        assert files_of(card)["keys"] == {0x4B02, 0x4B03}
        written = visit.facts
    async with visiting(reader) as visit:
        facts = await visit.complete()
        assert (facts.certificates, facts.digest) == (written.certificates, written.digest)
        found = facts.certificate("identification")
        assert found is not None
        assert found.der == der, "paired with its key by public key"
        await verified(visit, card)
        signed = await visit.sign("identification", b"log in")
        assert isinstance(signed, Signed)
        assert signed.certificate == der


def files_of(card: VirtualCard) -> dict[str, set[int]]:
    """File numbers by what is in them."""
    files = card.application.files.application.children  # type: ignore[attr-defined]
    return {"keys": {number for number, file in files.items() if file.internal}, "all": set(files)}


async def test_what_was_written_outlives_the_power(
    make_card: Callable[..., VirtualCard], authority: TestAuthority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    card = make_card()
    path = tmp_path_factory.mktemp("card") / "card.json"
    card.save(path)
    async with in_reader(card, authority) as visit:
        await verified(visit, card)
        der = await renewed(visit, card, authority)
        assert await visit.delete_certificate(OLD) == Accepted()
    again = VirtualCard.load(path)
    async with in_reader(again, authority) as visit:
        assert [c.id for c in visit.facts.certificates] == ["42", NEW]
        await verified(visit, again)
        signed = await visit.sign("identification", b"log in")
        assert isinstance(signed, Signed)
        assert signed.certificate == der


@asynccontextmanager
async def in_reader(
    card: VirtualCard, authority: TestAuthority, profiles: Profiles | None = None
) -> AsyncIterator[CardVisit]:
    slot = VirtualSlot("Bench 1")
    slot.insert(card)
    settings = ReaderSettings(trust=TrustStore(authority.anchors(), authority.intermediates()), now=lambda: NOW)
    settings = settings if profiles is None else replace(settings, profiles=profiles)
    reader = CardReader(InProcessBackend([slot]), slot.name, settings)
    async with visiting(reader) as visit:
        yield visit
    await reader.close()


async def test_a_key_is_made_anew_in_its_place_and_gets_its_certificate(
    reader: CardReader, card: VirtualCard, authority: TestAuthority
) -> None:
    async with visiting(reader) as visit:
        await verified(visit, card)
        before = visit.facts.certificates[0].der
        der = await renewed(visit, card, authority, OLD)
        assert [c.id for c in visit.facts.certificates] == [OLD, "42"], "in the place of the old one"
        assert visit.facts.certificates[0].der == der != before
        assert isinstance(await visit.sign("identification", b"log in"), Signed)
    async with visiting(reader) as visit:
        assert (await visit.complete()).certificates[0].purpose == "identification"


async def test_the_old_certificate_of_a_key_that_is_gone_has_no_purpose(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        await verified(visit, card)
        assert isinstance(await visit.generate_key(OLD, "EC-P256"), Generated)
        assert (await visit.complete()).certificates[0].purpose == "other"


async def test_without_the_pin_nothing_is_written_and_no_try_is_used(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        before = visit.facts
        assert await visit.generate_key(NEW, "EC-P256") == PIN_MISSING
        assert await visit.generate_key(OLD, "EC-P256") == PIN_MISSING
        assert await visit.delete_certificate(OLD) == PIN_MISSING
        assert await visit.write_certificate(OLD, before.certificates[0].der) == PIN_MISSING
        assert await visit.refresh() == before
    async with visiting(reader) as visit:
        assert visit.facts == before


async def test_only_the_certificate_of_the_very_key_is_written(
    reader: CardReader, card: VirtualCard, authority: TestAuthority
) -> None:
    async with visiting(reader) as visit:
        await verified(visit, card)
        own, other = (certificate.der for certificate in visit.facts.certificates)
        for key_id, der in ((OLD, other), (NEW, own), (OLD, b"no certificate"), ("", own), ("4", own), ("zz", own)):
            assert await visit.write_certificate(key_id, der) == NOT_ALLOWED
        assert await visit.delete_certificate(NEW) == NOT_ALLOWED
        assert await visit.generate_key(OLD, "RSA-2048") == NOT_ALLOWED, "a key of another kind"
        assert await visit.generate_key(OLD, "EC-P384") == NOT_ALLOWED
        assert await visit.delete_key(OLD) == NOT_ALLOWED, "its certificate is there"
        assert await visit.delete_key(NEW) == NOT_ALLOWED, "no such key"
        assert await visit.sign_with(NEW, b"x") == NOT_ALLOWED, "no such key"
        assert {entry.ins for entry in card.log} & CHANGING == set()


async def test_a_directory_that_is_full_says_no_before_anything_is_written(
    reader: CardReader, card: VirtualCard
) -> None:
    async with visiting(reader) as visit:
        await verified(visit, card)
        outcomes = []
        for number in range(0x50, 0x60):
            card.log.clear()
            outcomes.append(await visit.generate_key(f"{number:02x}", "EC-P256"))
            if outcomes[-1] == NOT_ALLOWED:
                break
        assert outcomes[-1] == NOT_ALLOWED
        assert {entry.ins for entry in card.log} & CHANGING == set()
    async with visiting(reader) as visit:
        assert len((await visit.complete()).certificates) == 2


@pytest.mark.parametrize("kind", ["A", "odd"])
async def test_a_product_that_nobody_says_is_writable_is_not_written(kind: str, authority: TestAuthority) -> None:
    persona = person(EC_PERSON).new
    card = VirtualCard.create(persona, authority, NOW, kind="A" if kind == "A" else "B")
    profiles = builtin() if kind == "A" else Profiles([builtin().match_name("pkcs15")])
    async with in_reader(card, authority, profiles) as visit:
        assert visit.facts.profile == {"A": "virtual-a", "odd": "pkcs15"}[kind]
        der = visit.facts.certificates[0].der
        assert await visit.generate_key(OLD, "EC-P256") == NOT_ALLOWED
        assert await visit.write_certificate(OLD, der) == NOT_ALLOWED
        assert await visit.delete_certificate(OLD) == NOT_ALLOWED
        assert await visit.delete_key(OLD) == NOT_ALLOWED
    assert {entry.ins for entry in card.log} & CHANGING == set()


Act = Callable[[CardVisit], Awaitable[object]]
ACTS: dict[str, Act] = {
    "a new key": lambda visit: visit.generate_key(NEW, "EC-P256"),
    "a key anew": lambda visit: visit.generate_key(OLD, "EC-P256"),
    "a certificate": lambda visit: visit.write_certificate(OLD, visit.facts.certificates[0].der),
    "a certificate taken off": lambda visit: visit.delete_certificate(OLD),
}


def dangling(card: VirtualCard) -> set[bytes]:
    """What directories name and is not there."""
    files = card.application.files.application.children  # type: ignore[attr-defined]
    values: list[object] = [key.path for key in objects.parse_keys(files[EF_PRKDF].content)]
    values += [key.value for key in objects.parse_public_keys(files[EF_PUKDF].content)]
    values += [certificate.value for certificate in objects.parse_certificates(files[EF_CDF].content)]
    paths = [value.path if isinstance(value, FilePath) else value for value in values]
    return {path for path in paths if isinstance(path, bytes) and int.from_bytes(path[-2:], "big") not in files}


@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("act", ACTS)
async def test_a_card_torn_at_any_exchange_still_reads_and_the_outcome_is_named(
    authority: TestAuthority, act: str, when: TearPoint
) -> None:
    """Afterwards the same can be done once more, and comes to its end."""
    for at in range(60):
        card = fresh(memories("B")[0])
        async with in_reader(card, authority) as visit:
            await verified(visit, card)
            card.log.clear()
            card.tear(at, when)
            outcome = await ended(visit, ACTS[act])
            sent = bool({entry.ins for entry in card.log} & CHANGING)
            if isinstance(outcome, Generated | Accepted):
                break
            assert outcome == (Unknown() if sent else "gone")
        assert dangling(card) == set()
        async with in_reader(card, authority) as visit:
            facts = await visit.complete()
            assert facts.damaged == ()
            assert "42" in [c.id for c in facts.certificates]
            if when == "after":
                await verified(visit, card)
                assert await ended(visit, ACTS[act]) != Unknown()
                assert dangling(card) == set()
    assert at > 5, "every exchange was torn once"


async def test_a_card_that_was_torn_is_not_known_from_memory(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        await verified(visit, card)
        card.log.clear()
        assert await visit.delete_certificate("42") == Accepted()
        exchanges = [entry.ins for entry in card.log]
    async with visiting(reader) as visit:
        await verified(visit, card)
        card.log.clear()
        card.tear(exchanges.index("UPDATE BINARY"), "after")
        assert await visit.delete_certificate(OLD) == Unknown()
        assert card.log[-1].ins == "UPDATE BINARY"
    async with visiting(reader) as visit:
        assert visit.facts.certificates == ()


async def ended(visit: CardVisit, act: Act) -> object:
    try:
        return await act(visit)
    except CardGoneError:
        return "gone"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("act", ACTS)
async def test_a_card_swapped_at_any_exchange_is_never_written(act: str, when: TearPoint) -> None:
    for at in range(60):
        async with scene("B") as playing:
            card, outcome = playing.first.card, None
            visit = await playing.reader.visit()
            playing.court.begin(Step(card, (card.persona.pin,)))
            await verified(visit, card)
            playing.court.begin(Step(card))
            playing.first.fault = Fault("swap", at, when)
            outcome = await ended(visit, ACTS[act])
            await visit.close()
            assert playing.court.broken == []
            assert not {entry.ins for entry in playing.second.card.log} & CHANGING
        if playing.first.fault is not None:
            break
        assert outcome in (Unknown(), "gone")
    assert isinstance(outcome, Generated | Accepted)


@pytest.mark.parametrize(
    ("story", "begins", "answer"),
    [
        ("no key", "00ca0186", "9000"),
        ("half a point", "00ca0186", "86020405" + "9000"),
        ("another object", "00ca0186", "8702040590009000"),
    ],
)
async def test_a_key_that_cannot_be_one_is_no_key(
    reader: CardReader, card: VirtualCard, story: str, begins: str, answer: str
) -> None:
    answering(card, begins, answer)
    async with visiting(reader) as visit:
        await verified(visit, card)
        with pytest.raises(CardAnswerError, match="not asked for"):
            await visit.generate_key(NEW, "EC-P256")
        assert await visit.sign_with(NEW, b"x") == NOT_ALLOWED, story


def answering(card: VirtualCard, start: str, answer: str) -> None:
    """The card answers something else to commands that begin so."""
    real, begins = card.transmit, bytes.fromhex(start)
    card.transmit = lambda apdu: bytes.fromhex(answer) if apdu.startswith(begins) else real(apdu)  # type: ignore[method-assign]


async def test_a_card_that_only_says_that_it_wrote_is_found_out(reader: CardReader, card: VirtualCard) -> None:
    answering(card, "00d6", "9000")
    async with visiting(reader) as visit:
        await verified(visit, card)
        with pytest.raises(CardAnswerError, match="does not hold"):
            await visit.delete_certificate(OLD)


async def test_a_key_is_deleted_after_its_certificate_and_leaves_nothing(
    reader: CardReader, card: VirtualCard, authority: TestAuthority
) -> None:
    async with visiting(reader) as visit:
        await verified(visit, card)
        before = files_of(card)
        await renewed(visit, card, authority)
        assert await visit.delete_certificate(NEW) == Accepted()
        assert await visit.delete_key(NEW) == Accepted()
        assert files_of(card) == before
        assert await visit.sign_with(NEW, b"x") == NOT_ALLOWED
        assert await visit.delete_key(NEW) == NOT_ALLOWED


async def test_a_key_that_the_card_keeps_is_found_out(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        await verified(visit, card)
        assert await visit.delete_certificate(OLD) == Accepted()
        answering(card, "00d6", "9000")
        with pytest.raises(CardAnswerError, match="does not hold"):
            await visit.delete_key(OLD)


async def test_a_deletion_that_was_torn_half_way_is_brought_to_its_end(
    reader: CardReader, card: VirtualCard, authority: TestAuthority
) -> None:
    async with visiting(reader) as visit:
        await verified(visit, card)
        await renewed(visit, card, authority)
        assert await visit.delete_certificate(NEW) == Accepted()
        card.log.clear()
        tear_at(card, "00e4")
        assert await visit.delete_key(NEW) == Unknown()
    directories = card.application.files.application.children  # type: ignore[attr-defined]
    listed = [
        objects.parse_keys(directories[EF_PRKDF].content),
        objects.parse_public_keys(directories[EF_PUKDF].content),
    ]
    assert [[key.id.hex() for key in keys] for keys in listed] == [[OLD, "42"], [OLD, "42", NEW]]
    async with visiting(reader) as visit:
        await verified(visit, card)
        assert await visit.delete_key(NEW) == Accepted()
        assert await visit.delete_key(NEW) == NOT_ALLOWED
        assert len(objects.parse_public_keys(directories[EF_PUKDF].content)) == 2
        assert isinstance(await visit.generate_key(NEW, "EC-P256"), Generated), "the file that stayed is passed over"


def tear_at(card: VirtualCard, start: str) -> None:
    """The contact breaks at the next command that begins so."""
    real, begins = card.transmit, bytes.fromhex(start)

    def transmit(apdu: bytes) -> bytes:
        if apdu.startswith(begins):
            card.transmit = real  # type: ignore[method-assign]
            card.tear(0, "before")
        return real(apdu)

    card.transmit = transmit  # type: ignore[method-assign]


async def test_without_the_pin_no_key_is_deleted(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        await verified(visit, card)
        assert await visit.delete_certificate(OLD) == Accepted()
    async with visiting(reader) as visit:
        assert await visit.delete_key(OLD) == PIN_MISSING


async def test_a_card_without_room_says_so_and_stays_as_it_was(reader: CardReader, card: VirtualCard) -> None:
    answering(card, "00e0", "6a84")
    async with visiting(reader) as visit:
        await verified(visit, card)
        before = visit.facts
        assert await visit.generate_key(NEW, "EC-P256") == Refused(RefusalReason.CARD, 0x6A84)
        assert await visit.write_certificate(OLD, before.certificates[0].der) == Refused(RefusalReason.CARD, 0x6A84)
        assert visit.facts == before


async def test_an_old_file_that_the_card_keeps_does_not_matter(
    reader: CardReader, card: VirtualCard, authority: TestAuthority
) -> None:
    answering(card, "00e4", "6982")
    async with visiting(reader) as visit:
        await verified(visit, card)
        der = await renewed(visit, card, authority, OLD)
        assert visit.facts.certificates[0].der == der
        assert await visit.delete_certificate(OLD) == Accepted()
        assert await renewed(visit, card, authority, OLD), "the file that stayed is passed over"
