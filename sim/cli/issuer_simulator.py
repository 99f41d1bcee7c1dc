"""`kortkiosk-fleet issuer-simulator`: a simulated issuer for demo and tests, in one folder.

    $ kortkiosk-fleet issuer-simulator --data issuer --seed seed.json
    ready (kortkiosk issuer simulator: nothing here is real) secure=https://127.0.0.1:8443 public=http://127.0.0.1:8090 ...

Exit codes: 0 done, 2 bad input or usage, 130 interrupted.
"""

import argparse
import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from fleet.server.broker.options import address
from fleet.server.issuers.card_keys import CardKeysError
from fleet.server.issuers.certificate_offers import OfferRules
from fleet.server.process.addresses import AddressError
from sim.issuer import BANNER
from sim.issuer.database import Seed
from sim.issuer.server import PUBLIC, SECURE, RunningIssuer, SimulatorConfig, open_issuer

DONE, BAD_INPUT, INTERRUPTED = 0, 2, 130


def add_parsers(commands: Any, add_command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command; `add_command` gives it the options of every command."""
    parser = add_command(commands, "issuer-simulator", run)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the simulator's own directory")
    parser.add_argument("--secure", type=address, default=SECURE, metavar="HOST:PORT",
                        help="EST and REST, with TLS certificates (%(default)s)")  # fmt: skip
    parser.add_argument("--public", type=address, default=PUBLIC, metavar="HOST:PORT",
                        help="CRLs, OCSP and pages (%(default)s)")  # fmt: skip
    parser.add_argument("--cards-authority", type=Path, metavar="DIR", help="issue as the virtual cards' own authority")
    parser.add_argument("--seed", type=Path, metavar="FILE.json", help="people and cards, taken while there are none")
    parser.add_argument("--loa2-last-day", type=date.fromisoformat, metavar="DAY", help="no LoA2 after this day")


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    rules = OfferRules(loa2_last_day=arguments.loa2_last_day)
    config = SimulatorConfig(arguments.data, arguments.secure, arguments.public, arguments.cards_authority, rules)
    try:
        seed = msgspec.json.decode(arguments.seed.read_bytes(), type=Seed) if arguments.seed else None
        return asyncio.run(_serve(config, seed, arguments.json))
    except msgspec.MsgspecError as error:
        print(f"kortkiosk-fleet: {arguments.seed}: {error}", file=sys.stderr)
    except (OSError, ValueError, AddressError, CardKeysError, sqlite3.Error) as error:
        print(f"kortkiosk-fleet: {error}", file=sys.stderr)
    return BAD_INPUT


async def _serve(config: SimulatorConfig, seed: Seed | None, as_json: bool) -> int:
    signal_number: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _tell, signal_number, number)
    async with open_issuer(config, lambda: datetime.now(UTC)) as issuer:
        if seed is not None and issuer.simulator.state.is_empty():
            issuer.simulator.fill(seed)
        _say(issuer, as_json)
        ended_by = await signal_number
    return INTERRUPTED if ended_by == signal.SIGINT else DONE


def _tell(signal_number: "asyncio.Future[int]", number: int) -> None:
    if not signal_number.done():
        signal_number.set_result(number)


def _say(issuer: RunningIssuer, as_json: bool) -> None:
    facts: dict[str, Any] = {
        "secure": f"https://{issuer.secure}", "public": f"http://{issuer.public}", "settings": str(issuer.settings),
    }  # fmt: skip
    line = " ".join(f"{name}={value}" for name, value in facts.items())
    print(
        json.dumps({"ready": True, "simulator": BANNER, **facts}) if as_json else f"ready ({BANNER}) {line}", flush=True
    )
