"""Rogue cards: copies of a card's public files, and an interposer between reader and true card. For attacks in tests.

Everything that can be read without a code can be copied: files, certificates, numbers, metadata. Private keys cannot. So a
rogue answers every read as the true card does, calls every code right, and differs from it in what its signatures are worth.

Rules: any PIN, PUK or administrative answer is taken with 9000 and remembered in `heard`; no try is ever used; no private
key of the true card is ever used; an interposer uses the true card itself, with its counters.

>>> from datetime import UTC, datetime
>>> from sim.reader.personas import person
>>> from sim.reader.pki import TestAuthority
>>> now = datetime(2026, 1, 1, tzinfo=UTC)
>>> rogue = copy_card(VirtualCard.create(person(6).new, TestAuthority.create(now), now))
>>> rogue.power_on() == rogue.atr, rogue.transmit(bytes.fromhex("0020000106303030303030")).hex()
(True, '9000')
>>> rogue.has_heard("000000")
True
"""

import secrets
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

from sim.reader import status
from sim.reader.card_memory import CardMemory
from sim.reader.cards import VirtualCard
from sim.reader.command_apdu import CHAINED, Ins, ReceivedCommand, parse
from sim.reader.der import octets, tlv
from sim.reader.keys import CardPrivateKey, generate
from sim.reader.persona import KeyAlgorithm
from sim.reader.piv import tlv as piv_tlv
from sim.reader.piv.application import DYNAMIC_AUTHENTICATION
from sim.reader.piv.codes import PivCodes
from sim.reader.piv.keys import algorithm_of
from sim.reader.piv.management import CHALLENGE, RESPONSE, WITNESS
from sim.reader.piv.memory import PivMemory
from sim.reader.piv.references import AlgorithmReference, KeyReference
from sim.reader.pkcs15_codes import StoredCode
from sim.reader.status import StatusError
from sim.reader.t0 import Answer

Signs = Literal["nothing", "garbage", "own key"]
"""What a copy does where it is to sign: refuses (6985), answers something of the right form, or signs with a key of its own."""
Order = Literal["true card first", "copy first"]
CODE_COMMANDS = frozenset({Ins.VERIFY, Ins.CHANGE_REFERENCE_DATA, Ins.RESET_RETRY_COUNTER, Ins.EXTERNAL_AUTHENTICATE})
KEY_COMMANDS = frozenset({Ins.PERFORM_SECURITY_OPERATION, Ins.INTERNAL_AUTHENTICATE, Ins.GENERAL_AUTHENTICATE})
_PIV_ALGORITHMS: dict[int, KeyAlgorithm] = {
    AlgorithmReference.RSA_2048: "RSA-2048", AlgorithmReference.RSA_3072: "RSA-3072",
    AlgorithmReference.P256: "EC-P256", AlgorithmReference.P384: "EC-P384",
}  # fmt: skip
_TAIL = 8
"""So many bytes of a garbage signature are not what the key made."""


@dataclass(frozen=True, slots=True)
class HeardCode:
    """One command with a code in it, as the rogue took it."""

    command: str
    data: bytes = field(repr=False)


class CopiedCard(VirtualCard):
    """A card with the public files of another. Made by `copy_card`."""

    def __init__(self, memory: CardMemory, forged: CardMemory, signs: Signs, protocol: Literal["T=0", "T=1"]) -> None:
        super().__init__(memory, protocol=protocol)
        self.signs: Signs = signs
        self.heard: list[HeardCode] = []
        """Every code that was sent to it, oldest first."""
        self._forger = VirtualCard(forged, protocol=protocol)
        """The same card with other keys: it does what wants a private key."""
        self._from_forger = False

    def has_heard(self, code: str) -> bool:
        """Return whether those characters came in any command."""
        return any(code.encode() in entry.data for entry in self.heard)

    def _lose(self) -> None:
        super()._lose()
        self._forger.power_on()
        self._from_forger = False

    def _answer(self, apdu: bytes) -> Answer:
        command = _parsed(apdu)
        if command is None:
            return super()._answer(apdu)
        if command.ins in CODE_COMMANDS and command.data is not None:
            self.heard.append(HeardCode(command.name, command.data))
            accept(self)
            accept(self._forger)
            return b"", status.OK
        forged = self._forge(apdu)
        if command.ins != Ins.GET_RESPONSE:
            self._from_forger = command.ins in KEY_COMMANDS
        if not self._from_forger:
            return super()._answer(apdu)
        if command.p2 == KeyReference.MANAGEMENT and command.ins == Ins.GENERAL_AUTHENTICATE:
            return self._manage(command)
        return self._signed(command, forged)

    def _forge(self, apdu: bytes) -> Answer:
        """The same command to the card with other keys, so that it has selected and set what this one has."""
        answer = self._forger.transmit(apdu)
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def _signed(self, command: ReceivedCommand, forged: Answer) -> Answer:
        if command.cla & CHAINED or self.signs == "own key":
            return forged
        if self.signs == "nothing":
            return b"", status.CONDITIONS
        data, word = forged
        return data[:-_TAIL] + secrets.token_bytes(_TAIL) if len(data) > _TAIL else data, word

    def _manage(self, command: ReceivedCommand) -> Answer:
        """The management key: any proof is taken; what the card itself is to prove is a guess."""
        memory = self.memory.piv
        block = 8 if memory is None or memory.management_algorithm is AlgorithmReference.TRIPLE_DES else 16
        objects = piv_tlv.inside(command.data or b"", DYNAMIC_AUTHENTICATION)
        tag = next((tag for tag in (WITNESS, CHALLENGE) if objects.get(tag) == b""), RESPONSE)
        if tag == RESPONSE and CHALLENGE not in objects:
            return b"", status.OK
        return tlv(DYNAMIC_AUTHENTICATION, octets(secrets.token_bytes(block), tag)), status.OK


class InterposedCard(VirtualCard):
    """Two cards behind one contact: after the first code that is accepted the other one answers. Made by `interpose_card`."""

    def __init__(self, first: VirtualCard, then: VirtualCard, memory: CardMemory) -> None:
        super().__init__(memory, protocol=first.protocol)
        self.first = first
        self.then = then
        self._switched = False

    @property
    def tries_left(self) -> tuple[int, int]:
        """Of the card that is asked first."""
        return self.first.tries_left

    def _lose(self) -> None:
        super()._lose()
        self.first.power_on()
        self.then.power_on()
        self._switched = False

    def _answer(self, apdu: bytes) -> Answer:
        if self._switched:
            return _split(self.then.transmit(apdu))
        command = _parsed(apdu)
        data, word = _split(self.first.transmit(apdu))
        if command is None or command.ins not in CODE_COMMANDS or command.data is None:
            self.then.transmit(apdu)
        elif word == status.OK:
            self._switched = True
            if isinstance(self.then, CopiedCard):
                accept(self.then)
                accept(self.then._forger)
        return data, word


def copy_card(card: VirtualCard, signs: Signs = "nothing") -> CopiedCard:
    """A copy of what can be read from that card without a code. The card itself is not touched."""
    return CopiedCard(card.copy_memory(), _forge_memory(card.copy_memory()), signs, card.protocol)


def false_new_card(card: VirtualCard) -> CopiedCard:
    """Make what an insider lays into the slot in place of a new card: it takes PUK and new PIN, and signs with its own keys."""
    return copy_card(card, "own key")


def interpose_card(card: VirtualCard, order: Order = "true card first", signs: Signs = "own key") -> InterposedCard:
    """The true card until and with the first code, a copy for the rest; or the other way round."""
    copy = copy_card(card, signs)
    first, then = (card, copy) if order == "true card first" else (copy, card)
    return InterposedCard(first, then, card.copy_memory())


def accept(card: VirtualCard) -> None:
    """Take every code of a card for verified, as its own program may."""
    codes = card.codes
    more = (getattr(codes, name, None) for name in ("signature_pin", "administrator"))
    for code in (codes.pin, codes.puk, *more):
        if isinstance(code, StoredCode):
            code.verified, code.tries_left = True, code.tries_max
    if isinstance(codes, PivCodes):
        codes.fresh = True


@cache
def forged_key(algorithm: KeyAlgorithm) -> CardPrivateKey:
    """The forger's key of that kind: one for all rogues of a process."""
    return generate(algorithm)


def _forge_memory(memory: CardMemory) -> CardMemory:
    """The same memory with the forger's private keys, and a management key that opens nothing."""
    keys = tuple(replace(key, private=_like(key.private)) for key in memory.keys)
    piv = None if memory.piv is None else _forge_piv_memory(memory.piv)
    return replace(memory, keys=keys, piv=piv, administrator=None if memory.administrator is None else _no_code())


def _forge_piv_memory(memory: PivMemory) -> PivMemory:
    keys = {slot: _like(key) for slot, key in memory.keys.items()}
    return replace(memory, keys=keys, management_key=secrets.token_bytes(len(memory.management_key)))


def _no_code() -> StoredCode:
    return StoredCode(secrets.token_bytes(32), 1, 1)


def _like(key: CardPrivateKey) -> CardPrivateKey:
    return forged_key(_PIV_ALGORITHMS[algorithm_of(key)])


def _parsed(apdu: bytes) -> ReceivedCommand | None:
    try:
        return parse(apdu, extended=True)
    except StatusError:
        return None


def _split(answer: bytes) -> Answer:
    return answer[:-2], int.from_bytes(answer[-2:], "big")
