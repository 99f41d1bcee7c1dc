"""TLV from a card is hostile: whatever comes, only the parser's own error gets out, and soon."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.reader import tlv
from drivers.reader.errors import CardAnswerError
from drivers.reader.pkcs15 import objects
from drivers.reader.tlv import Tlv, TlvError


def _walk(nodes: tuple[Tlv, ...]) -> int:
    return sum(1 + _walk(node.children) for node in nodes)


@given(st.binary(max_size=300))
def test_any_bytes_give_objects_or_the_parsers_own_error(data: bytes) -> None:
    with suppress(TlvError):
        nodes = tlv.parse(data)
        _walk(nodes)
        for node in nodes:
            node.text()
            node.bits()


@given(st.binary(max_size=300))
@pytest.mark.parametrize(
    "parse",
    [objects.parse_dir, objects.parse_odf, objects.parse_token_info, objects.parse_codes, objects.parse_keys,
     objects.parse_public_keys, objects.parse_certificates, objects.parse_data_objects],
)  # fmt: skip
def test_any_directory_file_gives_objects_or_the_parsers_own_error(parse, data: bytes) -> None:  # type: ignore[no-untyped-def]
    with suppress(TlvError):
        parse(data)


@given(st.sampled_from([0x04, 0x5F2D, 0x9F36, 0xC1]), st.binary(max_size=70000))
def test_what_is_written_is_read_back(tag: int, value: bytes) -> None:
    raw = tlv.encode(tag, value)
    if len(raw) > tlv.MAX_BYTES:
        with pytest.raises(TlvError, match="more than"):
            tlv.parse(raw)
        return
    (node,) = tlv.parse(raw)
    assert (node.tag, node.value, node.raw) == (tag, value, raw)


def test_the_parsers_error_is_one_of_the_reader_layers() -> None:
    assert issubclass(TlvError, CardAnswerError)


def test_a_nest_deeper_than_eight_is_refused() -> None:
    raw = b""
    for _ in range(9):
        raw = tlv.encode(0x30, raw)
    with pytest.raises(TlvError, match="levels deep"):
        _walk(tlv.parse(raw))


@pytest.mark.parametrize("raw", ["3080", "30", "3085000000000101", "04050102", "1f", "1f8181"])
def test_broken_lengths_and_tags_are_refused(raw: str) -> None:
    with pytest.raises(TlvError):
        tlv.parse(bytes.fromhex(raw))


def test_filler_between_and_behind_objects_is_skipped() -> None:
    assert [node.value for node in tlv.parse(bytes.fromhex("0000040101ffff04010200"))] == [b"\x01", b"\x02"]


def test_a_tail_that_is_no_tlv_does_not_hide_what_stands_before() -> None:
    assert len(tlv.parse_prefix(bytes.fromhex("040101" + "3f"))) == 1
    with pytest.raises(TlvError):
        tlv.parse_prefix(b"\x3f")


def test_text_is_cleaned_of_what_cannot_be_shown() -> None:
    (node,) = tlv.parse(tlv.encode(0x0C, b" ab\x1b[2Jc\n\xff "))
    assert node.text() == "ab[2Jc�"


def test_bits_are_numbered_as_asn1_does() -> None:
    (node,) = tlv.parse(bytes.fromhex("0303064C10"[:10]))
    assert node.bits() == {1, 4, 5, 11}


@pytest.mark.parametrize("raw", ["0200", "0221" + "01" * 33])
def test_a_number_has_one_to_thirty_two_bytes(raw: str) -> None:
    with pytest.raises(tlv.TlvError, match="number"):
        tlv.parse(bytes.fromhex(raw))[0].integer()


@pytest.mark.parametrize("raw", ["0201ff", "020105"])
def test_a_small_number_keeps_to_its_range(raw: str) -> None:
    with pytest.raises(tlv.TlvError, match="range"):
        tlv.parse(bytes.fromhex(raw))[0].small(4)


@pytest.mark.parametrize("raw", ["0300", "030a" + "00" * 10])
def test_a_bit_string_has_one_to_nine_bytes(raw: str) -> None:
    with pytest.raises(tlv.TlvError, match="BIT STRING"):
        tlv.parse(bytes.fromhex(raw))[0].bits()


def test_what_is_not_inside_and_what_is_too_long_is_told() -> None:
    with pytest.raises(tlv.TlvError, match="30 has no 2 in it"):
        tlv.parse(bytes.fromhex("30020500"))[0].child(tlv.INTEGER)
    with pytest.raises(tlv.TlvError, match="more than"):
        tlv.parse(bytes(tlv.MAX_BYTES + 1))
    with pytest.raises(tlv.TlvError, match="data objects"):
        tlv.parse(b"\x05\x00" * (tlv.MAX_OBJECTS + 1))
