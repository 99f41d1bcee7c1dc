"""Device trees of made-up boards, as the firmware finds them."""

import struct

MMC, FIXED, GPIO, CLOCK, BUS = (
    "brcm,bcm2711-emmc2",
    "regulator-fixed",
    "brcm,made-up-gpio",
    "brcm,made-up-clock",
    "simple-bus",
)


def text(*words: str) -> bytes:
    return b"".join(word.encode() + b"\0" for word in words)


def cells(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


class TreeWriter:
    """A flattened device tree, version 17 (Devicetree Specification 0.4, chapter 5), of nested dictionaries."""

    def __init__(self) -> None:
        self.texts = b""

    def write(self, tree: dict[str, object]) -> bytes:
        body = self._node("", tree) + cells(9)
        start, end = 56, 56 + len(body)
        head = cells(0xD00DFEED, end + len(self.texts), start, end, 40, 17, 16, 0, len(self.texts), len(body))
        return head + bytes(16) + body + self.texts

    def _node(self, name: str, content: dict[str, object]) -> bytes:
        made = cells(1) + _padded(text(name))
        for key, value in content.items():
            if isinstance(value, bytes):
                made += cells(4, 3, len(value), len(self.texts)) + _padded(value)  # a NOP before it
                self.texts += text(key)
        for key, value in content.items():
            if isinstance(value, dict):
                made += self._node(key, value)
        return made + cells(2)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


def board(**more: bytes) -> bytes:
    """An SD host behind a bus, whose card is fed by a regulator that a GPIO switches and a clock drives."""
    host = {"compatible": text(MMC), "vmmc-supply": cells(7), "clocks": cells(5, 0), **more}
    return TreeWriter().write(
        {
            "compatible": text("made-up,board"),
            "soc": {"compatible": text(BUS), "mmc@1": host},
            "regulator": {"compatible": text(FIXED), "phandle": cells(7), "gpios": cells(3, 1, 0)},
            "gpio": {"compatible": text(GPIO), "phandle": cells(3), "#gpio-cells": cells(2)},
            "clock": {"compatible": text(CLOCK), "phandle": cells(5), "#clock-cells": cells(1)},
        }
    )
