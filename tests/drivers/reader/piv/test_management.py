"""Keys and certificates made and written in the name of whoever answers for the management key."""

from typing import Literal

import pytest
from cryptography.hazmat.primitives import serialization

from drivers.reader.card_reader import CardReader, CardVisit, visiting
from drivers.reader.errors import CardAnswerError, CardGoneError
from drivers.reader.keys import Generated, KeyAlgorithm
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role, Signed, Unknown
from drivers.reader.secret import Secret
from drivers.reader.signatures.signing import verifies_with
from sim.reader.cards import VirtualCard
from tests.drivers.reader.piv.conftest import kind_of
from tests.fakes.cards.management_keys import PRIVATE, FactoryKey, certificate_for

NOT_ALLOWED = Refused(RefusalReason.NOT_ALLOWED)


def stranger() -> bytes:
    return PRIVATE.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize("algorithm", ["EC-P256", "EC-P384", "RSA-2048"])
async def test_a_certificate_is_renewed_in_one_visit(
    reader: CardReader, card: VirtualCard, algorithm: KeyAlgorithm
) -> None:
    async with visiting(reader) as visit:
        key = FactoryKey(kind_of(card))
        made = await visit.generate_key("9a", algorithm, key)
        assert isinstance(made, Generated)
        await visit.verify(Role.IDENTIFICATION, Secret(card.persona.pin))
        request = await visit.sign_with("9a", b"a certificate request")
        assert isinstance(request, Signed)
        public = serialization.load_der_public_key(made.public_key)
        assert verifies_with(public, b"a certificate request", request.signature)
        der = certificate_for(made.public_key, card.persona.hsa_id)
        assert await visit.write_certificate("9a", der, key) == Accepted()
        written = visit.facts.certificate("identification")
        assert written is not None
        assert (written.der, written.chain) == (der, "untrusted")
        assert isinstance(await visit.sign("identification", b"log in"), Signed)
        assert await visit.change(Role.IDENTIFICATION, Secret(card.persona.pin), Secret("975318")) == Accepted()
        facts = visit.facts
    async with visiting(reader) as visit:
        assert visit.facts.digest == facts.digest


async def test_a_certificate_of_another_key_is_not_written(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        key, before = FactoryKey(kind_of(card)), visit.facts.certificates
        for slot in ("9a", "9c", "82"):
            assert await visit.write_certificate(slot, certificate_for(stranger()), key) == NOT_ALLOWED
        assert await visit.write_certificate("9a", b"no certificate", key) == NOT_ALLOWED
        assert await visit.write_certificate("9b", certificate_for(stranger()), key) == NOT_ALLOWED
        assert key.challenges == []
    async with visiting(reader) as visit:
        assert visit.facts.certificates == before


async def test_a_certificate_is_deleted_and_its_key_stays(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        assert await visit.delete_certificate("9d", FactoryKey(kind_of(card))) == Accepted()
    async with visiting(reader) as visit:
        assert [c.id for c in (await visit.complete()).certificates] == ["9a", "9c", "9e", "82", "83"]


async def test_a_key_is_deleted_where_the_card_can_and_after_its_certificate(
    reader: CardReader, card: VirtualCard
) -> None:
    async with visiting(reader) as visit:
        key = FactoryKey(kind_of(card))
        assert await visit.delete_key("9d", key) == NOT_ALLOWED, "its certificate is there"
        assert await visit.delete_certificate("9d", key) == Accepted()
        if kind_of(card) == "C":
            assert await visit.delete_key("9d", key) == NOT_ALLOWED
            return
        assert await visit.delete_key("9b", key) == NOT_ALLOWED
        assert await visit.delete_key("9d", FactoryKey(kind_of(card), wrong=True)) == Refused(
            RefusalReason.CARD, 0x6982
        )
        assert 0x9D in card.memory.piv.keys  # type: ignore[union-attr]
        assert await visit.delete_key("9d", key) == Accepted()
        assert 0x9D not in card.memory.piv.keys  # type: ignore[union-attr]
        assert await visit.delete_key("9d", key) == Refused(RefusalReason.CARD, 0x6A88)


async def test_a_key_that_the_card_keeps_is_found_out(reader: CardReader, card: VirtualCard) -> None:
    if kind_of(card) == "C":
        return
    answering(card, "00f6", "9000")
    async with visiting(reader) as visit:
        assert await visit.delete_certificate("9d", FactoryKey(kind_of(card))) == Accepted()
        with pytest.raises(CardAnswerError, match="does not hold"):
            await visit.delete_key("9d", FactoryKey(kind_of(card)))


async def test_a_wrong_management_key_changes_nothing(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        wrong, before = FactoryKey(kind_of(card), wrong=True), visit.facts.certificates
        assert await visit.generate_key("9a", "EC-P256", wrong) == Refused(RefusalReason.CARD, 0x6982)
        assert await visit.delete_certificate("9a", wrong) == Refused(RefusalReason.CARD, 0x6982)
        await visit.verify(Role.IDENTIFICATION, Secret(card.persona.pin))
        assert isinstance(await visit.sign("identification", b"still the old key"), Signed)
    async with visiting(reader) as visit:
        assert visit.facts.certificates == before
        assert visit.facts.pins[0].state == "ok"


async def outcome_or_gone(visit: CardVisit, key: FactoryKey) -> object:
    try:
        return await visit.generate_key("9a", "EC-P256", key)
    except CardGoneError:
        return None


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_card_torn_while_a_key_is_made_ends_named(
    reader: CardReader, card: VirtualCard, when: Literal["before", "after"]
) -> None:
    outcomes: list[object] = []
    for exchange in range(8):
        async with visiting(reader) as visit:
            card.tear(exchange, when)
            outcomes.append(await outcome_or_gone(visit, FactoryKey(kind_of(card))))
        if isinstance(outcomes[-1], Generated):
            break
    assert isinstance(outcomes[-1], Generated)
    assert outcomes[-2] == Unknown()
    assert set(outcomes[:-2]) == {None}


def answering(card: VirtualCard, start: str, answer: str) -> None:
    """The card answers something else to commands that begin so."""
    real, begins = card.transmit, bytes.fromhex(start)
    card.transmit = lambda apdu: bytes.fromhex(answer) if apdu.startswith(begins) else real(apdu)  # type: ignore[method-assign]


async def test_a_card_that_only_says_that_it_wrote_is_found_out(reader: CardReader, card: VirtualCard) -> None:
    answering(card, "00db", "9000")
    async with visiting(reader) as visit:
        with pytest.raises(CardAnswerError, match="does not hold"):
            await visit.delete_certificate("9d", FactoryKey(kind_of(card)))


@pytest.mark.parametrize("answer", ["7f4903860104", "7f4900", "", "7c00", "9999999999"])
async def test_a_key_that_cannot_be_one_is_no_key(reader: CardReader, card: VirtualCard, answer: str) -> None:
    answering(card, "0047", answer + "9000")
    async with visiting(reader) as visit:
        with pytest.raises(CardAnswerError):
            await visit.generate_key("9a", "EC-P256", FactoryKey(kind_of(card)))
        assert await visit.sign_with("9a", b"x") == NOT_ALLOWED


@pytest.mark.parametrize(
    ("answer", "refused"), [("7c0281009000", False), ("9000", False), ("7c048104aabbccdd9000", False), ("6d00", True)]
)
async def test_a_challenge_that_cannot_be_one_is_not_answered(
    reader: CardReader, card: VirtualCard, answer: str, refused: bool
) -> None:
    answering(card, "0087", answer)
    async with visiting(reader) as visit:
        key = FactoryKey(kind_of(card))
        if refused:
            assert await visit.delete_certificate("9a", key) == Refused(RefusalReason.CARD, 0x6D00)
        else:
            with pytest.raises(CardAnswerError):
                await visit.delete_certificate("9a", key)
        assert key.challenges == []


async def test_without_its_management_key_a_card_is_not_changed(reader: CardReader, card: VirtualCard) -> None:
    async with visiting(reader) as visit:
        before = visit.facts.certificates
        assert await visit.generate_key("9a", "EC-P256") == NOT_ALLOWED
        assert await visit.write_certificate("9a", before[0].der) == NOT_ALLOWED
        assert await visit.delete_certificate("9a") == NOT_ALLOWED
        assert await visit.delete_key("9a") == NOT_ALLOWED
        assert await visit.sign_with("9b", b"x") == NOT_ALLOWED, "no place for a key"
        assert await visit.sign_with("95", b"x") == NOT_ALLOWED, "no key is known there"
    async with visiting(reader) as visit:
        assert visit.facts.certificates == before
