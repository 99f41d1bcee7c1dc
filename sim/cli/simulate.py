"""`kortkiosk-fleet simulate`: many stations against a running server, and then a comparison of what was sent with what is held.

The authority's directory must be at hand: it signs a certificate for each station that has none yet. They are kept in a
folder for the next run. Where the server's store is at hand (`--data` or `--database`) orders are put there, so that cards
lie in the slots of the stations, to be picked up, and others came by post, to be activated; without, nobody does either. Each
run begins a new epoch, as a station with a new memory card does. `--verify` compares chains, checkpoints and answers to commands
(`simulated_check`).

    $ kortkiosk-fleet simulate --stations 50 --errands-per-hour 12 --faults 1 --seconds 600 --verify \
        --authority authority --data /var/lib/kortkiosk-fleet
"""

import argparse
import asyncio
import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from cryptography import x509
from joserfc.jwk import ECKey
from sqlalchemy.exc import DBAPIError

from fleet.messages.backoff import Backoff
from fleet.messages.link import Presence, encode
from fleet.messages.signed import AckedReader
from fleet.messages.statements import Authorities
from fleet.messages.topics import Topics
from fleet.server.database.database import FILE_NAME, StoreError, open_database
from fleet.server.database.database_url import DatabaseUrlError
from fleet.server.database.options import add_store_arguments, complain, database_of, place_of
from fleet.server.process.addresses import Address, AddressError
from fleet.server.process.config import MQTT
from fleet.server.server import utc_now
from fleet.subcommands import whole_number
from provisioning import files, pki
from provisioning.authority import Authority, AuthorityError
from sim.cli.simulated_orders import Cards, fill_slots, post_cards
from sim.fleet import identities
from sim.fleet.broker_connection import ConnectionSettings, spare_memory
from sim.fleet.device_state import SLOTS, WaitingCard
from sim.fleet.outbox import Outbox
from sim.fleet.simulation import SimulationReport, simulate
from sim.fleet.station import SimulatedStation
from sim.fleet.station_settings import ErrandRates, StationCredentials
from sim.fleet.verification import differences

DONE, DIFFERENT, OWN_ERROR, BAD_INPUT = 0, 1, 1, 2
PATIENCE_S = 120.0
HASTY_S = 1.0
MOST_POSTED = 75
"""At each station; their numbers come after those of the slots."""
HASTY_ACKED_S = 5.0
MOST_STATIONS = 100_000
KEPT_EVENTS = 100_000
"""Of all stations together, for a server that is restored from a copy: some 100 MB."""


def add_parsers(commands: Any, add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command; `add_command` gives it the options of every command."""
    parser = add_command(commands, "simulate", run)
    add_store_arguments(parser, serves=True, is_store=False)
    parser.add_argument("--stations", type=whole_number(1, MOST_STATIONS), required=True, metavar="N", help="how many")
    parser.add_argument(
        "--errands-per-hour", type=_rate, default=12.0, metavar="R", help="at each station (%(default)s)"
    )
    parser.add_argument("--faults", type=_rate, default=0.0, metavar="F", help="at each station and hour (%(default)s)")
    parser.add_argument(
        "--cards",
        type=whole_number(0, SLOTS),
        default=6,
        metavar="N",
        help=f"in the slots of each, at most {SLOTS} (%(default)s)",
    )
    parser.add_argument(
        "--posted",
        type=whole_number(0, MOST_POSTED),
        default=3,
        metavar="N",
        help="by post to holders who come to each (%(default)s)",
    )
    parser.add_argument("--seconds", type=_rate, metavar="S", help="how long (default: until Ctrl-C)")
    parser.add_argument("--verify", action="store_true", help="compare with what the server holds; 1 on any difference")
    parser.add_argument("--authority", type=Path, required=True, metavar="DIR", help="made by kortkiosk-provision")
    parser.add_argument(
        "--broker",
        type=_brokers,
        default=(MQTT,),
        metavar="HOST:PORT",
        help=f"the server's broker ({MQTT}); nodes with commas",
    )
    parser.add_argument("--identities", type=Path, metavar="DIR", help="keys of the stations (default: below --data)")
    parser.add_argument("--seed", type=int, help="the same errands again")
    parser.add_argument(
        "--hasty", action="store_true", help="come back within a second, send again within five, for campaigns"
    )


def run(arguments: argparse.Namespace) -> int:
    """Simulate, say what was sent, compare."""
    folder = arguments.identities or arguments.data / "simulator"
    names = identities.names(arguments.stations)
    try:
        enrol_missing(arguments.authority, folder, names)
        report = asyncio.run(_simulate(arguments, _stations(arguments, folder, names, *_cards(arguments, names))))
        different = differences(place_of(arguments), _authorities(arguments), report.sent) if arguments.verify else []
    except (OSError, AuthorityError, StoreError, DatabaseUrlError) as error:
        return complain(arguments, str(error), BAD_INPUT)
    except DBAPIError as error:
        return complain(arguments, f"the store cannot be compared: {error.orig}", OWN_ERROR)
    if report.unheld:
        different.append(f"{report.unheld} events are not acknowledged after {PATIENCE_S:.0f} s")
    _say(arguments.json, report, different if arguments.verify else None)
    return DIFFERENT if arguments.verify and different else DONE


def enrol_missing(authority: Path, folder: Path, names: Sequence[str]) -> None:
    """Make an identity for each that has none yet. Raises AuthorityError, OSError."""
    files.make_directory(folder)
    keys = {name: pki.new_key() for name in identities.missing(folder, names)}
    if not keys:
        return
    enrolled = Authority(authority).enrol_all({name: key.public_key() for name, key in keys.items()}, utc_now())
    for name, key in keys.items():
        _write(identities.key_file(folder, name), pki.key_pem(key))
        _write(folder / identities.CA_FILE, enrolled[name].ca)
        _write(identities.certificate_file(folder, name), enrolled[name].certificate)


def _cards(
    arguments: argparse.Namespace, names: Sequence[str]
) -> tuple[dict[str, Cards], dict[str, list[WaitingCard]]]:
    """Return the cards in their slots and those that came by post, where the server's store is at hand.

    Raises StoreError, DatabaseUrlError, DBAPIError.
    """
    if database_of(arguments) is None and not (arguments.data / FILE_NAME).exists():
        return {}, {}
    run, now = int(time.time()), utc_now()
    with open_database(place_of(arguments)) as database:
        lying = fill_slots(database, names, arguments.cards, run, now)
        return lying, post_cards(database, names, arguments.posted, run, now)


def _stations(
    arguments: argparse.Namespace,
    folder: Path,
    names: Sequence[str],
    cards: Mapping[str, Cards],
    posted: Mapping[str, Sequence[WaitingCard]],
) -> list[SimulatedStation]:
    spare_memory()
    epoch = int(time.time())
    chance = Random(arguments.seed if arguments.seed is not None else SystemRandom().getrandbits(64))  # noqa: S311
    timeout = {"acked_timeout_s": HASTY_ACKED_S} if arguments.hasty else {}
    plan = ErrandRates(arguments.errands_per_hour, arguments.faults, **timeout)
    server_key = ECKey.import_key({**Authority(arguments.authority).signing_key})
    acked = AckedReader(server_key)
    stations = []
    for number, name in enumerate(names):
        random = Random(chance.getrandbits(64))  # noqa: S311  # to spread, not to hide
        papers = StationCredentials(functools.partial(identities.own_key, folder, name), server_key, acked)
        stations.append(
            SimulatedStation(
                Outbox(name, epoch, KEPT_EVENTS // len(names)), _hello(arguments.broker, number, folder, name), plan, random,
                papers, utc_now, _backoff(random, hasty=arguments.hasty), cards.get(name),
                posted.get(name, ()),
            )
        )  # fmt: skip
    return stations


def _hello(brokers: Sequence[Address], number: int, folder: Path, name: str) -> ConnectionSettings:
    """To one of the nodes, another one for the next station."""
    topics = Topics(name)
    reads = (topics.acked, topics.commands, topics.answer)
    turn = number % len(brokers)
    broker, *others = (*brokers[turn:], *brokers[:turn])
    gone = (topics.presence, encode(Presence(online=False, bootid="")))
    return ConnectionSettings(
        broker.host, broker.port, identities.tls(folder, name), name, gone, reads,
        tuple((other.host, other.port) for other in others),
    )  # fmt: skip


def _authorities(arguments: argparse.Namespace) -> Authorities:
    return tuple(x509.load_pem_x509_certificates((arguments.authority / "ca/ca.pem").read_bytes()))


def _backoff(random: Random, *, hasty: bool) -> Backoff:
    return Backoff(draw=lambda low, high: random.uniform(low, min(high, HASTY_S) if hasty else high))


async def _simulate(arguments: argparse.Namespace, stations: Sequence[SimulatedStation]) -> SimulationReport:
    """Until `--seconds` are over, or SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.seconds is not None:
        loop.call_later(arguments.seconds, stop.set)
    print(f"{len(stations)} stations, against {', '.join(map(str, arguments.broker))}", file=sys.stderr, flush=True)
    return await simulate(stations, stop.wait(), PATIENCE_S)


def _say(as_json: bool, report: SimulationReport, different: Sequence[str] | None) -> None:
    """`different` is None where nothing was compared."""
    if as_json:
        verdict = {} if different is None else {"verified": not different, "differences": different}
        sums = {"events": report.events, "checkpoints": report.checkpoints, "answered": report.answered}
        print(json.dumps({**asdict(report), **sums, **verdict}, ensure_ascii=False), flush=True)
        return
    print(
        f"{len(report.sent)} stations, {report.errands} errands, {report.events} events in {report.seconds} s;"
        f" {report.checkpoints} checkpoints, {report.answered} commands answered;"
        f" {report.connections} connections, {report.faults} faults, {report.resent} sent again;"
        f" acknowledged after {report.wait_median_ms} ms (median), {report.wait_p99_ms} ms (p99)"
    )
    for station in report.sent:
        print(f"{station.station} epoch {station.epoch} last {station.last} {station.digest}")
    if different is not None:
        print("\n".join(different) or "the server holds exactly what was sent", flush=True)


def _write(path: Path, content: bytes) -> None:
    """For its owner alone. It can be made again: no sync for each of thousands."""
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)


def _brokers(text: str) -> tuple[Address, ...]:
    try:
        return tuple(Address.parse(address) for address in text.split(","))
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _rate(text: str) -> float:
    try:
        if 0 <= float(text) < 1e6:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError("a number from 0, below a million")
