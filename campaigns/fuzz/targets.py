"""The targets: each takes any bytes, and only the parser's own error may come of them, which it swallows.

A target that returns is content; every exception that leaves it is a finding. No target sleeps, opens a file for
writing outside a temporary folder, or talks to a network.

>>> TARGETS["tlv"](bytes.fromhex("6105"))
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from campaigns.fuzz.card import NOW, anchors, read_a_card, virtual_cards
from campaigns.fuzz.directory import read_a_directory
from campaigns.fuzz.envelopes import read_signed
from campaigns.fuzz.evidence import check_evidence
from campaigns.fuzz.proofs import read_a_proof
from campaigns.fuzz.written import read_what_was_written, write_to_a_card
from drivers.printer import protocol
from drivers.printer.protocol import StatusBytes, decode_status
from drivers.reader import tlv
from drivers.reader.certificates import identity
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.pin.try_ledger import FileLedger
from drivers.reader.piv import key_management as management
from drivers.reader.piv import objects as piv
from drivers.reader.pkcs15 import objects as pkcs15
from drivers.reader.pkcs15.directory import CardDirectory, CertificateFile
from drivers.reader.pkcs15.values import CertificateObject, KeyObject, TokenInfo
from drivers.reader.profiles import ProfileError, builtin
from drivers.reader.profiles import parse as parse_profile
from drivers.reader.tlv import MAX_OBJECTS, Tlv, TlvError
from drivers.reader.transport import pinpad
from drivers.reader.transport.atr import historical_bytes, offers_extended_length
from fleet.messages import events, link
from fleet.messages.asking import IdentifiedAsk, Word
from fleet.messages.commands import Command, CommandResult
from fleet.messages.region import RegionPage
from fleet.mqtt5 import packets
from fleet.server.broker.transport import Incoming
from fleet.server.files.csv_files import FileError
from fleet.server.ingest import parse, projections
from fleet.server.ingest.parse import ArrivedEvent
from fleet.server.issuers.certificate_requests import check_request
from fleet.server.issuers.service import check_bounds
from fleet.server.orders import order_files as orders
from fleet.server.people import administrator_files as administrators
from fleet.server.verifier.model import Check, EnvelopeVerdict
from kiosk.receipts import verification, wire
from kiosk.receipts.facts import ReceiptError
from sim.issuer.enrollment import NotEnrolledError, read_request
from sim.printer.escpos_parser import next_command
from sim.printer.machine import PrinterMachine
from sim.reader import vpcd
from sim.reader.command_apdu import parse as parse_apdu
from sim.reader.slot import CardTornError
from sim.reader.status import StatusError

Target = Callable[[bytes], None]
MESSAGES = (
    link.Acked, link.Presence, link.DeviceState, link.StationState, link.Order, link.SyncPage, link.Ask, link.Answer,
)  # fmt: skip
STATION_TOPIC = "kortkiosk/v1/entre-a/"


def fuzz_tlv(data: bytes) -> None:
    """BER-TLV: every object that is found, with all that can be asked of it."""
    for read in (tlv.parse, tlv.parse_prefix):
        with suppress(TlvError):
            nodes = read(data)
            assert sum(1 for _ in _walk(nodes)) <= MAX_OBJECTS * tlv.MAX_DEPTH
            for node in nodes:
                again = tlv.parse(tlv.encode(node.tag, node.value))[0]
                assert (again.tag, again.value) == (node.tag, node.value)


def _walk(nodes: tuple[Tlv, ...]) -> Iterator[Tlv]:
    for node in nodes:
        yield node
        node.text()
        for ask in (node.integer, node.bits, lambda node=node: node.small(7)):
            with suppress(TlvError):
                ask()
        with suppress(TlvError):
            yield from _walk(node.children)


def fuzz_pkcs15(data: bytes) -> None:
    """The directory files of ISO/IEC 7816-15; the first byte says which."""
    read: tuple[Callable[[bytes], object], ...] = (
        pkcs15.parse_dir, pkcs15.parse_odf, pkcs15.parse_token_info, pkcs15.parse_codes, pkcs15.parse_keys,
        pkcs15.parse_certificates, pkcs15.parse_public_keys, pkcs15.parse_data_objects, pkcs15.lists_codes,
        pkcs15.lists_certificates,
    )  # fmt: skip
    with suppress(TlvError):
        read[data[0] % len(read)](data[1:]) if data else None


def fuzz_piv(data: bytes) -> None:
    """The data objects of SP 800-73, and what else a card or its reader says; the first byte says which."""
    read: tuple[Callable[[bytes], object], ...] = (
        piv.parse_application, piv.parse_discovery, piv.content, piv.parse_chuid, piv.parse_capability,
        piv.parse_certificate, piv.parse_key_history, piv.parse_metadata, piv.unpack, pinpad.features,
        historical_bytes, offers_extended_length,
        lambda raw: management.public_key_of(tlv.parse_prefix(raw)),
    )  # fmt: skip
    with suppress(TlvError):
        read[data[0] % len(read)](data[1:]) if data else None


def fuzz_certificate(data: bytes) -> None:
    """A certificate of a card: whose, for what, born when, by whom, and does the chain hold."""
    entry = CertificateObject(b"\x45", "made up", False, data)
    key = KeyObject(b"\x45", "", b"", frozenset({2}), 1, b"", elliptic=False)
    directory = CardDirectory(b"", TokenInfo(b"", "", ""), (), (key,), (CertificateFile(entry, data),))
    for profile in builtin():
        read = identity.read_certificates(directory, profile)
        identity.birth_dates_of(read)
        identity.card_number_of(read, "", profile)
        identity.digest_of(read)
    with _loop() as run:
        run(TrustStore(anchors()).judge(data, NOW, [data]))


class _Line:
    """A connection from which those bytes come, in parts."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def setsockopt(self, *_: int) -> None: ...

    def recv(self, size: int) -> bytes:
        """At most seven bytes at a time."""
        part, self._left = self._left[: min(size, 7)], self._left[min(size, 7) :]
        return part


def fuzz_vpcd(data: bytes) -> None:
    """Messages of the virtual reader's driver: framing, controls and commands to each kind of card."""
    card = virtual_cards()[data[0] % len(virtual_cards())] if data else virtual_cards()[0]
    line: Any = _Line(data[1:])
    card.power_on()
    with suppress(CardTornError):
        while (message := vpcd._receive(line)) is not None:
            answer = vpcd._react(card, message)
            assert answer is None or len(answer) < 1 << 16
            for extended in (False, True):
                with suppress(StatusError):
                    parse_apdu(message, extended=extended)


def fuzz_event(data: bytes) -> None:
    """An event from the wire; what is one is the same one again, and its data are an object."""
    with suppress(events.EventError):
        event = events.parse(data)
        assert events.parse(event.wire) == event
        assert events.restore(event.envelope, event.data, event.salt) == event
        event.content()


def fuzz_message(data: bytes) -> None:
    """Everything else on the link, of both sides, and what the verifier reads; the first byte says which."""
    kinds = (*MESSAGES, Check, EnvelopeVerdict, Word, RegionPage, Command, CommandResult)
    kind: Any = kinds[data[0] % len(kinds)] if data else link.Ask
    with suppress(link.MessageError):
        message = link.decode(kind, data[1:])
        assert link.decode(kind, link.encode(message)) == message
        if isinstance(message, IdentifiedAsk):
            check_bounds(message)


def fuzz_request(data: bytes) -> None:
    """A certificate request from a station, before the issuer sees it, and again where the simulator reads it."""
    refusal = check_request(data, "TEST000000-0001", "9999")
    assert refusal is None or refusal.reason in ("bad_request", "weak_key", "other_card", "other_person")
    with suppress(NotEnrolledError):
        read_request(data)


def fuzz_broker(data: bytes) -> None:
    """Feed what a broker sends to the server's own client, in two pieces: packets, or malformed."""
    reader = packets.Packets(4096)
    cut = len(data) // 2
    with suppress(packets.MalformedError):
        reader.feed(data[:cut])
        reader.feed(data[cut:])


def fuzz_arrival(data: bytes) -> None:
    """Parse a message as the server does: an arrival, spoilt or not, and never an exception."""
    kinds = ("events", "state", "presence", "acked", "", "commands/result")
    topic = STATION_TOPIC + kinds[data[0] % len(kinds)] if data else "elsewhere"
    arrival = parse.parse_message(Incoming(topic, data[1:], None))
    if isinstance(arrival, ArrivedEvent):
        projections.changes_of(arrival.event, NOW)
        projections.errand_of(arrival.event)


def fuzz_receipt(data: bytes) -> None:
    """A receipt, as a file and as the text of a QR code; and each of its parts."""
    verification.verify_receipt(data, verification.ReceiptTrust())
    text = data.decode("utf-8", "surrogateescape")
    verification.verify_receipt(text, verification.ReceiptTrust())
    verification.verify_receipt(wire.QR_PREFIX + text, verification.ReceiptTrust())
    for kind in (wire.ReceiptDocument, wire.Header, wire.Payload, wire.Compact, wire.Signature):
        with suppress(ReceiptError):
            wire.decode(data, kind)
    for decode in (wire.from_b64url, wire.from_b64):
        with suppress(ReceiptError):
            decode(text)


def fuzz_orders(data: bytes) -> None:
    """The office's CSV files."""
    for read in (orders.read_orders, administrators.read_administrators):
        with suppress(FileError):
            read(data)


def fuzz_printer(data: bytes) -> None:
    """Feed what the virtual printer is sent, and what a printer answers."""
    machine = PrinterMachine(576)
    answers = machine.feed(data[:1024])
    assert all(protocol.is_real_time(answer) or protocol.is_in_turn(answer) for answer in answers)
    taken = next_command(data)
    assert taken is None or 0 < taken[0] <= len(data)
    if len(data) >= 4:
        decode_status(StatusBytes(data[0], data[1], data[2] if data[2] & 1 else None, data[3]))


def fuzz_ledger(data: bytes) -> None:
    """The station's own count of tries, on a disk that keeps something else; it is never less strict for it."""
    path = Path(_folder().name) / "tries.json"
    path.write_bytes(data)
    ledger = FileLedger(path)
    assert ledger.used("9999", "01") >= 0
    ledger.spend("9999", "01")
    assert ledger.used("9999", "01") >= 1


def fuzz_profile(data: bytes) -> None:
    """A product profile that somebody hands in."""
    with suppress(ProfileError):
        parse_profile(data.decode("utf-8", "replace"), "odd.toml")


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    """Gone when the program ends."""
    return tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True)


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


@contextmanager
def _loop() -> Iterator[Callable[[Any], Any]]:
    yield _runner().run


TARGETS: dict[str, Target] = {
    "tlv": fuzz_tlv,
    "pkcs15": fuzz_pkcs15,
    "piv": fuzz_piv,
    "card": read_a_card,
    "directory": read_a_directory,
    "written": read_what_was_written,
    "writing": write_to_a_card,
    "certificate": fuzz_certificate,
    "vpcd": fuzz_vpcd,
    "event": fuzz_event,
    "message": fuzz_message,
    "request": fuzz_request,
    "arrival": fuzz_arrival,
    "broker": fuzz_broker,
    "receipt": fuzz_receipt,
    "orders": fuzz_orders,
    "printer": fuzz_printer,
    "ledger": fuzz_ledger,
    "profile": fuzz_profile,
    "evidence": check_evidence,
    "signed": read_signed,
    "proof": read_a_proof,
}
