"""An odd card, ready for a reader."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from sim.reader import card_memory as state
from sim.reader.card_factory import CardApplication, key_entries
from sim.reader.card_memory import CardMemory, StoredKey
from sim.reader.cards import Protocol, VirtualCard
from sim.reader.odd.application import OddApplication
from sim.reader.odd.codes import OddCodes, fresh
from sim.reader.odd.files import OddFiles
from sim.reader.odd.oddity import Oddity, draw
from sim.reader.personas import people
from sim.reader.pkcs15_codes import CountedCodes
from sim.reader.pki import TestAuthority

_KEY_STEP = 0x9999


class OddCard(VirtualCard):
    """A card with an oddity. It lives in memory only; `persona` says whose it is and which codes open it."""

    def __init__(self, memory: CardMemory, oddity: Oddity, *, protocol: Protocol = "T=1") -> None:
        self.oddity = oddity
        super().__init__(memory, protocol=protocol)

    def _build(self, memory: CardMemory) -> tuple[CardApplication, CountedCodes]:
        serial = bytes.fromhex(memory.persona.serial)
        entries = key_entries(memory)
        codes = OddCodes(memory.pin, memory.puk, self._store, self.oddity.form, self.oddity.references)
        files = OddFiles(self.oddity, serial, entries).build()
        return OddApplication(self.oddity, serial, files, codes, tuple(entry.key for entry in entries)), codes


def odd_card(
    seed: int, authority: TestAuthority, now: datetime, *, protocol: Protocol = "T=1", oddity: Oddity | None = None
) -> OddCard:
    """The card of that seed: the same person, keys, files and ways each time (certificates are issued anew).

    `oddity` is used in place of the seed's own, where a test wants a card that is odd in one thing.
    """
    everyone = people()
    persona = everyone[seed % len(everyone)].new
    oddity = oddity or draw(seed)
    keys: list[StoredKey] = []
    for index, purpose in enumerate(state.PURPOSES):
        private = ec.derive_private_key(2 * seed + index + _KEY_STEP, ec.SECP256R1())
        keys.append(StoredKey(purpose, private, authority.issue(persona, private.public_key(), purpose, now)))
    pin, puk = fresh(oddity.form, persona.pin, persona.puk)
    return OddCard(CardMemory("B", persona, pin, puk, tuple(keys)), oddity, protocol=protocol)
