"""What a scan means, and that nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.barcodes import (
    LONGEST,
    CardNumber,
    EnvelopeCode,
    OrderCode,
    UnknownCode,
    envelope_code,
    luhn,
    order_code,
    parse_scan,
)


@pytest.mark.parametrize(
    "text",
    ["9999000020260001", "9999 0000 2026 0001", "9999-0000-2026-0001", " 9999000020260001\r\n", "]C19999000020260001"],
)
def test_a_printed_number_is_read_however_it_is_set(text: str) -> None:
    assert parse_scan(text) == CardNumber("9999000020260001")


def test_an_order_and_an_envelope_come_back_as_they_were_written() -> None:
    assert parse_scan(order_code("2026-0001")) == OrderCode("2026-0001")
    assert parse_scan(envelope_code("9999000020260001")) == EnvelopeCode("9999000020260001")


def test_the_forms_are_those_that_are_written_down() -> None:
    assert order_code("2026-0001") == "KK1:O:2026-0001:2DB3"
    assert envelope_code("9999000020260001") == "KK1:E:9999000020260001:7BDA"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \t\r\n", "empty"),
        ("9" * (LONGEST + 1), "too_long"),
        ("9" * 41, "unknown"),
        ("HELLO", "unknown"),
        ("https://example.org/1", "unknown"),
        ("99990000é2026", "not_text"),
        ("9999\x1b[2J0000", "not_text"),
        ("KK2:O:2026-0001:2DB3", "version"),
        ("KK1:X:2026-0001:5133", "kind"),
        ("KK1:O:2026-0001", "content"),
        ("KK1:O:2026-0001:2db3", "checksum"),
        ("KK1:O:2026-0002:2DB3", "checksum"),
    ],
)
def test_anything_else_is_named(text: str, why: str) -> None:
    assert parse_scan(text) == UnknownCode(why)  # type: ignore[arg-type]


def test_where_numbers_are_checked_a_slip_is_found() -> None:
    assert luhn("79927398713")
    assert parse_scan("7992 7398 713", "luhn") == CardNumber("79927398713")
    assert parse_scan("7992 7398 714", "luhn") == UnknownCode("luhn")
    assert parse_scan("A992 7398 713", "luhn") == UnknownCode("luhn")


@given(st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True), st.data())
def test_no_code_with_one_wrong_character_is_taken_for_another(order: str, data: st.DataObject) -> None:
    code = order_code(order)
    at = data.draw(st.integers(0, len(code) - 1))
    wrong = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda char: char != code[at]))
    assert not isinstance(parse_scan(code[:at] + wrong + code[at + 1 :]), OrderCode | EnvelopeCode)


@given(st.text(max_size=2 * LONGEST))
def test_whatever_comes_is_read_without_an_error(text: str) -> None:
    assert repr(parse_scan(text))


@pytest.mark.parametrize("write", [order_code, envelope_code])
def test_what_is_no_number_is_not_written(write: object) -> None:
    with pytest.raises(ValueError, match="fit no such code"):
        write("KK:\n")  # type: ignore[operator]
