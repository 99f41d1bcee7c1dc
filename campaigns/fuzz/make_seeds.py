"""Make the tapes of virtual cards, and the seeds that come of them: `python -m fuzz.make_seeds`.

Run it again when the virtual cards change. Keys and names are made up, and new each time; seeds that a finding left
(named `found-...`) are not touched.
"""

import hashlib
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from campaigns.fuzz.card import PERSON, PURPOSES, TAPES, virtual_cards
from campaigns.fuzz.directory import as_input
from campaigns.fuzz.envelopes import signed_seeds
from campaigns.fuzz.evidence import evidence_seeds
from campaigns.fuzz.proofs import proof_seeds
from campaigns.fuzz.written import APPLICATION, WritableCard
from drivers.reader import profiles, tlv
from drivers.reader.card_reader import open_session
from drivers.reader.errors import CommandRefusedError
from drivers.reader.outcomes import Role
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.profiles import builtin
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import ApduChannel
from fleet.messages import events, link
from fleet.messages.asking import BlockAsk, HeldResult, Word
from fleet.messages.commands import Command, CommandResult
from fleet.messages.vocabulary import CommandName, CommandOutcome, DeviceKind
from fleet.mqtt5 import serializer as mqtt
from fleet.server.keys.card_numbers import CARD_NUMBER_OID
from fleet.server.orders.order_files import ORDER_COLUMNS
from fleet.server.people.administrator_files import ADMINISTRATOR_COLUMNS
from sim.reader.cards import VirtualCard

SEEDS = Path(__file__).parent / "seeds"
PROFILES = Path(profiles.__file__).parent
LONGEST = 8192


class Recorder:
    """A connection to a virtual card that keeps what passes."""

    def __init__(self, card: VirtualCard) -> None:
        self.atr, self.protocol = card.power_on(), card.protocol
        self.tape = {"atr": self.atr.hex()}
        self._card = card

    def transmit(self, apdu: bytes) -> bytes:
        answer = self._card.transmit(apdu)
        self.tape.setdefault(apdu.hex(), answer.hex())
        return answer

    def close(self) -> None: ...


def record(card: VirtualCard) -> dict[str, str]:
    """All that `fuzz.card.read_a_card` asks, answered by that card."""
    recorder = Recorder(card)
    session = open_session(ApduChannel(recorder), profiles=builtin(), ledger=MemoryLedger())
    session.refresh()
    session.complete()
    session.verify(Role.IDENTIFICATION, Secret(PERSON.new.pin), consented=True)
    for purpose in PURPOSES:
        session.sign(purpose, b"challenge")
    session.change(Role.IDENTIFICATION, Secret(PERSON.new.pin), Secret("975318"), consented=True)
    session.unblock(Role.IDENTIFICATION, Secret(PERSON.new.puk), Secret("975318"))
    return recorder.tape


def put(target: str, name: str, data: bytes) -> None:
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data[:LONGEST])


def from_tapes(tape: dict[str, str], kind: str, which: int) -> None:
    """Put down what the card answered, as input of each parser that reads it."""
    put("card", f"tape-{kind}", bytes((which,)))
    put("card", f"edits-{kind}", bytes((which, 3, 0, 0, 9, 0x30, 2, 3, 0, 4, 1)))
    put("vpcd", f"atr-{kind}", bytes((which - 1,)) + b"\0\1\4\0\1\1")
    commands = [bytes.fromhex(command) for command in tape if command != "atr"]
    framed = b"".join(len(command).to_bytes(2, "big") + command for command in commands[:20])
    put("vpcd", f"reading-{kind}", bytes((which - 1,)) + b"\0\1\1" + framed)
    answers = {bytes.fromhex(answer)[:-2] for command, answer in tape.items() if command != "atr"}
    for answer in sorted(answers, key=len)[-4:]:
        name = hashlib.sha256(answer).hexdigest()[:8]
        put("tlv", f"{kind}-{name}", answer)
        for number in range(6):
            put("pkcs15", f"{kind}-{number}-{name}", bytes((number,)) + answer)
        for number in (0, 2, 3, 5, 7):
            put("piv", f"{kind}-{number}-{name}", bytes((number,)) + answer)


def directories(certificate: bytes) -> None:
    """A PKCS#15 directory with a code, a key and a certificate; and one that lists a file again and again."""

    def path(name: str) -> bytes:
        return tlv.encode(tlv.SEQUENCE, tlv.encode(tlv.OCTET_STRING, bytes.fromhex("3f005015" + name)))

    def entry(own: bytes, attributes: bytes) -> bytes:
        inside = tlv.encode(0xA1, tlv.encode(tlv.SEQUENCE, attributes))
        return tlv.encode(tlv.SEQUENCE, tlv.encode(tlv.SEQUENCE, b"") + tlv.encode(tlv.SEQUENCE, own) + inside)

    named = tlv.encode(tlv.OCTET_STRING, b"\x01")
    code = entry(named, bytes.fromhex("03020710 0a0101 020106 020108 020108 800101 0401ff"))
    listed = entry(named, path("4404"))
    key = entry(named + bytes.fromhex("03020520 020101"), path("4404"))
    odf = tlv.encode(0xA8, path("4401")) + tlv.encode(0xA4, path("4402")) + tlv.encode(0xA0, path("4403"))
    token = bytes.fromhex("300a0201000401aa030205a0")
    put("directory", "whole", as_input([odf, token, code, listed, key, certificate]))
    again = tlv.encode(0xA4, path("4402")) * 200
    put("directory", "again-and-again", as_input([again, token, code, listed * 40, key, certificate]))


def written(card: VirtualCard) -> None:
    """Put down what is written to cards, and a card of kind B to write to, with each command going wrong in each way."""
    files = CardFiles(ApduChannel(Recorder(card)))
    contents = []
    for name in WritableCard.NAMES:
        try:
            contents.append(files.read(APPLICATION + bytes.fromhex(name)))
        except CommandRefusedError:
            contents.append(b"")
    for mood in (0, 1, 2, 3, 5, 6, 7, 14, 15, 22, 31):
        put("writing", f"card-{mood}", bytes((mood,)) + as_input(contents))
    put("written", "entries", b"\0\1\x85\3abc\1AMade up")
    for number, name in enumerate(("4402", "4403", "4404")):
        put("written", f"directory-{number}", b"\1" + contents[WritableCard.NAMES.index(name)])
    put("written", "certificate", b"\2" + contents[WritableCard.NAMES.index("4301")])
    named, text = bytes.fromhex("3006 0c044d616465"), bytes.fromhex("0c044d616465")
    oid, value = bytes.fromhex("06082a85708122020304"), bytes.fromhex("a003040161")
    path = tlv.encode(tlv.SEQUENCE, tlv.encode(tlv.OCTET_STRING, APPLICATION + b"\x45\1"))
    listed = [
        tlv.encode(tag, named + tlv.encode(tlv.SEQUENCE, own) + tlv.encode(0xA1, held_in))
        for tag, own, held_in in ((0x30, text, path), (0xA0, oid, value), (0xA1, text + oid, tlv.encode(0x30, path)))
    ]
    put("written", "data-objects", b"\3" + b"".join(listed))
    put("pkcs15", "data-objects", b"\7" + b"".join(listed))


def from_the_fleet() -> None:
    """Messages, events and files as the fleet writes them."""
    facts = events.Facts("entre-a", 1, 7, "boot", "se.kortkiosk.station.started", "2026-01-01T00:00:00Z")
    event = events.seal(facts, {"version": "0.1.0", "parts": [1, None, "ä"]})
    put("event", "started", event.wire)
    put("arrival", "event", b"\0" + event.wire)
    put("broker", "publish", mqtt.publish("a/acked", b"{}", 7, correlation=b"\1", content_type="application/json"))
    put("broker", "puback", mqtt.puback([7, 8]))
    put("broker", "connack", bytes.fromhex("200601000321000a"))
    put("broker", "disconnect", bytes.fromhex("e0018e"))
    result = CommandResult(7, "0" * 64, CommandOutcome.REFUSED, "busy", lines=("2026-01-01T00:00:00Z door.shut",))
    put("arrival", "result", b"\5" + link.encode(result))
    command_fields = (
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:15:00Z",
        "the card lies across",
        "tove.test",
        "olle.test",
        14,
    )
    put("message", "command", b"\x0c" + link.encode(Command("entre-a", 7, CommandName.OPEN_SLOT, *command_fields)))
    put("message", "result", b"\x0d" + link.encode(result))
    put("arrival", "presence", b"\2" + link.encode(link.Presence(online=True, bootid="boot")))
    messages = (
        link.Acked(1, 17, ((3, 4),)), link.Presence(True, "boot"), link.DeviceState("a", DeviceKind.READER, "ready", True),
        link.StationState("Entré A", "0.1.0", "boot", "2026-01-01T00:00:00Z"),
        link.Order("A1", "SE2321000999-1A06", None, True, "9999", "6XX", 3, 1, "2026-12-31"),
        link.SyncPage("entre-a", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), link.OrderAsk("SE2321000999-1A06"),
        link.Answer(ok=True, verdict="match"),
    )  # fmt: skip
    for number, message in enumerate(messages):
        put("message", f"kind-{number}", bytes((number,)) + link.encode(message))
    block = BlockAsk(id="0" * 32, card_number="9999", reason="lost", wanted="2026-01-01T00:00:00Z")
    put("message", "block", b"\6" + link.encode(block))
    put(
        "message",
        "word",
        b"\x0a" + link.encode(Word("entre-a", "0" * 32, "2026-01-01T00:00:00Z", HeldResult("active"))),
    )
    name = x509.Name([x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, "TEST000000-0001")])
    in_request = x509.UnrecognizedExtension(CARD_NUMBER_OID, b"\x13\x049999")
    builder = x509.CertificateSigningRequestBuilder().subject_name(name).add_extension(in_request, critical=False)
    request = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    put("request", "one", request.public_bytes(Encoding.DER))
    order = "A1,SE2321000999-1A06,Folke Kurvholm,no,99990000,6XX,3,entre-a,1,2026-12-31,," + "\r\n"
    put("orders", "orders", (",".join(ORDER_COLUMNS) + "\r\n" + order).encode())
    put(
        "orders",
        "administrators",
        (";".join(ADMINISTRATOR_COLUMNS) + "\nSE2321000999-1A13;Maj;KRA KUR;3;entre-*;;\n").encode(),
    )
    put("printer", "status", b"\x10\x04\x01\x10\x04\x04\x1b@hello\n\x1dv0\0\2\0\1\0\xff\x00\x1dr\1\x1dVA\0")
    put("printer", "letters", b"\x1b@\x1bt\x13\x1d!\1\x1bE\1\x8fsa\n\x1ba\1\x1bJ\4\x1bd\2")
    qr = b"\x1d(k\x03\x001C\3\x1d(k\x03\x001E1\x1d(k\x06\x001P0KK1\x1d(k\x03\x001Q0"
    put("printer", "codes", qr + b"\x1dh\x10\x1dw\2\x1dkI\4{BA1")
    for path in sorted(PROFILES.glob("virtual-*.toml")):
        put("profile", path.stem, path.read_bytes())
    put("ledger", "counts", b'{"9999/01": 2, "9999/02": 0}')
    put("receipt", "document", b'{"payload":"e30","signatures":[{"protected":"e30","signature":"AA"}]}')
    put("receipt", "qr", b'.{"n":"1","k":"pickup","t":"2026-01-01T00:00:00Z","s":"a","c":"0001","h":"AA"}.AA')


def main() -> None:
    TAPES.mkdir(exist_ok=True)
    for which, card in enumerate(sorted(virtual_cards(), key=lambda card: card.kind), start=1):
        tape = record(card)
        (TAPES / f"{card.kind}.json").write_text(json.dumps(tape, indent=0) + "\n", "utf-8")
        from_tapes(tape, card.kind, which)
        for stored in card.keys:
            put("certificate", f"{card.kind}-{stored.purpose}", stored.certificate.public_bytes(Encoding.DER))
    directories(virtual_cards()[0].keys[0].certificate.public_bytes(Encoding.DER))
    written(next(card for card in virtual_cards() if card.kind == "B"))
    from_the_fleet()
    for name, data in evidence_seeds():
        put("evidence", name, data)
    for name, data in proof_seeds():
        put("proof", name, data)
    for name, data in signed_seeds():
        put("signed", name, data)


if __name__ == "__main__":
    main()
