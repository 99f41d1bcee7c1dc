"""Make the tapes of virtual cards, and the seeds that come of them: `python -m fuzz.make_seeds`.

Run it again when the virtual cards change. Keys and names are made up, and new each time; seeds that a finding left
(named `found-...`) are not touched.
"""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader import profiles, tlv
from drivers.reader.channel import Channel
from drivers.reader.ledger import MemoryLedger
from drivers.reader.outcomes import Role
from drivers.reader.profiles import builtin
from drivers.reader.session import open_session
from drivers.reader.virtual.cards import VirtualCard
from drivers.secret import Secret
from fleet.messages import events, link
from fleet.server.orders import ADMINISTRATOR_COLUMNS, ORDER_COLUMNS
from fuzz.card import PERSON, PURPOSES, TAPES, virtual_cards
from fuzz.directory import as_input

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

    def close(self) -> None:
        """Nothing to let go."""


def record(card: VirtualCard) -> dict[str, str]:
    """All that `fuzz.card.read_a_card` asks, answered by that card."""
    recorder = Recorder(card)
    session = open_session(Channel(recorder), profiles=builtin(), ledger=MemoryLedger())
    session.refresh()
    session.complete()
    session.verify(Role.IDENTIFICATION, Secret(PERSON.new.pin), consented=True)
    for purpose in PURPOSES:
        session.sign(purpose, b"challenge")
    session.change(Role.IDENTIFICATION, Secret(PERSON.new.pin), Secret("975318"), consented=True)
    session.unblock(Role.IDENTIFICATION, Secret(PERSON.new.puk), Secret("975318"))
    return recorder.tape


def put(target: str, name: str, data: bytes) -> None:
    """Keep a seed."""
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data[:LONGEST])


def from_tapes(tape: dict[str, str], kind: str, which: int) -> None:
    """What the card answered, as input of each parser that reads it."""
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


def from_the_fleet() -> None:
    """Messages, events and files as the fleet writes them."""
    facts = events.Facts("entre-a", 1, 7, "boot", "se.kortkiosk.station.started", "2026-01-01T00:00:00Z")
    event = events.seal(facts, {"version": "0.1.0", "parts": [1, None, "ä"]})
    put("event", "started", event.wire)
    put("arrival", "event", b"\0" + event.wire)
    put("arrival", "presence", b"\2" + link.encode(link.Presence(online=True, bootid="boot")))
    messages = (
        link.Acked(1, 17, ((3, 4),)), link.Presence(True, "boot"), link.DeviceState("a", "reader", "ready", True),
        link.StationState("Entré A", "0.1.0", "boot", "2026-01-01T00:00:00Z"),
        link.Order("A1", "SE2321000999-1A06", None, True, "9999", "6XX", 3, 1, "2026-12-31"),
        link.SyncPage("entre-a", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), link.OrderAsk("SE2321000999-1A06"),
        link.Answer(ok=True, verdict="match"),
    )  # fmt: skip
    for number, message in enumerate(messages):
        put("message", f"kind-{number}", bytes((number,)) + link.encode(message))
    order = "A1,SE2321000999-1A06,Folke Kurvholm,no,99990000,6XX,3,entre-a,1,2026-12-31,," + "\r\n"
    put("orders", "orders", (",".join(ORDER_COLUMNS) + "\r\n" + order).encode())
    put("orders", "administrators", (";".join(ADMINISTRATOR_COLUMNS) + "\nSE2321000999-1A13;Maj\n").encode())
    put("printer", "status", b"\x10\x04\x01\x10\x04\x04\x1b@hello\n\x1dv0\0\2\0\1\0\xff\x00\x1dr\1\x1dVA\0")
    for path in sorted(PROFILES.glob("virtual-*.toml")):
        put("profile", path.stem, path.read_bytes())
    put("ledger", "counts", b'{"9999/01": 2, "9999/02": 0}')
    put("receipt", "document", b'{"payload":"e30","signatures":[{"protected":"e30","signature":"AA"}]}')
    put("receipt", "qr", b'.{"n":"1","k":"pickup","t":"2026-01-01T00:00:00Z","s":"a","c":"0001","h":"AA"}.AA')


def main() -> None:
    """Write everything."""
    TAPES.mkdir(exist_ok=True)
    for which, card in enumerate(sorted(virtual_cards(), key=lambda card: card.kind), start=1):
        tape = record(card)
        (TAPES / f"{card.kind}.json").write_text(json.dumps(tape, indent=0) + "\n", "utf-8")
        from_tapes(tape, card.kind, which)
        for stored in card.keys:
            put("certificate", f"{card.kind}-{stored.purpose}", stored.certificate.public_bytes(Encoding.DER))
    directories(virtual_cards()[0].keys[0].certificate.public_bytes(Encoding.DER))
    from_the_fleet()


if __name__ == "__main__":
    main()
