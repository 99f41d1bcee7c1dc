"""Written cards: what is written is read again as it was meant, and a card that lies does no harm here.

`read_what_was_written`: the first byte of an input says what of it is written: an entry of a key or certificate (kind B), a
change of a directory, a certificate object (PIV), or nothing, and the rest is a list of data objects.
`write_to_a_card`: the first byte says which command that changes something goes wrong, and how; then come the card's files,
as in `campaigns.fuzz.directory`, under the names that cards of kind B give them.

>>> read_what_was_written(b"")
>>> write_to_a_card(b"")
"""

import time
from contextlib import suppress
from typing import Literal

from campaigns.fuzz.card import MOST_EXCHANGES, OPERATIONS
from campaigns.fuzz.directory import NOT_FOUND, OK, SLOWEST_S, FileCard
from drivers.reader import tlv
from drivers.reader.apdu import SHORT_DATA
from drivers.reader.card_reader import open_session
from drivers.reader.errors import ReaderError
from drivers.reader.keys import ManagementAlgorithm
from drivers.reader.outcomes import Accepted
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.piv import objects as piv
from drivers.reader.piv.key_management import PivKeyManager
from drivers.reader.pkcs15 import directory_entries as entries
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.directory_entries import NewKey
from drivers.reader.pkcs15.values import FilePath
from drivers.reader.profiles import builtin
from drivers.reader.tlv import TlvError
from drivers.reader.transport.channel import ApduChannel
from sim.reader.kinds import KINDS

APPLICATION = bytes.fromhex("3f005015")
CREATE, UPDATE, DELETE, GENERATE, GET_DATA, PUT_DATA, AUTHENTICATE = 0xE0, 0xD6, 0xE4, 0x46, 0xCA, 0xDB, 0x87
NO_RIGHT = b"\x69\x82"
CHALLENGE = bytes.fromhex("7c0a8108") + bytes(8)
POINT = bytes.fromhex(
    "864104"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
"""The base point of P-256, which is nobody's key."""


def read_what_was_written(data: bytes) -> None:
    which, rest = (data[0] % 4, data[1:]) if data else (0, b"")
    (_entries, _directory, _certificate_object, _data_objects)[which](rest)


def _entries(data: bytes) -> None:
    """Two bytes, an id with its length before it, a code's authId with its own, and a label."""
    flags, reference, rest = data[:1], data[1:2] or b"\1", data[2:]
    key_id, rest = _sized(rest)
    guard, rest = _sized(rest)
    label = "".join(c for c in rest.decode("utf-8", "replace") if c.isprintable())[: entries.MAX_LABEL].strip()
    elliptic, file = bool(flags and flags[0] & 1), APPLICATION + b"\x4b" + reference
    key = NewKey(key_id, label, guard, reference[0], 256 if elliptic else 2048, elliptic, file, file)
    (private,) = objects.parse_keys(entries.private_key(key) + bytes(8))
    assert (private.id, private.label, private.auth_id, private.path) == (key_id, label, guard, file)
    assert (private.reference, private.elliptic) == (reference[0], elliptic)
    (public,) = objects.parse_public_keys(entries.public_key(key) + bytes(8))
    assert (public.id, public.value) == (key_id, FilePath(file))
    (certificate,) = objects.parse_certificates(entries.certificate(key_id, label, file) + bytes(8))
    assert (certificate.id, certificate.label, certificate.value) == (key_id, label, FilePath(file))
    assert objects.lists_certificates(entries.certificate(key_id, label, file))
    assert not objects.lists_certificates(entries.public_key(key) + entries.private_key(key))


def _sized(data: bytes) -> tuple[bytes, bytes]:
    """1 to 32 bytes, and what is left."""
    end = 2 + data[0] % 32 if data else 1
    return data[1:end].ljust(1, b"A"), data[end:]


def _directory(content: bytes) -> None:
    """Any directory: an entry more, one in the place of the first, one less; nothing else in it changes."""
    with suppress(TlvError):
        kept = [node.raw for node in entries.entries(content)]
        entry = entries.certificate(b"E", "made up", APPLICATION + b"\x43\x01")
        for listed in ([*kept, entry], [entry, *kept[1:]], kept[1:]):
            change = entries.change(content, b"".join(listed))
            if change is None:
                continue
            assert len(change.data) <= SHORT_DATA
            written = content[: change.offset] + change.data + content[change.offset + len(change.data) :]
            assert len(written) == len(content)
            assert [node.raw for node in entries.entries(written)] == listed


class _Token:
    """A PIV card that keeps what is put into it. Implements `drivers.reader.port.CardConnection`."""

    atr = bytes.fromhex("3B00")
    protocol: Literal["T=0", "T=1"] = "T=1"

    def __init__(self) -> None:
        self.kept = b""

    def transmit(self, apdu: bytes) -> bytes:
        """Challenge, answer, and PUT DATA in parts."""
        if apdu[1] == PUT_DATA:
            self.kept += apdu[5 : 5 + apdu[4]]
        return (CHALLENGE if apdu[1] == AUTHENTICATE else b"") + OK

    def close(self) -> None: ...


class _Answerer:
    """Answers for a management key. Implements `drivers.reader.keys.ManagementKey`."""

    algorithm: ManagementAlgorithm = "3DES"

    def answer(self, challenge: bytes) -> bytes:
        return challenge


def _certificate_object(der: bytes) -> None:
    """Written as it goes to the card, and read as it comes from one."""
    token = _Token()
    assert PivKeyManager(ApduChannel(token), lambda: None).write(piv.AUTHENTICATION, der, _Answerer()) == Accepted()
    named, content = tlv.parse(token.kept)
    assert named.value == bytes.fromhex("5FC105")
    with suppress(TlvError):
        certificate = piv.parse_certificate(piv.content(content.raw))
        assert certificate == b"" or der.lstrip(b"\0\xff").startswith(certificate)


def _data_objects(data: bytes) -> None:
    with suppress(TlvError):
        data_objects = objects.parse_data_objects(data)
        assert len(data_objects) <= objects.MAX_ENTRIES
        for each in data_objects:
            assert (each.label + each.application).isprintable()
            where = each.value.path if isinstance(each.value, FilePath) else each.value
            assert len(where) <= objects.MAX_VALUE


class WritableCard(FileCard):
    """Takes what changes it, but for one command of which the input says how it goes wrong."""

    atr = KINDS["B"].atr
    NAMES = ("5031", "5032", "4401", "4402", "4403", "4404", "4301", "4302", "5501", "5502", "4305")

    def __init__(self, data: bytes) -> None:
        mood = data[0] if data else 0
        self._way, self._until = mood % 4, mood // 4
        super().__init__(data[1:])

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[1] == GET_DATA:
            return POINT[:-1] + OK if self._way == 1 else POINT + OK
        if apdu[1] not in (CREATE, UPDATE, DELETE, GENERATE):
            return super().transmit(apdu)
        self._until -= 1
        if self._until == -1 and self._way:
            return {1: NO_RIGHT, 2: OK, 3: b""}[self._way]
        return self._changed(apdu[1], int.from_bytes(apdu[2:4], "big"), apdu[5 : 5 + apdu[4]] if apdu[4:] else b"")

    def _changed(self, instruction: int, at: int, data: bytes) -> bytes:
        if instruction == CREATE:
            number = data[data.index(b"\x83\x02") + 2 :][:2].hex()
            self._current_name, self.files[number] = number, bytes(int.from_bytes(data[4:6], "big"))
        elif self._current is None and instruction != GENERATE:
            return NOT_FOUND
        elif instruction == UPDATE:
            old = self.files[self._current_name]
            self.files[self._current_name] = old[:at] + data + old[at + len(data) :]
        elif instruction == DELETE:
            del self.files[self._current_name]
        return OK


def write_to_a_card(data: bytes) -> None:
    """Make a key, write and delete a certificate. Only ReaderError may come out, in bounded time and exchanges."""
    card = WritableCard(data)
    der, channel = card.files.get("4301", b""), ApduChannel(card, max_exchanges=MOST_EXCHANGES)
    began = time.process_time()
    with suppress(ReaderError):
        session = open_session(channel, profiles=builtin(), ledger=MemoryLedger())
        session.complete()
        ids = [certificate.id for certificate in session.facts.certificates] or ["45"]
        session.generate_key("99", "EC-P256")
        if session.write_certificate(ids[0], der) == Accepted():
            assert der in [certificate.der for certificate in session.facts.certificates]
        session.delete_certificate(ids[0])
    assert time.process_time() - began < SLOWEST_S
    assert channel.exchange.apdus <= OPERATIONS * MOST_EXCHANGES
