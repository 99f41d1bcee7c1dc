"""Factory of virtual cards: from a persona to a card's memory, and from a memory to the application of the card's kind."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from sim.reader import administrative_key as administration
from sim.reader import applet_codes, pkcs15_codes
from sim.reader.applet_codes import AppletCodes
from sim.reader.card_memory import CardMemory, StoredKey
from sim.reader.code_traits import CodeWays, code_ways
from sim.reader.code_translation import CodeTranslation, KindsField, Pkcs15CodeTranslation
from sim.reader.command_apdu import ReceivedCommand
from sim.reader.file_traits import FileWays, Serial, file_ways
from sim.reader.keys import CardKey, generate
from sim.reader.kinds import KINDS
from sim.reader.persona import Persona
from sim.reader.piv.application import PivApplication
from sim.reader.piv.codes import PivCodes
from sim.reader.piv.issue import issue
from sim.reader.piv.objects import GLOBAL_PREFERRED, discovery
from sim.reader.piv.references import DISCOVERY
from sim.reader.piv.traits import TRAITS
from sim.reader.pkcs15_application import CERTIFICATE_FILES, WAYS_A, WAYS_B, Pkcs15Application
from sim.reader.pkcs15_codes import CountedCodes, Pkcs15Codes, StoredCode
from sim.reader.pkcs15_files import LOOK_A, KeyWithCertificate, described, file_system, look_b
from sim.reader.pki import TestAuthority
from sim.reader.secured import SecuredApplication
from sim.reader.shapes import SHAPES, issue_keys
from sim.reader.signing_traits import signing_ways
from sim.reader.t0 import Answer
from sim.reader.traits import FREE_KEY, check
from sim.reader.write_commands import WriteCommands

APPLET_FIELD = KindsField(applet_codes.STORED_LENGTH, applet_codes.FILLER)
CARD_FIELD = KindsField(pkcs15_codes.STORED_LENGTH, pkcs15_codes.FILLER)
PUBLIC_FILES, KEY_FILES = 0x5501, 0x4B01


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
    return fresh_memory(kind, persona, authority, now, issue_keys(persona, authority, now), traits)


def fresh_memory(
    kind: str, persona: Persona, authority: TestAuthority, now: datetime, keys: tuple[StoredKey, ...],
    traits: Iterable[str] = (),
) -> CardMemory:  # fmt: skip
    """The same with keys and certificates that are there already, for tests that make many cards."""
    ways, names = KINDS[kind], check(traits, kind)
    persona = code_ways(names).persona(persona)
    if FREE_KEY in names:
        keys = (*keys, own_key(persona, authority, now))
    pin = StoredCode(persona.pin.encode(), ways.pin_tries, ways.pin_tries)
    puk = StoredCode(persona.puk.encode(), ways.puk_tries, ways.puk_tries)
    piv_traits = TRAITS.get(kind)
    files = file_ways(names)
    piv = issue(persona, authority, now, keys, piv_traits, files) if piv_traits is not None else None
    if piv is not None and persona.signature_pin:
        piv.objects[DISCOVERY] = discovery(GLOBAL_PREFERRED)
    second = (
        StoredCode(persona.signature_pin.encode(), ways.pin_tries, ways.pin_tries) if persona.signature_pin else None
    )
    administrator = administration.issue_key(persona.serial) if kind == "B" else None
    issuers = (*authority.intermediates(), *authority.anchors()) if SHAPES[persona.shape].authorities else ()
    return CardMemory(kind, persona, pin, puk, keys, piv, second, administrator, traits=names, authorities=issuers)


def own_key(persona: Persona, authority: TestAuthority, now: datetime) -> StoredKey:
    """The card's own key, which answers without a code, and its certificate."""
    private = generate("EC-P256")
    return StoredKey("card", private, authority.issue(persona, private.public_key(), "card", now))


def build(memory: CardMemory, store: Callable[[], None]) -> tuple[CardApplication, CountedCodes]:
    """The application and the codes that work on that memory; `store` makes it durable."""
    files, application_of = file_ways(memory.traits), _pkcs15_application if memory.piv is None else _piv_application
    application, codes = application_of(memory, files, store)
    return SecuredApplication(application, files.guard) if files.guard else application, codes


def _piv_application(
    memory: CardMemory, file_way: FileWays, store: Callable[[], None]
) -> tuple[CardApplication, CountedCodes]:
    assert memory.piv is not None
    traits = replace(
        TRAITS[memory.kind], tells_serial=file_way.serial != "none", guards_certificates=file_way.certificates_guarded
    )
    codes, ways = PivCodes(memory.pin, memory.puk, store, traits, memory.signature_pin), code_ways(memory.traits)
    application = PivApplication(memory.piv, codes, traits, told_serial(memory.persona, file_way.serial), store)
    if ways in (CodeWays(), CodeWays(global_pin=True)):
        return application, codes
    return CodeTranslation(application, codes, ways, codes.by_reference), codes


def _pkcs15_application(
    memory: CardMemory, file_way: FileWays, store: Callable[[], None]
) -> tuple[CardApplication, CountedCodes]:
    serial, ways = told_serial(memory.persona, file_way.serial), code_ways(memory.traits)
    entries = [entry for entry in key_entries(memory) if not (ways.second_pin and entry.key.purpose == "signature")]
    keys = [entry.key for entry in entries]
    signing = signing_ways(memory.traits)
    application_traits = replace(WAYS_A if memory.kind == "A" else WAYS_B, signing=signing, files=file_way)
    look = LOOK_A if memory.kind == "A" else look_b(two_pins=memory.signature_pin is not None)
    algorithms = application_traits.allowed if signing.tells else None
    look = described(replace(look, told=algorithms, consent=signing.consent, files=file_way), ways)
    files = file_system(serial, entries, look, memory.authorities)
    codes: Pkcs15Codes
    if memory.kind == "A":
        codes, own = AppletCodes(memory.pin, memory.puk, store), APPLET_FIELD
        application = Pkcs15Application(serial, files, codes, tuple(keys), application_traits)
    else:
        codes, own = Pkcs15Codes(memory.pin, memory.puk, store, memory.signature_pin), CARD_FIELD
        codes.pin_min_length = ways.pin_min_length or codes.pin_min_length
        writing = WriteCommands(files, codes, keys, memory.written, store)
        codes.administrator = memory.administrator
        application = Pkcs15Application(serial, files, codes, keys, application_traits, writing, memory.administrator)
    if ways == CodeWays():
        return application, codes
    issued = tuple(pin.encode() for pin in (memory.persona.pin, memory.persona.signature_pin) if pin)
    return Pkcs15CodeTranslation(application, codes, ways, files, own, issued), codes


def told_serial(persona: Persona, serial: Serial) -> bytes:
    """The serial number that the card tells of itself."""
    return {"own": bytes.fromhex(persona.serial), "batch": bytes(2), "none": b""}[serial]


def key_entries(memory: CardMemory) -> list[KeyWithCertificate]:
    """The card's own keys with identifiers and files, in its order, as the PKCS#15 cards number them; a key with two
    certificates twice."""
    entries: list[KeyWithCertificate] = []
    for index, stored in enumerate(SHAPES[memory.persona.shape].listed(memory.keys)):
        public = stored.certificate.public_key()
        own = next((at for at, entry in enumerate(entries) if entry.certificate.public_key() == public), index)
        key = CardKey(stored.purpose, bytes([0x41 + own]), own + 1, KEY_FILES + own, stored.private)
        entries.append(KeyWithCertificate(key, stored.certificate, CERTIFICATE_FILES[index], PUBLIC_FILES + own))
    return entries
