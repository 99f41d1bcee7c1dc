"""Finding one's way on cards that differ: how the directory is found, read and bounded. Scripted cards."""

import pytest

from drivers.reader import tlv
from drivers.reader.errors import CommandRefusedError
from drivers.reader.iso7816 import Alphabet
from drivers.reader.pkcs15 import directory as card
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.application_discovery import NoApplicationError, find_application
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.pkcs15.objects import CodeFlag, FilePath
from drivers.reader.pkcs15.values import Base
from drivers.reader.tlv import TlvError
from drivers.reader.transport.channel import ApduChannel
from tests.drivers.reader.conftest import ScriptedConnection
from tests.fakes.cards.file_card import ODF_PATH, FileCard

ODF = "a80a30080406" + "3f0050154401"
MUSCLE_LIKE_AID = bytes.fromhex("F276A288BCFBA69D34F31001")


def find(connection: FileCard, *aids: bytes) -> CardFiles:
    files = CardFiles(ApduChannel(connection))
    find_application(files, (card.PKCS15_AID, *aids))
    return files


def dir_entry(aid: str = "", path: str = "") -> str:
    body = (tlv.encode(0x4F, bytes.fromhex(aid)) if aid else b"") + (
        tlv.encode(0x51, bytes.fromhex(path)) if path else b""
    )
    return tlv.encode(0x61, body).hex()


@pytest.mark.parametrize("by_path", [True, False])
def test_the_path_in_ef_dir_leads_to_the_application(by_path: bool) -> None:
    aid = card.PKCS15_AID.hex()
    connection = FileCard({"3f002f00": dir_entry(aid, "3f00a001"), "3f00a0015031": ODF}, by_path=by_path)
    assert find(connection).base.path.hex() == "3f00a001"


def test_without_a_path_the_aid_leads_there() -> None:
    aid = card.PKCS15_AID.hex()
    connection = FileCard({"3f002f00": dir_entry(aid), "aid5031": ODF}, aid=aid.upper())
    assert find(connection).base.aid.hex() == aid


def test_an_applet_is_found_by_the_aid_that_a_profile_names() -> None:
    connection = FileCard({"aid5031": ODF}, aid=MUSCLE_LIKE_AID.hex().upper())
    assert find(connection, MUSCLE_LIKE_AID).base.aid == MUSCLE_LIKE_AID


@pytest.mark.parametrize(("odf", "base"), [(ODF_PATH, "3f005015"), ("3f005031", "3f00")])
def test_without_ef_dir_the_usual_places_are_looked_at(odf: str, base: str) -> None:
    assert find(FileCard({odf: ODF})).base.path.hex() == base


def test_a_card_without_any_of_it_names_where_it_was_looked_for() -> None:
    with pytest.raises(NoApplicationError) as fault:
        find(FileCard({}))
    assert fault.value.tried == (f"AID {card.PKCS15_AID.hex().upper()}", "EF.DIR", "DF 3F005015", "DF 3F00")


def test_at_most_sixteen_applications_are_looked_at() -> None:
    assert len(objects.parse_dir(bytes.fromhex(dir_entry(path="3f005015") * 40))) == 16


@pytest.mark.parametrize("fcp", [True, False])
@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 1000])
def test_a_file_is_read_to_its_end_whether_or_not_the_card_tells_its_size(size: int, fcp: bool) -> None:
    connection = FileCard({"3f004401": "a5" * size}, fcp=fcp)
    assert CardFiles(ApduChannel(connection)).read(bytes.fromhex("3f004401")) == b"\xa5" * size


def test_of_a_file_that_is_longer_than_read_binary_reaches_the_reachable_part_is_read() -> None:
    connection = FileCard({ODF_PATH: "a5" * 40_000})
    assert len(CardFiles(ApduChannel(connection)).read(bytes.fromhex(ODF_PATH))) == 0x8000


def test_a_card_that_lists_its_files_again_and_again_is_read_in_bounds() -> None:
    def path(file: str) -> bytes:
        return tlv.encode(tlv.SEQUENCE, tlv.encode(tlv.OCTET_STRING, bytes.fromhex("3f005015" + file)))

    def certificate(number: int) -> bytes:
        own = tlv.encode(tlv.SEQUENCE, tlv.encode(tlv.OCTET_STRING, bytes((number,))))
        where = tlv.encode(0xA1, tlv.encode(tlv.SEQUENCE, path("4401")))
        return tlv.encode(tlv.SEQUENCE, tlv.encode(tlv.SEQUENCE, b"") + own + where)

    listed = b"".join(tlv.encode(0xA4, path(f"45{n:02x}") if n < 5 else path("4500")) for n in range(2500))
    files = {ODF_PATH: listed.hex(), "3f0050155032": "300a0201000401aa030205a0", "3f0050154401": "3003020101"}
    files |= {f"3f00501545{n:02x}": b"".join(map(certificate, range(60))).hex() for n in range(5)}
    reading = CardFiles(ApduChannel(FileCard(files)))
    reading.base = Base(bytes.fromhex("3f005015"))
    directory = card.read_certificates(reading, card.read_directory(reading, b""))
    assert len(directory.certificates) == objects.MAX_ENTRIES


def test_a_file_is_read_once() -> None:
    connection = FileCard({"3f004401": "a5"})
    files = CardFiles(ApduChannel(connection))
    first = files.read_value(FilePath(bytes.fromhex("3f004401")))
    count = len(connection.sent)
    assert files.read_value(FilePath(bytes.fromhex("3f004401"), 0, 1)) == first
    assert len(connection.sent) == count


def test_a_file_that_may_not_be_read_is_named_by_its_status() -> None:
    connection = ScriptedConnection({"00a4": ["9000"], "00b0": ["6982"]})
    with pytest.raises(CommandRefusedError) as fault:
        CardFiles(ApduChannel(connection)).read(bytes.fromhex("3f004401"))
    assert fault.value.status == 0x6982


@pytest.mark.parametrize("path", ["", "3f", "3f003f00", "3f005015" + "3f00", "3f00" + "5015" * 9])
def test_a_path_that_loops_or_is_no_path_is_refused(path: str) -> None:
    entry = tlv.encode(0xA8, tlv.encode(0x30, tlv.encode(0x04, bytes.fromhex(path))))
    assert objects.parse_odf(entry) == ()


def code_object(*, flags: str = "030206CC"[:8], reference: str = "800181", extra: str = "") -> bytes:
    fields = bytes.fromhex(f"{flags}0a0101" + "020104" + "020110" + "020110" + reference + extra)
    common = tlv.encode(0x30, tlv.encode(0x0C, b"Legitimering") + tlv.encode(0x04, b"\x09"))
    own = tlv.encode(0x30, tlv.encode(0x04, b"\x01"))
    return tlv.encode(0x30, common + own + tlv.encode(0xA1, tlv.encode(0x30, fields)))


def test_a_negative_reference_means_plus_256() -> None:
    (code,) = objects.parse_codes(code_object(reference="800181"))
    assert code.reference == 0x81


def test_a_code_has_its_attributes() -> None:
    (code,) = objects.parse_codes(code_object(extra="0401 00".replace(" ", "") + "30060404" + "3f005015"))
    assert (code.label, code.auth_id, code.puk_id) == ("Legitimering", b"\x01", b"\x09")
    assert (code.min_length, code.stored_length, code.max_length) == (4, 16, 16)
    assert (code.alphabet, code.pad, code.path.hex()) == (Alphabet.ASCII_NUMERIC, 0x00, "3f005015")
    assert code.has(CodeFlag.LOCAL)
    assert not code.has(CodeFlag.SO)


@pytest.mark.parametrize(
    ("kind", "stored", "longest"), [(0, 4, 8), (1, 8, 8), (2, 8, 8), (3, 8, 8), (4, 8, 12), (0, 0, objects.MAX_CODE)]
)
def test_without_a_longest_length_as_many_characters_as_fit_into_the_stored_bytes(
    kind: int, stored: int, longest: int
) -> None:
    common, own, _attributes = tlv.parse(code_object())[0].children
    fields = bytes.fromhex(f"030206cc0a01{kind:02x}0201040201{stored:02x}800181")
    attributes = tlv.encode(0xA1, tlv.encode(0x30, fields))
    (code,) = objects.parse_codes(tlv.encode(0x30, common.raw + own.raw + attributes))
    assert (code.alphabet, code.max_length) == (Alphabet(kind), longest)


def test_one_odd_object_does_not_hide_the_others() -> None:
    broken = tlv.encode(0x30, tlv.encode(0x30, b""))
    assert len(objects.parse_codes(code_object() + broken + code_object())) == 2


@pytest.mark.parametrize("explicit", [True, False])
def test_a_certificate_inside_its_entry_is_taken_as_it_is(explicit: bool) -> None:
    der = tlv.encode(0x30, tlv.encode(0x30, b"\x02\x01\x05") + tlv.encode(0x30, b"") + b"\x03\x01\x00")
    value = der if explicit else tlv.parse(der)[0].value
    entry = tlv.encode(
        0x30,
        tlv.encode(0x30, b"")
        + tlv.encode(0x30, b"\x04\x01\x45")
        + tlv.encode(0xA1, tlv.encode(0x30, tlv.encode(0xA0, value))),
    )
    (certificate,) = objects.parse_certificates(entry)
    assert (certificate.id, certificate.value) == (b"\x45", der)


def test_token_info_needs_to_be_one() -> None:
    with pytest.raises(TlvError):
        objects.parse_token_info(b"\x04\x01\x00")
