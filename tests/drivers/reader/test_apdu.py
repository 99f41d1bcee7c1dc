"""Bytes of commands and answers, case by case of ISO/IEC 7816-3 12.1."""

import pytest

from drivers.reader.apdu import CommandApdu, ResponseApdu


@pytest.mark.parametrize(
    ("data", "le", "expected"),
    [
        (b"", None, "00a40400"),
        (b"", 256, "00a4040000"),
        (b"", 5, "00a4040005"),
        (b"\x01\x02", None, "00a40400020102"),
        (b"\x01\x02", 256, "00a4040002010200"),
        (b"", 300, "00a4040000012c"),
        (b"", 65536, "00a40400000000"),
        (b"\xaa" * 256, None, "00a40400000100" + "aa" * 256),
        (b"\xaa" * 256, 256, "00a40400000100" + "aa" * 256 + "0100"),
        (b"\xaa", 257, "00a40400000001aa0101"),
    ],
)
def test_each_case_is_coded_as_the_standard_says(data: bytes, le: int | None, expected: str) -> None:
    assert CommandApdu("SELECT", 0, 0xA4, 4, 0, data, le).encode().hex() == expected


@pytest.mark.parametrize(
    ("data", "le", "expected"),
    [
        (b"", None, "00a4040000"),
        (b"", 256, "00a4040000"),
        (b"", 5, "00a4040005"),
        (b"\x01\x02", None, "00a40400020102"),
        (b"\x01\x02", 256, "00a40400020102"),
        (b"\xaa" * 255, 5, "00a40400ff" + "aa" * 255),
    ],
)
def test_t0_has_one_length_byte_and_it_is_always_there(data: bytes, le: int | None, expected: str) -> None:
    assert CommandApdu("SELECT", 0, 0xA4, 4, 0, data, le).encode(t0=True).hex() == expected


def test_a_command_never_shows_its_data() -> None:
    assert "99887766" not in repr(CommandApdu("VERIFY", 0, 0x20, 0, 1, b"99887766"))
    assert "39393838" not in repr(CommandApdu("VERIFY", 0, 0x20, 0, 1, b"99887766"))


@pytest.mark.parametrize("header", [(256, 0, 0, 0), (0, -1, 0, 0)])
def test_a_header_outside_a_byte_is_refused(header: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="header"):
        CommandApdu("X", *header)


@pytest.mark.parametrize(
    ("status", "tries", "more", "right_le"),
    [("63c0", 0, None, None), ("63c3", 3, None, None), ("6300", None, None, None), ("6100", None, 256, None),
     ("6110", None, 16, None), ("6c04", None, None, 4), ("9000", None, None, None)],
)  # fmt: skip
def test_a_status_word_is_told_apart(status: str, tries: int | None, more: int | None, right_le: int | None) -> None:
    response = ResponseApdu.decode(bytes.fromhex(status))
    assert (response.tries_left, response.more, response.right_le) == (tries, more, right_le)


def test_an_answer_without_status_is_refused() -> None:
    with pytest.raises(ValueError, match="two bytes"):
        ResponseApdu.decode(b"\x90")
