"""PIV's data objects from bytes to values; whatever a card says, only TlvError comes out."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.reader import tlv
from drivers.reader.piv import objects
from drivers.reader.piv.objects import (
    ApplicationInfo,
    Chuid,
    Metadata,
    PivPinPolicy,
    parse_application,
    parse_certificate,
    parse_discovery,
    slot_of,
    unpack,
)
from drivers.reader.tlv import MAX_BYTES, TlvError

DER = tlv.encode(0x30, b"\x02\x01\x05" * 40)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("61114f0600001000010079074f05a000000308", ApplicationInfo(bytes.fromhex("a000000308000010000100"), "")),
        ("61124f0ba00000030800001000010050034d6164", ApplicationInfo(bytes.fromhex("a000000308000010000100"), "Mad")),
        ("61084f06aabbccddeeff", None),
        ("6f0084008500", None),
        ("", None),
    ],
)  # fmt: skip
def test_only_a_piv_application_is_one(answer: str, expected: ApplicationInfo | None) -> None:
    assert parse_application(bytes.fromhex(answer)) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("4000", PivPinPolicy(0x80, None)),
        ("6010", PivPinPolicy(0x80, 0x00)),
        ("6020", PivPinPolicy(0x00, 0x80)),
        ("60", PivPinPolicy(0x80, None)),
    ],
)
def test_the_discovery_object_says_which_pin_is_asked_for(policy: str, expected: PivPinPolicy) -> None:
    told = tlv.encode(0x5F2F, bytes.fromhex(policy))
    assert parse_discovery(tlv.encode(0x7E, told)) == expected


def test_without_a_policy_it_is_the_applications_own_pin() -> None:
    assert parse_discovery(b"") == parse_discovery(bytes.fromhex("7e00")) == PivPinPolicy()


def test_a_card_without_guid_is_known_by_its_agency_number_and_without_both_by_nothing() -> None:
    agency, guid = bytes(range(25)), bytes(range(16))
    whole = tlv.encode(0x30, agency) + tlv.encode(0x34, guid)
    assert objects.parse_chuid(whole).serial == guid.hex().upper()
    assert Chuid(agency, bytes(16)).serial == agency.hex().upper()
    assert Chuid(bytes(25), bytes(16)).serial == ""


@pytest.mark.parametrize(
    ("stored", "info"),
    [
        (DER, "00"),
        (gzip.compress(DER, mtime=0), "01"),
        (gzip.compress(DER, mtime=0), "80"),
        (zlib.compress(DER), "01"),
        (DER, "01"),
    ],
)
def test_a_certificate_comes_out_packed_or_not(stored: bytes, info: str) -> None:
    held = tlv.encode(0x70, stored) + tlv.encode(0x71, bytes.fromhex(info)) + bytes.fromhex("fe00")
    assert parse_certificate(held) == DER


def test_an_empty_place_holds_no_certificate() -> None:
    assert parse_certificate(b"") == parse_certificate(bytes.fromhex("7000710100fe00")) == b""


@pytest.mark.parametrize(
    "stored", [b"not gzip at all", gzip.compress(DER, mtime=0)[:-9], gzip.compress(b"x" * 10, mtime=0)]
)
def test_what_cannot_be_unpacked_is_not_a_certificate(stored: bytes) -> None:
    with pytest.raises(TlvError):
        parse_certificate(tlv.encode(0x70, stored) + bytes.fromhex("710101fe00"))


@pytest.mark.parametrize("filler", ["00", "ff00", "0000ff"])
def test_filler_is_no_object(filler: str) -> None:
    for parse in (objects.content, lambda data: parse_certificate(tlv.encode(0x70, data))):
        with pytest.raises(TlvError):
            parse(bytes.fromhex(filler))


def test_a_small_file_that_unpacks_to_a_huge_one_stops_at_the_bound() -> None:
    bomb = gzip.compress(bytes(50 * MAX_BYTES))
    assert len(bomb) < MAX_BYTES
    with pytest.raises(TlvError, match="65536"):
        unpack(bomb)
    assert len(unpack(gzip.compress(bytes(MAX_BYTES - 1)))) == MAX_BYTES - 1


def test_metadata_tell_tries_and_key() -> None:
    assert objects.parse_metadata(bytes.fromhex("0101ff05010006020302")) == Metadata(
        tries_left=2, tries=3, algorithm=0xFF
    )
    assert objects.parse_metadata(bytes.fromhex("010111040386010a")).public_key == bytes.fromhex("86010a")
    assert objects.parse_metadata(b"") == Metadata()


def test_a_key_history_never_tells_more_keys_than_there_are_places() -> None:
    assert objects.parse_key_history(bytes.fromhex("c10102c20100fe00")) == 2
    assert objects.parse_key_history(bytes.fromhex("c101ff")) == len(objects.RETIRED) == 20
    assert objects.parse_key_history(b"") == 0


def test_slots_are_told_by_the_ids_of_their_certificates() -> None:
    assert [slot.id for slot in objects.SLOTS] == ["9a", "9c", "9d", "9e"]
    assert (objects.RETIRED[0].id, objects.RETIRED[-1].id) == ("82", "95")
    assert (objects.RETIRED[0].tag, objects.RETIRED[-1].tag) == (0x5FC10D, 0x5FC120)
    assert slot_of("9c") is objects.SIGNATURE
    assert slot_of("9b") is None


@settings(deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from([b"\x00", b"\xff", b"\x53", b"\x70", b"\x02", b"\x30", b"\x82"]), max_size=12).map(
            b"".join
        ),
    )
)
def test_whatever_the_bytes_only_the_parsers_own_error_comes_out(data: bytes) -> None:
    for parse in (
        parse_application, parse_discovery, objects.content, objects.parse_chuid, objects.parse_capability,
        parse_certificate, objects.parse_key_history, objects.parse_metadata, unpack,
    ):  # fmt: skip
        try:
            parse(data)
        except TlvError:
            continue
