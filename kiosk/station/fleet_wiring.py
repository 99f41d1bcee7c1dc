"""What a station keeps, and what it needs to belong to a fleet.

`open_books` opens its one file with the journal in it: every station has that, also one without an identity, whose events
stay with it. `join` adds the link and the synced orders. Each makes all of its part or says, as one `JoinError`, what is
missing; nothing is left half open.
"""

import asyncio
import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from fleet.agent import checkpoints, commands, key_book, outbox, sync
from fleet.agent.at_rest import AtRestCipher
from fleet.agent.checkpoints import Checkpoints
from fleet.agent.identity import Identity, IdentityError
from fleet.agent.key_book import KeyBook
from fleet.agent.link import Link, Timing
from fleet.agent.outbox import Chain
from fleet.agent.store import StationStore, StoreError
from fleet.agent.sync import OrderBook
from fleet.messages.vocabulary import EventType
from kiosk.clock import SystemClock
from kiosk.config import Config
from kiosk.issuer import wiring as issuer_side
from kiosk.issuer.wiring import IssuerSide
from kiosk.ports import Envelopes
from kiosk.station import journal
from kiosk.station.fleet_orders import CardEnvelopes, ServerEnvelopes
from kiosk.station.journal import Interrupted, Journal
from kiosk.steps.capabilities import StationSeal
from kiosk.version import VERSION

STORE_FILE = "station.sqlite"
LOCK_FILE = "station.lock"
NOBODY = "unenrolled"
"""Whose events they are while the station has no identity. They are never sent."""


class JoinError(Exception):
    """The station cannot belong to its fleet now. `code`: `identity`, `store` or `running`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(slots=True)
class Books:
    """What every station keeps: its one file, and the journal in it."""

    store: StationStore
    journal: Journal
    chain: Chain
    lock: int
    """File descriptor of the lock that keeps a second station off the same folder."""
    found: tuple[Interrupted, ...] = ()

    async def depth(self) -> int:
        """How many events the server does not hold yet. Those of a station without identity are for no server."""
        if self.chain.station == NOBODY:
            return 0
        return await self.store.transact(lambda cx: outbox.depth(cx, self.chain.station))

    async def events_after(self, sequence: int) -> list[tuple[int, str]]:
        """(sequence, type) of the events of this epoch that follow `sequence` and are still kept."""
        chain = self.chain
        return await self.store.transact(lambda cx: outbox.kinds_after(cx, chain.station, chain.epoch, sequence))

    def close(self) -> None:
        """Close the file and let others have it."""
        self.store.close()
        os.close(self.lock)


@dataclass(slots=True)
class FleetSide:
    """All that needs an identity."""

    identity: Identity
    link: Link
    book: OrderBook
    issuer: IssuerSide
    keys: KeyBook
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def start(self) -> None:
        """What goes on beside the errands, until `leave`."""
        self.keys.rotated = self._ask_again
        self.tasks += [
            asyncio.create_task(self.keys.run(), name="server-keys"),
            asyncio.create_task(self.book.run()),
            *self.issuer.start(),
        ]

    def _ask_again(self) -> None:
        self.book.ask_soon()
        self.issuer.region.ask_soon()

    async def leave(self) -> None:
        """End the link."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.link.stop()


def identity_of(config: Config, base: Path) -> Identity:
    """What enrolment wrote. Raises JoinError."""
    try:
        identity = Identity.load(base / config.station.identity)
        identity.store_secret()  # found out here, where the station can go on without an identity
    except IdentityError as error:
        raise JoinError("identity", str(error)) from None
    return identity


async def open_books(config: Config, base: Path, clock: SystemClock, bootid: str, identity: Identity | None) -> Books:
    """Open the file and write down what a stop cut off. Raises JoinError."""
    data = base / config.station.data
    lock = _lock(data)
    try:
        return await _open(identity, data, clock, bootid, lock)
    except StoreError as error:
        os.close(lock)
        raise JoinError("store", str(error)) from None


async def _open(identity: Identity | None, data: Path, clock: SystemClock, bootid: str, lock: int) -> Books:
    schemas = [
        outbox.SCHEMA, checkpoints.SCHEMA, sync.SCHEMA, commands.SCHEMA, key_book.SCHEMA, *issuer_side.SCHEMAS, journal.SCHEMA,
    ]  # fmt: skip
    store = await asyncio.to_thread(StationStore.open, data / STORE_FILE, schemas=schemas)
    chain = Chain(identity.station, identity.epoch, bootid) if identity else Chain(NOBODY, 1, bootid)
    written = journal_of(identity, store, chain, clock)
    try:
        return Books(store, written, chain, lock, await written.boot(VERSION))
    except StoreError:
        store.close()
        raise


def journal_of(identity: Identity | None, store: StationStore, chain: Chain, clock: SystemClock) -> Journal:
    """The journal of a station; where it has an identity, what it tells is signed, and what names people is encrypted.

    Raises IdentityError.
    """
    written = Journal(store, chain, clock)
    if identity is not None:
        written.cipher = AtRestCipher(identity.station, identity.store_secret())
        written.follow = Checkpoints(identity.private_key(), identity.certificate(), chain).follow
    return written


def join(identity: Identity, books: Books, clock: SystemClock, timing: Timing | None) -> FleetSide:
    """The link, which is made and not started, and what was synced. Raises JoinError."""
    link = Link(identity, books.store, books.chain.bootid, timing)
    try:
        identity.server_keys.clock = clock.now
        keys = KeyBook(books.store, link, identity.server_keys)
        book = OrderBook(identity, books.store, link, clock.now)
        clock.raise_floor(book.issued)
        if book.dropped:
            _tell_dropped(books, book.dropped)
        issuer = IssuerSide(identity, books.store, link, clock)
    except IdentityError as error:
        raise JoinError("identity", str(error)) from None
    except StoreError as error:
        raise JoinError("store", str(error)) from None
    books.journal.wake = link.notify
    books.journal.collected = book.mark_collected
    return FleetSide(identity, link, book, issuer, keys)


def _tell_dropped(books: Books, dropped: tuple[str, ...]) -> None:
    content = {"lists": list(dropped)}
    books.store.transact_now(lambda cx: books.journal.event(cx, EventType.LISTS_DROPPED, None, content))


def _lock(data: Path) -> int:
    """Two stations on one folder would be two clients of one name. Raises JoinError."""
    path = data / LOCK_FILE
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise JoinError("store", f"{path} cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise JoinError("running", f"{data}: another program runs as this station; end it first") from None
    return lock


def envelopes_for(config: Config, side: FleetSide) -> Envelopes:
    """Who verifies a PUK, as configured."""
    if config.envelope.verify == "card":
        return CardEnvelopes()
    return ServerEnvelopes(side.identity, side.link)


def seal_of(identity: Identity, title: str) -> StationSeal:
    """Who the station is on a receipt. Raises IdentityError."""
    chain = (identity.certificate(), identity.authority())
    ders = tuple(certificate.public_bytes(Encoding.DER) for certificate in chain)
    return StationSeal(identity.station, title, identity.private_key(), ders)
