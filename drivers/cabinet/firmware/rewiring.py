"""Wiring data that come over the line, in parts. Pure.

Rules: only what fits as a whole is kept, and it counts from the next start. A part that does not go on where the last one
ended spoils the rest; the first part begins anew.
"""

import json

from drivers.cabinet.firmware.ports import Flash
from drivers.cabinet.firmware.wiring import STANDARD, Wiring, WiringError
from drivers.cabinet.messages import BAD_PAYLOAD, FLASH_FAILED, MAX_WIRING, OK

FILE = "wiring.json"


class Rewiring:
    """One set of wiring data on its way."""

    def __init__(self, flash: Flash) -> None:
        self._flash = flash
        self._held = b""
        self.done = False
        """All of it was kept: time to start again."""

    def take(self, size: int, at: int, part: bytes) -> int:
        """One part of `size` bytes in all, beginning at `at`: a code."""
        received = (b"" if at == 0 else self._held) + part
        if not part or len(received) != at + len(part) or len(received) > size or size > MAX_WIRING:
            self._held = b""
            return BAD_PAYLOAD
        self._held = received
        return OK if len(received) < size else self._keep()

    def _keep(self) -> int:
        text, self._held = self._held, b""
        if wiring_in(text) is None:
            return BAD_PAYLOAD
        try:
            self._flash.write(FILE, text)
        except OSError:
            return FLASH_FAILED
        self.done = True
        return OK


def wiring_in(content: bytes) -> "Wiring | None":
    """Wiring data as JSON; None for what does not fit."""
    try:
        data = json.loads(content)
        return Wiring(data) if isinstance(data, dict) else None
    except (WiringError, ValueError, TypeError, RuntimeError):  # RuntimeError: nested beyond MicroPython's stack
        return None


def wiring_of(flash: Flash) -> Wiring:
    """Return what the flash says; the standard wiring where it says nothing that fits."""
    text = flash.read(FILE)
    wiring = None if text is None else wiring_in(text)
    return Wiring(STANDARD) if wiring is None else wiring
