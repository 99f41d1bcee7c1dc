"""Building the fleet connection of a station: its durable records, and the link with all that was synced.

`open_file` opens the one file of the station: every station has one, also without an identity, whose events stay with it.
`connect` adds the link and the synced orders; `open_records` the journal. Each makes all of its part or says, as one `JoinError`,
what is missing; nothing is left half open.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from fleet.agent import blocks, checkpoints, commands, key_book, outbox, sync
from fleet.agent.answer_verification import SyncRefused
from fleet.agent.at_rest import station_cipher
from fleet.agent.certificate_renewal import CertificateRenewal
from fleet.agent.checkpoints import Checkpoints
from fleet.agent.identity import Identity, IdentityError
from fleet.agent.key_book import KeyBook
from fleet.agent.link import Link, LinkTrouble, Timing
from fleet.agent.outbox import EventChain
from fleet.agent.proxy import Proxy
from fleet.agent.region import RegionFile
from fleet.agent.store import StationStore, StoreError
from fleet.agent.sync import OrderBook
from fleet.messages.events import Event
from fleet.messages.vocabulary import EventType
from kiosk.clock import CHRONY, SystemClock, tell_chrony
from kiosk.config import Config
from kiosk.issuer import gateway
from kiosk.issuer.gateway import IssuerGateway, keep_files
from kiosk.ports import Envelopes
from kiosk.station import journal
from kiosk.station.fleet_orders import CardEnvelopes, ServerEnvelopes
from kiosk.station.journal import Interrupted, Journal
from kiosk.station.pilot import Pilot
from kiosk.steps.capabilities import StationSeal
from kiosk.version import VERSION

STORE_FILE = "station.sqlite"
UNREADABLE = (StoreError, SyncRefused, ValueError, LookupError, TypeError, sqlite3.Error)
"""What comes of a file that can be opened and does not hold what was written."""
UNREADABLE_ADVICE = (
    "blocks or other asks wait here and cannot be read: they stay, and the server has an alert for each with its card;"
    " see to those cards at the issuer"
)
LOCK_FILE = "station.lock"
NOBODY = "unenrolled"
"""Whose events they are while the station has no identity. They are never sent."""

logger = logging.getLogger(__name__)


class JoinError(Exception):
    """The station cannot belong to its fleet now. `code`: `identity`, `store`, `store_damaged` or `running`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class StationFile:
    """The one file of a station, and the chain of events of this boot."""

    store: StationStore
    chain: EventChain
    lock: int
    """File descriptor of the lock that keeps a second station off the same folder."""

    def close(self) -> None:
        """Close the file and let others have it."""
        self.store.close()
        os.close(self.lock)


@dataclass(frozen=True, slots=True)
class Records:
    """The durable records of a station: its one file, and the journal in it."""

    file: StationFile
    journal: Journal
    interrupted: tuple[Interrupted, ...] = ()
    """What a stop cut off."""

    async def depth(self) -> int:
        """Return how many events the server does not hold yet. Those of a station without identity are for no server."""
        if self.file.chain.station == NOBODY:
            return 0
        return await self.file.store.transact(lambda cx: outbox.depth(cx, self.file.chain.station))

    async def events_after(self, sequence: int) -> list[tuple[int, str]]:
        """(sequence, type) of the events of this epoch that follow `sequence` and are still kept."""
        chain = self.file.chain
        return await self.file.store.transact(
            lambda cx: outbox.event_types_after(cx, chain.station, outbox.current_epoch(cx, chain), sequence)
        )

    async def latest_events(self, most: int) -> list[Event]:
        """The last events, the newest first."""
        return await self.file.store.transact(lambda cx: outbox.newest_events(cx, most))


@dataclass(frozen=True, slots=True)
class FleetConnection:
    """All that needs an identity: the link, what was synced over it, and the issuer's gateway."""

    identity: Identity
    link: Link
    book: OrderBook
    issuer: IssuerGateway
    keys: KeyBook
    renewal: CertificateRenewal

    def start(self) -> "list[asyncio.Task[None]]":
        """Connect, and keep what is synced fresh until the tasks are cancelled."""
        self.link.start()
        return [
            asyncio.create_task(self.keys.run(), name="server-keys"),
            asyncio.create_task(self.renewal.run(), name="certificate-renewal"),
            asyncio.create_task(self.book.run()),
            *self.issuer.start(),
        ]

    async def refresh(self) -> None:
        """Fetch orders and the region's data now. Raises LinkDown, AskTimeout, SyncRefused."""
        await self.book.refresh()
        await self.issuer.region.refresh()


@dataclass(frozen=True, slots=True)
class RegionListeners:
    """Callbacks of the region's data: see `fleet.agent.region.Region`."""

    on_files: Callable[[Sequence[RegionFile]], None] = lambda files: None
    on_signed_time: Callable[[datetime, float], None] = lambda issued, took_s: None


def region_listeners(
    config: Config, base: Path, clock: SystemClock, changed: Callable[[], None], chrony: Path = CHRONY
) -> RegionListeners:
    """Files go where the configuration has their place, signed times are the clock's floor and measure, and a sample for the
    machine's chrony; `changed` is called when what is switched off, or what is known of the clock, may be something else.
    """

    def on_files(files: Sequence[RegionFile]) -> None:
        keep_files(files, config, base)
        changed()

    def on_signed_time(issued: datetime, took_s: float) -> None:
        tell_chrony(issued, took_s, chrony)
        if clock.take_signed_time(issued):
            changed()

    return RegionListeners(on_files, on_signed_time)


def load_identity(config: Config, base: Path) -> Identity:
    """Load the identity that enrolment wrote. Raises JoinError."""
    try:
        identity = Identity.load(base / config.station.identity)
        identity.store_secret()  # found out here, where the station can go on without an identity
    except IdentityError as error:
        raise JoinError("identity", str(error)) from None
    return identity


async def open_file(config: Config, base: Path, bootid: str, identity: Identity | None) -> StationFile:
    """Open the file of the station. Raises JoinError."""
    data = base / config.station.data
    schemas = [
        outbox.SCHEMA, checkpoints.SCHEMA, sync.SCHEMA, commands.SCHEMA, key_book.SCHEMA, *gateway.SCHEMAS,
        journal.SCHEMA,
    ]  # fmt: skip
    lock = _lock(data)
    try:
        store = await asyncio.to_thread(StationStore.open, data / STORE_FILE, schemas=schemas)
    except StoreError as error:
        os.close(lock)
        raise _join_error(error) from None
    chain = EventChain(identity.station, identity.epoch, bootid) if identity else EventChain(NOBODY, 1, bootid)
    return StationFile(store, chain, lock)


def connect(
    identity: Identity,
    file: StationFile,
    clock: SystemClock,
    timing: Timing | None = None,
    *,
    on_command: Callable[[bytes], None] = lambda payload: None,
    on_trouble: Callable[[LinkTrouble, str], None] = lambda trouble, text: None,
    region: RegionListeners | None = None,
    proxy: Proxy | None = None,
) -> FleetConnection:
    """The link, which is made and not started, and what was synced. Raises JoinError."""
    region = region or RegionListeners()
    link = Link(identity, file.store, file.chain.bootid, timing, on_command, on_trouble, proxy)
    try:
        identity.server_keys.clock = clock.now
        link.time_floor = lambda: clock.floor
        keys = KeyBook(file.store, link, identity.server_keys)
        book = OrderBook(identity, file.store, link, clock.now)
        issuer = IssuerGateway(
            identity, file.store, link, clock, on_files=region.on_files, on_signed_time=region.on_signed_time
        )
    except IdentityError as error:
        raise JoinError("identity", str(error)) from None
    except UNREADABLE as error:
        raise _join_error(error) from None
    keys.on_rotation(book.ask_soon)
    keys.on_rotation(issuer.region.ask_soon)
    return FleetConnection(identity, link, book, issuer, keys, CertificateRenewal(identity, link))


async def open_records(
    file: StationFile,
    identity: Identity | None,
    fleet: FleetConnection | None,
    clock: SystemClock,
    pilot: Pilot | None = None,
) -> Records:
    """The journal in the file; writes down what a stop cut off, and that the station started. Raises JoinError."""
    try:
        written = make_journal(identity, file.store, file.chain, clock, fleet, pilot)
        begun = await file.store.transact(lambda cx: outbox.mend_head(cx, file.chain, written.now()))
        if begun is not None:
            logger.warning("the end of the chain of epoch %d was damaged: epoch %d begins", begun.before, begun.epoch)
        interrupted = await written.boot(VERSION)
    except IdentityError as error:
        raise JoinError("identity", str(error)) from None
    except UNREADABLE as error:
        raise _join_error(error) from None
    return Records(file, written, interrupted)


async def record_dropped_lists(records: Records, fleet: FleetConnection) -> None:
    """Tell the fleet which of the synced lists could not be believed when they were read. Raises JoinError."""
    if not fleet.book.dropped:
        return
    content = {"lists": list(fleet.book.dropped)}
    written = records.journal
    try:
        await written.transact(lambda cx: written.event(cx, EventType.LISTS_DROPPED, None, content))
    except StoreError as error:
        raise _join_error(error) from None


async def record_unreadable_asks(records: Records, fleet: FleetConnection) -> int:
    """Tell the fleet, once each, which blocks and other asks wait here and cannot be read. Give their number.

    Raises JoinError.
    """
    written = records.journal

    def work(cx: sqlite3.Connection) -> int:
        unreadable = fleet.issuer.queue.unreadable(cx)
        for ask in blocks.untold(cx, unreadable):
            content = {"kind": ask.kind, "card_number": ask.card_number, "wanted": ask.wanted}
            written.event(cx, EventType.ASK_UNREADABLE, None, content)
        return len(unreadable)

    try:
        return await written.transact(work)
    except StoreError as error:
        raise _join_error(error) from None


def _join_error(error: Exception) -> JoinError:
    """Return the fault of the file as a JoinError; whatever it holds that cannot be read is its damage."""
    if isinstance(error, StoreError):
        return JoinError(error.problem, str(error))
    logger.error("the station's file holds what cannot be read: %s", type(error).__name__)
    return JoinError("store_damaged", f"the station's file holds what cannot be read: {type(error).__name__}")


def make_journal(
    identity: Identity | None,
    store: StationStore,
    chain: EventChain,
    clock: SystemClock,
    fleet: FleetConnection | None = None,
    pilot: Pilot | None = None,
) -> Journal:
    """The journal of a station; where it has an identity, what it tells is signed, and what names people is encrypted.

    Raises IdentityError.
    """
    if identity is None:
        return Journal(store, chain, clock, pilot=pilot)
    cipher = station_cipher(identity)
    signing = Checkpoints(identity.private_key(), identity.certificate(), chain)
    if fleet is None:
        return Journal(
            store, chain, clock, cipher=cipher, follow=signing.follow, redeem=blocks.redeem_pledge, pilot=pilot
        )
    fleet.renewal.on_renewed(lambda: signing.renew(identity.private_key(), identity.certificate()))

    def notify() -> None:
        fleet.link.notify()
        fleet.issuer.queue.wake()

    return Journal(
        store, chain, clock, cipher=cipher, follow=signing.follow,
        on_commit=notify, on_collected=fleet.book.mark_collected, redeem=blocks.redeem_pledge, pilot=pilot,
    )  # fmt: skip


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


@contextlib.contextmanager
def lock_folder(data: Path) -> Iterator[None]:
    """While nothing runs as this station. Raises JoinError."""
    lock = _lock(data)
    try:
        yield
    finally:
        os.close(lock)


def envelopes_for(config: Config, fleet: FleetConnection) -> Envelopes:
    """Return the verifier of PUKs, as configured."""
    if config.envelope.verify == "card":
        return CardEnvelopes()
    return ServerEnvelopes(fleet.identity, fleet.link)


def seal_of(identity: Identity, title: str, receipt_url: str = "") -> StationSeal:
    """Return the station's seal for receipts. Raises IdentityError."""
    ders = tuple(certificate.public_bytes(Encoding.DER) for certificate in identity.chain())
    return StationSeal(identity.station, title, identity.private_key(), ders, receipt_url)
