"""Interfaces of the reader layer: the backend that moves bytes, and the visit that gives them a meaning.

Two backends implement `Backend`: PC/SC (`drivers.reader.transport.pcsc`, which alone imports pyscard) and in-process
(`sim.reader.in_process`, which talks to virtual cards). Backends are synchronous and may block; `CardReader` runs
each in a thread of its own, with a watchdog, and is what the station uses.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol, runtime_checkable

from drivers.reader.keys import (
    ChallengeAnswer,
    KeyAlgorithm,
    KeyChallenge,
    KeyOutcome,
    KeyPlace,
    ManagementKey,
    MutualAsk,
)
from drivers.reader.model import CardFacts, Exchange, Purpose
from drivers.reader.outcomes import AdminOutcome, CardAuthentication, CodeOutcome, Role, Signability, SignOutcome
from drivers.reader.secret import Secret
from drivers.reader.transport.pinpad import PadText


class Presence(Enum):
    """Presence of reader and card."""

    NO_READER = "no reader"
    EMPTY = "empty"
    MUTE = "mute"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a reader: its `presence`, and `moves`, the reader's own count of cards that went in or out."""

    presence: Presence
    moves: int = 0

    def swapped_since(self, before: "Look") -> bool:
        """Return whether the card that was in `before` has left, though one is in now."""
        return {self.presence, before.presence} <= {Presence.PRESENT, Presence.MUTE} and self.moves != before.moves


NO_READER = Look(Presence.NO_READER)

Resumed = Literal["goes_on", "begins_anew", "another_card"]
"""What a card that was put in after a pull is to the last visit: the same one, with which it goes on; the same one, where that
visit was over or relied on a code that has to be proved again; or another card."""


class CardConnection(Protocol):
    """Exclusive access to one powered card."""

    atr: bytes
    protocol: Literal["T=0", "T=1"]

    def transmit(self, apdu: bytes) -> bytes:
        """Exchange one command APDU for one response APDU (data and two status bytes), as they are on the wire.

        Raises CardGoneError on any transmission fault: the outcome is then unknown.
        """

    def close(self) -> None:
        """Reset the card (which drops verified codes) and let it go. Never raises."""


@runtime_checkable
class WithStatus(Protocol):
    """A connection that can be asked, after a transmission failed, whether its card has been in all the time."""

    def still_in(self) -> bool:
        """The card that was connected to is still in, and was not out since. Never raises."""


class Backend(Protocol):
    """Backend: what lists readers, connects to cards and waits for changes. Synchronous, may block."""

    def readers(self) -> tuple[str, ...]:
        """Names of the readers that are there now. Raises NoReaderError where the service itself is missing."""

    def connect(self, reader: str) -> CardConnection:
        """Raises NoReaderError, NoCardError, MuteCardError, CardBusyError."""

    def look(self, reader: str) -> Look:
        """Return what is in the reader now."""

    def wait_for_change(self, reader: str, last: Look, timeout_s: float) -> Look:
        """Block until the reader differs from `last`, or the time is out; return what is there. May return early.

        Never raises: without the service there is no reader.
        """

    def cancel(self, reader: str) -> None:
        """Wake, from another thread, whoever waits for a change of that reader."""


class Visit(Protocol):
    """Session with one card, from identification to removal. What would change a card of a product that nobody has tried on a
    real one (`CardRules.read_only`) is Refused(NOT_PROVED).

    Before every irreversible command the visit checks, on the same connection, that the card is still the one that was
    identified (reliability I2), and enforces the floors of I1. No caller can go round it.
    """

    @property
    def facts(self) -> CardFacts:
        """Facts that are known of the card now."""

    @property
    def exchange(self) -> Exchange:
        """Cost of the visit so far."""

    @property
    def meetings(self) -> int:
        """Number of times that the card was met in it: once, and again each time that it was put back (`Reader.resume`)."""

    def act_as(self, hsa_id: str) -> None:
        """Act for that employer from now on: `facts.holder`, and with it the pair of certificates that is used, are its. Sends
        nothing. Raises LookupError where no certificate of the card names that HSA-id (`CardFacts.holders`)."""

    def lift_read_only(self) -> None:
        """Let this card's PIN be changed in this visit, as it describes itself and after a VERIFY: somebody answers for it.
        Whoever calls decides who may. Sends nothing. Raises LookupError where it is not `CardRules.by_family`."""

    async def verify(
        self, role: Role, code: Secret, *, last_try_consented: bool = False, other_form: bool = False
    ) -> CodeOutcome:
        """VERIFY (ISO/IEC 7816-4 11.6.6). A code that the card has called wrong in this visit is Refused(SAME_CODE).

        `other_form`: once in a visit, on a product of which nothing but the card's own description is known, with the filler
        that the card does not tell; Refused(NOT_ALLOWED) elsewhere, and where a wrong code could use the last try.
        """

    async def change(self, role: Role, old: Secret, new: Secret, *, last_try_consented: bool = False) -> CodeOutcome:
        """CHANGE REFERENCE DATA (ISO/IEC 7816-4 11.6.7)."""

    async def unblock(self, role: Role, puk: Secret, new: Secret, *, attended: bool = False) -> CodeOutcome:
        """RESET RETRY COUNTER with PUK and new code in the one command (ISO/IEC 7816-4 11.6.10).

        `attended`: an administrator is there, whom the caller has let in: without, a product that its holder may not unlock is
        Refused(NOT_ALLOWED).
        `WrongCode.tries_left` counts the PUK. Below the PUK floor: Refused(BELOW_FLOOR), and the card never sees it.
        """

    async def sign(self, purpose: Purpose, message: bytes) -> SignOutcome:
        """Hash `message` and sign it with the key of that purpose. The code must have been verified in this visit.

        Raises CardGoneError where the transmission broke off before anything was signed.
        """

    async def signability(self, purpose: Purpose) -> Signability:
        """Tell whether the card signs with the key of that purpose, as far as that is known before a code: at the cost of one
        exchange more, and only on a product that was not met before. No code goes out, and a refused command changes nothing.

        Raises CardGoneError, CardAnswerError.
        """

    def wants_code_each_time(self, purpose: Purpose) -> bool:
        """Return whether the key of that purpose signs only just after its code (userConsent of ISO/IEC 7816-15; key 9C of
        PIV): by the card's own word or its profile's; True also while nobody has read it. Sends nothing."""

    async def challenge_free_key(self) -> CardAuthentication:
        """Card authentication before any code: a fresh challenge, signed by a key of the card that is used without one, and
        verified against its certificate, which must hold and name this very card. NoFreeKey where the card has no such key.

        Raises CardGoneError where the card left before it was asked.
        """

    async def authenticate_by_management(self, ask: MutualAsk) -> CardAuthentication:
        """Card authentication before any code by the card's own management key: the card gives a witness, `ask` has it answered
        together with a fresh challenge, and the card has to encipher that. NoFreeKey where nobody has such a key of this card.
        """

    async def read_rest(self) -> CardFacts:
        """Read what identification leaves out of a card with more than a pair of certificates: the other ones, which may name the
        holder at another employer, and the tries of the PUK. Whatever decides by `facts` calls it first; a card that was read
        whole is sent nothing.

        Raises CardGoneError, CardAnswerError, CommandRefusedError.
        """

    async def refresh(self) -> CardFacts:
        """Read tries and states again (certificates come from memory)."""

    async def clear_tries(self) -> bool:
        """Begin the station's own count of this card's tries anew, because somebody knows better than it; whether anything was
        counted. The card's own counters are as they were, and what it said in this visit holds. Nothing is sent. Raises
        LedgerError, CardGoneError where the visit is over: nothing was cleared. Whoever calls decides who may, and puts down the
        reason.
        """

    async def close(self) -> None:
        """Reset the card and let it go. The card may still be in the reader."""


class PadVisit(Visit, Protocol):
    """A visit in a reader that may have a key pad of its own (PC/SC part 10): the code never enters this process."""

    @property
    def has_pad(self) -> bool:
        """The reader can ask for codes at its own keys."""

    async def verify_at_pad(self, role: Role, text: PadText, *, last_try_consented: bool = False) -> CodeOutcome:
        """As `verify`. A time-out or the cancel key: Refused(CARD) with 6400 or 6401; no try was used."""

    async def change_at_pad(self, role: Role, text: PadText, *, last_try_consented: bool = False) -> CodeOutcome:
        """As `change`. Two new codes that differ: Refused(POLICY). Which codes are too easy the reader cannot tell."""

    def unblock_lengths_at_pad(self, role: Role) -> tuple[int, int] | None:
        """Shortest and longest new PIN that `unblock_at_pad` takes, in characters: to be told before anything is typed. None
        where the pad cannot do it: then it is `unblock`, with codes typed elsewhere."""

    async def unblock_at_pad(self, role: Role, text: PadText) -> CodeOutcome:
        """As `unblock`. Refused(NOT_AT_PAD) where no structure of PC/SC part 10 holds it, or the reader's firmware does not take
        it; no try was used, and `unblock` may follow."""


@runtime_checkable
class AdministeredVisit(Visit, Protocol):
    """A visit with a card whose PIN may be unlocked without its PUK, by an administrative key that somebody else has."""

    async def unblock_by_administrator(self, role: Role, new: Secret, answer: ChallengeAnswer) -> AdminOutcome:
        """Set a new PIN: the card gives a challenge, `answer` answers it, and the card takes the new PIN.

        Refused(NOT_ALLOWED) unless the product profile says how (`unblocking.admin`); Refused(POLICY) for a PIN that may not
        be, or an answer of a wrong length; Refused(BELOW_FLOOR) where few tries of the key may be left. Whoever calls
        decides who may ask for it: this layer does not know administrators.
        """

    async def request_challenge(self, role: Role, new: Secret) -> KeyChallenge | AdminOutcome:
        """The first half of `unblock_by_administrator`, where people carry the challenge: nothing is sent to the card until
        `answer_challenge`, or the challenge is void."""

    async def answer_challenge(self, role: Role, new: Secret, answer: bytes) -> AdminOutcome:
        """The second half. Refused(NOT_ALLOWED) where the challenge is void: no try of the key was used."""


class KeyVisit(Visit, Protocol):
    """A visit with a card on which keys are made. `key_id` is the `id` of a certificate, or of the place for one.

    Every change follows the same-card check and is refused on a card that nothing tells from another. A PIV card wants
    its management key; a PKCS#15 card wants none, but the PIN verified in this visit, and a product profile that says
    `writable`.
    """

    async def complete(self) -> CardFacts:
        """Read also what identification left out."""

    async def sign_with(self, key_id: str, message: bytes) -> SignOutcome:
        """Sign with the very key of a place: by its certificate, or for a request, where its public half is known (it was made in
        this visit, or the card tells it)."""

    async def places(self, purpose: Purpose) -> tuple[KeyPlace, ...]:
        """Places without a certificate in which a key for that purpose may be made: first one whose key waits for its
        certificate. None on a card that cannot be written to, or is full."""

    async def generate_key(
        self,
        key_id: str,
        algorithm: KeyAlgorithm,
        management: ManagementKey | None = None,
        purpose: Purpose = "identification",
    ) -> KeyOutcome:
        """Make a key pair; the key that was in that place is gone (SP 800-73-4 part 2, 3.3.1). On a card with two codes a new
        one is used with the code of its `purpose`, which has been verified, as has that for identification."""

    async def write_certificate(self, key_id: str, der: bytes, management: ManagementKey | None = None) -> CodeOutcome:
        """Write a certificate and read it back. Refused(NOT_ALLOWED) unless it is of the very key that is there."""

    async def delete_certificate(self, key_id: str, management: ManagementKey | None = None) -> CodeOutcome:
        """Take a certificate off the card; its key stays."""

    async def delete_key(self, key_id: str, management: ManagementKey | None = None) -> CodeOutcome:
        """Take a key off the card for good. Refused(NOT_ALLOWED) while its certificate is there, and where no key can be
        deleted: PIV has no command for it, some tokens do."""


class StationVisit(PadVisit, AdministeredVisit, KeyVisit, Protocol):
    """Full interface of a visit; what a kind of card, or a reader, cannot do is Refused."""


class Reader(Protocol):
    """One contact reader as the station sees it."""

    name: str

    async def presence(self) -> Presence:
        """Return what is in the reader now."""

    def changes(self) -> AsyncIterator[Presence]:
        """Yield what is in the reader now, and then each change, until the iterator is closed."""

    async def visit(self) -> StationVisit:
        """Connect to the card that is in, identify it, and return its visit.

        Raises NoReaderError, NoCardError, MuteCardError, CardBusyError, UnknownCardError, CardAnswerError.
        """

    async def resume(self) -> Resumed:
        """Let the last visit go on with the card that is in now, if it is the same by serial and digest of the certificates, and
        no code was verified in it; else the card is let go. Raises as `visit`.
        """

    async def close(self) -> None:
        """End the thread and let everything go."""
