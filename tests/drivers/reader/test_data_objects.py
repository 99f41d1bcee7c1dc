"""The data objects that a PKCS#15 card lists (ISO/IEC 7816-15 8.8): bounded, and never in the way of the rest."""

import pytest

from drivers.reader.card_reader import CardReader, visiting
from drivers.reader.model import DataObject
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.objects import MAX_ENTRIES, MAX_VALUE
from drivers.reader.pkcs15.values import DataObject as Listed
from drivers.reader.pkcs15.values import FilePath
from drivers.reader.tlv import TlvError
from sim.reader.cards import VirtualCard
from sim.reader.der import constructed, octets, sequence, tlv, utf8
from sim.reader.file_system import CardFile
from sim.reader.pkcs15_files import EF_ODF

EF_DODF = 0x4405
PATH = bytes.fromhex("3f0050154501")
BY_PATH = sequence(sequence(utf8("Photo")), sequence(utf8("Made-up app")), constructed(1, sequence(octets(PATH))))
BY_OID = sequence(
    sequence(utf8("Note")), sequence(tlv(0x06, bytes.fromhex("2a8570228202"))), constructed(1, constructed(0, b"hello"))
)
EXTERNAL = constructed(0, sequence(), sequence(), constructed(1, b"\x04\x02ab"))


def with_directory(card: VirtualCard, content: bytes) -> None:
    """The card gets a DODF with that content."""
    application = card.application.files.application  # type: ignore[attr-defined]
    odf = application.children[EF_ODF]
    odf.content = constructed(7, sequence(octets(bytes.fromhex("3f0050154405")))) + odf.content
    application.add(CardFile(EF_DODF, content))


def test_values_are_named_with_place_or_content() -> None:
    assert objects.parse_data_objects(BY_PATH + BY_OID + EXTERNAL) == (
        Listed("Photo", "Made-up app", FilePath(PATH)),
        Listed("Note", "1.2.752.34.258", b"hello"),
        Listed("", "", b"\x04\x02ab"),
    )


@pytest.mark.parametrize(
    ("oid", "shown"), [("", ""), ("2a85", ""), ("80" * 33, ""), ("883703", "2.999.3"), ("00", "0.0"), ("55", "2.5")]
)
def test_an_identifier_that_is_none_is_not_shown(oid: str, shown: str) -> None:
    entry = sequence(sequence(), sequence(tlv(0x06, bytes.fromhex(oid))), constructed(1, constructed(0, b"x")))
    assert [found.application for found in objects.parse_data_objects(entry)] == [shown]


def test_an_odd_entry_hides_no_other_and_there_is_an_end() -> None:
    odd = sequence(sequence(utf8("half")), sequence())
    assert [found.label for found in objects.parse_data_objects(odd + BY_PATH)] == ["Photo"]
    assert len(objects.parse_data_objects(BY_PATH * (MAX_ENTRIES + 1))) == MAX_ENTRIES
    long = sequence(sequence(), sequence(), constructed(1, constructed(0, bytes(1000))))
    assert [found.value for found in objects.parse_data_objects(long)] == [bytes(MAX_VALUE)]
    with pytest.raises(TlvError):
        objects.parse_data_objects(b"\x30\x82")


async def test_a_full_reading_lists_them_and_a_short_one_does_not_ask(reader: CardReader, card: VirtualCard) -> None:
    with_directory(card, BY_PATH + BY_OID)
    async with visiting(reader) as visit:
        assert visit.facts.data_objects == ()
        assert (await visit.complete()).data_objects == (
            DataObject("Photo", "Made-up app", PATH.hex()),
            DataObject("Note", "1.2.752.34.258", "", b"hello"),
        )


@pytest.mark.parametrize("content", [b"", b"\x30\x82", b"\xff" * 20])
async def test_a_directory_that_cannot_be_read_is_an_empty_one(
    reader: CardReader, card: VirtualCard, content: bytes
) -> None:
    with_directory(card, content)
    async with visiting(reader) as visit:
        facts = await visit.complete()
        assert (facts.data_objects, len(facts.certificates)) == ((), 2)


async def test_a_directory_that_is_not_there_is_an_empty_one(reader: CardReader, card: VirtualCard) -> None:
    with_directory(card, b"")
    del card.application.files.application.children[EF_DODF]  # type: ignore[attr-defined]
    async with visiting(reader) as visit:
        assert (await visit.complete()).data_objects == ()
