"""Configuration of a RabbitMQ 4 node for the fleet, and the users that its stations are.

Rules: TLS with client certificates only, at both listeners; the user is the certificate's CN and has no password. A station
writes and reads the topics below its own name, and has the queue of its own session; the server has what is the fleet's. A
revoked station stays in the list with no right at all, because an import takes no user away; a revoked certificate is refused
by the list of the authority, also where its station has a new one.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asn1crypto import x509 as asn1_names
from cryptography import x509

from fleet.messages.topics import PREFIX
from fleet.server.broker.mosquitto import READS, SERVER_USER, WRITES, BrokerFiles
from fleet.server.cluster.layout import LIMIT, LIMITED, TOPICS, routing_key
from fleet.server.process.addresses import Address

PLUGINS = "[rabbitmq_mqtt,rabbitmq_consistent_hash_exchange,rabbitmq_auth_mechanism_ssl].\n"
VHOST = "/"
SESSION_EXPIRY_S = 7 * 24 * 3600
REPLICAS = 3
NOTHING = "^$"
CLIENT_IDS = "{rabbitmq_mqtt, [{ssl_cert_client_id_from, common_name}]}"
"""A client id must be the CN. The schema of rabbitmq.conf knows the whole name alone (`CN=entre-a`), the plugin both."""


@dataclass(frozen=True, slots=True)
class Node:
    """Addresses at which one node listens, and the names of all nodes (none: it is alone)."""

    mqtt: Address
    amqp: Address
    cluster: Sequence[str] = ()


def configuration(node: Node, definitions_file: Path) -> str:
    """rabbitmq.conf; TLS is in advanced.config. Stations' sessions live in quorum queues, so that they go on at another node."""
    settings = [
        "listeners.tcp = none",
        f"listeners.ssl.1 = {node.amqp}",
        "mqtt.listeners.tcp = none",
        f"mqtt.listeners.ssl.1 = {node.mqtt}",
        "ssl_cert_login_from = common_name",
        "auth_mechanisms.1 = EXTERNAL",
        "mqtt.ssl_cert_login = true",
        "mqtt.allow_anonymous = false",
        "mqtt.prefetch = 1000",
        f"mqtt.max_session_expiry_interval_seconds = {SESSION_EXPIRY_S}",
        "mqtt.durable_queue_type = quorum" if node.cluster else "mqtt.durable_queue_type = classic",
        "mqtt.tcp_listen_options.nodelay = true",
        "tcp_listen_options.nodelay = true",
        "max_message_size = 262144",
        "message_interceptors.incoming.set_header_timestamp.overwrite = true",  # for `Incoming.waited`
        "definitions.import_backend = local_filesystem",
        f"definitions.local.path = {definitions_file}",
        "definitions.skip_if_unchanged = true",
        "log.file = false",
        "log.console = true",
        "log.console.level = warning",
        *_formation(node.cluster),
    ]
    return "\n".join(settings) + "\n"


def advanced(files: BrokerFiles, lists: Path) -> str:
    """advanced.config: client ids, and TLS with the lists of revoked certificates in the directory `lists`, which each handshake
    reads anew.

    Where there is no list yet, nobody is revoked (`best_effort`).
    """
    options = [
        f"{{cacertfile, {_text(files.ca)}}}",
        f"{{certfile, {_text(files.certificate)}}}",
        f"{{keyfile, {_text(files.key)}}}",
        "{verify, verify_peer}",
        "{fail_if_no_peer_cert, true}",
        "{versions, ['tlsv1.3', 'tlsv1.2']}",
        "{crl_check, best_effort}",
        f"{{crl_cache, {{ssl_crl_hash_dir, {{internal, [{{dir, {_text(lists)}}}]}}}}}}",
    ]
    tls = "{rabbit, [{ssl_options, [\n  " + ",\n  ".join(options) + "\n]}]}"
    return f"[{tls},\n{CLIENT_IDS}].\n"


def list_name(authority: x509.Certificate) -> str:
    """Return the file name of that authority's list: OpenSSL's hash of its name (`openssl crl -hash`), and `.r0`."""
    parts = [
        asn1_names.RelativeDistinguishedName(
            [
                {
                    "type": attribute.oid.dotted_string,
                    "value": asn1_names.DirectoryString("utf8_string", " ".join(str(attribute.value).lower().split())),
                }
                for attribute in rdn
            ]
        ).dump()
        for rdn in authority.subject.rdns
    ]
    digest = hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}.r0"


def definitions(stations: Iterable[str], revoked: Iterable[str] = ()) -> str:
    """definitions.json: a user for each enrolled station, for each revoked one, and for the server itself; how much may wait."""
    entries = [_server(), *map(_station, sorted(stations)), *map(_shut_out, sorted(revoked))]
    return json.dumps(
        {
            "vhosts": [{"name": VHOST}],
            "users": [user for user, _, _ in entries],
            "permissions": [permission for _, permission, _ in entries],
            "topic_permissions": [topics for _, _, topics in entries],
            "policies": [_limit()],
        },
        indent=1,
    )


def _formation(cluster: Sequence[str]) -> list[str]:
    if not cluster:
        return []
    named = [f"cluster_formation.classic_config.nodes.{number} = {name}" for number, name in enumerate(cluster, 1)]
    return [
        "cluster_formation.peer_discovery_backend = classic_config",
        *named,
        "cluster_partition_handling = pause_minority",
        "queue_leader_locator = balanced",
        "quorum_queue.continuous_membership_reconciliation.enabled = true",
        f"quorum_queue.continuous_membership_reconciliation.target_group_size = {min(REPLICAS, len(cluster))}",
    ]


def _limit() -> dict[str, Any]:
    where = {"vhost": VHOST, "pattern": LIMITED, "apply-to": "quorum_queues"}
    return {"name": "kortkiosk-limit", **where, "priority": 0, "definition": LIMIT}


_Entry = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


def _server() -> _Entry:
    ours = rf"^(kortkiosk\..*|{_literal(TOPICS)})$"
    everything = _pattern("[^.]+", (*WRITES, *READS))
    return _entry(SERVER_USER, (r"^kortkiosk\.", ours, ours), (everything, everything))


def _station(name: str) -> _Entry:
    session = f"mqtt-subscription-{name}qos[01]"
    used = rf"^({session}|{_literal(TOPICS)})$"
    return _entry(name, (f"^{session}$", used, used), (_pattern(name, WRITES), _pattern(name, READS)))


def _shut_out(name: str) -> _Entry:
    return _entry(name, (NOTHING, NOTHING, NOTHING), (NOTHING, NOTHING))


def _entry(name: str, permission: tuple[str, str, str], topics: tuple[str, str]) -> _Entry:
    configure, write, read = permission
    where = {"user": name, "vhost": VHOST}
    user = {"name": name, "password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []}
    return (
        user,
        {**where, "configure": configure, "write": write, "read": read},
        {**where, "exchange": TOPICS, "write": topics[0], "read": topics[1]},
    )


def _pattern(station: str, kinds: Sequence[str]) -> str:
    """Topics of these kinds as a regular expression over routing keys."""
    listed = "|".join(_literal(routing_key(kind)) for kind in kinds)
    return rf"^{_literal(routing_key(PREFIX))}\.{station}\.({listed})$"


def _text(path: Path) -> str:
    """As Erlang writes a string."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _literal(text: str) -> str:
    return text.replace(".", r"\.")
