"""Damaged files of a station, `PART=bits-station`: bits flipped, pages zeroed or swapped, ends cut off, junk behind.

Each case takes a copy of a station's data (journal, outbox, identity, count of tries, notices), damages one file of it by its
seed and starts the station on it, as `kortkiosk run` does but without devices; then the server, which holds every event that was
ever written, says what it holds. Rules, each broken one is printed:
- no exception comes out;
- an event goes out as right only if it is what was sealed under that number, and no number is given to two;
- whatever is not as it was (event, row of the journal, receipt, order that was handed over, who the station is) is named: by
  a problem of the station, an event to the fleet, or the comparison with the server's chain;
- no try is forgotten.
"""

import asyncio
import hashlib
import json
import logging
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from campaigns.faults.parts import Options, Progress, Verdict
from drivers.reader.outcomes import Accepted
from drivers.reader.pin.try_ledger import FileLedger
from fleet.agent import outbox
from fleet.agent.chain_comparison import ChainComparison
from fleet.messages.events import Event, EventError, parse
from fleet.messages.link import Answer, ChainAsk, HeldChain
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType
from kiosk.config import Config, ConfigError, load
from kiosk.ports import Ended
from kiosk.station.build import open_station
from kiosk.station.file_check import check_file
from kiosk.station.station import Station
from sim.demo.seed import seed
from tests.fakes.station.visitor import Visitor

PART = "bits-station"
COUNT = 1000
PAGE = 4096
CARDS = ("3B00:0001:AA", "3B00:0002:BB")
Place = tuple[int, int]
Key = tuple[str, Place]

TARGETS = {
    "station.sqlite": 6, "station.sqlite (killed)": 3, "station.sqlite-wal": 4, "station.sqlite-shm": 1, "tries.json": 2,
    "identity/identity.json": 1, "identity/store.key": 1, "identity/station.pem": 1, "identity/station.key": 1,
    "identity/ca.pem": 1, "out-of-service": 1, "station.toml": 1,
}  # fmt: skip
"""What is damaged, and how often of all."""
KINDS: "dict[str, Callable[[bytearray, Random], None]]" = {}


def kind(name: str) -> "Callable[[Callable[[bytearray, Random], None]], Callable[[bytearray, Random], None]]":
    def note(damage: Callable[[bytearray, Random], None]) -> Callable[[bytearray, Random], None]:
        KINDS[name] = damage
        return damage

    return note


@kind("one bit")
def _flip_one(content: bytearray, random: Random) -> None:
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)


@kind("30 bits")
def _flip_many(content: bytearray, random: Random) -> None:
    for _ in range(30):
        _flip_one(content, random)


@kind("zeroed page")
def _zero(content: bytearray, random: Random) -> None:
    size = min(PAGE, max(1, len(content) // 4))
    start = random.randrange(0, max(1, len(content) - size + 1), size)
    content[start : start + size] = bytes(len(content[start : start + size]))


@kind("swapped pages")
def _swap(content: bytearray, random: Random) -> None:
    size = min(PAGE, max(1, len(content) // 4))
    first, second = (random.randrange(0, max(1, len(content) - size + 1), size) for _ in range(2))
    content[first : first + size], content[second : second + size] = (
        content[second : second + size],
        content[first : first + size],
    )


@kind("cut off")
def _cut(content: bytearray, random: Random) -> None:
    del content[random.randrange(len(content)) :]


@kind("junk behind")
def _append(content: bytearray, random: Random) -> None:
    content += random.randbytes(random.choice((1, 100, PAGE)))


@dataclass(frozen=True)
class Original:
    """A station's data before the damage: `closed` after an orderly end, `killed` as the power left it."""

    closed: Path
    killed: Path
    events: "dict[str, dict[Place, bytes]]"
    """The wire of every event that was written, of either."""
    held: "dict[str, dict[str, Any]]"
    """What the journal and the rest say once the undamaged station has started."""


@dataclass(frozen=True)
class Found:
    """Report of a station on itself after its start. `right`: events that would go out as such."""

    problems: frozenset[str]
    right: "dict[Place, bytes]"
    damaged: "frozenset[Place]"
    begun: bool
    held: "dict[str, Any]"
    identity: "tuple[str, int] | None"
    closed: str | None


async def _live(station: Station) -> None:
    """Errands with all that the file keeps of them: done, refused, interrupted."""
    records = station.records
    assert records is not None
    for number in range(6):
        log = await records.journal.start("change_pin")
        await log.about_card(f"900000000{number}", f"TEST000000-000{number}")

        async def changed() -> Accepted:
            return Accepted()

        await log.effect(Effect.CARD_CHANGE, changed(), slot=number)
        await log.note(EventType.EFFECT_DONE, effect=Effect.SLOT_TAKE, outcome="taken", slot=number)
        if number < 5:
            await log.end(Ended(ErrandOutcome.DONE if number % 2 else ErrandOutcome.REFUSED))
    if station.fleet is not None:
        book = station.fleet.book
        await records.journal.transact(lambda cx: [book.mark_collected(cx, f"O-{number}") for number in range(5)])


def _config(folder: Path) -> Config:
    return load(folder / "station.toml")


def _kept(path: Path) -> "dict[Place, bytes]":
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as cx:
        station = cx.execute("SELECT station FROM outbox").fetchone()[0]
        return {
            (event.epoch, event.sequence): event.wire
            for event in outbox.kept_events(cx, station)
            if isinstance(event, Event)
        }


@cache
def original(folder: Path) -> Original:
    """Made once: two starts, six errands, half of the events acknowledged."""
    region = seed(folder / "region", datetime.now(UTC), mqtt_port=1)
    closed, killed = folder / "closed", folder / "killed"
    closed.mkdir()
    shutil.copytree(region.config.parent / "identity", closed / "identity")
    (closed / "station.toml").write_text(
        '[station]\nidentity = "identity"\ndata = "."\n\n[readers]\nholder = ""\nadministrator = ""\n', "utf-8"
    )
    (closed / "out-of-service").write_text("stock", "ascii")
    ledger = FileLedger(closed / "tries.json")
    for card in CARDS:
        for _ in range(3):
            ledger.spend(card, "01")

    async def live() -> None:
        for _ in range(2):
            async with open_station(_config(closed), closed, Visitor()) as station:
                await _live(station)
                assert station.records is not None
                await station.records.file.store.transact(
                    lambda cx: cx.execute("UPDATE outbox SET acked_at = 1767225600.0 WHERE sequence <= 20")
                )
                shutil.rmtree(killed, ignore_errors=True)
                shutil.copytree(closed, killed)

    asyncio.run(live())
    (killed / "station.lock").unlink(missing_ok=True)
    kept = {
        "closed": _kept(closed / "station.sqlite"),
        "killed": _copied(killed, lambda at: _kept(at / "station.sqlite")),
    }
    whole = Original(closed, killed, kept, {})
    for name, place in (("closed", closed), ("killed", killed)):
        state = _copied(place, lambda at: asyncio.run(_start(at, {})))
        assert not state.problems - {"anchors"}, state.problems
        whole.held[name] = state.held
    return whole


def _copied(folder: Path, work: "Callable[[Path], Any]") -> Any:
    with _copy(folder) as at:
        return work(at)


@contextmanager
def _copy(folder: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as at:
        copy = Path(at) / "station"
        shutil.copytree(folder, copy)
        yield copy


def _server(server_events: "dict[Place, bytes]") -> "Callable[[ChainAsk], Any]":
    """A server that holds every event that was written."""

    async def answer(ask: ChainAsk) -> Answer:
        ours = {sequence: parse(wire).hash for (epoch, sequence), wire in server_events.items() if epoch == ask.epoch}
        highest = max(ours, default=0)
        end = min(ask.last, highest)
        hashes = tuple(ours.get(sequence) for sequence in range(max(1, end - ask.count + 1), end + 1))
        return Answer(ok=True, chain=HeldChain(highest, max((epoch for epoch, _ in server_events), default=0), hashes))

    return answer


async def _start(folder: Path, server_events: "dict[Place, bytes]") -> Found:
    """Start the station on that folder, compare with the server, and look at what it would send."""
    async with open_station(_config(folder), folder, Visitor()) as station:
        closed = station.status.out_of_service
        records, fleet = station.records, station.fleet
        identity = (fleet.identity.station, fleet.identity.epoch) if fleet is not None else None
        codes = {problem.code for problem in station.problems}
        if records is None or "store_damaged" in codes:
            return Found(frozenset(codes), {}, frozenset(), False, {}, identity, closed)
        file = records.file
        findings = await asyncio.to_thread(check_file, file.store.path, file.chain.station)
        if findings.faults:
            return Found(frozenset({*codes, "store_damaged"}), {}, frozenset(), False, {}, identity, closed)
        if findings.indexes:
            await records.journal.transact(lambda cx: cx.execute("REINDEX"))
        if server_events:
            await ChainComparison(file.store, file.chain, _server(server_events), lambda: datetime.now(UTC)).settle()
        events = await file.store.transact(lambda cx: outbox.kept_events(cx, file.chain.station))
        rows = await file.store.transact(_rows)
        codes |= {problem.code for problem in station.problems}
    right: dict[Place, bytes] = {}
    damaged = set(findings.events)
    for event in events:
        place = (event.epoch, event.sequence)
        try:
            assert parse(event.wire).sequence == event.sequence
            right[place] = event.wire
        except EventError:
            damaged.add(place)
    begun = any(isinstance(event, Event) and event.type == EventType.CHAIN_BEGUN for event in events)
    return Found(frozenset(codes), right, frozenset(damaged), begun, rows, identity, closed)


def _rows(cx: sqlite3.Connection) -> "dict[str, Any]":
    """Read what errands go by, apart from the events."""
    queries = {
        "errand": "SELECT id, kind, order_no, hsa_id, card_number, outcome FROM errand",
        "effect": "SELECT errand, name, facts, outcome FROM effect",
        "receipt": "SELECT number, document, qr FROM receipt",
        "collected": "SELECT id FROM sync_collected",
        "commands": "SELECT highest FROM command_taken",
    }
    return {name: sorted(map(repr, cx.execute(query))) for name, query in queries.items()}


def _damage(folder: Path, target: str, kind_: str, random: Random) -> None:
    path = folder / target.removesuffix(" (killed)")
    content = bytearray(path.read_bytes())
    KINDS[kind_](content, random)
    mode = path.stat().st_mode
    path.write_bytes(content)
    path.chmod(mode)


def run_case(id_: str, whole: Original) -> Verdict:
    """One case by its id: target, kind and seed."""
    _, target, kind_, number = id_.split(":")
    base = "killed" if "killed" in target or target.endswith(("-wal", "-shm")) else "closed"
    broken: list[str] = []
    ended = "harmless"
    with _copy(getattr(whole, base)) as folder:
        _damage(folder, target, kind_, Random(f"{target}{kind_}{number}"))
        try:
            broken, ended = _judge(folder, target, base, whole)
        except ConfigError:
            ended = "named: config"
        except Exception as error:
            broken = [f"{type(error).__name__}: {error}"]
            ended = "exception"
    return Verdict(id_, kind_, target, tuple(broken), ended)


def _judge(folder: Path, target: str, base: str, whole: Original) -> "tuple[list[str], str]":
    if target == "tries.json":
        return _judge_tries(folder)
    state = asyncio.run(_start(folder, whole.events[base]))
    named = state.problems - {"anchors"}
    if target.startswith("identity/"):
        named |= {"lists"} if state.identity is None else set()
    if named & {"store_damaged", "store", "identity", "config"}:
        return [], f"named: {', '.join(sorted(named))}"
    broken = _wrong_events(state, whole.events[base])
    lost = whole.events[base].keys() - state.right.keys()
    is_reported = state.damaged or state.begun or state.problems & {"events"}
    if lost and not is_reported:
        broken.append(f"{len(lost)} events are gone, and nothing says so")
    if state.held != whole.held[base] and not is_reported:
        changed = [name for name, rows in state.held.items() if rows != whole.held[base][name]]
        broken.append(f"changed, and nothing says so: {', '.join(changed)}")
    if target == "out-of-service" and state.closed is None:
        broken.append("the station is open again, and nobody opened it")
    if target.startswith("identity/") and state.identity is not None and _identity_changed(folder, whole):
        broken.append("another identity is believed")
    names = [*(["chain begun"] if state.begun else []), *(["damaged events"] if state.damaged else [])]
    return broken, f"named: {', '.join(names)}" if names else "harmless"


def _identity_changed(folder: Path, whole: Original) -> bool:
    return any(
        _meaning(folder / "identity" / name) != _meaning(whole.closed / "identity" / name)
        for name in ("identity.json", "store.key")
    )


def _meaning(path: Path) -> object:
    content = path.read_bytes()
    return json.loads(content) if path.suffix == ".json" else content.strip().lower()


def _wrong_events(state: Found, written: "dict[Place, bytes]") -> list[str]:
    return [
        f"event {place} goes out as right and is not what was sealed"
        for place, wire in state.right.items()
        if place in written and wire != written[place]
    ]


def _judge_tries(folder: Path) -> "tuple[list[str], str]":
    ledger = FileLedger(folder / "tries.json")
    forgotten = [card for card in CARDS if ledger.used(card, "01") < 3]
    broken = [f"tries of {card} are forgotten" for card in forgotten]
    state = asyncio.run(_start(folder, {}))
    if not ledger.is_readable and "tries" not in state.problems:
        broken.append("the count of tries cannot be read, and nothing says so")
    return broken, "harmless" if ledger.is_readable else "named: tries"


def case_ids(seed_: int, count: int) -> list[str]:
    """So many, targets and kinds in turn by their weight."""
    targets = [target for target, weight in TARGETS.items() for _ in range(weight)]
    random = Random(seed_)
    chosen = []
    for number in range(count):
        target = targets[number % len(targets)]
        kind_ = list(KINDS)[(number // len(targets)) % len(KINDS)]
        chosen.append(f"{PART}:{target}:{kind_}:{random.randrange(10**9)}")
    return chosen


def run_part(options: Options) -> int:
    """All cases that were not run yet, then the table. 1 where a rule was broken."""
    logging.disable(logging.CRITICAL)
    ids = list(options.ids) or case_ids(options.seed, options.count or COUNT)
    progress = Progress.open(PART, options, _version())
    with tempfile.TemporaryDirectory() as folder:
        whole = original(Path(folder))
        for id_ in options.ids or progress.missing(ids):
            progress.add(run_case(id_, whole), of=len(ids))
    print(progress.table())
    return int(any(verdict.broken for verdict in progress.verdicts.values()))


def _version() -> str:
    """Verdicts of another program's rules do not count."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]


def main() -> int:
    return run_part(Options())


if __name__ == "__main__":
    sys.exit(main())
