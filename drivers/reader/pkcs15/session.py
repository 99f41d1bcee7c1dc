"""Session with one PKCS#15 card. Synchronous; runs in the thread of the reader.

`open_pkcs15` identifies the card. From then on `check_same_card` compares on the same connection; one that was lost
is never made again within a session.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from drivers.reader import iso7816
from drivers.reader.card_cache import CardCache
from drivers.reader.card_session import NOT_ALLOWED, CardSession, SignsWith
from drivers.reader.certificates import identity, public_keys
from drivers.reader.certificates.identity import ReadCertificate
from drivers.reader.errors import CardAnswerError, CardChangedError, CommandRefusedError, Guard, UnknownCardError
from drivers.reader.keys import Generated, KeyAlgorithm, KeyOutcome, KeyPlace, ManagementKey
from drivers.reader.model import CardFacts, Certificate, DataObject, Holder, Purpose
from drivers.reader.outcomes import Accepted, CodeOutcome, Role, Signability, SignOutcome
from drivers.reader.pin.code_commands import CodeCommands
from drivers.reader.pin.code_roles import assign_roles
from drivers.reader.pin.try_counter import TryCounter
from drivers.reader.pin.try_ledger import TryLedger, name_in_ledger
from drivers.reader.pkcs15 import apdus as commands
from drivers.reader.pkcs15 import directory as pkcs15
from drivers.reader.pkcs15 import values
from drivers.reader.pkcs15.application_discovery import NoApplicationError, find_application, guard_of
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.pkcs15.fingerprint import (
    CachedFiles,
    Fingerprint,
    fingerprint_of,
    read_serial_source,
    restore_if_known,
    still_has,
)
from drivers.reader.pkcs15.key_management import OperationHooks, Pkcs15KeyManager, WriteOutcome
from drivers.reader.pkcs15.selection import FileHabits
from drivers.reader.pkcs15.values import SIGN, CodeFlag, CodeObject, FilePath, KeyObject
from drivers.reader.profiles import CardSigns, Profiles
from drivers.reader.profiles.draft import issuers_of
from drivers.reader.secret import Secret
from drivers.reader.signatures import signing
from drivers.reader.signatures.signature_forms import SignatureForm, SignatureFormCache
from drivers.reader.signatures.signing import SigningKey, SigningProfile
from drivers.reader.tlv import TlvError
from drivers.reader.transport.channel import ApduChannel
from drivers.reader.transport.pinpad import PadText

ONE_PAIR = 2
"""So many certificates are read at once; of more, first the one that says whose card it is."""
_NEW_IDS = range(0x41, 0x61)
"""Ids of keys that are made, one byte each."""


class _Recognition:
    """Is the card one that this reader has read? Asked of each place where its application may be."""

    def __init__(self, atr: bytes, memory: CardCache[CachedFiles]) -> None:
        self._atr = atr
        self._memory = memory
        self.card = b""
        """By what the card is remembered; empty where it says too little of itself."""

    def __call__(self, files: CardFiles) -> bool:
        if not self._memory.holds(self._atr):
            return False
        cached = self._memory.recall(self._key(files))
        return cached is not None and restore_if_known(files, cached)

    def _key(self, files: CardFiles) -> bytes:
        serial_source = read_serial_source(files)
        return self._atr + b"/" + serial_source if serial_source else b""

    def keep(self, files: CardFiles, fingerprint: Fingerprint) -> None:
        self.card = self._key(files)
        if self.card:
            self._memory.keep(self.card, CachedFiles(files.base, files.known, fingerprint))

    def forget(self) -> None:
        """The card is about to change."""
        self._memory.forget(self.card)


def open_pkcs15(
    channel: ApduChannel,
    *,
    profiles: Profiles,
    ledger: TryLedger,
    memory: CardCache[CachedFiles] | None = None,
    forms: SignatureFormCache | None = None,
    habits: FileHabits | None = None,
) -> "Pkcs15Session":
    """Find the application, read its directory and match a profile; of a card in `memory` only what makes it that card.
    Of more than a pair of certificates one for log-in is read, the others by `Pkcs15Session.read_rest`.
    `forms` remembers how products sign, `habits` how this one wants its files asked for.

    Raises UnknownCardError (with ATR and what was tried), CardGoneError, CardAnswerError.
    """
    files = CardFiles(channel, habits)
    atr, reader = channel.connection.atr, channel.reader
    seen = _Recognition(atr, memory or CardCache())
    try:
        aid = find_application(files, profiles.aids("pkcs15", atr, pkcs15.PKCS15_AID), seen)
        directory = _read_holder(
            files, pkcs15.read_directory(files, aid), all_at_once=profiles.tell_by_issuer("pkcs15")
        )
    except NoApplicationError as none:
        raise _stranger(profiles, reader, atr, none.tried, guard_of(files)) from None
    except (CommandRefusedError, TlvError) as fault:
        tried = ("PKCS#15", str(fault))
        raise UnknownCardError(
            "a card whose directory cannot be read", reader=reader, atr=atr, tried=tried, why=guard_of(files)
        ) from fault
    profile = profiles.match(_signs(atr, directory), "pkcs15")
    if profile is None:
        raise UnknownCardError("a card of no known product", reader=reader, atr=atr, tried=("PKCS#15",))
    try:
        product = SigningProfile(profile, directory.token.algorithms, forms or SignatureFormCache())
        return Pkcs15Session(channel, files, directory, product, ledger, seen, profiles)
    except CommandRefusedError as fault:
        raise UnknownCardError(
            "a card that refuses what its directory names", reader=reader, atr=atr, tried=(str(fault),)
        ) from fault


def _read_holder(files: CardFiles, directory: pkcs15.CardDirectory, *, all_at_once: bool) -> pkcs15.CardDirectory:
    """Read what says whose card it is: one certificate for log-in that names a person or, where there is none or no more
    than a pair, all. And the list of keys, where that tells what is for what. Raises as `open_pkcs15`'s reading."""
    if sum(not entry.authority for _, entry in directory.unread) > ONE_PAIR and not all_at_once:
        directory = replace(directory, keys=pkcs15.read_keys(files))
        for at in identity.log_ins(directory):
            directory = pkcs15.read_certificates(files, directory, (at,))
            if any(file.at == at and identity.names_person(file) for file in directory.certificates):
                return directory
    directory = pkcs15.read_certificates(files, directory)
    needs_keys = directory.keys is None and identity.needs_keys(directory)
    return replace(directory, keys=pkcs15.read_keys(files)) if needs_keys else directory


class Pkcs15Session(CardSession):
    """See the module. Every method raises CardGoneError once the connection is lost."""

    def __init__(
        self,
        channel: ApduChannel,
        files: CardFiles,
        directory: pkcs15.CardDirectory,
        product: SigningProfile,
        ledger: TryLedger,
        seen: _Recognition,
        profiles: Profiles,
    ) -> None:
        profile = product.profile
        self._profiles = profiles
        self._product = product
        self._algorithms = product.algorithms
        self._files = files
        self._seen = seen
        self._directory = directory
        certificates: tuple[ReadCertificate, ...] = identity.read_certificates(directory, profile)
        owned = assign_roles(directory.codes, directory.keys or ())
        serial = directory.token.serial.hex().upper()
        number = identity.card_number_of(certificates, serial, profile)
        name = name_in_ledger(channel.connection.atr, serial, identity.digest_of(certificates))
        counter = TryCounter(channel, profile, ledger, name, (number or serial,))
        born = identity.birth_dates_of(certificates)
        codes = CodeCommands(channel, profile, counter, self.check_same_card, self._enter, born)
        super().__init__(channel, profile, codes, owned)
        self._manager = Pkcs15KeyManager(
            channel, files, self.check_same_card, OperationHooks(self._forget, self._read_anew)
        )
        self._authorities: tuple[pkcs15.CertificateFile, ...] | None = None
        """Authorities' certificates that the card brings along; None where they were not read."""
        self._fresh = False
        """What is known of the files was read in this visit."""
        self.generated: dict[str, bytes] = {}
        """Public keys (DER) of the keys that were made in this visit, by key id."""
        files.file_enters_its_df = profile.commands.file_enters_its_df
        self._fingerprint: Fingerprint = fingerprint_of(files, directory)
        self._asks_puk = not directory.unread
        self.facts = CardFacts(
            reader=channel.reader,
            atr=channel.connection.atr,
            kind="pkcs15",
            profile=profile.name,
            serial=serial,
            card_number=number,
            holder=Holder("", ""),
            pins=self._read_pins(),
            certificates=(),
            rules=identity.card_rules_of(profile, channel.connection.atr),
            digest=identity.digest_of(certificates),
            damaged=identity.damaged_certificates(directory, certificates),
            guarded=identity.guarded_certificates(directory),
            unlisted=identity.unlisted_codes(directory),
        ).with_certificates(certificate.facts for certificate in certificates)
        seen.keep(files, self._fingerprint)

    @property
    def signs(self) -> CardSigns:
        """Signs by which the card's profile was recognised."""
        return _signs(self.facts.atr, self._directory)

    def _proven_forms(self) -> Sequence[tuple[bool, SignatureForm]]:
        return self._product.forms.proven(self.channel.connection.atr, self._product.profile.name)

    @property
    def unread(self) -> bool:
        return bool(self._directory.unread)

    def read_rest(self) -> CardFacts:
        if not self.unread:
            return self.facts
        self.channel.new_operation()
        self._directory = pkcs15.read_certificates(self._files, self._directory)
        matched = self._profiles.match(self.signs, "pkcs15")
        if matched is not None:  # what certificates mean may be told by the issuer of one that was not read before
            self._profile = self._profile.model_copy(update={"certificates": matched.certificates})
        self._asks_puk, self._judged = True, self._acts
        owned = zip(self._owned, self.facts.pins, strict=True)
        pins = tuple(self._read_pin(own) if own.role is Role.PUK else pin for own, pin in owned)
        self.facts = replace(self.facts, pins=pins)
        self._take_stock()
        return self.facts

    def _take_stock(self) -> None:
        """Tell what the directory holds now, and remember it."""
        self._fingerprint = fingerprint_of(self._files, self._directory)
        read, facts = identity.read_certificates(self._directory, self._profile), self.facts
        self.facts = replace(
            facts.with_certificates(certificate.facts for certificate in read),
            card_number=facts.card_number or identity.card_number_of(read, facts.serial, self._profile),
            rules=replace(facts.rules, tells_levels=bool(self._profile.certificates.loa)),
            damaged=identity.damaged_certificates(self._directory, read),
            guarded=identity.guarded_certificates(self._directory),
        )
        self._codes.born = identity.birth_dates_of(read)
        self._seen.keep(self._files, self._fingerprint)

    def complete(self) -> CardFacts:
        """Read the rest and the keys, and drop the purpose of a certificate that has none, or whose public key is another."""
        self.read_rest()
        self.channel.new_operation()
        self._read_keys_once()
        self.read_authorities()
        keys = pkcs15.read_public_keys(self._files)
        paired = (_paired(certificate, keys) for certificate in self.facts.certificates)
        data_objects = tuple(_data_object(entry) for entry in pkcs15.read_data_objects(self._files))
        self.facts = replace(self.facts.with_certificates(paired), data_objects=data_objects)
        self._seen.keep(self._files, self._fingerprint)
        return self.facts

    def read_authorities(self) -> bool:
        if self._authorities is not None:
            return False
        self.channel.new_operation()
        self._authorities = pkcs15.read_authorities(self._files)
        added = replace(self._directory, certificates=self._authorities)
        read = identity.read_certificates(added, self._profile, lambda _entry, _certificate: "other")
        self.facts = replace(self.facts, certificates=(*self.facts.certificates, *(c.facts for c in read)))
        return bool(read)

    def verify(self, role: Role, code: Secret, *, consented: bool, other_form: bool = False) -> CodeOutcome:
        """As the base class; the keys are read first, because a SELECT between code and signature may end what the code
        allows.
        """
        self._before_code()
        return super().verify(role, code, consented=consented, other_form=other_form)

    def verify_at_pad(self, role: Role, text: PadText, *, consented: bool) -> CodeOutcome:
        self._before_code()
        return super().verify_at_pad(role, text, consented=consented)

    def _before_code(self) -> None:
        self.channel.new_operation()
        self._read_keys_once()

    def _read_keys_once(self) -> tuple[KeyObject, ...]:
        """Read the list of keys, where identification did without; a card that does not show it has none to sign with."""
        if self._directory.keys is None:
            try:
                keys = pkcs15.read_keys(self._files)
            except (CommandRefusedError, TlvError):
                keys = ()
            self._directory = replace(self._directory, keys=keys)
            ids = {key.id.hex() for key in keys}
            certificates = (c if c.id in ids else replace(c, purpose="other") for c in self.facts.certificates)
            unlisted = identity.unlisted_codes(self._directory)
            self.facts = replace(self.facts.with_certificates(certificates), unlisted=unlisted)
        return self._directory.keys or ()

    def _enter(self, code: CodeObject) -> None:
        """A local code belongs to its DF: make that the current one (ISO/IEC 7816-15 8.9.2). So does a global one to the MF,
        where the card says so."""
        if code.has(CodeFlag.LOCAL) or code.path == iso7816.MF:
            self._files.enter(code.path)

    def check_same_card(self) -> None:
        """Raises CardChangedError where the card is not the one that was identified (reliability I2)."""
        try:
            same = still_has(self._files, self._fingerprint)
        except CommandRefusedError as fault:
            raise CardChangedError("the card reads differently now", reader=self.channel.reader) from fault
        if not same:
            raise CardChangedError("another card than the one that was identified", reader=self.channel.reader)

    def signability(self, purpose: Purpose) -> Signability:
        """As the base class; the keys, which are read here, are not read again before a code."""
        self._before_code()
        return super().signability(purpose)

    def _probe(self, certificate: Certificate, purpose: Purpose) -> Signability:
        key, public = self._key_of(certificate), x509.load_der_x509_certificate(certificate.der).public_key()
        return "no_key" if key is None else signing.probe(self.channel, self._product, key, public, purpose)

    def _wants_code_each_time(self, certificate: Certificate) -> bool:
        keys = self._directory.keys or ()
        return next((key.consent for key in keys if key.id.hex() == certificate.id), True)

    def _key_of(self, certificate: Certificate) -> KeyObject | None:
        return next((key for key in self._read_keys_once() if key.id.hex() == certificate.id), None)

    def _sign(self, certificate: Certificate, purpose: Purpose, message: bytes) -> SignOutcome:
        key = self._key_of(certificate)
        if key is None:
            return NOT_ALLOWED
        self._enter_keys()
        return signing.sign(self.channel, self._product, key, certificate.der, purpose, message)

    def _enter_keys(self) -> None:
        """The keys are the application's: leave the MF, where a code of its own was verified or asked for."""
        if any(own.code.path == iso7816.MF and own.role is not Role.PUK for own in self._owned):
            self._files.enter()

    def _free_key(self) -> tuple[Certificate, SignsWith] | None:
        """A key that no code guards and no consent is wanted for, with its certificate (ISO/IEC 7816-15 8.4)."""
        free = {key.id.hex(): key for key in self._read_keys_once() if not key.auth_id and not key.consent}
        candidates = [c for c in self.facts.certificates if c.id in free and SIGN in free[c.id].usage]
        certificate = next(iter(sorted(candidates, key=lambda c: c.chain != "ok")), None)
        if certificate is None:
            return None
        key, der = free[certificate.id], certificate.der
        self._enter_keys()
        return certificate, lambda message: signing.sign(self.channel, self._product, key, der, "other", message)

    def sign_with(self, key_id: str, message: bytes) -> SignOutcome:
        self.channel.new_operation()
        place = self._place(key_id)
        public = (
            None if place is None else self.generated.get(key_id) or pkcs15.read_public_keys(self._files).get(place)
        )
        key = None if place is None or public is None else self._manager.key(place)
        if key is None or public is None:
            return NOT_ALLOWED
        self._enter_keys()
        signer = SigningKey(serialization.load_der_public_key(public))
        return signing.sign_by(self.channel, self._product, key, signer, "other", message)

    def _guard(self, purpose: Purpose) -> CodeObject | None:
        """The code with which a key for that purpose is used: a second one is for signatures. None where no key file could
        name it."""
        codes = {own.role: own.code for own in self._owned}
        usual = codes.get(Role.IDENTIFICATION)
        guard = codes.get(Role.SIGNATURE, usual) if purpose == "signature" else usual
        return guard if guard is not None and guard.reference <= commands.LAST_IN_RIGHTS else None

    def places(self, purpose: Purpose) -> tuple[KeyPlace, ...]:
        """See `KeyVisit.places`: keys without a certificate that are used with the code for that purpose, and an id that no key
        has."""
        self.read_rest()
        self.channel.new_operation()
        guard = self._guard(purpose)
        if not self._profile.writable or guard is None:
            return ()
        self._forget()
        keys, public = pkcs15.read_keys(self._files), pkcs15.read_public_keys(self._files)
        named = {file.entry.id for file in self._directory.certificates}
        waiting = [k.id for k in keys if k.id not in named and k.id in public and k.auth_id == guard.auth_id]
        taken = named | {key.id for key in keys}
        new = next((bytes((number,)) for number in _NEW_IDS if bytes((number,)) not in taken), None)
        places = [KeyPlace(new_id.hex(), public[new_id]) for new_id in waiting]
        return tuple(places if new is None else [*places, KeyPlace(new.hex())])

    def generate_key(
        self,
        key_id: str,
        algorithm: KeyAlgorithm,
        management: ManagementKey | None = None,
        purpose: Purpose = "identification",
    ) -> KeyOutcome:
        """See `KeyVisit.generate_key`: a new key where the id is new."""
        self.channel.new_operation()
        place = self._place(key_id)
        guard = self._guard(purpose)
        if place is None or guard is None:
            return NOT_ALLOWED
        self.generated.pop(key_id, None)
        outcome = self._manager.generate(place, algorithm, guard)
        if isinstance(outcome, Generated):
            self.generated[key_id] = outcome.public_key
        return outcome

    def write_certificate(self, key_id: str, der: bytes, management: ManagementKey | None = None) -> CodeOutcome:
        return self._write_and_read_back(
            key_id, lambda place: self._manager.write(place, der), lambda after, _before: der in after
        )

    def delete_certificate(self, key_id: str, management: ManagementKey | None = None) -> CodeOutcome:
        return self._write_and_read_back(key_id, self._manager.delete, lambda after, before: len(after) < len(before))

    def delete_key(self, key_id: str, management: ManagementKey | None = None) -> CodeOutcome:
        self.channel.new_operation()
        place = self._place(key_id)
        if place is None:
            return NOT_ALLOWED
        self.generated.pop(key_id, None)
        outcome = self._manager.delete_key(place)
        if isinstance(outcome, Accepted) and self._manager.key(place) is not None:
            raise CardAnswerError("the card does not hold what it took", reader=self.channel.reader)
        return outcome

    def _write_and_read_back(
        self, key_id: str, write: Callable[[bytes], WriteOutcome], is_done: Callable[[list[bytes], list[bytes]], bool]
    ) -> CodeOutcome:
        """Write, and see whether the card holds what it should, by what it holds now and held before under that id."""
        self.read_rest()
        self.channel.new_operation()
        place = self._place(key_id)
        if place is None:
            return NOT_ALLOWED
        before = self._held(place)
        outcome = write(place)
        if isinstance(outcome, Accepted) and not is_done(self._held(place), before):
            raise CardAnswerError("the card does not hold what it took", reader=self.channel.reader)
        return outcome

    def _held(self, key_id: bytes) -> list[bytes]:
        return [file.der for file in self._directory.certificates if file.entry.id == key_id]

    def _place(self, key_id: str) -> bytes | None:
        """The id as it is on the card; None where the product is not to be written to, or that is no id."""
        wellformed = re.fullmatch(r"([0-9a-f]{2}){1,32}", key_id)
        return bytes.fromhex(key_id) if self._profile.writable and wellformed else None

    def _forget(self) -> None:
        """Nothing is written on the ground of what was remembered, nor remembered while it is being written."""
        self._seen.forget()
        if not self._fresh:
            self._files.forget_all()
            self._fresh = True

    def _read_anew(self) -> None:
        """The directory, of which the files that were written come from the card."""
        listed = pkcs15.read_directory(self._files, self._directory.aid)
        known_by = _read_holder(self._files, listed, all_at_once=self._profiles.tell_by_issuer("pkcs15"))
        digest = identity.digest_of(identity.read_certificates(known_by, self._profile))
        whole = pkcs15.read_certificates(self._files, known_by)
        self._directory = replace(whole, keys=pkcs15.read_keys(self._files))
        self._authorities = None
        self.facts = replace(self.facts, digest=digest)
        self._take_stock()
        self._codes.rename(name_in_ledger(self.facts.atr, self.facts.serial, digest))


def _stranger(profiles: Profiles, reader: str, atr: bytes, tried: tuple[str, ...], why: Guard) -> UnknownCardError:
    """A card without a directory; by the product that its answer to reset names, where one does."""
    hinted = next(iter(profiles.hinted(atr)), None)
    if hinted is None:
        text = "a card that this program does not understand"
        return UnknownCardError(text, reader=reader, atr=atr, tried=tried, why=why)
    text = f"{hinted.title}, by its answer to reset: it has no directory that this program reads, so nothing of it is shown"
    return UnknownCardError(text, reader=reader, atr=atr, tried=tried, why=why, product=hinted.name)


def _signs(atr: bytes, directory: pkcs15.CardDirectory) -> CardSigns:
    token, issuers = directory.token, issuers_of(file.der for file in directory.certificates)
    return CardSigns(atr, directory.aid or pkcs15.PKCS15_AID, token.label, token.manufacturer, issuers)


def _data_object(certificate_file: values.DataObject) -> DataObject:
    where, value = (
        (certificate_file.value.path.hex(), b"")
        if isinstance(certificate_file.value, FilePath)
        else ("", certificate_file.value)
    )
    return DataObject(certificate_file.label, certificate_file.application, where, value)


def _paired(certificate: Certificate, keys: dict[bytes, bytes]) -> Certificate:
    """By public key, not by name: the ids of key and certificate may agree where they do not."""
    public_key = keys.get(bytes.fromhex(certificate.id))
    own = public_key is None or public_key == public_keys.of_certificate(certificate.der)
    return certificate if own else replace(certificate, purpose="other")
