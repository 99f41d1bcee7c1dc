"""One card on one connection: what it is, and what is done with it. Synchronous; lives in the reader's thread.

`open_session` identifies the card. From then on `check_same_card` compares, on the same connection, what makes this
card this card; a connection that was lost is never made again within a session.

>>> session = open_session(channel, profiles=builtin(), ledger=MemoryLedger())        # doctest: +SKIP
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from drivers.reader import identity, signing
from drivers.reader.channel import Channel
from drivers.reader.codes import Codes
from drivers.reader.counters import TryCounter
from drivers.reader.errors import CardChangedError, CommandRefusedError, UnknownCardError
from drivers.reader.identity import ReadCertificate
from drivers.reader.ledger import TryLedger
from drivers.reader.model import CardFacts, Certificate, Pin, Purpose
from drivers.reader.outcomes import CodeOutcome, RefusalReason, Refused, Role, SignOutcome
from drivers.reader.pkcs15 import card as pkcs15
from drivers.reader.pkcs15.card import CardDirectory, Fingerprint, NoApplicationError
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.pkcs15.objects import CodeObject
from drivers.reader.profiles import CardSigns, Profile, Profiles
from drivers.reader.tlv import TlvError
from drivers.secret import Secret


@dataclass(frozen=True, slots=True)
class _Code:
    """A code of the card and what it is for."""

    code: CodeObject
    role: Role


def open_session(channel: Channel, *, profiles: Profiles, ledger: TryLedger) -> "CardSession":
    """Find the application, read its directory and match a profile.

    Raises UnknownCardError (with ATR and what was tried), CardGoneError, CardAnswerError.
    """
    files = CardFiles(channel)
    atr, reader = channel.connection.atr, channel.reader
    try:
        aid = pkcs15.find_application(files, profiles.aids())
        directory = pkcs15.read_directory(files, aid)
    except NoApplicationError as none:
        raise UnknownCardError(
            "a card that this program does not understand", reader=reader, atr=atr, tried=none.tried
        ) from None
    except (CommandRefusedError, TlvError) as fault:
        tried = ("PKCS#15", str(fault))
        raise UnknownCardError("a card whose directory cannot be read", reader=reader, atr=atr, tried=tried) from fault
    signs = CardSigns(atr, aid or pkcs15.PKCS15_AID, directory.token.label, directory.token.manufacturer)
    profile = profiles.match(signs, "pkcs15")
    if profile is None:
        raise UnknownCardError("a card of no known product", reader=reader, atr=atr, tried=("PKCS#15",))
    try:
        return CardSession(channel, files, directory, profile, ledger)
    except CommandRefusedError as fault:
        raise UnknownCardError(
            "a card that refuses what its directory names", reader=reader, atr=atr, tried=(str(fault),)
        ) from fault


def _refused_or(command: Callable[[], CodeOutcome]) -> CodeOutcome:
    """What the card refuses on the way to a code command (to select its DF) is its refusal: no code went out."""
    try:
        return command()
    except CommandRefusedError as fault:
        return Refused(RefusalReason.CARD, fault.status)


class CardSession:
    """See the module. Every method raises CardGoneError once the connection is lost."""

    def __init__(
        self,
        channel: Channel,
        files: CardFiles,
        directory: CardDirectory,
        profile: Profile,
        ledger: TryLedger,
    ) -> None:
        self.channel = channel
        self._files = files
        self._directory = directory
        self._profile = profile
        self._certificates: tuple[ReadCertificate, ...] = identity.read_certificates(directory, profile)
        roles = ((code, identity.role_of(code, directory)) for code in directory.codes)
        self._codes_of_card = tuple(_Code(code, role) for code, role in roles if role is not None)
        serial = directory.token.serial.hex().upper()
        number = identity.card_number_of(self._certificates, directory, profile)
        counter = TryCounter(channel, profile, ledger, number or serial)
        self._codes = Codes(channel, files, profile, counter, self.check_same_card)
        self._fingerprint: Fingerprint = pkcs15.read_fingerprint(files, directory)
        self.facts = self._first_facts(serial, number)

    def _first_facts(self, serial: str, number: str) -> CardFacts:
        return CardFacts(
            reader=self.channel.reader,
            atr=self.channel.connection.atr,
            kind="pkcs15",
            profile=self._profile.name,
            serial=serial,
            card_number=number,
            holder=identity.holder_of(self._certificates),
            pins=self._read_pins(),
            certificates=tuple(certificate.facts for certificate in self._certificates),
            digest=identity.digest_of(self._certificates),
        )

    def _read_pins(self) -> tuple[Pin, ...]:
        pins = []
        for own in self._codes_of_card:
            shown = self._codes.tries(own.code, own.role).shown
            pins.append(identity.pin_of(own.code, own.role, self._profile, shown))
        return tuple(pins)

    def judged(self, certificates: tuple[Certificate, ...]) -> CardFacts:
        """Keep the certificates with their chains judged."""
        self.facts = replace(self.facts, certificates=certificates)
        return self.facts

    def refresh(self) -> CardFacts:
        """Read tries and states again."""
        self.channel.new_operation()
        self.facts = replace(self.facts, pins=self._read_pins())
        return self.facts

    def check_same_card(self) -> None:
        """Raises CardChangedError where the card is not the one that was identified (reliability I2)."""
        try:
            now = pkcs15.read_fingerprint(self._files, self._directory)
        except CommandRefusedError as fault:
            raise CardChangedError("the card reads differently now", reader=self.channel.reader) from fault
        if now != self._fingerprint:
            raise CardChangedError("another card than the one that was identified", reader=self.channel.reader)

    def verify(self, role: Role, code: Secret, *, consented: bool) -> CodeOutcome:
        """See `Visit.verify`. A PUK is never verified by itself: it goes out in `unblock`, above its floor."""
        self.channel.new_operation()
        own = self._own(role)
        if own is None or role is Role.PUK:
            return Refused(RefusalReason.NOT_ALLOWED)
        return _refused_or(lambda: self._codes.verify(own.code, own.role, code, consented=consented))

    def change(self, role: Role, old: Secret, new: Secret, *, consented: bool) -> CodeOutcome:
        """See `Visit.change`. A PUK cannot be changed."""
        self.channel.new_operation()
        own = self._own(role)
        if own is None or role is Role.PUK:
            return Refused(RefusalReason.NOT_ALLOWED)
        return _refused_or(lambda: self._codes.change(own.code, own.role, old, new, consented=consented))

    def unblock(self, role: Role, puk: Secret, new: Secret) -> CodeOutcome:
        """See `Visit.unblock`."""
        self.channel.new_operation()
        own = self._own(role)
        resetting = None if own is None or role is Role.PUK else self._puk_of(own.code)
        if own is None or resetting is None:
            return Refused(RefusalReason.NOT_ALLOWED)
        return _refused_or(lambda: self._codes.unblock(own.code, resetting, own.role, puk, new))

    def sign(self, purpose: Purpose, message: bytes) -> SignOutcome:
        """See `Visit.sign`."""
        self.channel.new_operation()
        certificate = self.facts.certificate(purpose)
        if purpose == "other" or certificate is None:
            return Refused(RefusalReason.NOT_ALLOWED)
        key = next((k for k in self._directory.keys if k.id.hex() == certificate.id), None)
        if key is None:
            return Refused(RefusalReason.NOT_ALLOWED)
        return signing.sign(self.channel, self._profile, key, certificate.der, purpose, message)

    def _own(self, role: Role) -> _Code | None:
        """The code of that role; where one code serves both, the one there is."""
        found = next((own for own in self._codes_of_card if own.role is role), None)
        if found is None and role is Role.SIGNATURE:
            return next((own for own in self._codes_of_card if own.role is Role.IDENTIFICATION), None)
        return found

    def _puk_of(self, code: CodeObject) -> CodeObject | None:
        """The PUK that the PIN's own authId names, else the only one there is."""
        puks = [own.code for own in self._codes_of_card if own.role is Role.PUK]
        named = next((puk for puk in puks if puk.auth_id == code.puk_id), None)
        return named or (puks[0] if len(puks) == 1 else None)
