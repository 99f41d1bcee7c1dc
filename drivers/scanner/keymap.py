"""Keymap of Linux key codes to characters, for the US layout that scanners ship with. Pure.

Codes are those of input-event-codes.h. A scanner must be set to the US layout; with another one letters and signs come out
wrong, and the checksum of a code says so.

>>> keyboard = Keyboard()
>>> [keyboard.pressed(code, value) for code, value in ((42, 1), (37, 1), (42, 0), (2, 1), (28, 1))]
[None, 'K', None, '1', '\\n']
"""

from dataclasses import dataclass

EV_KEY = 1
UP, DOWN = 0, 1
KEY_ENTER = 28
SHIFTS = frozenset({42, 54})
CAPS_LOCK = 58

_ROWS = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (44, "zxcvbnm,./", "ZXCVBNM<>?"),
)
_PLAIN = {first + at: char for first, plain, _ in _ROWS for at, char in enumerate(plain)}
_SHIFTED = {first + at: char for first, _, shifted in _ROWS for at, char in enumerate(shifted)}
_EITHER = {15: "\t", 28: "\n", 57: " ", 96: "\n", 55: "*", 74: "-", 78: "+", 83: ".", 98: "/",
           **dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True))}  # fmt: skip
"""Keys that Shift does not change, the number pad's among them."""
_PLAIN[43], _SHIFTED[43] = "\\", "|"


@dataclass(slots=True)
class Keyboard:
    _shifts: frozenset[int] = frozenset()
    _capitals: bool = False

    def pressed(self, code: int, value: int) -> str | None:
        """One key event: `value` is 0 for up, 1 for down, 2 for a repeat. The character that it types, or None."""
        if code in SHIFTS:
            self._shifts = self._shifts | {code} if value else self._shifts - {code}
            return None
        if value != DOWN:
            return None
        if code == CAPS_LOCK:
            self._capitals = not self._capitals
            return None
        if code in _EITHER:
            return _EITHER[code]
        plain = _PLAIN.get(code)
        shifted = bool(self._shifts) != (self._capitals and plain is not None and plain.isalpha())
        return _SHIFTED.get(code) if shifted else plain
