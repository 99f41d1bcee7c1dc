"""Attacks on who may attend: the list at the station, the levels and purposes of cards, roles and organisations."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from fleet.agent import blocks, checkpoints, outbox, sync
from fleet.agent.identity import Broker, Identity
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.agent.sync import OrderBook
from fleet.messages.asking import SYNC_TYP
from fleet.messages.link import Administrator, Answer, Ask, Order, SyncPage
from fleet.server.keys.signing import Signer
from kiosk.clock import SystemClock
from kiosk.station import build_fleet, journal
from provisioning.authority import Authority
from provisioning.enrol import enrol
from sim.stories.administrators import administrator

HOLDER = Order("A1", "TEST000000-0001", "Sven Hemlig", False, "97520001", "TEST 601", 3, 4, "2099-01-01")
MAJ = administrator("TEST000000-9001", "Maj Utgivare")
MALLORY = administrator("TEST000000-6666", "Mallory")

SCHEMAS = [outbox.SCHEMA, blocks.SCHEMA, checkpoints.SCHEMA, sync.SCHEMA, journal.SCHEMA]


class Server:
    """The twin of a server that gives one list, signed with its true key."""

    online = True

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def on_change(self, listener: object) -> object:
        return lambda: None

    async def ask(self, message: Ask, timeout_s: float = 10.0) -> Answer:
        return Answer(ok=True, jws=self._signer.sign(msgspec.json.encode(page("entre-a", MAJ)), SYNC_TYP))


def page(station: str, *administrators: Administrator) -> SyncPage:
    now = datetime.now(UTC)
    return SyncPage(station, now.isoformat(), (now + timedelta(hours=24)).isoformat(), (HOLDER,), administrators)


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    now = datetime.now(UTC)
    authority = Authority.init(tmp_path / "authority", [], now)
    code = authority.claim("entre-a", now)
    return enrol(authority, tmp_path / "identity", Broker("127.0.0.1", 8883), code, now)


@pytest.fixture
def signer(identity: Identity, tmp_path: Path) -> Signer:
    return Signer.load(tmp_path / "authority" / "server" / "signing.key")


def started(identity: Identity, signer: Signer, file: Path) -> tuple[StationStore, OrderBook]:
    store = StationStore.open(file, schemas=[outbox.SCHEMA, sync.SCHEMA])
    return store, OrderBook(identity, store, Server(signer))  # type: ignore[arg-type]  # the twin's own listener


def a_station_that_has_synced(identity: Identity, signer: Signer, file: Path) -> None:
    store, book = started(identity, signer, file)
    asyncio.run(book.refresh())
    assert book.administrators() == (MAJ,)
    store.close()


def signed_by_the_attacker() -> str:
    key = ECKey.import_key(ec.generate_private_key(ec.SECP256R1()))
    content = msgspec.json.encode(page("entre-a", MALLORY))
    return jws.serialize_compact({"alg": "ES256", "typ": SYNC_TYP}, content, key)


def plant(file: Path) -> None:
    """Everything that one can write without the station's keys: a row of each table, and pages of one's own making."""
    with sqlite3.connect(file) as cx:
        cx.execute(
            "CREATE TABLE IF NOT EXISTS sync_administrator (hsa_id TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT"
        )
        cx.execute("INSERT INTO sync_administrator VALUES (?, ?)", (MALLORY.hsa_id, msgspec.json.encode(MALLORY)))
        if cx.execute("SELECT 1 FROM sqlite_master WHERE name = 'sync_sealed'").fetchone():
            cx.execute("UPDATE sync_sealed SET content = ? WHERE kind = 'list'", (signed_by_the_attacker().encode(),))
    cx.close()


def test_a_row_in_the_stations_file_makes_nobody_an_administrator(
    identity: Identity, signer: Signer, tmp_path: Path
) -> None:
    """One row inserted into the station's file makes its author an ID administrator while the cable is out."""
    file = tmp_path / "station.sqlite"
    a_station_that_has_synced(identity, signer, file)
    plant(file)
    store, book = started(identity, signer, file)
    try:
        assert MALLORY.hsa_id not in [one.hsa_id for one in book.administrators()]
        asyncio.run(book.refresh())
        assert book.administrators() == (MAJ,), "the true list is fetched again"
    finally:
        store.close()


def test_a_copied_card_tells_no_names(identity: Identity, signer: Signer, tmp_path: Path) -> None:
    """A copy of the station's file tells who has ordered a card, its number, and who administrates."""
    file = tmp_path / "station.sqlite"
    store, book = started(identity, signer, file)
    asyncio.run(book.refresh())
    try:
        copied = b"".join(one.read_bytes() for one in tmp_path.glob("station.sqlite*"))
    finally:
        store.close()
    copied += b"".join(one.read_bytes() for one in tmp_path.glob("station.sqlite*"))
    told = [HOLDER.hsa_id, HOLDER.name, HOLDER.card_number, MAJ.hsa_id, MAJ.name]
    assert [text for text in told if text and text.encode() in copied] == []


async def test_a_hand_over_made_up_in_the_stations_file_is_not_gone_on_with(identity: Identity, tmp_path: Path) -> None:
    """Rows inserted into the station's file make a hand-over that is to be gone on with, of another's slot."""
    file = tmp_path / "station.sqlite"
    StationStore.open(file, schemas=SCHEMAS).close()
    wanted = msgspec.structs.replace(HOLDER, hsa_id=MALLORY.hsa_id, slot=7)
    with sqlite3.connect(file) as cx:
        row = ("e", "pickup", "2026-03-02T08:00:00Z", wanted.order, MALLORY.hsa_id, msgspec.json.encode(wanted))
        cx.execute(
            "INSERT INTO errand (id, kind, started, order_no, hsa_id, order_content) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        cx.execute("INSERT INTO receipt VALUES ('R1', ?, x'00', '', '2026-03-02T08:00:00Z')", (wanted.order,))
    cx.close()
    store = StationStore.open(file, schemas=SCHEMAS)
    try:
        kept = journal_of(identity, store)
        await kept.boot("test")
        assert await kept.unfinished(MALLORY.hsa_id) is None
    finally:
        store.close()


def journal_of(identity: Identity, store: StationStore) -> journal.Journal:
    """As the station makes it."""
    return build_fleet.make_journal(
        identity, store, EventChain(identity.station, identity.epoch, "boot"), SystemClock()
    )
