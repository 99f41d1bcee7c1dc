"""What an ATR says of extended length, of real and of odd cards."""

import pytest

from drivers.reader.transport.atr import historical_bytes, offers_extended_length


@pytest.mark.parametrize(
    ("atr", "historical", "extended"),
    [
        ("3BFD1300008131FE158073C021C057597562694B657940", "8073c021c057597562694b6579", True),
        ("3BF81300008131FE15597562696B657934D4", "597562696b657934", False),
        ("3B7F96000080318065B0850400111202F0829000", "80318065b0850400111202f0829000", False),
        ("3B00", "", False),
        ("3B8580014D7945494478", "4d79454944", False),
        ("3BFD13", "", False),
        ("", "", False),
        ("3B837380", "", False),
        ("3B03807F40", "807f40", False),
    ],
)
def test_historical_bytes_and_what_they_offer(atr: str, historical: str, extended: bool) -> None:
    assert historical_bytes(bytes.fromhex(atr)).hex() == historical
    assert offers_extended_length(bytes.fromhex(atr)) is extended
