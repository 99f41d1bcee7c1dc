"""A PKCS#15 card whose files are the input: what its directory names is looked for among them.

The input is files one after the other, each with a length of two bytes; they lie under 5015 as 5031, 5032, 4401, 4402...
Found out this way: a card that lists one file so often that its reading has no end.

>>> read_a_directory(b"")
"""

import time
from contextlib import suppress
from typing import Literal

from campaigns.fuzz.card import MOST_EXCHANGES, OPERATIONS
from drivers.reader import tlv
from drivers.reader.card_reader import open_session
from drivers.reader.errors import ReaderError
from drivers.reader.outcomes import Role
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import builtin
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import ApduChannel

SELECT, READ_BINARY, VERIFY = 0xA4, 0xB0, 0x20
SHORT_ID = 0x80
OK, NOT_FOUND, NOT_KNOWN, TRIES = b"\x90\x00", b"\x6a\x82", b"\x6d\x00", b"\x63\xc3"
PKCS15_AID = bytes.fromhex("A000000063504B43532D3135")
SLOWEST_S = 5.0
"""Of the processor's time, on a slow machine and watched by a fuzzer."""


class FileCard:
    """Selects and reads; of codes it says that three tries are left. Implements `drivers.reader.port.CardConnection`."""

    protocol: Literal["T=0", "T=1"] = "T=1"
    atr = bytes.fromhex("3B00")
    NAMES: tuple[str, ...] = ("5031", "5032", *(f"44{number:02x}" for number in range(1, 100)))

    def __init__(self, data: bytes) -> None:
        self.files: dict[str, bytes] = {}
        self._current_name = ""
        for name in self.NAMES:
            if not data:
                break
            end = 2 + int.from_bytes(data[:2], "big")
            self.files[name], data = data[2:end], data[end:]

    @property
    def _current(self) -> bytes | None:
        return self.files.get(self._current_name)

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[1] == SELECT:
            return self._select(apdu[2], apdu[5 : 5 + apdu[4]])
        if apdu[1] == READ_BINARY:
            at, length = int.from_bytes(apdu[2:4], "big"), apdu[4] or 256
            if apdu[2] & SHORT_ID:
                at = apdu[3]
                self._current_name = next((name for name in self.files if _is_short(name, apdu[2])), "")
            return NOT_FOUND if self._current is None else self._current[at : at + length] + OK
        return TRIES if apdu[1] == VERIFY else NOT_KNOWN

    def close(self) -> None: ...

    def _select(self, how: int, name: bytes) -> bytes:
        if how == 0x04:
            return OK if name == PKCS15_AID else NOT_FOUND
        self._current_name = name[-2:].hex()
        if self._current is None:
            return OK if name[-2:] == b"\x50\x15" else NOT_FOUND
        return tlv.encode(0x62, tlv.encode(0x80, len(self._current).to_bytes(2, "big"))) + OK


def _is_short(name: str, p1: int) -> bool:
    """Do the five low bits of a file identifier say the same?"""
    return (int(name, 16) ^ p1) & 0x1F == 0


def read_a_directory(data: bytes) -> None:
    """Identify such a card and try its code. Only ReaderError may come out, in bounded time and exchanges."""
    channel = ApduChannel(FileCard(data), max_exchanges=MOST_EXCHANGES)
    began = time.process_time()
    with suppress(ReaderError):
        session = open_session(channel, profiles=builtin(), ledger=MemoryLedger())
        session.verify(Role.IDENTIFICATION, Secret("246813"), consented=True)
        session.change(Role.IDENTIFICATION, Secret("246813"), Secret("975318"), consented=True)
        session.sign("signature", b"challenge")
    assert time.process_time() - began < SLOWEST_S
    assert channel.exchange.apdus <= OPERATIONS * MOST_EXCHANGES


def as_input(files: list[bytes]) -> bytes:
    return b"".join(len(content).to_bytes(2, "big") + content for content in files)
