"""Factory of virtual cards: from a persona to a card's memory, and from a memory to the application of the card's kind."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from sim.reader import administrative_key as administration
from sim.reader import card_memory as state
from sim.reader.applet_codes import AppletCodes
from sim.reader.card_memory import CardMemory, StoredKey
from sim.reader.code_traits import code_ways
from sim.reader.command_apdu import ReceivedCommand
from sim.reader.file_traits import FileWays, Serial, file_ways
from sim.reader.keys import CardKey, generate
from sim.reader.kinds import KINDS
from sim.reader.persona import Persona
from sim.reader.piv.application import PivApplication
from sim.reader.piv.codes import PivCodes
from sim.reader.piv.issue import issue
from sim.reader.piv.traits import TRAITS
from sim.reader.pkcs15_application import WAYS_A, WAYS_B, Pkcs15Application
from sim.reader.pkcs15_codes import CountedCodes, Pkcs15Codes, StoredCode
from sim.reader.pkcs15_files import LOOK_A, KeyWithCertificate, ObjectTraits, described, file_system, look_b
from sim.reader.pki import TestAuthority
from sim.reader.secured import SecuredApplication
from sim.reader.signing_traits import signing_ways
from sim.reader.t0 import Answer
from sim.reader.traits import FREE_KEY, check
from sim.reader.write_commands import WriteCommands

CERTIFICATE_FILES, PUBLIC_FILES, KEY_FILES = 0x4301, 0x5501, 0x4B01


class CardApplication(Protocol):
    """Application of a card: what carries its commands out."""

    def reset(self) -> None:
        """Lose what does not outlive the power."""

    def execute(self, command: ReceivedCommand) -> Answer:
        """Carry a whole command out. Raises StatusError where it ends early."""


def make_memory(
    kind: str, persona: Persona, authority: TestAuthority, now: datetime, traits: Iterable[str] = ()
) -> CardMemory:
    """A card as it leaves its issuer.

    Raises KeyError for a kind that is not in `KINDS`, ValueError where the persona has two PINs and the kind one, and
    UnknownTraitError, which is one.
    """
    if persona.signature_pin and kind != "B":
        raise ValueError(f"kind {kind} has one PIN")
    keys: list[StoredKey] = []
    for purpose in state.PURPOSES:
        private = generate(persona.key_algorithm)
        certificate = authority.issue(persona, private.public_key(), purpose, now)
        keys.append(StoredKey(purpose, private, certificate))
    return fresh_memory(kind, persona, authority, now, tuple(keys), traits)


def fresh_memory(
    kind: str, persona: Persona, authority: TestAuthority, now: datetime, keys: tuple[StoredKey, ...],
    traits: Iterable[str] = (),
) -> CardMemory:  # fmt: skip
    """The same with keys and certificates that are there already, for tests that make many cards."""
    ways, names = KINDS[kind], check(traits, kind)
    if FREE_KEY in names:
        keys = (*keys, own_key(persona, authority, now))
    pin = StoredCode(persona.pin.encode(), ways.pin_tries, ways.pin_tries)
    puk = StoredCode(persona.puk.encode(), ways.puk_tries, ways.puk_tries)
    piv_traits = TRAITS.get(kind)
    told = file_ways(names).serial
    piv = issue(persona, authority, now, keys, piv_traits, told) if piv_traits is not None else None
    second = (
        StoredCode(persona.signature_pin.encode(), ways.pin_tries, ways.pin_tries) if persona.signature_pin else None
    )
    administrator = administration.issue_key(persona.serial) if kind == "B" else None
    return CardMemory(kind, persona, pin, puk, keys, piv, second, administrator, traits=names)


def own_key(persona: Persona, authority: TestAuthority, now: datetime) -> StoredKey:
    """The card's own key, which answers without a code, and its certificate."""
    private = generate("EC-P256")
    return StoredKey("card", private, authority.issue(persona, private.public_key(), "card", now))


def build(memory: CardMemory, store: Callable[[], None]) -> tuple[CardApplication, CountedCodes]:
    """The application and the codes that work on that memory; `store` makes it durable."""
    files = file_ways(memory.traits)
    application, codes = _application(memory, files, store)
    return SecuredApplication(application, files.guard) if files.guard else application, codes


def _application(
    memory: CardMemory, file_way: FileWays, store: Callable[[], None]
) -> tuple[CardApplication, CountedCodes]:
    serial = told_serial(memory.persona, file_way.serial)
    if memory.piv is not None:
        traits = replace(TRAITS[memory.kind], tells_serial=file_way.serial != "none")
        piv_codes = PivCodes(memory.pin, memory.puk, store, traits)
        return PivApplication(memory.piv, piv_codes, traits, serial, store), piv_codes
    entries = key_entries(memory)
    keys = tuple(entry.key for entry in entries)
    signing = signing_ways(memory.traits)
    ways = replace(WAYS_A if memory.kind == "A" else WAYS_B, signing=signing, files=file_way)

    def shape(look: ObjectTraits) -> ObjectTraits:
        told = ways.allowed if signing.tells else None
        return described(replace(look, told=told, files=file_way), code_ways(memory.traits))

    if memory.kind == "A":
        applet_codes = AppletCodes(memory.pin, memory.puk, store)
        files = file_system(serial, entries, shape(LOOK_A))
        return Pkcs15Application(serial, files, applet_codes, keys, ways), applet_codes
    codes = Pkcs15Codes(memory.pin, memory.puk, store, memory.signature_pin)
    look = shape(look_b(two_pins=memory.signature_pin is not None))
    files, own = file_system(serial, entries, look), list(keys)
    writing = WriteCommands(files, codes, own, memory.written, store)
    codes.administrator = memory.administrator
    return Pkcs15Application(serial, files, codes, own, ways, writing, memory.administrator), codes


def told_serial(persona: Persona, serial: Serial) -> bytes:
    """The serial number that the card tells of itself."""
    return {"own": bytes.fromhex(persona.serial), "batch": bytes(2), "none": b""}[serial]


def key_entries(memory: CardMemory) -> list[KeyWithCertificate]:
    """The card's own keys with identifiers and files, as the PKCS#15 cards number them."""
    entries: list[KeyWithCertificate] = []
    for index, stored in enumerate(memory.keys):
        number = index + 1
        key = CardKey(stored.purpose, bytes([0x40 + number]), number, KEY_FILES + index, stored.private)
        entries.append(KeyWithCertificate(key, stored.certificate, CERTIFICATE_FILES + index, PUBLIC_FILES + index))
    return entries
