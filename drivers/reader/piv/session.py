"""Session with one PIV card. Synchronous; runs in the thread of the reader.

`open_piv` identifies the card; from then on `check_same_card` compares, on the same connection and without a SELECT
(which would end what a code has opened), what makes this card this card.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from drivers.reader import tlv
from drivers.reader.card_cache import CardCache
from drivers.reader.card_session import CHALLENGE_BYTES, NOT_ALLOWED, CardSession, SignsWith
from drivers.reader.certificates import identity, public_keys
from drivers.reader.certificates import key_usage as usage
from drivers.reader.certificates.identity import ReadCertificate
from drivers.reader.errors import CardAnswerError, CardChangedError, CardGoneError
from drivers.reader.iso7816 import Alphabet
from drivers.reader.keys import (
    Generated,
    KeyAlgorithm,
    KeyOutcome,
    KeyPlace,
    ManagementAlgorithm,
    ManagementKey,
    MutualAnswer,
)
from drivers.reader.model import CardFacts, CardRules, Certificate, Holder, Purpose
from drivers.reader.outcomes import (
    Accepted,
    CardAuthenticated,
    CardAuthentication,
    CardNotAuthenticated,
    CodeOutcome,
    Role,
    Signed,
    SignOutcome,
    Unknown,
)
from drivers.reader.pin.code_commands import CodeCommands
from drivers.reader.pin.code_roles import CodeWithRole
from drivers.reader.pin.try_counter import TryCounter
from drivers.reader.pin.try_ledger import TryLedger, name_in_ledger
from drivers.reader.piv import objects, signing
from drivers.reader.piv.application import CachedObjects, PivCard, PivHabits, select
from drivers.reader.piv.key_management import PivKeyManager, public_key_of
from drivers.reader.piv.objects import KeySlot, PivPinPolicy, slot_of
from drivers.reader.pkcs15.directory import CardDirectory, CertificateFile
from drivers.reader.pkcs15.values import CertificateObject, CodeFlag, CodeObject, KeyObject, TokenInfo
from drivers.reader.profiles import CardSigns, Profiles
from drivers.reader.tlv import TlvError
from drivers.reader.transport.channel import ApduChannel

STORED_BYTES = 8
PAD = 0xFF
"""Every code goes out in eight bytes, filled with FF (SP 800-73-4 part 2, 2.4.3)."""
_ANY_LENGTH = 1
MANAGEMENT_ID = "9b"
NEARS_ITS_END = timedelta(days=200)
"""So long before its certificate's end a key may have been renewed: then the spare places are read too."""
_ORDINARY: dict[Purpose, KeySlot] = {"identification": objects.AUTHENTICATION, "signature": objects.SIGNATURE}


def open_piv(
    channel: ApduChannel, *, profiles: Profiles, ledger: TryLedger, memory: CardCache[CachedObjects] | None = None,
    habits: PivHabits | None = None,
) -> "PivSession | None":  # fmt: skip
    """Select and identify; None where the card has no PIV application. Of a card in `memory` only what makes it that card
    is read.

    Raises UnknownCardError where no profile is for it, CardGoneError, CardAnswerError.
    """
    card = select(channel, profiles, habits)
    return None if card is None else PivSession(channel, card, profiles, ledger, memory or CardCache())


class PivSession(CardSession):
    """See the module. Every method raises CardGoneError once the connection is lost."""

    def __init__(
        self,
        channel: ApduChannel,
        card: PivCard,
        profiles: Profiles,
        ledger: TryLedger,
        memory: CardCache[CachedObjects],
    ) -> None:
        self._card = card
        self._memory = memory
        self._slots: tuple[KeySlot, ...] = objects.FOR_PEOPLE
        self._spare = tuple(slot for slot in objects.RETIRED if slot.id in card.profile.piv.spare)
        self._counted: tuple[KeySlot, ...] = objects.FOR_PEOPLE
        """Slots that `digest` is over."""
        self._serial = card.serial()
        if (cached := memory.recall(card.cache_key)) is not None:
            card.take(cached)
        policy = card.pin_policy()
        issuers = [certificate.x509.issuer.rfc4514_string() for certificate in self._read_certificates()]
        card.profile = profiles.with_issuer(card.profile, issuers)
        read = self._read_certificates()
        number = identity.card_number_of(read, self._serial, card.profile)
        digest = identity.digest_of(read)
        former = number or self._serial or digest.hex(), self._serial.encode().hex().upper()
        name = name_in_ledger(channel.connection.atr, self._serial, digest)
        counter = TryCounter(channel, card.profile, ledger, name, former)
        born = identity.birth_dates_of(read)
        codes = CodeCommands(channel, card.profile, counter, self.check_same_card, _stay, born)
        super().__init__(channel, card.profile, codes, _codes_of(policy))
        self._manager = PivKeyManager(channel, self.check_same_card)
        self.generated: dict[str, bytes] = {}
        """Public keys (DER) that the card is known to hold, by key id: made in this visit, or told by metadata."""
        self._doubtful: set[str] = set()
        """Places in which a key was to be made in this visit, and nobody knows what is there now."""
        self._fingerprint = card.fingerprint(self._slots)
        self.facts = CardFacts(
            reader=channel.reader,
            atr=channel.connection.atr,
            kind="piv",
            profile=card.profile.name,
            serial=self._serial,
            card_number=number,
            holder=Holder("", ""),
            pins=self._read_pins(),
            certificates=(),
            rules=self._rules(policy),
            digest=identity.digest_of(read),
            damaged=identity.damaged_certificates(self._directory(), read),
            guarded=identity.guarded_certificates(self._directory()),
            version=card.application.version,
        ).with_certificates(certificate.facts for certificate in read)
        self._remember()

    def _rules(self, policy: PivPinPolicy) -> CardRules:
        """The product's, but that no PUK of the application unlocks the card's global PIN (part 2, 3.2.3)."""
        rules = identity.card_rules_of(self._card.profile, self.channel.connection.atr)
        return replace(rules, unblocking="nobody") if policy.primary == objects.GLOBAL_PIN else rules

    @property
    def guarded(self) -> bool:
        """True where what everybody may read of a PIV card was refused: it wants secure messaging first."""
        return bool(self._card.refused)

    @property
    def signs(self) -> CardSigns:
        """Signs by which the card's profile was recognised."""
        application = self._card.application
        return CardSigns(self.facts.atr, application.aid, application.label)

    def read_spare_places(self, now: datetime) -> CardFacts:
        """Read the spare places too, where an ordinary one is empty, or its certificate nears its end or is personal."""
        for purpose, slot in _ORDINARY.items():
            certificates = [certificate for certificate in self.facts.certificates if certificate.id == slot.id]
            if self._spare and all(
                certificate.purpose != purpose or certificate.personal or certificate.not_after < now + NEARS_ITS_END
                for certificate in certificates
            ):
                self._counted = self._slots = (*objects.FOR_PEOPLE, *self._spare)
                self._take_stock()
                self._remember()
                break
        return self.facts

    def complete(self) -> CardFacts:
        """Read the other slots and the retired keys too, and where metadata tell, drop the purpose of a key without its own.

        `digest` stays what it was: it is over the slots that every reading has.
        """
        self.channel.new_operation()
        retired = (slot for slot in self._card.read_retired_slots() if slot not in self._spare)
        self._slots = (*objects.SLOTS, *retired, *self._spare)
        read = self._read_certificates()
        self.facts = replace(
            self.facts.with_certificates(self._paired(certificate.facts) for certificate in read),
            damaged=identity.damaged_certificates(self._directory(), read),
            version=self._card.version() or self.facts.version,
        )
        self._remember()
        return self.facts

    def _remember(self) -> None:
        if self._card.cache_key:
            self._memory.keep(self._card.cache_key, CachedObjects(dict(self._card.raw), self._fingerprint))

    def check_same_card(self) -> None:
        """Raises CardChangedError where the card is not the one that was identified (reliability I2).

        A card that has nothing to tell it from another is never known to be the same.
        """
        if not self._card.still_has(self._fingerprint):
            raise CardChangedError("another card than the one that was identified", reader=self.channel.reader)

    def _take_stock(self) -> None:
        """The facts and the fingerprint by what the slots hold now."""
        read = self._read_certificates()
        self._fingerprint = self._card.fingerprint(self._slots)
        digest = identity.digest_of([c for c in read if slot_of(c.facts.id) in self._counted])
        damaged = identity.damaged_certificates(self._directory(), read)
        self.facts = replace(self.facts.with_certificates(c.facts for c in read), digest=digest, damaged=damaged)
        usual = identity.digest_of([c for c in read if slot_of(c.facts.id) in objects.SLOTS])
        self._codes.rename(name_in_ledger(self.facts.atr, self._serial, usual))

    def places(self, purpose: Purpose) -> tuple[KeyPlace, ...]:
        """See `KeyVisit.places`: the ordinary slot of the purpose, then the spare ones."""
        self.channel.new_operation()
        if purpose == "other" or not self._fingerprint:
            return ()
        free = [slot for slot in (_ORDINARY[purpose], *self._spare) if not self._card.certificate(slot)]
        places = [KeyPlace(slot.id, self._public_key(slot)) for slot in free]
        return tuple(sorted(places, key=lambda place: place.public_key is None))

    def _sign(self, certificate: Certificate, purpose: Purpose, message: bytes) -> SignOutcome:
        slot = slot_of(certificate.id)
        if slot is None:
            return NOT_ALLOWED
        key = x509.load_der_x509_certificate(certificate.der).public_key()
        return signing.sign(self.channel, slot.key, key, certificate.der, message)

    def _wants_code_each_time(self, certificate: Certificate) -> bool:
        """The key for signatures (SP 800-73-4 part 1, table 4b)."""
        return slot_of(certificate.id) in (objects.SIGNATURE, None)

    def read_free_key(self) -> bool:
        if objects.CARD_AUTHENTICATION in self._slots:
            return False
        self.channel.new_operation()
        before = len(self.facts.certificates)
        self._slots = (*self._slots, objects.CARD_AUTHENTICATION)
        self._take_stock()
        self._remember()
        return len(self.facts.certificates) > before

    def _free_key(self) -> tuple[Certificate, SignsWith] | None:
        """The card authentication key (SP 800-73-4 part 1, table 4b)."""
        slot = objects.CARD_AUTHENTICATION
        certificate = next((c for c in self.facts.certificates if c.id == slot.id), None)
        if certificate is None:
            return None
        key = x509.load_der_x509_certificate(certificate.der).public_key()
        return certificate, lambda message: signing.sign(self.channel, slot.key, key, certificate.der, message)

    def request_management_witness(self) -> tuple[ManagementAlgorithm, bytes] | CardAuthentication:
        """As the base class (SP 800-73-4 part 2, appendix A.1)."""
        self.channel.new_operation()
        algorithm = self._card.profile.piv.management
        witness = self._manager.witness(algorithm)
        return CardNotAuthenticated("refused") if witness is None else (algorithm, witness)

    def verify_management_answer(
        self, algorithm: ManagementAlgorithm, challenge: bytes, answer: MutualAnswer
    ) -> CardAuthentication:
        proved = self._manager.proves(algorithm, challenge, answer)
        return CardAuthenticated(MANAGEMENT_ID) if proved else CardNotAuthenticated("wrong_answer")

    def sign_with(self, key_id: str, message: bytes) -> SignOutcome:
        self.channel.new_operation()
        slot = None if key_id in self._doubtful else slot_of(key_id)
        public = None if slot is None else self._public_key(slot) or self._certified(slot)
        if slot is None or public is None:
            return NOT_ALLOWED
        return signing.sign(self.channel, slot.key, serialization.load_der_public_key(public), b"", message)

    def _certified(self, slot: KeySlot) -> bytes | None:
        return public_keys.of_certificate(self._card.certificate(slot))

    def generate_key(
        self,
        key_id: str,
        algorithm: KeyAlgorithm,
        management: ManagementKey | None = None,
        purpose: Purpose = "identification",
    ) -> KeyOutcome:
        self.channel.new_operation()
        slot = slot_of(key_id)
        if slot is None or management is None or not self._fingerprint:
            return NOT_ALLOWED
        self.generated.pop(key_id, None)
        self._doubtful.add(key_id)
        self._memory.forget(self._card.cache_key)
        outcome = self._manager.generate(slot, algorithm, management)
        if isinstance(outcome, Generated):
            self.generated[key_id] = outcome.public_key
        if not isinstance(outcome, Unknown):
            self._doubtful.discard(key_id)
        return outcome

    def write_certificate(self, key_id: str, der: bytes, management: ManagementKey | None = None) -> CodeOutcome:
        self.channel.new_operation()
        slot, public = slot_of(key_id), public_keys.of_certificate(der)
        if slot is None or management is None or not self._fingerprint:
            return NOT_ALLOWED
        if public is None or not self._is_pair(slot, public):
            return NOT_ALLOWED
        return self._write_and_read_back(slot, der, management)

    def _is_pair(self, slot: KeySlot, public: bytes) -> bool:
        """By what the card says of its key; one that says nothing shows it by a signature, for which the PIN is verified."""
        public_key = self._public_key(slot)
        if public_key is not None:
            return public_key == public
        key = serialization.load_der_public_key(public)
        try:
            signed = signing.sign(self.channel, slot.key, key, b"", secrets.token_bytes(CHALLENGE_BYTES))
        except CardAnswerError:
            return False
        return isinstance(signed, Signed)

    def delete_certificate(self, key_id: str, management: ManagementKey | None = None) -> CodeOutcome:
        self.channel.new_operation()
        slot = slot_of(key_id)
        if slot is None or management is None or not self._fingerprint:
            return NOT_ALLOWED
        return self._write_and_read_back(slot, b"", management)

    def delete_key(self, key_id: str, management: ManagementKey | None = None) -> CodeOutcome:
        self.channel.new_operation()
        slot = slot_of(key_id)
        if slot is None or management is None or not self._fingerprint or not self._card.profile.piv.delete_key:
            return NOT_ALLOWED
        if self._card.certificate(slot):
            return NOT_ALLOWED
        self.generated.pop(key_id, None)
        outcome = self._manager.delete_key(slot, management)
        return self._read_back(lambda: self._is_gone(slot)) if isinstance(outcome, Accepted) else outcome

    def _write_and_read_back(self, slot: KeySlot, der: bytes, management: ManagementKey) -> CodeOutcome:
        """Write, read back, and know the card by what it holds now."""
        self._memory.forget(self._card.cache_key)
        outcome = self._manager.write(slot, der, management)
        return self._read_back(lambda: self._holds(slot, der)) if isinstance(outcome, Accepted) else outcome

    def _read_back(self, look: Callable[[], None]) -> Accepted | Unknown:
        """Part of the operation: a card that leaves before it may not hold what it should."""
        try:
            look()
        except CardGoneError:
            return Unknown()
        return Accepted()

    def _is_gone(self, slot: KeySlot) -> None:
        if self._public_key(slot) is not None:
            raise CardAnswerError("the card does not hold what it took", reader=self.channel.reader)

    def _holds(self, slot: KeySlot, der: bytes) -> None:
        self._card.forget(slot.tag)
        if self._card.certificate(slot) != der:
            raise CardAnswerError("the card does not hold what it took", reader=self.channel.reader)
        more = () if slot in self._slots else self._spare if slot in self._spare else (slot,)
        self._slots = (*self._slots, *more)
        if slot in self._spare:
            self._counted = (*objects.SLOTS, *self._spare)
        self._take_stock()

    def _public_key(self, slot: KeySlot) -> bytes | None:
        """DER of the public key that the slot is known to hold; None where the card does not tell."""
        if slot.id not in self.generated:
            template = self._card.metadata(slot.key).public_key
            try:
                key = public_key_of(tlv.parse_prefix(template)) if template else None
            except TlvError:
                key = None
            if key is not None:
                self.generated[slot.id] = public_keys.encode_spki(key)
        return self.generated.get(slot.id)

    def _paired(self, certificate: Certificate) -> Certificate:
        slot = slot_of(certificate.id)
        public = None if slot is None else self._public_key(slot)
        own = public is None or public == public_keys.of_certificate(certificate.der)
        return certificate if own else replace(certificate, purpose="other")

    def _directory(self) -> CardDirectory:
        """The card in the words of a PKCS#15 directory, in which certificates are told apart and named."""
        read_slots = [(slot, self._card.certificate(slot)) for slot in self._slots]
        return CardDirectory(
            aid=self._card.application.aid,
            token=TokenInfo(b"", "", self._card.application.label),
            codes=(),
            keys=tuple(_key(slot) for slot, der in read_slots if der),
            certificates=tuple(
                CertificateFile(CertificateObject(bytes((slot.key,)), slot.label, False, der), der)
                for slot, der in read_slots if der or slot.tag in self._card.refused
            ),
        )  # fmt: skip

    def _read_certificates(self) -> tuple[ReadCertificate, ...]:
        spare = {slot.key for slot in self._spare}

        def purpose(entry: CertificateObject, certificate: x509.Certificate) -> Purpose:
            return usage.purpose_by_usage(certificate) if entry.id[0] in spare else _purpose(entry, certificate)

        return identity.read_certificates(self._directory(), self._card.profile, purpose)


def _stay(_code: CodeObject) -> None:
    """Every code of PIV belongs to the application that is selected already."""


def _purpose(entry: CertificateObject, certificate: x509.Certificate) -> Purpose:
    """By slot, where keyUsage does not speak against it; a certificate without keyUsage may be used for all (RFC 5280)."""
    slot = entry.id[0]
    if slot not in (objects.AUTHENTICATION.key, objects.SIGNATURE.key):
        return "other"
    meant: Purpose = "identification" if slot == objects.AUTHENTICATION.key else "signature"
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return meant
    signs = usage.digital_signature or (usage.content_commitment and meant == "signature")
    return meant if signs else "other"


def _key(slot: KeySlot) -> KeyObject:
    pin = bytes((objects.APPLICATION_PIN,))
    return KeyObject(bytes((slot.key,)), slot.label, pin, frozenset(), slot.key, b"", elliptic=False)


def _codes_of(policy: PivPinPolicy) -> tuple[CodeWithRole, ...]:
    """The PIN that a holder is asked for comes first, then the other where there is one, then the PUK."""
    pins = [policy.primary] if policy.other is None else [policy.primary, policy.other]
    owned = [CodeWithRole(_code(reference), Role.IDENTIFICATION) for reference in pins]
    return (*owned, CodeWithRole(_code(objects.PUK), Role.PUK))


def _code(reference: int) -> CodeObject:
    """A code by its reference. The PUK unlocks the application's PIN and no other (part 2, 3.2.3)."""
    labels = {objects.APPLICATION_PIN: "PIN", objects.GLOBAL_PIN: "Global PIN", objects.PUK: "PUK"}
    flags = {CodeFlag.INITIALIZED, CodeFlag.NEEDS_PADDING}
    if reference == objects.PUK:
        flags.add(CodeFlag.UNBLOCKING)
    if reference == objects.GLOBAL_PIN:
        flags.add(CodeFlag.UNBLOCK_DISABLED)
    return CodeObject(
        auth_id=bytes((reference,)), label=labels[reference], puk_id=bytes((objects.PUK,)), flags=frozenset(flags),
        alphabet=Alphabet.ASCII_NUMERIC, min_length=_ANY_LENGTH, stored_length=STORED_BYTES, max_length=STORED_BYTES,
        reference=reference, pad=PAD, path=b"",
    )  # fmt: skip
