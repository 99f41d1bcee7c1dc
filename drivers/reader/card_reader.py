"""Card reader with asynchronous visits: connect, identify the card, validate its certificates.

All work with the card is done in one thread of the reader's own, one command after the other, under a watchdog. A
visit ends when its card leaves, is reset, is torn or turns out to be another one: nothing reconnects by itself. `resume` lets
it go on, where the very same card was put in again.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from drivers.reader.card_cache import CardCaches
from drivers.reader.card_session import CardSession
from drivers.reader.card_state import CardState, state_of_fault
from drivers.reader.card_visit import CardVisit as CardVisit
from drivers.reader.card_visit import with_pulse
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.errors import CardGoneError, NoCardError, ReaderError, UnknownCardError
from drivers.reader.model import CardFacts, Chain, Purpose
from drivers.reader.outcomes import Signed, SignOutcome
from drivers.reader.pin.try_ledger import MemoryLedger, TryLedger
from drivers.reader.piv.session import open_piv
from drivers.reader.pkcs15.session import open_pkcs15
from drivers.reader.port import Backend, CardConnection, Look, Presence, Resumed, Visit, WithStatus
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.signatures import signing
from drivers.reader.transport.channel import OPERATION_LIMIT_S, ApduChannel, Pulse
from drivers.reader.transport.worker import StuckError, Worker

AnyVisit = TypeVar("AnyVisit", bound=Visit)
AnyVisit_co = TypeVar("AnyVisit_co", bound=Visit, covariant=True)
WAIT_S = 30.0
"""Longest single wait for a change, after which the reader is looked at again."""


def open_session(
    channel: ApduChannel, *, profiles: Profiles, ledger: TryLedger, memories: CardCaches | None = None
) -> CardSession:
    """Find the application, read it and match a profile. What was read of a card in `memories` is not read again.

    Raises UnknownCardError (with ATR and what was tried), CardGoneError, CardAnswerError.
    """
    caches = memories or CardCaches()
    atr = channel.connection.atr
    habits, piv_habits = caches.file_habits.of(atr), caches.piv_habits.of(atr)

    def pkcs15() -> CardSession:
        return open_pkcs15(
            channel, profiles=profiles, ledger=ledger, memory=caches.pkcs15, forms=caches.forms, habits=habits
        )

    likely = next(iter(profiles.hinted(atr)), None)
    if likely is not None and likely.kind == "pkcs15":
        with suppress(UnknownCardError):
            session = pkcs15()
            if session.facts.certificates:
                return session
    piv = open_piv(channel, profiles=profiles, ledger=ledger, memory=caches.piv, habits=piv_habits)
    if piv is not None and (piv.facts.certificates or (piv.facts.guarded and piv.facts.serial)):
        return piv
    try:
        return pkcs15()
    except UnknownCardError as stranger:
        again = open_piv(channel, profiles=profiles, ledger=ledger) if piv is not None and not piv.guarded else None
        if again is not None:
            return again
        if piv is not None and not stranger.why:
            stranger.why = "secure_messaging"
        stranger.tried = ("PIV", *stranger.tried)
        raise


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class ReaderSettings:
    """Settings of a reader. `transmit_limit_s`: after so long without an answer a card counts as gone, later where it computes
    (`transport.channel.COMPUTING`). `operation_limit_s`: after so long with one piece of work a card that answers slowly is given
    up, by the `monotonic` clock."""

    profiles: Profiles = field(default_factory=builtin)
    trust: TrustStore = field(default_factory=TrustStore)
    ledger: TryLedger = field(default_factory=MemoryLedger)
    now: Callable[[], datetime] = utc_now
    transmit_limit_s: float = 10.0
    operation_limit_s: float = OPERATION_LIMIT_S
    monotonic: Callable[[], float] = time.monotonic


class CardReader:
    """One contact reader; implements `drivers.reader.port.Reader`."""

    def __init__(self, backend: Backend, name: str, settings: ReaderSettings | None = None) -> None:
        self.name = name
        self._backend = backend
        self.settings = settings or ReaderSettings()
        self._worker = Worker(f"reader {name}")
        self._watchers: set[Worker] = set()
        self._looked: Look | None = None
        """What was seen last, or before a swap that nobody has been told of yet."""
        self._memories = CardCaches()
        self._visit: CardVisit | None = None
        """The last one that began."""
        self._short_only = False
        """The reader failed at a command with extended length fields while its card stayed in, as some do. Until the card is
        seen to leave: the next one is tried anew."""

    async def presence(self) -> Presence:
        """Return what is in the reader now."""
        watcher = Worker(f"look {self.name}")
        try:
            return self._note(await watcher.run(lambda: self._backend.look(self.name), Pulse(), limit_s=None)).presence
        finally:
            watcher.stop()

    def _note(self, look: Look) -> Look:
        if self._looked is None or not look.swapped_since(self._looked):
            self._looked = look
        if look.presence is not Presence.PRESENT:
            self._short_only = False
        return look

    async def state(self) -> CardState:
        """Return what the card in the reader is: it is read, and let go. Raises CardBusyError, LedgerError."""
        try:
            async with visiting(self) as visit:
                return visit.state
        except ReaderError as fault:
            state = state_of_fault(fault)
            if state is None:
                raise
            return state

    async def changes(self) -> AsyncGenerator[Presence, None]:
        """Yield what is in the reader now, and then each change, until the iterator is closed. A swap too quick to be seen is
        told as the removal that it began with, to each who watches."""
        watcher = Worker(f"watch {self.name}")
        self._watchers.add(watcher)
        try:
            before = self._looked
            seen = self._note(await watcher.run(lambda: self._backend.look(self.name), Pulse(), limit_s=None))
            yield seen.presence
            if before is not None and seen.swapped_since(before):
                seen = before
            while watcher in self._watchers:
                now = await watcher.run(self._wait_job(watcher, seen), Pulse(), limit_s=None)
                swapped, changed = now.swapped_since(seen), now.presence is not seen.presence
                seen = self._note(now)
                if swapped:
                    self._looked, self._short_only = now, False
                    yield Presence.EMPTY
                if swapped or changed:
                    yield now.presence
        finally:
            self._watchers.discard(watcher)
            self._backend.cancel(self.name)
            watcher.stop()

    def _wait_job(self, watcher: Worker, seen: Look) -> Callable[[], Look]:
        def wait() -> Look:
            if watcher not in self._watchers:  # it was let go before it began: what comes is for others to hear
                return seen
            return self._backend.wait_for_change(self.name, seen, WAIT_S)

        return wait

    async def visit(self) -> CardVisit:
        """Connect, identify, judge the certificates.

        Raises NoReaderError, NoCardError, MuteCardError, CardBusyError, UnknownCardError, CardAnswerError,
        CardGoneError.
        """
        pulse = Pulse()
        limit_s = self.settings.transmit_limit_s
        opened: list[CardConnection] = []
        try:
            session = await self._worker.run(lambda: self._open(pulse, opened), pulse, limit_s=limit_s)
        except StuckError:
            raise CardGoneError("the card does not answer", reader=self.name) from None
        except asyncio.CancelledError:
            pulse.abandoned = True
            self._worker.post(lambda: _close_all(opened))
            raise
        visit = CardVisit(session, pulse, self._worker, limit_s, self._validate)
        try:
            await self._validate(session)
            if not any(
                c.chain in ("ok", "unchecked") and c.names(session.facts.holder) for c in session.facts.certificates
            ):
                await visit.read_rest()
            if any(c.chain == "untrusted" and c.purpose != "other" for c in session.facts.certificates):
                await visit.read_authorities()
        except BaseException:
            await visit.close()
            raise
        self._visit = visit
        return visit

    async def resume(self) -> Resumed:
        """See `Reader.resume`. Raises as `visit`."""
        last = self._visit
        if last is not None and not last.closed:
            await last.release()
        fresh = await self.visit()
        self._visit = last or fresh
        if last is not None and is_same_card(last.facts, fresh.facts):
            if not last.closed and not last.relied_on:
                if len(fresh.facts.certificates) < len(last.facts.certificates):
                    await fresh.read_rest()
                last.take_over(fresh)
                return "goes_on"
            await fresh.close()
            return "begins_anew"
        await fresh.close()
        return "another_card"

    def _open(self, pulse: Pulse, opened: list[CardConnection]) -> CardSession:
        """Read the card; where the reader failed at an extended command and the card is still there, once more with short ones.

        Reading sends no code and changes nothing, so it may be begun again.
        """
        short_only = self._short_only
        try:
            return self._read(self._connect_channel(pulse, opened))
        except CardGoneError:
            if pulse.abandoned or self._short_only is short_only:
                raise
        return self._read(self._connect_channel(pulse, opened))

    def _connect_channel(self, pulse: Pulse, opened: list[CardConnection]) -> ApduChannel:
        try:
            connection = with_pulse(lambda: self._backend.connect(self.name), pulse)()
        except NoCardError:
            self._short_only = False
            raise
        opened.append(connection)
        self._looked = self._backend.look(self.name)  # this is the card whose removal is told from here on
        settings = self.settings
        return ApduChannel(
            connection, reader=self.name, pulse=pulse, short_only=self._short_only, limit_s=settings.operation_limit_s,
            clock=settings.monotonic,
        )  # fmt: skip

    def _read(self, channel: ApduChannel) -> CardSession:
        settings = self.settings
        try:
            session = open_session(channel, profiles=settings.profiles, ledger=settings.ledger, memories=self._memories)
            session.read_spare_places(settings.now())
            return session
        except BaseException as fault:
            if isinstance(fault, UnknownCardError):
                fault.exchange = channel.exchange
            if channel.broke_at_extended and isinstance(channel.connection, WithStatus):
                self._short_only = channel.connection.still_in()
            channel.connection.close()
            raise

    async def _validate(self, session: CardSession) -> None:
        at, certificates = self.settings.now(), session.facts.certificates
        others = [c.der for c in certificates if c.purpose == "other"]
        judged = [(c, await self.settings.trust.assess(c.der, at, others)) for c in certificates]
        session.set_certificates(tuple(replace(c, chain=j.chain, revocation=j.revocation.status) for c, j in judged))

    async def close(self) -> None:
        """End the threads; iterators of changes end by themselves."""
        self._watchers.clear()
        self._backend.cancel(self.name)
        self._worker.stop()


def _close_all(connections: list[CardConnection]) -> None:
    for connection in connections:
        connection.close()


def is_same_card(before: CardFacts, now: CardFacts) -> bool:
    """Serial and digest of the certificates agree (reliability I2). A card that has neither is nobody's."""
    named = bool(now.serial or now.certificates)
    return named and (before.serial, before.digest) == (now.serial, now.digest)


class VisitSource(Protocol[AnyVisit_co]):
    """Source of visits: a `drivers.reader.port.Reader`, of visits that may do more."""

    async def visit(self) -> AnyVisit_co:
        """See `Reader.visit`."""


@asynccontextmanager
async def visiting(reader: VisitSource[AnyVisit]) -> AsyncIterator[AnyVisit]:
    """A visit that is closed at the end, come what may. Raises as `Reader.visit`."""
    visit = await reader.visit()
    try:
        yield visit
    finally:
        await asyncio.shield(visit.close())


@dataclass(frozen=True, slots=True)
class CardTest:
    """Result of a test of one certificate. `verified`: the card signed a fresh challenge and the signature holds."""

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
    holds = isinstance(outcome, Signed) and signing.verifies(
        outcome.certificate, challenge, outcome.signature, outcome.algorithm
    )
    return CardTest(outcome, holds, certificate.chain if certificate else "unchecked")
