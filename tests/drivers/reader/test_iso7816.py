"""How a typed code becomes the bytes that a card compares."""

import pytest

from drivers.reader.iso7816 import Alphabet, CodeFormat, encode_code, verify_empty
from drivers.reader.secret import Secret


@pytest.mark.parametrize(
    ("code", "how", "expected"),
    [
        ("1234", CodeFormat(Alphabet.ASCII_NUMERIC, 8, None), "31323334"),
        ("123456", CodeFormat(Alphabet.ASCII_NUMERIC, 8, 0xFF), "313233343536ffff"),
        ("12345678", CodeFormat(Alphabet.ASCII_NUMERIC, 8, 0xFF), "3132333435363738"),
        ("1234", CodeFormat(Alphabet.ASCII_NUMERIC, 16, 0x00), "31323334" + "00" * 12),
        ("å1", CodeFormat(Alphabet.UTF8, 8, 0x20), "c3a531" + "20" * 5),
        ("12345", CodeFormat(Alphabet.BCD, 4, 0xFF), "12345fff"),
        ("1234", CodeFormat(Alphabet.BCD, 4, None), "1234"),
        ("123", CodeFormat(Alphabet.HALF_NIBBLE_BCD, 4, 0xFF), "f1f2f3ff"),
        ("123456", CodeFormat(Alphabet.ISO_9564_1, 8, 0xFF), "26123456ffffffff"),
    ],
)
def test_a_code_is_written_as_its_card_wants_it(code: str, how: CodeFormat, expected: str) -> None:
    assert encode_code(Secret(code), how).hex() == expected


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("123456789", CodeFormat(Alphabet.ASCII_NUMERIC, 8, 0xFF)),
        ("12a4", CodeFormat(Alphabet.BCD, 4, None)),
        ("١٢٣٤", CodeFormat(Alphabet.BCD, 4, None)),
        ("åäö1", CodeFormat(Alphabet.ASCII_NUMERIC, 8, None)),
        ("123", CodeFormat(Alphabet.ISO_9564_1, 8, None)),
    ],
)
def test_a_code_that_does_not_fit_is_refused_without_being_named(code: str, how: CodeFormat) -> None:
    with pytest.raises(ValueError) as fault:  # noqa: PT011
        encode_code(Secret(code), how)
    assert code not in str(fault.value)


def test_asking_for_tries_sends_neither_data_nor_length() -> None:
    assert verify_empty(0x81).encode().hex() == "00200081"
