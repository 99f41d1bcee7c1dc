"""The whole reading of a card that lies, from the first SELECT to a signature.

The first byte of an input says which card: 0 has no tape, and its answers are the input itself; any other plays the tape
of a virtual card (`tapes`, by kind), with the input's edits done to its answers. An edit is five bytes: after how many
more exchanges; what is done; where (two bytes); with what.

>>> read_a_card(b"")
"""

import json
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

from cryptography import x509

from drivers.reader.card_cache import CardCaches
from drivers.reader.card_reader import open_session
from drivers.reader.errors import ReaderError
from drivers.reader.model import Purpose
from drivers.reader.outcomes import Role
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import builtin
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import ApduChannel
from sim.reader.cards import VirtualCard
from sim.reader.kinds import KINDS
from sim.reader.personas import person
from sim.reader.pki import TestAuthority

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PERSON = person(6)
TAPES = Path(__file__).parent / "tapes"
MOST_EXCHANGES = 400
OPERATIONS = 8
EDIT_BYTES = 5
NOT_FOUND, NO_MORE = "6a82", b"\x6f\x00"
PURPOSES: tuple[Purpose, ...] = ("identification", "signature")


class LyingConnection:
    """Answers from the tape, edited, or straight from the input. Implements `drivers.reader.port.CardConnection`."""

    protocol: Literal["T=0", "T=1"] = "T=1"

    def __init__(self, data: bytes) -> None:
        kinds = tapes()
        which = data[0] % (len(kinds) + 1) if data else 0
        tape = kinds[which - 1] if which else {}
        self.atr = bytes.fromhex(tape.get("atr", "3B00"))
        self._tape = tape
        self._left = data[1:]
        self._quiet = 0
        self._next_edit()

    def transmit(self, apdu: bytes) -> bytes:
        """The next answer, whatever it is."""
        if not self._tape:
            return self._from_input()
        answer = bytes.fromhex(self._tape.get(apdu.hex(), NOT_FOUND))
        if self._quiet:
            self._quiet -= 1
            return answer
        return self._edited(bytearray(answer))

    def close(self) -> None: ...

    def _from_input(self) -> bytes:
        """A length of one byte, and so many bytes."""
        if not self._left:
            return NO_MORE
        end = 1 + self._left[0]
        answer, self._left = self._left[1:end], self._left[end:]
        return answer

    def _next_edit(self) -> None:
        self._edit, self._left = (self._left[:EDIT_BYTES], self._left[EDIT_BYTES:]) if self._tape else (b"", self._left)
        self._quiet = self._edit[0] % 64 if len(self._edit) == EDIT_BYTES else MOST_EXCHANGES * OPERATIONS

    def _edited(self, answer: bytearray) -> bytes:
        way, value = self._edit[1] % 6, self._edit[4]
        at = int.from_bytes(self._edit[2:4], "big") % max(1, len(answer))
        self._next_edit()
        if way == 0 and answer:
            answer[at] = value
        elif way == 1:
            del answer[at : at + 1 + value % 8]
        elif way == 2:
            answer[at:at] = bytes((value,)) * (1 + value % 4)
        elif way == 3:
            answer[-2:] = bytes((0x60 | value % 16, at % 256))
        elif way == 4:
            answer = bytearray(value * 8) + b"\x90\x00"
        else:
            del answer[at:]
        return bytes(answer)


def read_a_card(data: bytes) -> None:
    """Identify, look again, sign, and type codes at it; then it is back, and may be one that is known. Only ReaderError may
    come out, within so many exchanges.
    """
    connection, memories = LyingConnection(data), CardCaches()
    for _ in range(2):
        _use(ApduChannel(connection, max_exchanges=MOST_EXCHANGES), memories)


def _use(channel: ApduChannel, memories: CardCaches) -> None:
    with suppress(ReaderError):
        session = open_session(channel, profiles=builtin(), ledger=MemoryLedger(), memories=memories)
        session.refresh()
        session.complete()
        session.verify(Role.IDENTIFICATION, Secret("246813"), consented=True)
        session.change(Role.IDENTIFICATION, Secret("246813"), Secret("975318"), consented=True)
        session.unblock(Role.IDENTIFICATION, Secret("13579206"), Secret("975318"))
        for purpose in PURPOSES:
            session.sign(purpose, b"challenge")
    assert channel.exchange.apdus <= OPERATIONS * MOST_EXCHANGES


@cache
def tapes() -> tuple[dict[str, str], ...]:
    """Answers by command, both in hex, of each kind of card; its ATR under `atr`."""
    return tuple(json.loads(path.read_text("utf-8")) for path in sorted(TAPES.glob("*.json")))


@cache
def _authority() -> TestAuthority:
    return TestAuthority.create(NOW)


@cache
def anchors() -> tuple[x509.Certificate, ...]:
    return tuple(_authority().anchors())


@cache
def virtual_cards() -> tuple[VirtualCard, ...]:
    """One of each kind, with keys of its own."""
    return tuple(VirtualCard.create(PERSON.new, _authority(), NOW, kind=kind) for kind in KINDS)
