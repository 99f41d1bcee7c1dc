"""What a station needs to belong to a fleet: its identity, its one file, the journal in it, the link and the synced orders.

`join` makes all of it or says, as one `JoinError`, what is missing; nothing is left half open.
"""

import asyncio
import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from fleet.agent import outbox, sync
from fleet.agent.identity import Identity, IdentityError
from fleet.agent.link import Link, Timing
from fleet.agent.outbox import Chain
from fleet.agent.store import StationStore, StoreError
from fleet.agent.sync import OrderBook
from kiosk import journal
from kiosk.clock import SystemClock
from kiosk.config import Config
from kiosk.handover import CardEnvelopes, ServerEnvelopes
from kiosk.journal import Interrupted, Journal
from kiosk.journeys.desk import StationSeal
from kiosk.ports import Envelopes
from kiosk.version import VERSION

STORE_FILE = "station.sqlite"
LOCK_FILE = "station.lock"


class JoinError(Exception):
    """The station cannot belong to its fleet now. `code`: `identity`, `store` or `running`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(slots=True)
class FleetSide:
    """All that needs an identity."""

    identity: Identity
    store: StationStore
    journal: Journal
    link: Link
    book: OrderBook
    lock: int
    """File descriptor of the lock that keeps a second station off the same folder."""
    found: tuple[Interrupted, ...] = ()
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def leave(self) -> None:
        """End the link and close the file."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.link.stop()
        self.store.close()
        os.close(self.lock)


async def join(config: Config, base: Path, clock: SystemClock, bootid: str, timing: Timing | None) -> FleetSide:
    """Load the identity, open the file, write down what a stop cut off. The link is made, not started. Raises JoinError."""
    data = base / config.station.data
    try:
        identity = Identity.load(base / config.station.identity)
    except IdentityError as error:
        raise JoinError("identity", str(error)) from None
    lock = _lock(data)
    try:
        return await _open(identity, data, clock, bootid, timing, lock)
    except StoreError as error:
        os.close(lock)
        raise JoinError("store", str(error)) from None


async def _open(
    identity: Identity, data: Path, clock: SystemClock, bootid: str, timing: Timing | None, lock: int
) -> FleetSide:
    schemas = [outbox.SCHEMA, sync.SCHEMA, journal.SCHEMA]
    store = await asyncio.to_thread(StationStore.open, data / STORE_FILE, schemas=schemas)
    link = Link(identity, store, bootid, timing)
    book = OrderBook(identity, store, link, clock.now)
    written = Journal(store, Chain(identity.station, identity.epoch, bootid), clock)
    written.wake = link.notify
    written.collected = book.mark_collected
    try:
        found = await written.boot(VERSION)
        clock.raise_floor(book.issued)
    except StoreError:
        store.close()
        raise
    return FleetSide(identity, store, written, link, book, lock, found)


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
    chain = (identity.certificate(), load_pem_x509_certificate(identity.ca_file.read_bytes()))
    ders = tuple(certificate.public_bytes(Encoding.DER) for certificate in chain)
    return StationSeal(identity.station, title, identity.private_key(), ders)
