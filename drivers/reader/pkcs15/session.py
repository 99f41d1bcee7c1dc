"""One PKCS#15 card on one connection: what it is, and what is done with it. Synchronous; lives in the reader's thread.

`open_pkcs15` identifies the card. From then on `check_same_card` compares, on the same connection, what makes this
card this card; a connection that was lost is never made again within a session.

>>> session = open_pkcs15(channel, profiles=builtin(), ledger=MemoryLedger())        # doctest: +SKIP
"""

from dataclasses import replace

from drivers.reader import identity, public_keys, signing
from drivers.reader.card_session import NOT_ALLOWED, CardSession, OwnCode
from drivers.reader.channel import Channel
from drivers.reader.codes import Codes
from drivers.reader.counters import TryCounter
from drivers.reader.errors import CardChangedError, CommandRefusedError, UnknownCardError
from drivers.reader.identity import ReadCertificate
from drivers.reader.ledger import TryLedger
from drivers.reader.memory import CardMemory
from drivers.reader.model import CardFacts, Certificate, Purpose
from drivers.reader.outcomes import CodeOutcome, Role, SignOutcome
from drivers.reader.pinpad import PadText
from drivers.reader.pkcs15 import card as pkcs15
from drivers.reader.pkcs15.card import CardDirectory, NoApplicationError
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.pkcs15.fingerprint import Fingerprint, KnownFiles, fingerprint_of, is_known, serial_told, still_has
from drivers.reader.pkcs15.values import CodeFlag, CodeObject, KeyObject
from drivers.reader.profiles import CardSigns, Profile, Profiles
from drivers.reader.profiles.draft import issuers_of
from drivers.reader.tlv import TlvError
from drivers.secret import Secret


class _Recognition:
    """Is the card one that this reader has read? Asked once its application is entered."""

    def __init__(self, atr: bytes, memory: CardMemory[KnownFiles]) -> None:
        self._atr = atr
        self._memory = memory
        self.card = b""
        """By what the card is remembered; empty where it says too little of itself."""

    def __call__(self, files: CardFiles) -> bool:
        told = serial_told(files)
        self.card = b"/".join((self._atr, files.base.aid, told)) if told else b""
        known = self._memory.recall(self.card)
        return known is not None and is_known(files, known)

    def keep(self, files: CardFiles, fingerprint: Fingerprint) -> None:
        """Remember what was read."""
        if self.card:
            self._memory.keep(self.card, KnownFiles(files.base, files.known, fingerprint))


def open_pkcs15(
    channel: Channel, *, profiles: Profiles, ledger: TryLedger, memory: CardMemory[KnownFiles] | None = None
) -> "Pkcs15Session":
    """Find the application, read its directory and match a profile; of a card in `memory` only what makes it that card.

    Raises UnknownCardError (with ATR and what was tried), CardGoneError, CardAnswerError.
    """
    files = CardFiles(channel)
    atr, reader = channel.connection.atr, channel.reader
    seen = _Recognition(atr, memory or CardMemory())
    try:
        aid = pkcs15.find_application(files, profiles.aids("pkcs15"), seen)
        directory = pkcs15.read_directory(files, aid)
        if identity.needs_keys(directory):
            directory = replace(directory, keys=pkcs15.read_keys(files))
    except NoApplicationError as none:
        raise UnknownCardError(
            "a card that this program does not understand", reader=reader, atr=atr, tried=none.tried
        ) from None
    except (CommandRefusedError, TlvError) as fault:
        tried = ("PKCS#15", str(fault))
        raise UnknownCardError("a card whose directory cannot be read", reader=reader, atr=atr, tried=tried) from fault
    profile = profiles.match(_signs(atr, directory), "pkcs15")
    if profile is None:
        raise UnknownCardError("a card of no known product", reader=reader, atr=atr, tried=("PKCS#15",))
    try:
        return Pkcs15Session(channel, files, directory, profile, ledger, seen)
    except CommandRefusedError as fault:
        raise UnknownCardError(
            "a card that refuses what its directory names", reader=reader, atr=atr, tried=(str(fault),)
        ) from fault


class Pkcs15Session(CardSession):
    """See the module. Every method raises CardGoneError once the connection is lost."""

    def __init__(
        self,
        channel: Channel,
        files: CardFiles,
        directory: CardDirectory,
        profile: Profile,
        ledger: TryLedger,
        seen: _Recognition,
    ) -> None:
        self._files = files
        self._seen = seen
        self._directory = directory
        certificates: tuple[ReadCertificate, ...] = identity.read_certificates(directory, profile)
        roles = ((code, identity.role_of(code, directory)) for code in directory.codes)
        owned = tuple(OwnCode(code, role) for code, role in roles if role is not None)
        serial = directory.token.serial.hex().upper()
        number = identity.card_number_of(certificates, directory, profile)
        counter = TryCounter(channel, profile, ledger, number or serial)
        born = identity.birth_dates_of(certificates)
        super().__init__(
            channel, profile, Codes(channel, profile, counter, self.check_same_card, self._enter, born), owned
        )
        files.file_enters_its_df = profile.commands.file_enters_its_df
        self._fingerprint: Fingerprint = fingerprint_of(files, directory)
        self.facts = CardFacts(
            reader=channel.reader,
            atr=channel.connection.atr,
            kind="pkcs15",
            profile=profile.name,
            serial=serial,
            card_number=number,
            holder=identity.holder_of(certificates),
            pins=self._read_pins(),
            certificates=tuple(certificate.facts for certificate in certificates),
            digest=identity.digest_of(certificates),
            damaged=identity.damaged_in(directory, certificates),
        )
        seen.keep(files, self._fingerprint)

    @property
    def signs(self) -> CardSigns:
        """What the card's profile was recognised by."""
        return _signs(self.facts.atr, self._directory)

    def complete(self) -> CardFacts:
        """Read the keys, and drop the purpose of a certificate that has none, or whose public key is another."""
        self.channel.new_operation()
        self._know_keys()
        keys = pkcs15.read_public_keys(self._files)
        paired = (_paired(certificate, keys) for certificate in self.facts.certificates)
        self.facts = replace(self.facts, certificates=tuple(paired))
        self._seen.keep(self._files, self._fingerprint)
        return self.facts

    def verify(self, role: Role, code: Secret, *, consented: bool) -> CodeOutcome:
        """As the base class; the keys are read first, because a SELECT between code and signature may end what the code
        allows.
        """
        self._before_code()
        return super().verify(role, code, consented=consented)

    def verify_at_pad(self, role: Role, text: PadText, *, consented: bool) -> CodeOutcome:
        """As `verify`."""
        self._before_code()
        return super().verify_at_pad(role, text, consented=consented)

    def _before_code(self) -> None:
        self.channel.new_operation()
        self._know_keys()

    def _know_keys(self) -> tuple[KeyObject, ...]:
        """Read the list of keys, where identification did without; a card that does not show it has none to sign with."""
        if self._directory.keys is None:
            try:
                keys = pkcs15.read_keys(self._files)
            except (CommandRefusedError, TlvError):
                keys = ()
            self._directory = replace(self._directory, keys=keys)
            ids = {key.id.hex() for key in keys}
            certificates = (c if c.id in ids else replace(c, purpose="other") for c in self.facts.certificates)
            self.facts = replace(self.facts, certificates=tuple(certificates))
        return self._directory.keys or ()

    def _enter(self, code: CodeObject) -> None:
        """A local code belongs to its DF: make that the current one (ISO/IEC 7816-15 8.9.2)."""
        if code.has(CodeFlag.LOCAL):
            self._files.enter(code.path)

    def check_same_card(self) -> None:
        """Raises CardChangedError where the card is not the one that was identified (reliability I2)."""
        try:
            same = still_has(self._files, self._fingerprint)
        except CommandRefusedError as fault:
            raise CardChangedError("the card reads differently now", reader=self.channel.reader) from fault
        if not same:
            raise CardChangedError("another card than the one that was identified", reader=self.channel.reader)

    def _sign(self, certificate: Certificate, purpose: Purpose, message: bytes) -> SignOutcome:
        key = next((k for k in self._know_keys() if k.id.hex() == certificate.id), None)
        if key is None:
            return NOT_ALLOWED
        return signing.sign(self.channel, self._profile, key, certificate.der, purpose, message)


def _signs(atr: bytes, directory: CardDirectory) -> CardSigns:
    token, issuers = directory.token, issuers_of(file.der for file in directory.certificates)
    return CardSigns(atr, directory.aid or pkcs15.PKCS15_AID, token.label, token.manufacturer, issuers)


def _paired(certificate: Certificate, keys: dict[bytes, bytes]) -> Certificate:
    """By public key, not by name: the ids of key and certificate may agree where they do not."""
    known = keys.get(bytes.fromhex(certificate.id))
    own = known is None or known == public_keys.of_certificate(certificate.der)
    return certificate if own else replace(certificate, purpose="other")
