"""A reader as the station uses it, and one card's stay in it: the asynchronous face of this layer.

All work with the card is done in one thread of the reader's own, one command after the other, under a watchdog. A
visit ends for good when its card leaves, is reset, is torn or turns out to be another one: nothing reconnects by
itself.

>>> reader = CardReader(InProcessBackend([slot]), "Bench 0", ReaderSettings())        # doctest: +SKIP
>>> async with visiting(reader) as visit:                                             # doctest: +SKIP
...     print(visit.facts.holder.name)
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from drivers.reader import signing
from drivers.reader.card_session import CardSession
from drivers.reader.channel import Channel, Pulse
from drivers.reader.errors import CardChangedError, CardGoneError, UnknownCardError
from drivers.reader.keys import KeyAlgorithm, KeyOutcome, ManagementKey
from drivers.reader.ledger import MemoryLedger, TryLedger
from drivers.reader.model import CardFacts, Chain, Exchange, Purpose
from drivers.reader.outcomes import Accepted, CodeOutcome, Role, Signed, SignOutcome, Unknown
from drivers.reader.pinpad import PadText
from drivers.reader.port import Backend, Connection, Presence, Reader, Visit
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.session import open_session
from drivers.reader.trust import Trust
from drivers.reader.worker import StuckError, Worker
from drivers.secret import Secret

T = TypeVar("T")
Judge = Callable[[CardSession], Awaitable[None]]
ENGLISH = PadText()
WAIT_S = 30.0
"""Longest single wait for a change, after which the reader is looked at again."""


def utc_now() -> datetime:
    """The system's clock, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class ReaderSettings:
    """What a reader is given. `transmit_limit_s`: after so long without an answer a card counts as gone."""

    profiles: Profiles = field(default_factory=builtin)
    trust: Trust = field(default_factory=Trust)
    ledger: TryLedger = field(default_factory=MemoryLedger)
    now: Callable[[], datetime] = utc_now
    transmit_limit_s: float = 10.0


class CardVisit:
    """One card's stay. Made by `CardReader.visit`; implements `drivers.reader.port.Visit`."""

    def __init__(self, session: CardSession, pulse: Pulse, worker: Worker, limit_s: float, judge: Judge) -> None:
        self._judge = judge
        self._session = session
        self._pulse = pulse
        self._worker = worker
        self._limit_s = limit_s
        self._closed = False

    @property
    def facts(self) -> CardFacts:
        """What is known of the card now."""
        return self._session.facts

    @property
    def exchange(self) -> Exchange:
        """What the visit has cost so far."""
        return self._session.channel.exchange

    async def verify(self, role: Role, code: Secret, *, last_try_consented: bool = False) -> CodeOutcome:
        """VERIFY. Raises CardGoneError where the card left before the code went out."""
        return await self._may_end_unknown(lambda: self._session.verify(role, code, consented=last_try_consented))

    async def change(self, role: Role, old: Secret, new: Secret, *, last_try_consented: bool = False) -> CodeOutcome:
        """CHANGE REFERENCE DATA. Raises CardGoneError, CardChangedError before the codes went out."""
        return await self._may_end_unknown(lambda: self._session.change(role, old, new, consented=last_try_consented))

    async def unblock(self, role: Role, puk: Secret, new: Secret) -> CodeOutcome:
        """RESET RETRY COUNTER. Raises CardGoneError, CardChangedError before the codes went out."""
        return await self._may_end_unknown(lambda: self._session.unblock(role, puk, new))

    @property
    def has_pad(self) -> bool:
        """The reader can ask for codes at keys of its own."""
        return self._session.channel.pinpad is not None

    async def verify_at_pad(
        self, role: Role, text: PadText = ENGLISH, *, last_try_consented: bool = False
    ) -> CodeOutcome:
        """VERIFY, the code typed at the reader and never here. Raises as `verify`."""
        return await self._may_end_unknown(
            lambda: self._session.verify_at_pad(role, text, consented=last_try_consented)
        )

    async def change_at_pad(
        self, role: Role, text: PadText = ENGLISH, *, last_try_consented: bool = False
    ) -> CodeOutcome:
        """CHANGE REFERENCE DATA, the codes typed at the reader and never here. Raises as `change`."""
        return await self._may_end_unknown(
            lambda: self._session.change_at_pad(role, text, consented=last_try_consented)
        )

    async def sign(self, purpose: Purpose, message: bytes) -> SignOutcome:
        """Hash and sign. Raises CardGoneError before the card was asked, CardAnswerError for a false signature."""
        return await self._may_end_unknown(lambda: self._session.sign(purpose, message))

    async def sign_with(self, key_id: str, message: bytes) -> SignOutcome:
        """Sign with a key that has no certificate yet, made in this visit (a certificate request). Raises as `sign`."""
        return await self._may_end_unknown(lambda: self._session.sign_with(key_id, message))

    async def generate_key(self, key_id: str, algorithm: KeyAlgorithm, management: ManagementKey) -> KeyOutcome:
        """Make a key pair in the place of `key_id`; the key that was there is gone. Raises as `change`."""
        return await self._may_end_unknown(lambda: self._session.generate_key(key_id, algorithm, management))

    async def write_certificate(self, key_id: str, der: bytes, management: ManagementKey) -> CodeOutcome:
        """Write the certificate of the key `key_id`, and read it back; only one of the very key that the card holds.

        Raises as `change`, and CardAnswerError where the card holds something else after it.
        """
        outcome = await self._may_end_unknown(lambda: self._session.write_certificate(key_id, der, management))
        await self._judged_again(outcome)
        return outcome

    async def delete_certificate(self, key_id: str, management: ManagementKey) -> CodeOutcome:
        """Take the certificate of the key `key_id` off the card; the key stays. Raises as `write_certificate`."""
        outcome = await self._may_end_unknown(lambda: self._session.delete_certificate(key_id, management))
        await self._judged_again(outcome)
        return outcome

    async def refresh(self) -> CardFacts:
        """Read tries and states again. Raises CardGoneError, CardAnswerError, CommandRefusedError."""
        try:
            return await self._run(self._session.refresh)
        except StuckError:
            raise self._stuck() from None

    async def complete(self) -> CardFacts:
        """Read also what identification left out (a PIV card's retired keys). Raises as `refresh`."""
        try:
            await self._run(self._session.complete)
        except StuckError:
            raise self._stuck() from None
        await self._judge(self._session)
        return self.facts

    async def _judged_again(self, outcome: CodeOutcome) -> None:
        if isinstance(outcome, Accepted):
            await self._judge(self._session)

    async def close(self) -> None:
        """Reset the card and let it go. Does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        close = self._session.channel.connection.close
        if self._pulse.abandoned:
            return  # the thread that is stuck with it closes it, should it ever come back
        try:
            await self._worker.run(_pulsed(close, self._pulse), self._pulse, limit_s=self._limit_s)
        except StuckError:
            return

    async def _may_end_unknown(self, work: Callable[[], T]) -> "T | Unknown":
        try:
            return await self._run(work)
        except StuckError:
            return self._unknown_or_raise()

    async def _run(self, work: Callable[[], T]) -> T:
        channel = self._session.channel
        if self._closed or channel.over:
            raise CardGoneError("the visit is over", reader=channel.reader)
        try:
            return await self._worker.run(work, self._pulse, limit_s=self._limit_s, last=channel.connection.close)
        except CardChangedError:
            channel.gone = True
            raise

    def _unknown_or_raise(self) -> Unknown:
        if self._session.channel.committed:
            return Unknown()
        raise self._stuck()

    def _stuck(self) -> CardGoneError:
        return CardGoneError("the card does not answer any more", reader=self._session.channel.reader)


class CardReader:
    """One contact reader; implements `drivers.reader.port.Reader`."""

    def __init__(self, backend: Backend, name: str, settings: ReaderSettings | None = None) -> None:
        self.name = name
        self._backend = backend
        self._settings = settings or ReaderSettings()
        self._worker = Worker(f"reader {name}")
        self._watchers: set[Worker] = set()

    async def presence(self) -> Presence:
        """What is in the reader now."""
        watcher = Worker(f"look {self.name}")
        try:
            return await watcher.run(lambda: self._backend.presence(self.name), Pulse(), limit_s=None)
        finally:
            watcher.stop()

    async def changes(self) -> AsyncGenerator[Presence, None]:
        """What is in the reader now, and then each change, until the iterator is closed."""
        watcher = Worker(f"watch {self.name}")
        self._watchers.add(watcher)
        try:
            seen = await watcher.run(lambda: self._backend.presence(self.name), Pulse(), limit_s=None)
            yield seen
            while watcher in self._watchers:
                now = await watcher.run(self._waiting(seen), Pulse(), limit_s=None)
                if now is not seen:
                    seen = now
                    yield seen
        finally:
            self._watchers.discard(watcher)
            self._backend.cancel(self.name)
            watcher.stop()

    def _waiting(self, seen: Presence) -> Callable[[], Presence]:
        return lambda: self._backend.wait_for_change(self.name, seen, WAIT_S)

    async def visit(self) -> CardVisit:
        """Connect, identify, judge the certificates.

        Raises NoReaderError, NoCardError, MuteCardError, CardBusyError, UnknownCardError, CardAnswerError,
        CardGoneError.
        """
        pulse = Pulse()
        limit_s = self._settings.transmit_limit_s
        opened: list[Connection] = []
        try:
            session = await self._worker.run(lambda: self._open(pulse, opened), pulse, limit_s=limit_s)
        except StuckError:
            raise CardGoneError("the card does not answer", reader=self.name) from None
        except asyncio.CancelledError:
            pulse.abandoned = True
            self._worker.post(lambda: _close_all(opened))
            raise
        visit = CardVisit(session, pulse, self._worker, limit_s, self._judge)
        try:
            await self._judge(session)
        except BaseException:
            await visit.close()
            raise
        return visit

    def _open(self, pulse: Pulse, opened: list[Connection]) -> CardSession:
        connection = _pulsed(lambda: self._backend.connect(self.name), pulse)()
        opened.append(connection)
        channel = Channel(connection, reader=self.name, pulse=pulse)
        try:
            return open_session(channel, profiles=self._settings.profiles, ledger=self._settings.ledger)
        except BaseException as fault:
            if isinstance(fault, UnknownCardError):
                fault.exchange = channel.exchange
            connection.close()
            raise

    async def _judge(self, session: CardSession) -> None:
        at, certificates = self._settings.now(), session.facts.certificates
        others = [c.der for c in certificates if c.purpose == "other"]
        judge = self._settings.trust.judge
        session.judged(tuple([replace(c, chain=await judge(c.der, at, others)) for c in certificates]))

    async def close(self) -> None:
        """End the threads; iterators of changes end by themselves."""
        self._watchers.clear()
        self._backend.cancel(self.name)
        self._worker.stop()


def _close_all(connections: list[Connection]) -> None:
    for connection in connections:
        connection.close()


def _pulsed(work: Callable[[], T], pulse: Pulse) -> Callable[[], T]:
    """The same work, seen by the watchdog as one exchange."""

    def timed() -> T:
        pulse.since = time.monotonic()
        try:
            return work()
        finally:
            pulse.since = None

    return timed


@asynccontextmanager
async def visiting(reader: Reader) -> AsyncIterator[Visit]:
    """A visit that is closed at the end, come what may. Raises as `Reader.visit`."""
    visit = await reader.visit()
    try:
        yield visit
    finally:
        await asyncio.shield(visit.close())


@dataclass(frozen=True, slots=True)
class CardTest:
    """What a test of one certificate found. `verified`: the card signed a fresh challenge and the signature holds."""

    outcome: SignOutcome
    verified: bool
    chain: Chain

    @property
    def passed(self) -> bool:
        """Signed, and nothing known against the chain."""
        return self.verified and self.chain in ("ok", "unchecked")


async def try_card(visit: Visit, purpose: Purpose) -> CardTest:
    """Have a random challenge signed by the key of a purpose and check it against the certificate.

    The code must have been verified in this visit. Raises as `Visit.sign`.
    """
    challenge = secrets.token_bytes(32)
    certificate = visit.facts.certificate(purpose)
    outcome = await visit.sign(purpose, challenge)
    holds = isinstance(outcome, Signed) and signing.verifies(outcome.certificate, challenge, outcome.signature)
    return CardTest(outcome, holds, certificate.chain if certificate else "unchecked")
