"""How files are read with few exchanges: by short identifier, by long answers, and in the order that is likely right."""

import random
from collections.abc import AsyncIterator, Callable
from typing import Literal

import pytest

from drivers.reader.card_reader import CardReader, ReaderSettings, open_session, visiting
from drivers.reader.errors import CardGoneError, NoCardError
from drivers.reader.model import CardFacts
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.pkcs15 import directory as pkcs15
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.application_discovery import find_application
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.pkcs15.values import Base, DirectoryKind, FilePath, OdfEntry
from drivers.reader.port import Presence
from drivers.reader.profiles import builtin
from drivers.reader.transport.channel import ApduChannel
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend, InProcessConnection
from sim.reader.kinds import KINDS
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW
from tests.fakes.cards.file_card import FileCard


@pytest.fixture
def made(authority: TestAuthority) -> Callable[..., VirtualCard]:
    def make(kind: str, order: int = EC_PERSON) -> VirtualCard:
        return VirtualCard.create(person(order).new, authority, NOW, kind=kind)

    return make


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
    files = CardFiles(ApduChannel(connection))
    find_application(files)
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
    odf = "a80a30080406" + "3f0050154401" + "00" * 100
    files = found(ShortIds({0x11: odf * 3 + "00" * 900, 0x12: TOKEN_INFO}))
    assert files.read(pkcs15.EF_ODF).hex() == odf * 3 + "00" * (512 - 3 * len(odf) // 2), (
        "and no further than its objects"
    )


def short(card: VirtualCard, number: int) -> bytes:
    """What the application's file of that short identifier holds."""
    card.power_on()
    card.transmit(bytes.fromhex("00a404000c") + pkcs15.PKCS15_AID + b"\0")
    return card.transmit(bytes((0x00, 0xB0, 0x80 | number, 0x00, 0x00)))[:-2]


def test_lists_are_told_by_what_they_hold(made: Callable[..., VirtualCard]) -> None:
    card = made("B")
    held = {number: short(card, number) for number in (1, 2, 3, 4, 0x11, 0x12)}
    assert [number for number, data in held.items() if objects.lists_codes(data)] == [1]
    assert [number for number, data in held.items() if objects.lists_certificates(data)] == [4]


class Misleading:
    """A card on which some short identifiers lead to other files."""

    protocol: Literal["T=0", "T=1"] = "T=1"

    def __init__(self, card: VirtualCard, led: dict[int, int], atr: bytes = b"") -> None:
        own = card.power_on()
        self.atr = atr or own
        self.sent: list[bytes] = []
        self._card, self._led = card, led

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        if apdu[1] == 0xB0 and apdu[2] & 0x80:
            apdu = apdu[:2] + bytes((0x80 | self._led.get(apdu[2] & 0x1F, apdu[2] & 0x1F),)) + apdu[3:]
        return self._card.transmit(apdu)

    def close(self) -> None:
        """Nothing to let go."""


def facts_of(connection: Misleading) -> CardFacts:
    return open_session(ApduChannel(connection), profiles=builtin(), ledger=MemoryLedger()).facts


@pytest.mark.parametrize("led", [{1: 2}, {1: 4}, {1: 30}, {4: 2}, {4: 3}, {4: 1}, {4: 0x12}, {0x12: 4}])
def test_a_list_that_is_another_one_is_selected(made: Callable[..., VirtualCard], led: dict[int, int]) -> None:
    card = made("B")
    connection = Misleading(card, led)
    assert facts_of(connection) == facts_of(Misleading(card, {}))
    assert any(sent[1] == 0xA4 and sent[5:6] == b"\x44" for sent in connection.sent), "selected by its identifier"


def test_short_identifiers_that_two_files_share_are_not_used() -> None:
    def entry(directory: DirectoryKind, last: str) -> OdfEntry:
        return OdfEntry(directory, FilePath(bytes.fromhex("3f005015" + last)))

    lists = (
        entry(DirectoryKind.AUTHENTICATION, "4401"), entry(DirectoryKind.CERTIFICATES, "4421"),
        entry(DirectoryKind.TRUSTED_CERTIFICATES, "4411"), entry(DirectoryKind.USEFUL_CERTIFICATES, "441f"),
        entry(DirectoryKind.PRIVATE_KEYS, "4402"), OdfEntry(DirectoryKind.PUBLIC_KEYS, b"direct"),
    )  # fmt: skip
    assert pkcs15.short_ids(lists) == (None, None, None, None, 2, None)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_card_is_says_what_it_holds_and_not_its_answer_to_reset(
    made: Callable[..., VirtualCard], kind: str
) -> None:
    """Every kind with the answer to reset of kind B, whose profile names it."""
    plain, told = (facts_of(Misleading(made(kind), {}, atr)) for atr in (bytes.fromhex("3B00"), KINDS["B"].atr))
    assert told.kind == plain.kind == ("pkcs15" if kind in ("A", "B") else "piv")
    assert [c.purpose for c in told.certificates] == [c.purpose for c in plain.certificates]


def test_a_product_known_by_its_answer_to_reset_is_asked_for_its_own_application_first(
    made: Callable[..., VirtualCard],
) -> None:
    for kind, first in (("A", "F276A288BCFBA69D34F31001"), ("B", "A000000063504B43532D3135"), ("D", "A0000003080000")):
        connection = Misleading(made(kind), {})
        facts_of(connection)
        assert connection.sent[0][5:].hex().upper().startswith(first)


class Long(FileCard):
    """Answers extended READ BINARY, at most so many bytes at a time; None: it promised more than it does."""

    def __init__(self, content: bytes, most: int | None, *, fcp: bool = True) -> None:
        super().__init__({"3f004301": content.hex()}, fcp=fcp)
        self.atr, self.most = KINDS["D"].atr, most

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[1] != 0xB0 or len(apdu) != 7:
            return super().transmit(apdu)
        self.sent.append(apdu.hex())
        asked = int.from_bytes(apdu[5:7], "big") or 65536
        return b"\x67\x00" if self.most is None else self._read(int.from_bytes(apdu[2:4], "big"), min(asked, self.most))


@pytest.mark.parametrize(
    ("most", "fcp", "reads"),
    [
        (65536, True, ["00b00000000400"]),
        (600, True, ["00b00000000400", "00b002580001a8"]),
        (None, True, ["00b00000000400", *(f"00b00{part}0000" for part in range(4))]),
        (65536, False, [*(f"00b00{part}0000" for part in range(4)), "00b0040000"]),
    ],
)
def test_a_card_that_offers_long_answers_is_asked_for_them_where_it_says_how_long(
    most: int | None, fcp: bool, reads: list[str]
) -> None:
    content = random.Random(1).randbytes(1024)
    connection = Long(content, most, fcp=fcp)
    assert CardFiles(ApduChannel(connection)).read(bytes.fromhex("3f004301")) == content
    assert [sent for sent in connection.sent if sent.startswith("00b0")] == reads


def test_over_t0_nothing_is_extended() -> None:
    connection = Long(bytes(1024), 65536)
    connection.protocol = "T=0"
    assert not ApduChannel(connection).extended


class ShortReader(InProcessBackend):
    """A reader whose driver fails at extended length fields, as those do that know short APDUs alone; or, once told so, one
    whose card is pulled at the first of them."""

    def __init__(self, slot: VirtualSlot) -> None:
        super().__init__([slot])
        self.failed = 0
        self.sound = False
        self.pulled: Callable[[], object] | None = None

    def connect(self, reader: str) -> InProcessConnection:
        connection = super().connect(reader)
        real = connection.transmit

        def transmit(apdu: bytes) -> bytes:
            if len(apdu) > 5 and apdu[4] == 0 and not self.sound:
                self.failed += 1
                if self.pulled is not None:
                    self.pulled()
                raise CardGoneError("transmission failed with 8010002F")
            return real(apdu)

        connection.transmit = transmit  # type: ignore[method-assign]
        return connection


@pytest.fixture
async def short_reader(
    made: Callable[..., VirtualCard],
) -> AsyncIterator[tuple[CardReader, ShortReader, VirtualSlot]]:
    slot = VirtualSlot("Bench 0")
    slot.insert(made("D"))
    backend = ShortReader(slot)
    reader = CardReader(backend, slot.name, ReaderSettings(now=lambda: NOW))
    yield reader, backend, slot
    await reader.close()


async def is_read(reader: CardReader) -> None:
    """All of the card."""
    async with visiting(reader) as visit:
        assert visit.facts.certificates
        await visit.complete()


ShortOne = tuple[CardReader, ShortReader, VirtualSlot]


async def test_a_reader_that_fails_at_long_commands_is_sent_short_ones_while_that_card_is_in(
    short_reader: ShortOne, made: Callable[..., VirtualCard]
) -> None:
    reader, backend, slot = short_reader
    for _ in range(2):
        await is_read(reader)
    assert backend.failed == 1
    slot.remove()
    assert await reader.presence() is Presence.EMPTY
    slot.insert(made("D", 7))
    await is_read(reader)
    assert backend.failed == 2, "the next insertion is tried anew, and is read all the same"


@pytest.mark.parametrize("seen_by", ["presence", "visit", "changes"])
async def test_a_card_that_is_pulled_at_a_long_command_teaches_nothing(
    short_reader: ShortOne, made: Callable[..., VirtualCard], seen_by: str
) -> None:
    reader, backend, slot = short_reader
    card = made("D", 7)
    await is_read(reader)
    assert backend.failed == 1, "short ones, for this insertion"
    backend.pulled, watched = slot.remove, reader.changes()
    assert await anext(watched) is Presence.PRESENT
    slot.remove()
    if seen_by == "presence":
        await reader.presence()
    elif seen_by == "changes":
        assert await anext(watched) is Presence.EMPTY
    else:
        with pytest.raises(NoCardError):
            await reader.visit()
    slot.insert(card)
    with pytest.raises(CardGoneError):
        await reader.visit()
    assert backend.failed == 2, "long ones again; the card was pulled at one"
    backend.sound = True
    slot.insert(card)
    async with visiting(reader) as visit:
        assert visit.session.channel.extended
    await watched.aclose()
