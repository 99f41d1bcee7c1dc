"""Command line of a cluster: `kortkiosk-fleet worker`, and `broker-files` that writes a broker's configuration.

$ kortkiosk-fleet worker --broker amqps://a.example:5671,b.example:5671 --database postgresql://fleet@db.example/fleet \
    --authority /srv/kortkiosk/authority
ready worker=worker-5f2c9a01
"""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from fleet.hardening import forbid_dumps
from fleet.server.broker.mosquitto import BrokerFiles, access_list
from fleet.server.broker.mosquitto import configuration as mosquitto_configuration
from fleet.server.broker.options import add_certificate_option, address, divided_url
from fleet.server.cluster.rabbitmq import PLUGINS, Node, advanced, configuration, definitions, list_name
from fleet.server.database.database import StoreError
from fleet.server.database.database_url import DatabaseUrlError, postgres_place
from fleet.server.database.options import add_set_aside_option, complain
from fleet.server.keys.expiry import CertificateFaultError
from fleet.server.keys.signing import SigningKeyError
from fleet.server.process.addresses import Address
from fleet.server.process.privileges import PrivilegeError, add_user_options, give_up_root
from fleet.server.process.run import DONE, run, settle, until_told
from fleet.server.worker import FleetWorker, WorkerConfig
from provisioning import files
from provisioning.authority import Authority, AuthorityError
from provisioning.issuing import read_issuing
from provisioning.processes import process_names
from provisioning.registry import ISSUED_FILE, Registry

BAD_INPUT, REFUSED = 2, 3
LISTS = "revoked"
"""The folder of lists of revoked certificates, beside a broker's configuration."""

_BEGIN = "-----BEGIN X509 CRL-----"


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    worker = command(commands, "worker", run_worker)
    worker.add_argument(
        "--broker", type=divided_url, required=True, metavar="amqps://HOST:PORT,HOST:PORT", help="its nodes"
    )
    worker.add_argument(
        "--database", required=True, metavar="postgresql://USER@HOST/DATABASE", help="the store of the cluster"
    )
    worker.add_argument(
        "--database-password", type=Path, metavar="FILE", help="its password, alone in a file that only you can read"
    )
    worker.add_argument("--authority", type=Path, required=True, metavar="DIR", help="with the server's keys")
    add_certificate_option(worker)
    add_set_aside_option(worker)
    add_user_options(worker, help_unseparated="for tests: may run as root")
    written = command(commands, "broker-files", run_broker_files)
    written.add_argument("kind", choices=("rabbitmq", "mosquitto"))
    written.add_argument("--authority", type=Path, required=True, metavar="DIR", help="made by kortkiosk-provision")
    written.add_argument(
        "--revocations", type=Path, metavar="DIR",
        help="the server's folder of that name: stations that enrolled over the network are in it, too",
    )  # fmt: skip
    written.add_argument("--into", type=Path, required=True, metavar="DIR", help="where the files go")
    written.add_argument("--mqtt", type=address, default=Address("0.0.0.0", 8883), metavar="HOST:PORT")  # noqa: S104
    written.add_argument("--amqp", type=address, default=Address("0.0.0.0", 5671), metavar="HOST:PORT")  # noqa: S104
    written.add_argument("--node", action="append", default=[], metavar="rabbit@HOST", help="each node of the cluster")


def run_worker(arguments: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT, or until a part ends by itself, which is an error of ours."""
    try:
        give_up_root(arguments.user, unseparated=arguments.unseparated)
        forbid_dumps()
        place = postgres_place(arguments.database, arguments.database_password)
        megabytes = arguments.set_aside_mb * 1_000_000
        config = WorkerConfig(arguments.broker, place, arguments.authority, arguments.certificate, megabytes)
        worker = FleetWorker(config, lambda: datetime.now(UTC))
        return run(until_told("worker", worker, lambda: _say_ready(worker, as_json=arguments.json)))
    except PrivilegeError as error:
        return complain(arguments, str(error), REFUSED)
    except (StoreError, DatabaseUrlError, SigningKeyError, CertificateFaultError, OSError, ValueError) as error:
        print(f"kortkiosk-fleet: {error}", file=sys.stderr)
        return BAD_INPUT


def _say_ready(worker: FleetWorker, *, as_json: bool) -> None:
    settle()
    report = {"ready": True, "worker": worker.name}
    print(json.dumps(report) if as_json else f"ready worker={worker.name}", flush=True)


def run_broker_files(arguments: argparse.Namespace) -> int:
    """Write them; those that are there are replaced."""
    try:
        authority = Authority(arguments.authority)
        if arguments.revocations and not (arguments.revocations / ISSUED_FILE).is_file():
            raise AuthorityError(
                f"--revocations {arguments.revocations}: holds no {ISSUED_FILE}; name DATA/revocations"
            )
        (arguments.into / LISTS).mkdir(mode=0o700, parents=True, exist_ok=True)
        made = _rabbitmq(arguments, authority) if arguments.kind == "rabbitmq" else _mosquitto(arguments, authority)
        for name, text in made.items():
            files.write_file(arguments.into / name, text.encode())
    except (AuthorityError, OSError) as error:
        print(f"kortkiosk-fleet: {error}", file=sys.stderr)
        return BAD_INPUT
    written = [str(arguments.into / name) for name in made]
    print(json.dumps({"ok": True, "written": written}) if arguments.json else "\n".join(written), flush=True)
    return DONE


def _rabbitmq(arguments: argparse.Namespace, authority: Authority) -> dict[str, str]:
    node = Node(arguments.mqtt, arguments.amqp, tuple(arguments.node))
    issued = (Registry(arguments.revocations) if arguments.revocations else authority.registry).issued()
    valid = {certificate.station for certificate in issued if certificate.revoked is None}
    gone = {certificate.station for certificate in issued} - valid
    brokers, where = _files_of(arguments.authority), arguments.into.resolve()
    made = {
        "rabbitmq.conf": configuration(node, where / "definitions.json"),
        "advanced.config": advanced(brokers, where / LISTS),
        "enabled_plugins": PLUGINS,
        "definitions.json": definitions(valid, gone),
    }
    if brokers.revoked is not None and brokers.revoked.exists():
        below = brokers.revoked.with_name("issuing-crl.pem")
        paths = [brokers.revoked, *([below] if below.exists() else [])]
        lists = [crl for path in paths for crl in path.read_text().split(_BEGIN)[1:]]
        for ca in (*x509.load_pem_x509_certificates(brokers.ca.read_bytes()), *read_issuing(authority.directory)):
            mine = [crl for crl in lists if x509.load_pem_x509_crl(f"{_BEGIN}{crl}".encode()).issuer == ca.subject]
            made |= {f"{LISTS}/{list_name(ca)}": f"{_BEGIN}{crl}" for crl in mine}
    return made


def _mosquitto(arguments: argparse.Namespace, authority: Authority) -> dict[str, str]:
    conf = mosquitto_configuration(arguments.into.resolve(), arguments.mqtt, _files_of(arguments.authority))
    return {"mosquitto.conf": conf, "acl": access_list(process_names(authority))}


def _files_of(authority: Path) -> BrokerFiles:
    server = authority.resolve() / "server"
    ca = authority.resolve() / "ca"
    return BrokerFiles(ca / "ca.pem", server / "broker.pem", server / "broker.key", ca / "crl.pem")
