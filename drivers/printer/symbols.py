"""QR code and CODE128 generators: modules, black and white, with the quiet zone that each needs.

>>> len(code128_modules("7F3A91C2K8M4A"))
198
"""

from functools import lru_cache

import qrcode
from barcode.charsets.code128 import CODES, STOP
from qrcode.constants import ERROR_CORRECT_M

QUIET_MODULES = 4
"""Around a QR code (ISO/IEC 18004)."""
BAR_QUIET_MODULES = 10
"""At either side of a CODE128 (ISO/IEC 15417)."""
_START_B = 104
_LAST_BAR = "11"


def qr_matrix(text: str) -> list[list[bool]]:
    """Modules of the QR code of `text` (True is black), error level M, quiet zone included.

    Raises ValueError where the text does not fit into any QR code.
    """
    return [list(row) for row in _qr_modules(text)]


@lru_cache(maxsize=4)
def _qr_modules(text: str) -> tuple[tuple[bool, ...], ...]:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_MODULES)
    code.add_data(text)
    code.make(fit=True)
    return tuple(tuple(bool(module) for module in row) for row in code.get_matrix())


def code128_modules(text: str) -> list[bool]:
    """Modules of the CODE128 of `text` in code set B (True is black), quiet zones included.

    Raises ValueError for an empty text, or one that is not printable ASCII.
    """
    if not text or not all(" " <= letter <= "~" for letter in text):
        raise ValueError("a CODE128 holds printable ASCII")
    values = [ord(letter) - ord(" ") for letter in text]
    check = (_START_B + sum(place * value for place, value in enumerate(values, 1))) % 103
    bars = "".join(CODES[value] for value in (_START_B, *values, check)) + STOP + _LAST_BAR
    quiet = [False] * BAR_QUIET_MODULES
    return quiet + [bar == "1" for bar in bars] + quiet
