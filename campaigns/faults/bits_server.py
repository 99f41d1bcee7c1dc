"""Damaged files of the server: its store and log, the verifier's count, the broker's memory, settings and keys, by a seed.

    make campaign PART=bits-server
    python -m campaigns.faults bits-server:tries:flip:17

Each case damages one file of a copy of one made-up data folder, and lets the real parts open it. A rule is broken where a part
ends with an error that has no words of its own, where a good event is set aside, where something is acknowledged that the store
does not hold as it came, where an event is gone and not asked for again, where a damaged count gives a try, where the broker does
not start for its memory, or where a key is used that is another than before. Everything is simulated but the parts themselves;
the broker is a real mosquitto.
"""

import asyncio
import base64
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select

from campaigns.faults.parts import Options, Progress, Verdict
from fleet.messages.events import Event
from fleet.messages.link import Acked, SyncAsk, encode
from fleet.server.alerts.settings import load as load_alerts
from fleet.server.asks.answers import Answers
from fleet.server.broker.mosquitto import MEMORY, Broker
from fleet.server.broker.mqtt5_client import Credentials, tls_context
from fleet.server.commands.dispatcher import CommandDispatcher
from fleet.server.database.database import READ_FAULTS, Database, StoreError
from fleet.server.database.generation import renew
from fleet.server.database.integrity import DatabaseCheck
from fleet.server.database.schema import metadata
from fleet.server.deadlines.job import DeadlineJob
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.events.queries import restore_event
from fleet.server.events.tables import events, quarantine
from fleet.server.evidence.signature import Seal, SealError
from fleet.server.ingest.write import Writer
from fleet.server.keys.expiry import check_certificates
from fleet.server.keys.signing import Signer, SigningKeyError
from fleet.server.process.addresses import Address
from fleet.server.process.default_settings import SettingsError
from fleet.server.readings.queries import StoreReadings
from fleet.server.retention.pseudonyms import PseudonymKeyError
from fleet.server.retention.pseudonyms import load_or_make as load_pseudonyms
from fleet.server.serve_cli import CANNOT_START
from fleet.server.stations.alarms import AlarmRecorder
from fleet.server.stations.tables import stations
from fleet.server.verifier.attempt_counters import TRIES_PER_ENVELOPE, FileAttemptStore, TriesDamagedError
from fleet.server.verifier.judge import Keys, KeysError
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S
from tests.fakes.brokers.mosquitto import is_listening
from tests.fakes.fleet.station_peer import FleetStation
from tests.fakes.server.alert_monitor import Desk
from tests.fakes.server.databases import new_store
from tests.fakes.server.ingesting import ingesting, message
from tests.fakes.server.scripted_verifier import ScriptedVerifier
from tests.fleet.server.conftest import (
    NOW,
    SIGNER,
    KeptChanges,
    MemoryTransport,
    SealingStation,
    arrived,
    broker_files,
    enrolled,
    hold_orders,
    record,
)

PART = "bits-server"
COUNT = 1_000
MEMORY_DISK = next((place for place in ("/dev/shm",) if Path(place).is_dir()), None)
"""What is written is thrown away: no case waits for a disk."""
STORE, TRIES = "fleet.sqlite", "verifier.sqlite"
PAGE = 4096
ENVELOPES = 40
NAMES = ("entre-a", "entre-b", "entre-c")
SHARES = {"store": 40, "log": 20, "tries": 15, "memory": 5, "settings": 8, "keys": 12}
"""Of a hundred cases."""

Damage = Callable[[bytes, random.Random], bytes]


def _flip(content: bytes, chosen: random.Random) -> bytes:
    place = chosen.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << chosen.randrange(8)]) + content[place + 1 :]


def _zero(content: bytes, chosen: random.Random) -> bytes:
    """A page, or a small file's piece."""
    size = PAGE if len(content) > 2 * PAGE else max(1, len(content) // 4)
    start = size * chosen.randrange(max(1, len(content) // size))
    return content[:start] + bytes(len(content[start : start + size])) + content[start + size :]


def _cut(content: bytes, chosen: random.Random) -> bytes:
    return content[: chosen.randrange(len(content))]


def _swap(content: bytes, chosen: random.Random) -> bytes:
    size = PAGE if len(content) > 2 * PAGE else max(1, len(content) // 4)
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    if len(pieces) > 1:
        first, other = chosen.sample(range(len(pieces)), 2)
        pieces[first], pieces[other] = pieces[other], pieces[first]
    return b"".join(pieces)


def _lengthen(content: bytes, chosen: random.Random) -> bytes:
    return content + chosen.randbytes(chosen.randrange(1, PAGE))


DAMAGES: dict[str, Damage] = {"flip": _flip, "zero": _zero, "cut": _cut, "swap": _swap, "lengthen": _lengthen}


@dataclass(frozen=True)
class Sound:
    """The folder before anything is damaged, and what it says."""

    folder: Path
    told: dict[str, SealingStation]
    content: dict[str, object]
    quarantined: int


def make_sound(folder: Path) -> Sound:
    """A server's data as a kill leaves it: events in file and log, orders, junk, a count, an authority, settings."""
    data = folder / "made"
    data.mkdir(parents=True)
    database = new_store(data / STORE)
    sealing = {name: SealingStation(name) for name in NAMES}
    orders = [
        record(f"{name}-{n}", station=name, slot=n, card_number=f"97522698{name[-1].upper()}{n}")
        for name in NAMES
        for n in (1, 2, 3)
    ]
    hold_orders(database, *orders)
    writer = Writer(database)
    for number in (1, 2):
        writer.commit(
            [
                event
                for name in NAMES
                for event in arrived(*sealing[name].pickup(f"{name}-{number}"), *sealing[name].seals(8))
            ],
            NOW,
        )
        if number == 1:
            renew(data / STORE, checkpoint="TRUNCATE")
    store = FileAttemptStore(data / TRIES)
    with store.transaction() as execute:
        for number in range(ENVELOPES * TRIES_PER_ENVELOPE):
            execute(
                "INSERT INTO tries VALUES (?, ?, ?, ?)",
                f"{number:032x}",
                f"{number % ENVELOPES:064x}",
                f"s-{number}",
                1e3 + number,
            )
    store.close()
    authority = Authority.init(data / "authority", [], datetime.now(UTC))
    load_pseudonyms(authority.directory / "server" / "pseudonym.key")
    letters = authority.directory / "verifier"
    (letters / "envelope-keys.json").write_text(json.dumps({"2026a": base64.b64encode(bytes(range(32))).decode()}))
    Keys.load(letters)  # as at its first start
    (data / "alerts.toml").write_text(
        '[rule.offline]\nafter_s = 600\n\n[[webhook]]\nname = "m"\nurl = "https://m.example/k"\nseverity = "notice"\n'
    )
    (data / "deadlines.toml").write_text("[rule.not_collected]\nwarn_days = 3\n")
    kept = shutil.copytree(data, folder / "sound")  # while it is open: the log is there, as after a kill
    content, aside = _content(database), _quarantined(database)
    database.close()
    asyncio.run(_make_memory(authority, kept))
    return Sound(kept, sealing, content, aside)


async def _make_memory(authority: Authority, folder: Path) -> None:
    async with Broker(folder / "first", Address("127.0.0.1", 0), broker_files(authority)) as broker:
        enrolled(authority, folder / "entre-a", "entre-a", broker.address.port)
        station = FleetStation("entre-a", folder / "entre-a", broker.address.port)
        await asyncio.to_thread(station.start)
        await asyncio.to_thread(station.stop)
    (folder / "broker").mkdir()
    shutil.copyfile(folder / "first" / MEMORY, folder / "broker" / MEMORY)


def _content(database: Database) -> dict[str, object]:
    with database.reading.begin() as connection:
        return {table.name: sorted(map(repr, connection.execute(select(table)))) for table in metadata.sorted_tables}


def _quarantined(database: Database) -> int:
    with database.reading.begin() as connection:
        return int(connection.execute(select(func.count()).select_from(quarantine)).scalar_one())


# --- what each file is judged by: gives how it ended, and the rules that were broken -------------------------------------------

Judged = tuple[str, tuple[str, ...]]


def _judge_store(sound: Sound, folder: Path) -> Judged:
    path = folder / STORE
    try:
        database = Database.open(path)
    except StoreError as error:
        return "named", () if str(path) in str(error) else (f"does not name its file: {error}",)
    try:
        check = DatabaseCheck(database, lambda: NOW)
        check.look()
        if check.trouble is not None:
            return "named", ()
        return asyncio.run(_serve(sound, database, check))
    finally:
        database.close()


async def _serve(sound: Sound, database: Database, check: DatabaseCheck) -> Judged:
    """New events of all stations and old ones again, and one look of every part."""
    try:
        is_same = _content(database) == sound.content
    except READ_FAULTS:
        is_same = False
    fresh = {name: SealingStation(name, sealed=list(station.sealed)) for name, station in sound.told.items()}
    sent = [
        event for station in fresh.values() for event in (*station.sealed[-2:], *station.pickup(f"{station.name}-3"))
    ]
    async with ingesting(Writer(database), check=check) as bench:
        for event in sent:
            bench.inbox.put(message(event))
        async with asyncio.timeout(LIMIT_S):
            while bench.ingest.trouble is None and len(bench.transport.acknowledged) < len(sent):  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        waits = bench.ingest.trouble
        acked_by_name = {name: acked for name in NAMES for acked in bench.transport.acked(name) if acked.epoch == 1}
    broken = [*_lost(database, fresh, acked_by_name, sound)]
    sick = [name for name, look in _parts(database) if not await asyncio.to_thread(_looks, look, name, broken)]
    asked_again = any(acked.wanted for acked in acked_by_name.values())
    return _verdict(waits, sick, is_same=is_same, asked_again=asked_again), tuple(broken)


def _verdict(waits: str | None, sick: list[str], *, is_same: bool, asked_again: bool) -> str:
    if waits is not None:
        return "waits, and says so"
    if sick:
        return "a part waits, and says so"
    if asked_again:
        return "stations are asked again"
    return "harmless" if is_same else "a value is another: for verify-store"


def _lost(
    database: Database, fresh: dict[str, SealingStation], acked_by_name: dict[str, Acked], sound: Sound
) -> Iterator[str]:
    """Good events that were set aside; events that stations are told are held, and that are not there, or not as they came just
    now. What has changed of an older one is verify-store's to find."""
    try:
        aside = _quarantined(database) - sound.quarantined
        rows = _events(database)
    except READ_FAULTS:
        if acked_by_name:
            yield "acknowledged, and the store cannot be read"
        return
    if aside > 0:
        yield f"{aside} good events were set aside"
    for name, acked in acked_by_name.items():
        before = len(sound.told[name].sealed)
        for event in fresh[name].sealed[: acked.through]:
            place = name, event.sequence
            if place not in rows or (event.sequence > before and rows[place] != event.wire):
                yield f"{name} {event.sequence}: said to be held, and is not there as it came"


def _events(database: Database) -> dict[tuple[str, int], bytes | None]:
    columns = select(
        stations.c.name,
        events.c.station,
        events.c.epoch,
        events.c.sequence,
        events.c.envelope,
        events.c.data,
        events.c.salt,
    )
    with database.reading.begin() as connection:
        rows = connection.execute(columns.join(stations, stations.c.id == events.c.station)).all()
    wires: dict[tuple[str, int], bytes | None] = {}
    for row in rows:
        event: Event | None = restore_event((row.station, row.epoch, row.sequence), row.envelope, row.data, row.salt)
        wires[row.name, row.sequence] = None if event is None or event.data is None else event.wire
    return wires


def _parts(database: Database) -> Iterator[tuple[str, Callable[[], object]]]:
    """One look of each part that reads the store by itself."""
    changes = KeptChanges()
    yield "alerts", Desk(database, Writer(database)).service.look
    yield "deadlines", DeadlineJob(database, load_deadlines(None), changes, lambda: NOW).look
    yield "commands", CommandDispatcher(database, MemoryTransport(), SIGNER, changes, lambda: NOW).step
    readings = StoreReadings(database, lambda: NOW)
    yield "orders", readings.orders_version
    answers = Answers(database, SIGNER, ScriptedVerifier(), AlarmRecorder(database), lambda: NOW)
    yield "answers", lambda: asyncio.run(answers.answer("entre-a", encode(SyncAsk())))


def _looks(look: Callable[[], object], name: str, broken: list[str]) -> bool:
    """Look; return whether it could do its work. What its loop does not wait for would end the server."""
    try:
        look()
    except READ_FAULTS:
        return False
    except Exception as error:
        broken.append(f"{name} ends with {type(error).__name__}")
        return False
    return True


def _judge_tries(_sound: Sound, folder: Path) -> Judged:
    try:
        store = FileAttemptStore(folder / TRIES)
    except TriesDamagedError as error:
        return "named", () if str(folder / TRIES) in str(error) else ("does not name its file",)
    except sqlite3.Error:
        return "waits, and says so", ()
    with store.transaction() as execute:
        counts = [
            execute("SELECT count(*) FROM tries WHERE envelope = ?", f"{n:064x}").fetchone()[0]
            for n in range(ENVELOPES)
        ]
    store.close()
    given = sum(TRIES_PER_ENVELOPE - count for count in counts)
    return "harmless", (f"{given} tries more than there were",) if given else ()


def _judge_memory(sound: Sound, folder: Path) -> Judged:
    async def start() -> list[str]:
        set_aside: list[str] = []
        files = broker_files(Authority(sound.folder / "authority"))
        async with Broker(folder / "broker", Address("127.0.0.1", 0), files, on_set_aside=set_aside.append) as broker:
            assert await is_listening(broker.address)
        return set_aside

    return ("named" if asyncio.run(start()) else "harmless"), ()


_SETTINGS: dict[str, Callable[[Path], object]] = {"alerts.toml": load_alerts, "deadlines.toml": load_deadlines}


def _judge_settings(sound: Sound, folder: Path) -> Judged:
    for name, load in _SETTINGS.items():
        try:
            settings = load(folder / name)
        except (*CANNOT_START, SettingsError) as error:
            return "named", () if name in str(error) else (f"does not name its file: {error}",)
        if settings != load(sound.folder / name):
            return "another value, as a person might write it", ()
    return "harmless", ()


def _digest_of_keys(authority: Path) -> dict[str, bytes]:
    """Return what each loader makes of its file, in words that tell keys apart. Raises what the server names at its start."""
    server = authority / "server"
    check_certificates(
        authority, {"broker": server / "broker.pem", "server": server / "fleet-server.pem"}, datetime.now(UTC)
    )
    signer, seal, letters = Signer.load(server / "signing.key"), Seal.load(authority), Keys.load(authority / "verifier")
    tls_context(Credentials.of(authority, "fleet-server"))
    tls_context(Credentials(authority / "ca" / "ca.pem", server / "broker.pem", server / "broker.key"))
    return {
        "signing": signer.sign(b"", "test").split(".")[0].encode(),
        "seal": seal.certificate.public_bytes(Encoding.DER)
        + b"".join(issuing.public_bytes(Encoding.DER) for issuing in seal.authorities),
        "letters": letters.private.public_key().public_bytes_raw() + msgspec.msgpack.encode(letters.envelope),
        "pseudonyms": load_pseudonyms(server / "pseudonym.key").person("X").encode(),
    }


def _judge_keys(sound: Sound, folder: Path) -> Judged:
    try:
        digests = _digest_of_keys(folder / "authority")
    except (*CANNOT_START, KeysError, SealError, SigningKeyError, PseudonymKeyError):
        return "named", ()
    other = [name for name, digest in _digest_of_keys(sound.folder / "authority").items() if digests[name] != digest]
    return ("another key" if other else "harmless"), tuple(f"another key of {name} is used" for name in other)


_KEY_FILES = (
    "server/signing.key", "server/fleet-server.key", "server/fleet-server.pem", "server/broker.key", "server/broker.pem",
    "server/pseudonym.key", "ca/ca.pem", "verifier/hpke.key", "verifier/envelope-keys.json",
    "verifier/key-sums.json",
)  # fmt: skip
_JUDGES: dict[str, Callable[[Sound, Path], Judged]] = {
    "store": _judge_store,
    "log": _judge_store,
    "tries": _judge_tries,
    "memory": _judge_memory,
    "settings": _judge_settings,
    "keys": _judge_keys,
}


def _file(target: str, chosen: random.Random) -> str:
    match target:
        case "store":
            return STORE
        case "log":
            return chosen.choice([f"{STORE}-wal"] * 4 + [f"{STORE}-shm", f"{STORE}-generation"])
        case "tries":
            return TRIES
        case "memory":
            return f"broker/{MEMORY}"
        case "settings":
            return chosen.choice([*_SETTINGS])
        case _:
            return f"authority/{chosen.choice(_KEY_FILES)}"


def case_ids(count: int = COUNT) -> list[str]:
    """So many, in the shares of their files, with every damage of each."""
    kinds = [*DAMAGES]
    ids = []
    for target, share in SHARES.items():
        ids += [f"{PART}:{target}:{kinds[n % len(kinds)]}:{n}" for n in range(max(1, count * share // 100))]
    return ids


def run_case(sound: Sound, case_id: str, seed: int) -> Verdict:
    """Damage, open, judge."""
    _, target, kind, _number = case_id.split(":")
    chosen = random.Random(f"{seed} {case_id}")
    name = _file(target, chosen)
    with TemporaryDirectory(prefix="bits-", dir=MEMORY_DISK) as place:
        folder = Path(place) / "data"
        shutil.copytree(sound.folder, folder, ignore=shutil.ignore_patterns("first", "entre-a"))
        path = folder / name
        path.write_bytes(DAMAGES[kind](path.read_bytes(), chosen))
        try:
            ended, broken = _JUDGES[target](sound, folder)
        except Exception as error:
            ended, broken = "no words", (f"{name}: {type(error).__name__}: {error}",)
    return Verdict(case_id, kind, target, broken, ended)


@cache
def sound_data() -> Sound:
    """Made once for a process, below a folder that goes with it."""
    made = TemporaryDirectory(prefix="bits-sound-", dir=MEMORY_DISK)
    _KEPT.append(made)
    return make_sound(Path(made.name))


_KEPT: list[TemporaryDirectory[str]] = []


def run_part(options: Options) -> int:
    """As `make campaign PART=bits-server` does."""
    progress = Progress.open(PART, options)
    ids = list(options.ids) or case_ids(options.count or COUNT)
    for case_id in options.ids or progress.missing(ids):
        progress.add(run_case(sound_data(), case_id, options.seed), of=len(ids))
    print(progress.table())
    print(ended_table(progress))
    return 1 if any(verdict.broken for verdict in progress.verdicts.values()) else 0


def ended_table(progress: Progress) -> str:
    """Markdown: how the cases of each file ended."""
    rows: dict[tuple[str, str], int] = {}
    for verdict in progress.verdicts.values():
        rows[verdict.on, verdict.ended] = rows.get((verdict.on, verdict.ended), 0) + 1
    lines = [f"| {on} | {ended} | {count} |" for (on, ended), count in sorted(rows.items())]
    return "\n".join(["| file | ended | cases |", "|---|---|---|", *lines])
