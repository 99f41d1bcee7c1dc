"""How each kind of card is spoken to in raw APDUs: its name, its references, how a code becomes bytes."""

from dataclasses import dataclass

from sim.reader.cards import VirtualCard
from sim.reader.personas import person

PUK = person(1).new.puk
NEW = "975310"
WRONG, WRONG_PUK = "000000", "00000000"


@dataclass(frozen=True)
class Language:
    """One kind's."""

    aid: str
    reference: int
    stored: int
    filler: int

    def code(self, *codes: str) -> bytes:
        """Codes, each filled up to the stored length."""
        return b"".join(code.encode().ljust(self.stored, bytes([self.filler])) for code in codes)


PIV_AID = "A000000308000010000100"
LANGUAGES = {
    "A": Language("F276A288BCFBA69D34F31001", 1, 16, 0x00),
    "B": Language("A000000063504B43532D3135", 1, 8, 0xFF),
    "C": Language(PIV_AID, 0x80, 8, 0xFF),
    "D": Language(PIV_AID, 0x80, 8, 0xFF),
}


class Talk:
    """A card of which the application is selected. Each method gives the status word as hex."""

    def __init__(self, card: VirtualCard) -> None:
        self.card = card
        self.language = LANGUAGES[card.kind]
        assert self.select() == "9000"

    def ask(self, header: str, data: bytes = b"", le: str = "") -> tuple[str, bytes]:
        """Send one short command; fetch the rest of its answer. T=0 has no Le behind data."""
        body = bytes([len(data)]) + data if data else b""
        wanted = b"" if data and self.card.protocol == "T=0" else bytes.fromhex(le)
        answer = self.card.transmit(bytes.fromhex(header) + body + wanted)
        found = answer[:-2]
        while answer[-2] == 0x61:
            answer = self.card.transmit(bytes.fromhex("00C00000") + answer[-1:])
            found += answer[:-2]
        return answer[-2:].hex().upper(), found

    def send(self, header: str, data: bytes = b"", le: str = "") -> str:
        """The status word alone."""
        return self.ask(header, data, le)[0]

    def select(self) -> str:
        return self.send("00A40400", bytes.fromhex(self.language.aid), "00")

    def empty(self, lc: str = "") -> str:
        return self.card.transmit(bytes.fromhex(f"002000{self.language.reference:02X}{lc}")).hex().upper()

    def verify(self, code: str, *, padded: bool = True) -> str:
        data = self.language.code(code) if padded else code.encode()
        return self.send(f"002000{self.language.reference:02X}", data)

    def change(self, old: str, new: str) -> str:
        return self.send(f"002400{self.language.reference:02X}", self.language.code(old, new))

    def unblock(self, puk: str, new: str) -> str:
        return self.send(f"002C00{self.language.reference:02X}", self.language.code(puk, new))

    def lock(self) -> list[str]:
        """Wrong PINs until one more than the card has; what it answered."""
        return [self.verify(WRONG) for _ in range(self.card.tries_left[0] + 1)]
