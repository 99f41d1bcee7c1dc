"""Command line of the server, `kortkiosk-fleet serve`: broker, ingest, answers and dashboard.

$ kortkiosk-fleet serve --data /var/lib/kortkiosk-fleet --authority /srv/kortkiosk/authority --verifier /run/verifier/socket
ready http=http://127.0.0.1:8080
"""

import argparse
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from fleet.hardening import forbid_dumps
from fleet.server.accounts.cli import add_serve_options
from fleet.server.accounts.secret_encryption import SecretsError
from fleet.server.asks.revocation_list import AuthorityFileError
from fleet.server.broker.mosquitto import BrokerError
from fleet.server.broker.options import add_broker_options, address, chosen_broker
from fleet.server.database.database import StoreError
from fleet.server.database.database_url import DatabaseUrlError
from fleet.server.database.options import add_set_aside_option, add_store_arguments, complain, database_of
from fleet.server.evidence.signature import SealError
from fleet.server.issuers.card_keys import CardKeysError
from fleet.server.issuers.region_data import RegionError
from fleet.server.keys.expiry import CertificateFaultError
from fleet.server.keys.signing import SigningKeyError
from fleet.server.keys.webhook_signatures import HookError
from fleet.server.process.addresses import AddressError
from fleet.server.process.config import HTTP, ServerConfig
from fleet.server.process.default_settings import SettingsError
from fleet.server.process.privileges import PrivilegeError, add_user_options, give_up_root
from fleet.server.process.run import run, settle, until_told
from fleet.server.retention.cli import add_retention_option
from fleet.server.retention.pseudonyms import PseudonymKeyError
from fleet.server.server import FleetServer, ServerError, utc_now
from fleet.server.station_listener import StationListenerError
from fleet.server.verifier.model import VerifierAwayError
from fleet.subcommands import whole_number

BAD_INPUT, REFUSED = 2, 3
LISTS_VALID_H, MOST_LISTS_VALID_H = 24, 14 * 24

CANNOT_START = (
    ServerError,
    AddressError,
    BrokerError,
    SigningKeyError,
    CertificateFaultError,
    AuthorityFileError,
    VerifierAwayError,
    StationListenerError,
    StoreError,
    DatabaseUrlError,
    SettingsError,
    RegionError,
    CardKeysError,
    HookError,
    SecretsError,
    SealError,
    PseudonymKeyError,
    OSError,
)


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    serve = command(commands, "serve", run_serve)
    add_store_arguments(serve, serves=True)
    serve.add_argument("--init", action="store_true", help="make the data directory and the store where there are none")
    serve.add_argument("--authority", type=Path, required=True, metavar="DIR", help="made by kortkiosk-provision")
    add_broker_options(serve)
    serve.add_argument(
        "--http", type=address, default=HTTP, metavar="HOST:PORT", help="where pages are served (%(default)s)"
    )
    serve.add_argument(
        "--station-http",
        type=address,
        metavar="HOST:PORT",
        help="where stations enrol over the network (EST), with TLS by the fleet's authority (nowhere)",
    )
    serve.add_argument(
        "--updates", type=address, metavar="HOST:PORT", help="where stations fetch update bundles, by their certificate"
    )
    serve.add_argument("--issuer", type=Path, metavar="FILE.toml", help="where issuer and register are")
    serve.add_argument("--alerts", type=Path, metavar="FILE.toml", help="rules of alerts, maintenance, webhook, e-mail")
    serve.add_argument("--deadlines", type=Path, metavar="FILE.toml", help="rules of what happens by itself, and when")
    serve.add_argument("--worklist", type=Path, metavar="FILE.toml", help="deadlines of the worklist, and its e-mail")
    serve.add_argument("--order-hook", type=Path, metavar="FILE", help="secret of the order system's signed messages")
    serve.add_argument("--verifier", type=Path, metavar="SOCKET", help="where `kortkiosk-fleet verifier` is asked")
    add_user_options(
        serve, help_unseparated="for tests: may run as root, and starts a verifier of its own as that user"
    )
    add_serve_options(serve)
    add_set_aside_option(serve)
    add_retention_option(serve)
    serve.add_argument(
        "--lists-valid",
        type=whole_number(1, MOST_LISTS_VALID_H, "hours"),
        default=LISTS_VALID_H,
        metavar="HOURS",
        help="so long a station believes its lists of orders and administrators without newer ones (%(default)s)",
    )
    serve.add_argument("--directory", type=Path, metavar="FILE.toml", help="the region's directory of people (LDAP)")
    serve.add_argument("--evidence", type=Path, metavar="FILE.toml", help="the region's time-stamping authority")


def run_serve(arguments: argparse.Namespace) -> int:
    broker, unseparated = chosen_broker(arguments), arguments.unseparated or arguments.demo
    if not (arguments.verifier or arguments.web_only or unseparated):
        text = "--verifier SOCKET: name the socket of `kortkiosk-fleet verifier`, which runs as a user of its own"
        return complain(arguments, text, BAD_INPUT)
    beside = [path for path in (arguments.authority / "ca/ca.key", arguments.data / "ca.key") if path.exists()]
    if beside and not unseparated:
        text = f"{beside[0]}: the CA's key lies beside the server: keep it elsewhere, and give `authority export-server`'s folder"
        return complain(arguments, text, BAD_INPUT)
    try:
        give_up_root(arguments.user, unseparated=unseparated, folders=(arguments.data,))
        forbid_dumps()
    except (PrivilegeError, OSError) as error:
        return complain(arguments, str(error), REFUSED if isinstance(error, PrivilegeError) else BAD_INPUT)
    if not arguments.authority.is_dir():
        return complain(arguments, f"--authority {arguments.authority}: no such directory", BAD_INPUT)
    try:
        config = ServerConfig(
            arguments.data,
            arguments.authority,
            arguments.mqtt,
            arguments.http,
            broker.broker,
            arguments.issuer,
            database_of(arguments),
            arguments.alerts,
            arguments.web,
            arguments.demo,
            deadlines=arguments.deadlines,
            worklist=arguments.worklist,
            order_hook=arguments.order_hook,
            cluster=broker.cluster,
            web_only=arguments.web_only,
            retention=arguments.retention,
            verifier=arguments.verifier,
            lists_valid=timedelta(hours=arguments.lists_valid),
            evidence=arguments.evidence,
            directory=arguments.directory,
            station_http=arguments.station_http,
            certificate=arguments.certificate,
            set_aside_bytes=arguments.set_aside_mb * 1_000_000,
            updates=arguments.updates,
        )
        server = FleetServer(config, utc_now)
        return run(until_told("server", server, lambda: _say_ready(server, arguments.json)))
    except CANNOT_START as error:
        return complain(arguments, _said(error), BAD_INPUT)


def _said(error: Exception) -> str:
    """A file that cannot be opened in words, without the number that the system gives it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _say_ready(server: FleetServer, as_json: bool) -> None:
    settle()
    assert server.pages is not None
    enrolment = {"stations": f"https://{server.station_http}"} if server.station_http else {}
    addresses = {"http": server.pages.url, **server.broker, **enrolment, **server.pages.links}
    words = " ".join(f"{name}={value}" for name, value in addresses.items())
    print(json.dumps({"ready": True, **addresses}) if as_json else f"ready {words}", flush=True)
