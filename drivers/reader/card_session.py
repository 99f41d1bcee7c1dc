"""Base class of synchronous card sessions (PKCS#15 and PIV): codes by role, facts, and what a kind of card cannot do.

A session is synchronous and lives in the reader's thread. From identification on it belongs to one card on one
connection; a connection that was lost is never made again within it. What a kind of card cannot do is refused here.
"""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from drivers.reader.certificates import identity
from drivers.reader.errors import CardAnswerError
from drivers.reader.keys import (
    KeyAlgorithm,
    KeyChallenge,
    KeyOutcome,
    KeyPlace,
    ManagementAlgorithm,
    ManagementKey,
    MutualAnswer,
)
from drivers.reader.model import CardFacts, Certificate, Pin, Purpose
from drivers.reader.outcomes import (
    Accepted,
    AdminOutcome,
    CardAuthentication,
    CardNotAuthenticated,
    CodeOutcome,
    NoFreeKey,
    RefusalReason,
    Refused,
    Role,
    Signability,
    Signed,
    SignOutcome,
    Unknown,
)
from drivers.reader.pin.administrator_unblock import COUNTED_AS, AdministratorUnblock
from drivers.reader.pin.code_commands import VERIFYING_FIRST, CodeCommands, last_try_refusal, refuse_on_fault
from drivers.reader.pin.code_roles import CodeWithRole, as_described
from drivers.reader.pin.pinpad_commands import PinpadCommands
from drivers.reader.pkcs15.values import AlgorithmInfo, CodeObject
from drivers.reader.profiles import CardSigns, Profile
from drivers.reader.profiles.draft import draft
from drivers.reader.secret import Secret
from drivers.reader.signatures import card_authentication as own_keys
from drivers.reader.signatures.signature_forms import SignatureForm
from drivers.reader.transport.channel import ApduChannel
from drivers.reader.transport.pinpad import PadText

CHALLENGE_BYTES = 32
SignsWith = Callable[[bytes], SignOutcome]
NOT_ALLOWED = Refused(RefusalReason.NOT_ALLOWED)
T = TypeVar("T")


class CardSession(ABC):
    """See the module. Every method raises CardGoneError once the connection is lost."""

    facts: CardFacts
    _algorithms: tuple[AlgorithmInfo, ...] = ()
    """Those that the card tells."""
    _judged = False
    """The chains have been judged once, and nothing has been read since that may name somebody else."""
    _acts = False
    """Somebody has said as whom they act."""
    _asks_puk = True
    """The card is asked for the tries of its PUK too."""

    def __init__(
        self, channel: ApduChannel, profile: Profile, codes: CodeCommands, owned: tuple[CodeWithRole, ...]
    ) -> None:
        self.channel = channel
        self._profile = profile
        self._codes = codes
        self._pad = PinpadCommands(channel, codes)
        self._administration = AdministratorUnblock(channel, codes, profile.unblocking)
        self._listed = owned
        """As the card itself describes them; `_owned`: as its profile does."""
        self._owned = as_described(owned, profile)
        for own in self._owned:
            puk = None if own.role is Role.PUK else self._puk_of(own.code)
            if puk is not None:
                codes.pair(own.code, puk)

    def _read_pins(self) -> tuple[Pin, ...]:
        return tuple(map(self._read_pin, self._owned))

    def _read_pin(self, own: CodeWithRole) -> Pin:
        puk = own.role is Role.PUK
        tries = self._codes.tries_to_show(own.code, own.role, ask=self._asks_puk or not puk)
        stops = self._codes.floor_refusal(tries) if puk else last_try_refusal(tries, consented=False)
        return identity.pin_of(own.code, own.role, self._profile, tries, refused=isinstance(stops, Refused))

    @property
    @abstractmethod
    def signs(self) -> CardSigns:
        """Signs by which the card's profile was recognised."""

    def draft_profile(self) -> str:
        codes = [(own.code, own.role) for own in self._listed]
        return draft(self.facts, self.signs, codes, self._algorithms, self._proven_forms(), self._codes.taken_pad)

    def _proven_forms(self) -> Sequence[tuple[bool, SignatureForm]]:
        """Forms in which the card's product has signed, each with whether it is for elliptic keys."""
        return ()

    def set_certificates(self, certificates: tuple[Certificate, ...]) -> CardFacts:
        """Keep the certificates with their chains judged. The first time the holder is whom the best one names."""
        self.facts = self.facts.with_certificates(certificates, keep_holder=self._judged)
        self._judged = True
        return self.facts

    def act_as(self, hsa_id: str) -> None:
        """See `Visit.act_as`."""
        self.facts = self.facts.act_as(hsa_id)
        self._acts = True

    def refresh(self) -> CardFacts:
        """Read tries and states again."""
        self.channel.new_operation()
        self.facts = replace(self.facts, pins=self._read_pins())
        return self.facts

    def clear_tries(self) -> bool:
        """See `Visit.clear_tries`."""
        return self._codes.clear_counts((own.code for own in self._owned), (COUNTED_AS,))

    def complete(self) -> CardFacts:
        """Read what identification left out; where nothing was, there is nothing to do."""
        return self.facts

    @property
    def unread(self) -> bool:
        """Identification has left something for `read_rest`."""
        return False

    def read_rest(self) -> CardFacts:
        """See `Visit.read_rest`; where nothing was left there is nothing to do."""
        return self.facts

    def read_authorities(self) -> bool:
        """Read the authorities' certificates that identification leaves out. Are there any that were not read?"""
        return False

    def read_free_key(self) -> bool:
        """Read the certificate of the card's own key, where identification leaves it out. Was there one?"""
        return False

    def read_spare_places(self, now: datetime) -> CardFacts:
        """Read what identification leaves out of a card that has nothing to renew; here there is nothing."""
        return self.facts

    def places(self, purpose: Purpose) -> tuple[KeyPlace, ...]:
        return ()

    def lift_read_only(self) -> None:
        """See `Visit.lift_read_only`."""
        if not self.facts.rules.by_family:
            raise LookupError("the card is not read-only for the sake of its family")
        self._profile = self._profile.model_copy(update={"proved": "standard"})
        self._codes.believe(self._profile)
        self.facts = replace(self.facts, rules=identity.card_rules_of(self._profile, self.facts.atr))

    def inherit(self, former: "CardSession") -> None:
        """Go on with what the same card refused before it was put back."""
        self._codes.inherit(former._codes)

    def verify(self, role: Role, code: Secret, *, consented: bool, other_form: bool = False) -> CodeOutcome:
        """See `Visit.verify`. A PUK is never verified by itself: it goes out in `unblock`, above its floor."""
        own = self._begin(role)
        if own is None:
            return NOT_ALLOWED
        return refuse_on_fault(
            lambda: self._codes.verify(own.code, own.role, code, consented=consented, other_form=other_form)
        )

    def change(self, role: Role, old: Secret, new: Secret, *, consented: bool) -> CodeOutcome:
        """See `Visit.change`. A PUK cannot be changed."""
        own = self._begin(role)
        if own is None:
            return NOT_ALLOWED
        return self._set_code(own, lambda: self._codes.change(own.code, own.role, old, new, consented=consented))

    def unblock(self, role: Role, puk: Secret, new: Secret, *, attended: bool = False) -> CodeOutcome:
        own = self._begin(role)
        resetting = None if own is None else self._puk_of(own.code)
        if own is None or resetting is None:
            return NOT_ALLOWED
        return self._set_code(
            own, lambda: self._codes.unblock(own.code, resetting, own.role, puk, new, attended=attended)
        )

    def _set_code(self, own: CodeWithRole, command: Callable[[], T]) -> T | Refused:
        """Run a command that sets a code: where it did, nobody need change it any more."""
        outcome = refuse_on_fault(command)
        if isinstance(outcome, Accepted) and outcome.new_code_set:
            pins = (replace(pin, must_change=False) if pin.role is own.role else pin for pin in self.facts.pins)
            self.facts = replace(self.facts, pins=tuple(pins))
        return outcome

    def request_admin_challenge(self, role: Role, new: Secret) -> KeyChallenge | AdminOutcome:
        """See `AdministeredVisit.request_challenge`."""
        own = self._begin(role)
        if own is None:
            return NOT_ALLOWED
        challenge = refuse_on_fault(lambda: self._administration.challenge(own.code, own.role, new))
        if not isinstance(challenge, bytes):
            return challenge
        return KeyChallenge(challenge, self._administration.answers_left)

    def answer_admin_challenge(self, role: Role, new: Secret, answer: bytes) -> AdminOutcome:
        own = self._begin(role)
        return (
            NOT_ALLOWED
            if own is None
            else self._set_code(own, lambda: self._administration.complete_with_answer(own.code, new, answer))
        )

    def verify_at_pad(self, role: Role, text: PadText, *, consented: bool) -> CodeOutcome:
        own = self._begin(role)
        if own is None:
            return NOT_ALLOWED
        return refuse_on_fault(lambda: self._pad.verify(own.code, own.role, text, consented=consented))

    def change_at_pad(self, role: Role, text: PadText, *, consented: bool) -> CodeOutcome:
        own = self._begin(role)
        if own is None:
            return NOT_ALLOWED
        return self._set_code(own, lambda: self._pad.change(own.code, own.role, text, consented=consented))

    def unblock_at_pad(self, role: Role, text: PadText) -> CodeOutcome:
        own = self._begin(role)
        resetting = None if own is None else self._puk_of(own.code)
        if own is None or resetting is None:
            return NOT_ALLOWED
        return self._set_code(own, lambda: self._pad.unblock(own.code, resetting, own.role, text))

    def unblock_lengths_at_pad(self, role: Role) -> tuple[int, int] | None:
        own = self._begin(role)
        resetting = None if own is None else self._puk_of(own.code)
        limits = None if own is None or resetting is None else self._pad.unblock_limits(own.code, resetting, own.role)
        return None if limits is None else (limits.min_length, limits.max_length)

    def sign(self, purpose: Purpose, message: bytes) -> SignOutcome:
        self.channel.new_operation()
        certificate = self.facts.certificate(purpose)
        if purpose == "other" or certificate is None:
            return NOT_ALLOWED
        guard = self.facts.guard(purpose)
        if guard is not None and guard.must_change:
            return Refused(RefusalReason.CHANGE_FIRST)
        return self._sign(certificate, purpose, message)

    def signability(self, purpose: Purpose) -> Signability:
        """See `Visit.signability`."""
        self.channel.new_operation()
        certificate = self.facts.certificate(purpose)
        return "no_key" if purpose == "other" or certificate is None else self._probe(certificate, purpose)

    def wants_code_each_time(self, purpose: Purpose) -> bool:
        """See `Visit.wants_code_each_time`."""
        certificate = self.facts.certificate(purpose)
        return certificate is None or self._profile.signing.code_each_time or self._wants_code_each_time(certificate)

    @abstractmethod
    def _wants_code_each_time(self, certificate: Certificate) -> bool:
        """The card's own word on the key of that certificate."""

    def _probe(self, certificate: Certificate, purpose: Purpose) -> Signability:
        """Tell whether the key of that certificate may sign; where there is one form for all cards, it is known."""
        return "known"

    @abstractmethod
    def _sign(self, certificate: Certificate, purpose: Purpose, message: bytes) -> SignOutcome:
        """Sign with the key of that certificate."""

    def challenge_free_key(self) -> CardAuthentication:
        self.channel.new_operation()
        required = self._profile.genuine == "free-key"
        free_key = self._free_key()
        if free_key is None:
            return own_keys.outcome_of_refusal(None, required=required)
        certificate, sign = free_key
        try:
            outcome = sign(secrets.token_bytes(CHALLENGE_BYTES))
        except CardAnswerError:
            return CardNotAuthenticated("false_signature")
        if isinstance(outcome, Signed):
            return own_keys.outcome_of_certificate(certificate, self.facts, self._profile)
        if isinstance(outcome, Unknown):
            return outcome
        refused = outcome if isinstance(outcome, Refused) else Refused(RefusalReason.CARD)
        return own_keys.outcome_of_refusal(refused, required=required)

    def _free_key(self) -> tuple[Certificate, SignsWith] | None:
        """The certificate of a key that wants no code, and how it signs; None where the card has none."""
        return None

    def request_management_witness(self) -> tuple[ManagementAlgorithm, bytes] | CardAuthentication:
        """The first half of `Visit.authenticate_by_management`: the card's witness, or why there is none."""
        return NoFreeKey()

    def verify_management_answer(
        self, algorithm: ManagementAlgorithm, challenge: bytes, answer: MutualAnswer
    ) -> CardAuthentication:
        return NoFreeKey()

    def sign_with(self, key_id: str, message: bytes) -> SignOutcome:
        return NOT_ALLOWED

    def generate_key(
        self,
        key_id: str,
        algorithm: KeyAlgorithm,
        management: ManagementKey | None = None,
        purpose: Purpose = "identification",
    ) -> KeyOutcome:
        return NOT_ALLOWED

    def write_certificate(self, key_id: str, der: bytes, management: ManagementKey | None = None) -> CodeOutcome:
        return NOT_ALLOWED

    def delete_certificate(self, key_id: str, management: ManagementKey | None = None) -> CodeOutcome:
        return NOT_ALLOWED

    def delete_key(self, key_id: str, management: ManagementKey | None = None) -> CodeOutcome:
        return NOT_ALLOWED

    def _begin(self, role: Role) -> CodeWithRole | None:
        """A new operation on the code of that role; where one code serves both, the one there is. Never a PUK."""
        self.channel.new_operation()
        if role is Role.PUK:
            return None
        code = next((own for own in self._owned if own.role is role), None)
        if code is None and role is Role.SIGNATURE:
            return next((own for own in self._owned if own.role is Role.IDENTIFICATION), None)
        return code

    def _puk_of(self, code: CodeObject) -> CodeObject | None:
        """The PUK that the PIN's own authId names; where it names none, the only one there is. Never a guess: a right PUK in
        the place of another would cost that one a try."""
        puks = [own.code for own in self._owned if own.role is Role.PUK]
        fitting = [puk for puk in puks if puk.auth_id == code.puk_id] if code.puk_id else puks
        usable = len(fitting) == 1 and (fitting[0].has_reference or self._codes.variant not in VERIFYING_FIRST)
        return fitting[0] if usable else None
