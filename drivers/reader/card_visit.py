"""Asynchronous session with one card, from identification to removal, in the reader's thread and under its watchdog.

A visit ends when its card leaves, is reset, is torn, hangs or turns out to be another one. Nothing of it goes on by itself: only
`CardReader.resume`, which whoever asked for the card back calls. Made by `drivers.reader.card_reader.CardReader.visit`;
implements `Visit`, `PadVisit`, `AdministeredVisit` and `KeyVisit` of `drivers.reader.port`.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from drivers.reader.card_session import CardSession
from drivers.reader.card_state import CardAbsent, CardMute, CardState, CardSwapped, state_of_facts
from drivers.reader.errors import CardChangedError, CardGoneError
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
from drivers.reader.outcomes import (
    Accepted,
    AdminOutcome,
    CardAuthentication,
    CodeOutcome,
    NoFreeKey,
    RefusalReason,
    Refused,
    Role,
    Signability,
    SignOutcome,
    Unknown,
)
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import Pulse
from drivers.reader.transport.pinpad import PadText
from drivers.reader.transport.worker import StuckError, Worker

T = TypeVar("T")
Judge = Callable[[CardSession], Awaitable[None]]
ENGLISH = PadText()
NOT_PROVED = Refused(RefusalReason.NOT_PROVED)


def with_pulse(work: Callable[[], T], pulse: Pulse) -> Callable[[], T]:
    """The same work, seen by the watchdog as one exchange."""

    def timed() -> T:
        pulse.since = time.monotonic()
        try:
            return work()
        finally:
            pulse.since = None

    return timed


class CardVisit:
    """Asynchronous session with one card. Made by `CardReader.visit`; implements `drivers.reader.port.Visit`."""

    def __init__(self, session: CardSession, pulse: Pulse, worker: Worker, limit_s: float, judge: Judge) -> None:
        self._validate = judge
        self.session = session
        self._pulse = pulse
        self._worker = worker
        self._limit_s = limit_s
        self._closed = False
        self._changed = False
        self._released = False
        self.meetings = 1
        """How often the card was met: what it proved before it left, it has not proved since."""
        self.relied_on = False
        """The card has taken a code: what follows may rely on a security status that is lost with the power."""

    @property
    def state(self) -> CardState:
        """State of the card to this visit now; its codes as they were read last. CardAbsent also once the visit is closed."""
        if self._changed:
            return CardSwapped()
        if self._pulse.abandoned:
            return CardMute()
        if self._closed or self._released or self.session.channel.over:
            return CardAbsent()
        return state_of_facts(self.facts)

    @property
    def facts(self) -> CardFacts:
        """Facts that are known of the card now."""
        return self.session.facts

    @property
    def exchange(self) -> Exchange:
        """Cost of the visit so far."""
        return self.session.channel.exchange

    def act_as(self, hsa_id: str) -> None:
        """See the port."""
        self.session.act_as(hsa_id)

    def draft_profile(self) -> str:
        """A product profile for this card, as TOML: what the card said, and everything else unverified. Sends nothing."""
        return self.session.draft_profile()

    @property
    def closed(self) -> bool:
        """True once whoever had the visit has let the card go."""
        return self._closed

    def take_over(self, fresh: "CardVisit") -> None:
        """Go on with the connection of `fresh`, a visit of the same card; that one is not used any more."""
        fresh.session.facts = fresh.facts.act_as(self.facts.holder.hsa_id) if self.facts.holder.hsa_id else fresh.facts
        fresh.session.inherit(self.session)
        self.session, self._pulse = fresh.session, fresh._pulse
        self._changed = self._released = False
        self.meetings += 1
        fresh._closed = True

    def lift_read_only(self) -> None:
        """See the port."""
        self.session.lift_read_only()

    async def verify(
        self, role: Role, code: Secret, *, last_try_consented: bool = False, other_form: bool = False
    ) -> CodeOutcome:
        """VERIFY. Raises CardGoneError where the card left before the code went out."""
        await self.read_rest()
        return self._noted(
            await self._run_or_unknown(
                lambda: self.session.verify(role, code, consented=last_try_consented, other_form=other_form)
            )
        )

    async def change(self, role: Role, old: Secret, new: Secret, *, last_try_consented: bool = False) -> CodeOutcome:
        """CHANGE REFERENCE DATA. Raises CardGoneError, CardChangedError before the codes went out."""
        return await self._run_change(lambda: self.session.change(role, old, new, consented=last_try_consented))

    async def unblock(self, role: Role, puk: Secret, new: Secret, *, attended: bool = False) -> CodeOutcome:
        """RESET RETRY COUNTER. Raises CardGoneError, CardChangedError before the codes went out."""
        return await self._run_change(lambda: self.session.unblock(role, puk, new, attended=attended))

    async def unblock_by_administrator(self, role: Role, new: Secret, answer: ChallengeAnswer) -> AdminOutcome:
        """A new PIN without the PUK. Raises as `unblock`, and whatever `answer` raises: nothing was changed then."""
        outcome = await self.request_challenge(role, new)
        if not isinstance(outcome, KeyChallenge):
            return outcome
        return await self.answer_challenge(role, new, await answer(outcome.challenge))

    async def request_challenge(self, role: Role, new: Secret) -> KeyChallenge | AdminOutcome:
        """GET CHALLENGE. Raises as `unblock`."""
        return await self._run_change(lambda: self.session.request_admin_challenge(role, new))

    async def answer_challenge(self, role: Role, new: Secret, answer: bytes) -> AdminOutcome:
        """EXTERNAL AUTHENTICATE, and the new PIN. Raises CardGoneError where the card left before the answer went out."""
        return await self._run_or_unknown(lambda: self.session.answer_admin_challenge(role, new, answer))

    @property
    def has_pad(self) -> bool:
        """The reader can ask for codes at keys of its own."""
        return self.session.channel.pinpad is not None

    async def verify_at_pad(
        self, role: Role, text: PadText = ENGLISH, *, last_try_consented: bool = False
    ) -> CodeOutcome:
        """VERIFY, the code typed at the reader and never here. Raises as `verify`."""
        await self.read_rest()
        return self._noted(
            await self._run_or_unknown(lambda: self.session.verify_at_pad(role, text, consented=last_try_consented))
        )

    async def change_at_pad(
        self, role: Role, text: PadText = ENGLISH, *, last_try_consented: bool = False
    ) -> CodeOutcome:
        """CHANGE REFERENCE DATA, the codes typed at the reader and never here. Raises as `change`."""
        return await self._run_change(lambda: self.session.change_at_pad(role, text, consented=last_try_consented))

    async def unblock_at_pad(self, role: Role, text: PadText = ENGLISH) -> CodeOutcome:
        """RESET RETRY COUNTER, PUK and new code typed at the reader and never here. Raises as `unblock`."""
        return await self._run_change(lambda: self.session.unblock_at_pad(role, text))

    def unblock_lengths_at_pad(self, role: Role) -> tuple[int, int] | None:
        """Return how short and how long a new PIN may be that is set with the PUK at the pad; None where it cannot be.

        Sends nothing.
        """
        return None if self.facts.rules.read_only else self.session.unblock_lengths_at_pad(role)

    async def sign(self, purpose: Purpose, message: bytes) -> SignOutcome:
        """Hash and sign. Raises CardGoneError before the card was asked, CardAnswerError for a false signature."""
        return await self._run_or_unknown(lambda: self.session.sign(purpose, message))

    async def signability(self, purpose: Purpose) -> Signability:
        """Tell whether the card may sign, before any code. Raises as `refresh`."""
        await self.read_rest()
        try:
            return await self._run(lambda: self.session.signability(purpose))
        except StuckError:
            raise self._stuck() from None

    def wants_code_each_time(self, purpose: Purpose) -> bool:
        """See the port."""
        return self.session.wants_code_each_time(purpose)

    async def challenge_free_key(self) -> CardAuthentication:
        """A fresh challenge to the card's own key, before any code. Raises CardGoneError before the card was asked."""
        await self.read_rest()
        if await self._run_or_unknown(self.session.read_free_key) is True:
            await self._validate(self.session)
        return await self._run_or_unknown(self.session.challenge_free_key)

    async def authenticate_by_management(self, ask: MutualAsk) -> CardAuthentication:
        """Mutual authentication by the card's own management key, before any code. Raises as `refresh`, and whatever `ask`
        raises."""
        witness = await self._run_or_unknown(self.session.request_management_witness)
        if not isinstance(witness, tuple):
            return witness
        algorithm, given = witness
        challenge = secrets.token_bytes(len(given))
        answer = await ask(algorithm, given, challenge)
        if answer is None:
            return NoFreeKey()
        return await self._run_or_unknown(lambda: self.session.verify_management_answer(algorithm, challenge, answer))

    async def sign_with(self, key_id: str, message: bytes) -> SignOutcome:
        """Sign with the very key of a place, whether it has its certificate or not. Raises as `sign`."""
        return await self._run_or_unknown(lambda: self.session.sign_with(key_id, message))

    async def places(self, purpose: Purpose) -> tuple[KeyPlace, ...]:
        """Return where a key may be made and no certificate loses its own. Raises as `refresh`."""
        try:
            return await self._run(lambda: self.session.places(purpose))
        except StuckError:
            raise self._stuck() from None

    async def generate_key(
        self,
        key_id: str,
        algorithm: KeyAlgorithm,
        management: ManagementKey | None = None,
        purpose: Purpose = "identification",
    ) -> KeyOutcome:
        """Make a key pair in the place of `key_id`; the key that was there is gone. Raises as `change`."""
        return await self._run_change(lambda: self.session.generate_key(key_id, algorithm, management, purpose))

    async def write_certificate(self, key_id: str, der: bytes, management: ManagementKey | None = None) -> CodeOutcome:
        """Write the certificate of the key `key_id`, and read it back; only one of the very key that the card holds.

        Raises as `change`, and CardAnswerError where the card holds something else after it.
        """
        outcome = await self._run_change(lambda: self.session.write_certificate(key_id, der, management))
        await self._revalidate(outcome)
        return outcome

    async def delete_certificate(self, key_id: str, management: ManagementKey | None = None) -> CodeOutcome:
        """Take the certificate of the key `key_id` off the card; the key stays. Raises as `write_certificate`."""
        outcome = await self._run_change(lambda: self.session.delete_certificate(key_id, management))
        await self._revalidate(outcome)
        return outcome

    async def delete_key(self, key_id: str, management: ManagementKey | None = None) -> CodeOutcome:
        """Take the key `key_id` off the card, once its certificate is gone. Raises as `write_certificate`."""
        outcome = await self._run_change(lambda: self.session.delete_key(key_id, management))
        await self._revalidate(outcome)
        return outcome

    async def refresh(self) -> CardFacts:
        """Read tries and states again. Raises CardGoneError, CardAnswerError, CommandRefusedError."""
        try:
            return await self._run(self.session.refresh)
        except StuckError:
            raise self._stuck() from None

    async def clear_tries(self) -> bool:
        """Begin the station's own count of this card's tries anew. Raises LedgerError."""
        try:
            return await self._run(self.session.clear_tries)
        except StuckError:
            raise self._stuck() from None

    async def read_rest(self) -> CardFacts:
        """See the port."""
        if self.session.unread:
            try:
                await self._run(self.session.read_rest)
            except StuckError:
                raise self._stuck() from None
            await self._validate(self.session)
        return self.facts

    async def complete(self) -> CardFacts:
        """Read also what identification left out (a PIV card's retired keys). Raises as `refresh`."""
        try:
            await self._run(self.session.complete)
        except StuckError:
            raise self._stuck() from None
        await self._validate(self.session)
        return self.facts

    async def read_authorities(self) -> None:
        """Read the authorities' certificates that the card brings along, and judge all chains again. Raises as `refresh`."""
        try:
            more = await self._run(self.session.read_authorities)
        except StuckError:
            raise self._stuck() from None
        if more:
            await self._validate(self.session)

    def _noted(self, outcome: CodeOutcome) -> CodeOutcome:
        self.relied_on = self.relied_on or isinstance(outcome, Accepted)
        return outcome

    async def _revalidate(self, outcome: CodeOutcome) -> None:
        if isinstance(outcome, Accepted):
            await self._validate(self.session)

    async def close(self) -> None:
        """Reset the card and let it go. Does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        if not self._released:
            await self.release()

    async def release(self) -> None:
        """Let the connection go, so that the card may be met again; the visit is over unless it takes another one over."""
        self._released = True
        close = self.session.channel.connection.close
        if self._pulse.abandoned:
            return  # the thread that is stuck with it closes it, should it ever come back
        try:
            await self._worker.run(with_pulse(close, self._pulse), self._pulse, limit_s=self._limit_s)
        except StuckError:
            return
        except asyncio.CancelledError:  # whoever is cancelled here wants the card let go all the same
            self._worker.post(close)
            raise

    async def _run_or_unknown(self, work: Callable[[], T]) -> "T | Unknown":
        try:
            return await self._run(work)
        except StuckError:
            return self._unknown_or_raise()

    async def _run_change(self, work: Callable[[], T]) -> "T | Refused | Unknown":
        """Run what changes the card: one of a product that nobody has tried never sees it."""
        if self.facts.rules.read_only:
            return NOT_PROVED
        await self.read_rest()
        return await self._run_or_unknown(work)

    async def _run(self, work: Callable[[], T]) -> T:
        channel = self.session.channel
        if self._closed or self._released or channel.over:
            raise CardGoneError("the visit is over", reader=channel.reader)

        def unless_changed() -> T:
            channel.restart_clock()
            try:
                return work()
            except CardChangedError:  # known before the next command of another caller is begun
                channel.gone = self._changed = True
                raise

        return await self._worker.run(unless_changed, self._pulse, limit_s=self._limit_s, last=channel.connection.close)

    def _unknown_or_raise(self) -> Unknown:
        if self.session.channel.committed:
            return Unknown()
        raise self._stuck()

    def _stuck(self) -> CardGoneError:
        return CardGoneError("the card does not answer any more", reader=self.session.channel.reader)
