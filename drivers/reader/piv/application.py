"""Reader of the PIV application: SELECT by AID, GET DATA with each object read once.

Identification takes at most six exchanges over extended APDUs: SELECT, the discovery object, CHUID (or the serial of
a token), the tries, and the slots for log-in and signature; a code whose tries only metadata tell takes the place of the
discovery object. Everything else (the other slots, retired keys, CCC, metadata of keys) is read when somebody wants to see it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from drivers.reader.apdu import EXTENDED_LE, SHORT_LE, ResponseApdu, StatusWord
from drivers.reader.errors import UnknownCardError
from drivers.reader.iso7816 import select_by_name
from drivers.reader.piv import apdus as commands
from drivers.reader.piv import objects
from drivers.reader.piv.objects import ApplicationInfo, KeySlot, Metadata, PivPinPolicy
from drivers.reader.profiles import CardSigns, Profile, Profiles
from drivers.reader.tlv import TlvError
from drivers.reader.transport.channel import ApduChannel

FINGERPRINT_BYTES = 256
"""So much of a certificate object is looked at again: serial number, issuer and validity come first (RFC 5280 4.1)."""
VERSION_BYTES = 3
LEAST_BYTES = 128
"""Fewer bytes than this do not tell one certificate from another."""


@dataclass(frozen=True, slots=True)
class ObjectPrefix:
    """The beginning of one data object, by its tag; without a tag a token's serial."""

    tag: int | None
    seen: bytes


Fingerprint = tuple[ObjectPrefix, ...]
"""What is compared, on the same connection, before anything irreversible (reliability I2): a certificate, or what told the
serial where there is none. Empty where nothing tells the card from another."""


@dataclass(frozen=True, slots=True)
class CachedObjects:
    """A card as it was read before: its data objects, and what makes it this card."""

    objects: Mapping[int, bytes] = field(repr=False)
    fingerprint: Fingerprint


@dataclass(slots=True)
class PivHabits:
    """Ways in which cards of one answer to reset want to be asked, learned from what they refused."""

    discovery: bool = True
    """They have a discovery object."""


class PivCard:
    """The application, selected. Every method raises CardGoneError and CardAnswerError (of which TlvError is one)."""

    def __init__(
        self, channel: ApduChannel, application: ApplicationInfo, profile: Profile, habits: PivHabits | None = None
    ) -> None:
        self._habits = habits or PivHabits()
        self.application = application
        self.profile = profile
        self.raw: dict[int, bytes] = {}
        """Answers to GET DATA by tag; empty where the card has no such object."""
        self._channel = channel
        self._identity: Fingerprint = ()
        self.refused: set[int] = set()
        """Objects that were refused because the security status is not satisfied (6982)."""
        if profile.piv.extended_length:
            channel.extend()

    def read(self, tag: int) -> bytes:
        """A data object as the card gives it, read once; empty where there is none, or it is not to be had."""
        if tag not in self.raw and tag not in self.refused:
            response = self._get(tag)
            if response.sw == StatusWord.SECURITY_NOT_SATISFIED:
                self.refused.add(tag)
            else:
                self.raw[tag] = response.data if response.ok else b""
        return self.raw.get(tag, b"")

    def _get(self, tag: int) -> ResponseApdu:
        if self._channel.extended:
            response = self._channel.send(commands.get_data(tag, EXTENDED_LE))
            if response.sw not in (StatusWord.WRONG_LENGTH, StatusWord.CLA_NOT_SUPPORTED):
                return response
            self._channel.extended = False  # it, or the reader, promised more than it does
        return self._channel.send(commands.get_data(tag, SHORT_LE))

    def forget(self, tag: int) -> None:
        """An object has changed, or may have."""
        self.raw.pop(tag, None)

    def pin_policy(self) -> PivPinPolicy:
        """From the discovery object; where there is none, the application's PIN alone."""
        if not (self.profile.piv.discovery and self._habits.discovery):
            return PivPinPolicy()
        discovery = self.read(commands.DISCOVERY)
        self._habits.discovery = bool(discovery) or bool(self.refused)
        try:
            return objects.parse_discovery(discovery)
        except TlvError:
            return PivPinPolicy()

    def serial(self) -> str:
        """As the profile says: what a token tells in decimal; without it, or where it is zero, in hex, the CHUID's GUID, else the
        CCC's card identifier. Empty where there is none of it.
        """
        if self.profile.piv.serial == "token":
            token_serial = self._token_serial()
            if any(token_serial):
                self._identity = (ObjectPrefix(None, token_serial),)
                return str(int.from_bytes(token_serial, "big"))
        for tag, parse in ((commands.CHUID, _chuid_serial), (commands.CCC, objects.parse_capability)):
            serial = self._read_serial(tag, parse)
            if serial:
                self._identity = (ObjectPrefix(tag, self.raw[tag][:FINGERPRINT_BYTES]),)
                return serial
        return ""

    def _read_serial(self, tag: int, parse: Callable[[bytes], str]) -> str:
        """Read what an object says; empty where it is not there or cannot be read."""
        try:
            return parse(objects.content(self.read(tag)))
        except TlvError:
            return ""

    def version(self) -> str:
        """Return the version that a token tells (GET VERSION), such as 5.4.3; empty where it tells none."""
        response = self._channel.send(commands.get_version()) if self.profile.piv.serial == "token" else None
        return (
            ".".join(map(str, response.data))
            if response is not None and response.ok and len(response.data) == VERSION_BYTES
            else ""
        )

    def _token_serial(self) -> bytes:
        response = self._channel.send(commands.get_serial())
        return response.data if response.ok and len(response.data) <= 8 else b""

    def certificate(self, slot: KeySlot) -> bytes:
        """DER of a slot's certificate; empty where there is none. What cannot be read comes as the card gave it."""
        raw = self.read(slot.tag)
        try:
            return objects.parse_certificate(objects.content(raw))
        except TlvError:
            return raw

    def read_retired_slots(self) -> tuple[KeySlot, ...]:
        """The retired slots that hold a certificate: looked through until there are as many as the key history says."""
        count = self._retired_count()
        slots: list[KeySlot] = []
        for slot in objects.RETIRED:
            if len(slots) == count:
                break
            if self.certificate(slot):
                slots.append(slot)
        return tuple(slots)

    def _retired_count(self) -> int:
        """As many as there are places where there is no key history, as on most tokens."""
        raw = self.read(commands.KEY_HISTORY)
        try:
            return objects.parse_key_history(objects.content(raw)) if raw else len(objects.RETIRED)
        except TlvError:
            return len(objects.RETIRED)

    def metadata(self, reference: int) -> Metadata:
        """Return what the card says of a key or code; nothing where it has no such command."""
        response = self._channel.send(commands.get_metadata(reference)) if self.profile.piv.metadata else None
        try:
            return objects.parse_metadata(response.data) if response is not None and response.ok else Metadata()
        except TlvError:
            return Metadata()

    @property
    def cache_key(self) -> bytes:
        """By what the card is remembered, once `serial` was asked for; empty where nothing tells it from another."""
        parts = b"/".join(part.seen for part in self._identity)
        return b"/".join((self._channel.connection.atr, self.application.aid, parts)) if parts else b""

    def take(self, cached: CachedObjects) -> None:
        """Take the objects from memory, where the card still has the certificate; what was just read stays as it is."""
        certificate = [part for part in cached.fingerprint if part not in self._identity]
        if certificate and all(self._holds(part) for part in certificate):
            self.raw = {**cached.objects, **self.raw}

    def fingerprint(self, slots: Iterable[KeySlot]) -> Fingerprint:
        """From what was read already: the first certificate that is held; of a card without one, what told the serial."""
        tag = next((slot.tag for slot in slots if len(self.raw.get(slot.tag, b"")) >= LEAST_BYTES), None)
        return self._identity if tag is None else (ObjectPrefix(tag, self.raw[tag][:FINGERPRINT_BYTES]),)

    def still_has(self, cached: Fingerprint) -> bool:
        """Ask the card again, in one exchange where it answers 256 bytes at a time. Selects nothing.

        SELECT would end what a code or the management key has opened (part 2, 3.1.1).
        """
        return bool(cached) and all(self._holds(part) for part in cached)

    def _holds(self, part: ObjectPrefix) -> bool:
        if part.tag is None:
            return self._token_serial() == part.seen
        now = self._channel.send(commands.get_data(part.tag, SHORT_LE), enough=LEAST_BYTES).data[:FINGERPRINT_BYTES]
        return len(now) >= min(LEAST_BYTES, len(part.seen)) and part.seen.startswith(now)


def _chuid_serial(content: bytes) -> str:
    return objects.parse_chuid(content).serial


def select(channel: ApduChannel, profiles: Profiles, habits: PivHabits | None = None) -> PivCard | None:
    """The PIV application and its profile; None where the card has none.

    Raises UnknownCardError where no profile is for it, CardGoneError, CardAnswerError.
    """
    response = channel.send(select_by_name(objects.AID))
    if not response.ok:
        return None
    try:
        application = objects.parse_application(response.data)
    except TlvError:
        return None
    if application is None:
        return None
    signs = CardSigns(channel.connection.atr, application.aid, application.label)
    profile = profiles.match(signs, "piv")
    if profile is None:
        raise UnknownCardError(
            "a card of no known product", reader=channel.reader, atr=channel.connection.atr, tried=("PIV",)
        )
    return PivCard(channel, application, profile, habits)
