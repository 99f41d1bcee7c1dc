"""Command line of a walk, `kortkiosk walk`: an errand without a screen, on any reader, answered by a file.

With --json a line for each question asked and answered, and a last one with outcome, errand, card_number, receipt,
exchange and events. Codes stand in the answers file, never among the arguments, and are never printed.

    kortkiosk walk pickup --reader "Virtual PCD 00 00" --answers pickup.toml --config station.toml --json
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from drivers.reader.model import Exchange
from drivers.reader.port import Presence, Reader, Resumed, StationVisit
from fleet.agent.link import Timing
from fleet.messages.vocabulary import ErrandOutcome, EventType
from kiosk.cli import Exit
from kiosk.config import VIRTUAL, Config, ConfigError, load
from kiosk.errands.registry import ERRANDS, Errand
from kiosk.ports import Ended
from kiosk.station.build import open_station
from kiosk.station.station import Station
from kiosk.station.virtual_plugin import VirtualDevicesError
from kiosk.walk import answers as answers_file
from kiosk.walk.answers import AnswersError, WalkAnswers
from kiosk.walk.hands import Hands, ReaderServiceError, open_hands
from kiosk.walk.screen import WalkScreen

ONLINE_S = 10.0
"""How long a walk waits for the connection before it goes on without."""
DRAIN_S = 60.0
POLL_S = 0.02
EXIT = {
    ErrandOutcome.DONE: Exit.DONE,
    ErrandOutcome.REFUSED: Exit.REFUSED,
    ErrandOutcome.FAULT: Exit.FAULT,
    ErrandOutcome.UNKNOWN: Exit.FAULT,
    ErrandOutcome.CANCELLED: Exit.CANCELLED,
    ErrandOutcome.TIMED_OUT: Exit.CANCELLED,
    ErrandOutcome.INTERRUPTED: Exit.OUR_ERROR,
}
CANNOT = {
    "reader": Exit.FAULT,
    "cabinet": Exit.FAULT,
    "store": Exit.FAULT,
    "door": Exit.REFUSED,
    "switched_off": Exit.REFUSED,
    "not_in_region": Exit.REFUSED,
}
"""What keeps an errand from being begun; all else is a station that is not set up for it."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its namespace carries `func`."""
    parser = subparsers.add_parser(
        "walk", help="an errand without a screen", description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "errand",
        choices=[errand.id for errand in ERRANDS],
        metavar="ERRAND",
        help=", ".join(errand.id for errand in ERRANDS),
    )
    parser.add_argument("--reader", required=True, metavar="NAME", help="the holder's reader, or `virtual`")
    parser.add_argument("--admin-reader", default="", metavar="NAME", help="the administrator's reader")
    parser.add_argument("--answers", type=Path, required=True, metavar="FILE", help="what is answered, in order")
    parser.add_argument("--config", type=Path, metavar="FILE", help="station.toml; default: ./station.toml if there")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do it. Exit codes are those of all programs."""
    try:
        config, base = _config(args)
        by_person = {config.readers.holder, config.readers.administrator} - {"", VIRTUAL} != set()
        answers = answers_file.load(args.answers, by_person=by_person)
        errand = next(registered for registered in ERRANDS if registered.id == args.errand)
        with tempfile.TemporaryDirectory() as folder, open_hands(config, answers, Path(folder)) as hands:
            return asyncio.run(_Walk(args.json, config, base, hands).go(errand, answers))
    except (ConfigError, AnswersError, VirtualDevicesError) as error:
        print(f"kortkiosk walk: {error}", file=sys.stderr)
        return Exit.BAD_INPUT
    except ReaderServiceError as error:
        print(f"kortkiosk walk: {error}", file=sys.stderr)
        return Exit.FAULT
    except OSError as error:
        print(f"kortkiosk walk: {error.filename or 'the virtual reader'}: {error.strerror or error}", file=sys.stderr)
        return Exit.FAULT


def _config(args: argparse.Namespace) -> tuple[Config, Path]:
    path = args.config or Path("station.toml")
    config = load(path) if args.config or path.exists() else Config()
    readers = config.readers.model_copy(update={"holder": args.reader, "administrator": args.admin_reader})
    return config.model_copy(update={"readers": readers}), path.resolve().parent


class _Walk:
    def __init__(self, as_json: bool, config: Config, base: Path, hands: Hands) -> None:
        self._json = as_json
        self._config = config
        self._base = base
        self._hands = hands

    async def go(self, errand: Errand, answers: WalkAnswers) -> int:
        """Open the station, walk, let the events drain, print the last line."""
        screen = WalkScreen(answers.entries, self._say, self._config.station.language, self._hands)
        timing, virtual = Timing(first_s=0.1), self._hands.devices
        async with open_station(self._config, self._base, screen, virtual=virtual, timing=timing) as station:
            await _online(station)
            missing = station.missing(errand)
            if missing is not None:
                return self._cannot(errand, station, missing)
            first = await _sequence(station)
            counted = _count(station)
            ended = await station.run(errand)
            await _drained(station)
            return await self._finish(errand, station, screen, ended, first, counted)

    def _cannot(self, errand: Errand, station: Station, missing: str) -> int:
        problems = [{"code": problem.code, "text": problem.text} for problem in station.problems]
        self._say({"outcome": ErrandOutcome.REFUSED, "errand": errand.id, "missing": missing, "problems": problems})
        for fault in problems:
            print(f"kortkiosk walk: {fault['text']}", file=sys.stderr)
        return CANNOT.get(missing, Exit.BAD_INPUT)

    async def _finish(
        self,
        errand: Errand,
        station: Station,
        screen: WalkScreen,
        ended: Ended | None,
        first: int,
        counted: list[StationVisit],
    ) -> int:
        outcome = ended.outcome if ended else ErrandOutcome.FAULT
        spent = [visit.exchange for visit in counted]
        last = {
            "outcome": outcome,
            "reason": ended.reason if ended else "store",
            "errand": errand.id,
            "card_number": ended.card_number if ended else None,
            "receipt": ended.receipt if ended else None,
            "exchange": _exchange(spent),
            "events": await _events(station, first),
        }
        self._say(last)
        if screen.unexpected is not None:
            print(f"kortkiosk walk: {screen.unexpected}", file=sys.stderr)
            return Exit.BAD_INPUT
        return EXIT[outcome]

    def _say(self, line: dict[str, Any]) -> None:
        if self._json:
            print(json.dumps(line, ensure_ascii=False), flush=True)
        elif "did" in line and self._hands.by_person:
            print(f"{'':28} {line['did']} {line['card'] or 'the card'} ({line['reader']}'s reader)", flush=True)
        elif "view" in line:
            print(f"{line['view']:28} {line['title']}", flush=True)
        elif "outcome" in line:
            print(f"outcome: {line['outcome']} {line.get('reason') or ''}", flush=True)


async def _online(station: Station) -> None:
    """Wait for the connection and a list of orders, but not for long: a synced order needs neither."""
    fleet = station.fleet

    async def reached() -> bool:
        return fleet is None or (fleet.link.online and fleet.book.is_fresh(station.clock.now()))

    await _until(station, ONLINE_S, reached)


async def _drained(station: Station) -> None:
    """Give the server time to say that it holds what was committed, and what came of what people have proved."""
    fleet, records = station.fleet, station.records

    async def reached() -> bool:
        if fleet is None or records is None or not fleet.link.online:
            return True
        return await records.depth() + await fleet.issuer.queue.waiting() == 0

    await _until(station, DRAIN_S, reached)


async def _until(station: Station, limit_s: float, reached: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again: the book does not tell when a list has come, nor the outbox when it is empty."""
    deadline = station.clock.monotonic() + limit_s
    while not await reached() and station.clock.monotonic() < deadline:
        await station.clock.sleep(POLL_S)


async def _sequence(station: Station) -> int:
    records = station.records
    return max([sequence for sequence, _ in await records.events_after(0)], default=0) if records else 0


async def _events(station: Station, first: int) -> list[dict[str, Any]]:
    events = await station.records.events_after(first) if station.records else []
    # A checkpoint belongs to the chain, not to an errand.
    own = [event for event in events if event[1] != EventType.CHAIN_CHECKPOINT]
    return [{"sequence": sequence, "type": kind} for sequence, kind in own]


def _exchange(spent: list[Exchange]) -> dict[str, float]:
    return {
        "apdus": sum(exchange.apdus for exchange in spent),
        "bytes_sent": sum(exchange.bytes_sent for exchange in spent),
        "bytes_received": sum(exchange.bytes_received for exchange in spent),
        "ms": round(sum(exchange.ms for exchange in spent), 1),
    }


def _count(station: Station) -> list[StationVisit]:
    """Remember every visit of the station's readers, to add up what they cost."""
    visits: list[StationVisit] = []
    devices = station.devices
    if devices.reader is not None:
        devices.reader = CountingReader(devices.reader, visits)
    if devices.administrator_reader is not None:
        devices.administrator_reader = CountingReader(devices.administrator_reader, visits)
    return visits


class CountingReader:
    """A reader that remembers its visits."""

    def __init__(self, reader: Reader, visits: list[StationVisit]) -> None:
        self.name = reader.name
        self._reader = reader
        self._visits = visits

    async def presence(self) -> Presence:
        return await self._reader.presence()

    def changes(self) -> Any:
        return self._reader.changes()

    async def visit(self) -> StationVisit:
        """Meet the card, and remember it."""
        visit = await self._reader.visit()
        self._visits.append(visit)
        return visit

    async def resume(self) -> Resumed:
        return await self._reader.resume()

    async def close(self) -> None:
        await self._reader.close()
