"""A card is a slow device: how many exchanges each piece of work takes, and a card that is back costs less."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from drivers.reader.channel import Channel
from drivers.reader.inprocess import InProcessBackend
from drivers.reader.memory import MAX_AGE_S, MAX_CARDS, CardMemory
from drivers.reader.outcomes import Accepted, Role, WrongCode
from drivers.reader.pkcs15 import card as pkcs15
from drivers.reader.pkcs15.files import Base, CardFiles
from drivers.reader.virtual.cards import VirtualCard
from drivers.reader.virtual.kinds import KINDS
from drivers.reader.virtual.personas import person
from drivers.reader.virtual.pki import TestAuthority
from drivers.reader.virtual.slot import VirtualSlot
from drivers.reader.visit import CardReader, CardVisit, ReaderSettings, try_card, visiting
from drivers.secret import Secret
from tests.drivers.reader.conftest import NOW
from tests.drivers.reader.test_pkcs15 import FileCard

PIN = Role.IDENTIFICATION
NEW, WRONG = Secret("975318"), Secret("111999")
DUMP = {"A": 53, "B": 32}
"""Exchanges of OpenSC's `pkcs15-tool --dump`, which reads no certificate (docs/cards.md)."""
PIV_LIMIT = 8
AGAIN = {"A": 7, "B": 7, "C": 4, "D": 5}


class Station:
    """One reader, and the cards that are put into it."""

    def __init__(self) -> None:
        self.slot = VirtualSlot("Bench 0")
        self.reader = CardReader(InProcessBackend([self.slot]), "Bench 0", ReaderSettings(now=lambda: NOW))

    @asynccontextmanager
    async def visited_by(self, card: VirtualCard) -> AsyncIterator[CardVisit]:
        self.slot.insert(card)
        try:
            async with visiting(self.reader) as visit:
                yield visit
        finally:
            self.slot.remove()


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    station = Station()
    yield station
    await station.reader.close()


@pytest.fixture
def made(authority: TestAuthority) -> Callable[..., VirtualCard]:
    def make(kind: str, order: int = 6, **changed: str) -> VirtualCard:
        return VirtualCard.create(replace(person(order).new, **changed), authority, NOW, kind=kind)  # type: ignore[arg-type]

    return make


def parts(visit: CardVisit) -> int:
    """Answers of 256 bytes that the card's certificates take."""
    return sum(math.ceil(len(certificate.der) / 256) for certificate in visit.facts.certificates)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_card_is_identified_in_few_exchanges(
    station: Station, made: Callable[..., VirtualCard], kind: str
) -> None:
    async with station.visited_by(made(kind)) as visit:
        spent, facts = visit.exchange.apdus, visit.facts
        assert len(facts.certificates) >= 2, "every certificate is read, not only the one that says whose card it is"
        if kind in DUMP:
            assert spent - parts(visit) <= DUMP[kind] // 2
        else:
            assert spent <= PIV_LIMIT + (0 if KINDS[kind].extended else parts(visit))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_card_that_is_back_is_recognised(station: Station, made: Callable[..., VirtualCard], kind: str) -> None:
    card = made(kind)
    async with station.visited_by(card) as visit:
        first = visit.facts
    async with station.visited_by(card) as visit:
        assert visit.exchange.apdus == AGAIN[kind]
        assert visit.facts == first
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
        assert (await try_card(visit, "signature")).outcome is not None


@pytest.mark.parametrize("kind", KINDS)
async def test_tries_are_asked_of_the_card_itself_each_time(
    station: Station, made: Callable[..., VirtualCard], kind: str
) -> None:
    card = made(kind)
    for _ in range(2):
        async with station.visited_by(card) as visit:
            pin = visit.facts.pin(PIN)
            assert pin is not None
            assert pin.tries_left == card.tries_left[0]
            assert isinstance(await visit.verify(PIN, WRONG), WrongCode)


@pytest.mark.parametrize("kind", KINDS)
async def test_another_card_of_the_same_serial_is_another_card(
    station: Station, made: Callable[..., VirtualCard], kind: str
) -> None:
    """Serial numbers may be constant."""
    first, second = made(kind), made(kind, 7, serial=person(6).new.serial)
    async with station.visited_by(first) as visit:
        assert visit.facts.holder.hsa_id == first.persona.hsa_id
    async with station.visited_by(second) as visit:
        assert visit.facts.holder.hsa_id == second.persona.hsa_id
        assert visit.facts.card_number == second.persona.card_number


@pytest.mark.parametrize("kind", KINDS)
async def test_a_card_that_is_back_is_still_checked_before_it_is_changed(
    station: Station, made: Callable[..., VirtualCard], kind: str
) -> None:
    card = made(kind)
    async with station.visited_by(card):
        pass
    async with station.visited_by(card) as visit:
        before = len(card.log)
        await visit.change(PIN, Secret(card.persona.pin), NEW)
        assert any(entry.ins in ("READ BINARY", "GET DATA") for entry in card.log[before:])


@pytest.mark.parametrize("kind", DUMP)
async def test_a_card_that_is_back_without_its_certificate_is_read_anew(
    station: Station, made: Callable[..., VirtualCard], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = made(kind)
    async with station.visited_by(card) as visit:
        assert [c.purpose for c in visit.facts.certificates] == ["identification", "signature"]
    answers = card.transmit
    monkeypatch.setattr(card, "transmit", lambda apdu: b"\x6a\x82" if b"\x43\x01" in apdu else answers(apdu))
    async with station.visited_by(card) as visit:
        assert [c.purpose for c in visit.facts.certificates] == ["signature"]


def test_what_is_remembered_grows_old_and_is_bounded() -> None:
    now = [0.0]
    memory = CardMemory[str](lambda: now[0])
    for number in range(MAX_CARDS + 1):
        memory.keep(bytes((number,)), "files")
    assert memory.recall(b"\x00") is None, "the first had to go"
    assert memory.recall(b"\x01") == "files"
    memory.forget(b"\x01")
    assert memory.recall(b"\x01") is None
    now[0] = MAX_AGE_S
    assert memory.recall(b"\x02") is None


class ShortIds(FileCard):
    """Reads by short identifier too: whatever `short` says."""

    def __init__(self, short: dict[int, str]) -> None:
        super().__init__({"aid5031": "a80a30080406" + "3f0050154401"}, aid=pkcs15.PKCS15_AID.hex().upper())
        self.short = {number: bytes.fromhex(content) for number, content in short.items()}

    def _read(self, offset: int, length: int) -> bytes:
        if offset & 0x8000:
            content = self.short.get(offset >> 8 & 0x1F)
            self.held = content or b""
            return b"\x6a\x82" if content is None else content[:length] + b"\x90\x00"
        if self.current == "aid":
            return self.held[offset : offset + length] + b"\x90\x00"
        return super()._read(offset, length)


def found(connection: FileCard) -> CardFiles:
    files = CardFiles(Channel(connection))
    pkcs15.find_application(files, ())
    return files


TOKEN_INFO = "300a0201000401aa030205a0"


def test_odf_and_token_info_are_read_without_being_selected() -> None:
    connection = ShortIds({0x11: "a80a30080406" + "3f0050154401", 0x12: TOKEN_INFO})
    assert pkcs15.read_token_info(found(connection)).hex() == TOKEN_INFO
    assert [sent[2:4] for sent in connection.sent] == ["a4", "b0", "b0"]


@pytest.mark.parametrize("other", ["a00a30080406" + "3f0050154401", "3003020101", "00", "3082"])
def test_a_short_identifier_that_means_another_file_is_not_believed(other: str) -> None:
    """A list of keys, any other object, nothing, nonsense."""
    files = found(ShortIds({0x11: other, 0x12: TOKEN_INFO}))
    assert files.read(pkcs15.EF_ODF).hex() == "a80a30080406" + "3f0050154401"
    assert files.base == Base(aid=pkcs15.PKCS15_AID)


def test_a_file_longer_than_one_answer_is_read_on() -> None:
    odf = "a80a30080406" + "3f0050154401" + "00" * 300
    files = found(ShortIds({0x11: odf, 0x12: TOKEN_INFO}))
    assert len(files.read(pkcs15.EF_ODF)) == len(odf) // 2
