"""Configuration of `kortkiosk-fleet serve`, and where its files are (the layout that `kortkiosk-provision authority` makes).

>>> ServerConfig(Path("data"), Path("authority")).database.name
'fleet.sqlite'
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import URL

from fleet.server.broker.broker_url import BrokerUrl
from fleet.server.broker.mosquitto import SERVER_USER
from fleet.server.broker.mqtt5_client import Credentials
from fleet.server.database.database import FILE_NAME
from fleet.server.database.database_url import Place
from fleet.server.process.addresses import Address
from provisioning.authority import ISSUING_CRL_FILE

MQTT = Address("127.0.0.1", 8883)
HTTP = Address("127.0.0.1", 8080)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Two directories and the listeners. `broker`: a broker that runs elsewhere, instead of one's own at `mqtt`; `issuer`: the
    file that says where issuer and register are (`fleet.server.issuers.settings`); `postgres`: the store, instead of a file in
    `data`; `alerts`: the file that changes the rules of alerts (`fleet.server.alerts.settings`)."""

    data: Path
    authority: Path
    mqtt: Address = MQTT
    http: Address = HTTP
    broker: Address | None = None
    issuer: Path | None = None
    postgres: URL | None = None
    alerts: Path | None = None
    web: Path | None = None
    """`fleet.server.web.settings`: TLS or proxy, and the region's own sign-in."""
    demo: bool = False
    """Print a link that signs a made-up administrator in; on a loopback address alone."""
    deadlines: Path | None = None
    """The file that changes the rules of deadlines (`fleet.server.deadlines.settings`)."""
    worklist: Path | None = None
    """The file that changes the worklist (`fleet.server.worklist.settings`)."""
    order_hook: Path | None = None
    """The secret of the order system's signed messages (`fleet.server.keys.webhook_signatures`)."""
    cluster: BrokerUrl | None = None
    """A broker that divides what comes, instead of one that does not: workers store, this process answers questions."""
    web_only: bool = False
    """Serve pages beside other processes, with no broker at all."""
    retention: Path | None = None
    """`fleet.server.retention.settings`: how long what is kept."""
    verifier: Path | None = None
    """The socket of the verifier's service; without one the verifier is a child of the server, for demonstrations and tests."""

    certificate: str = SERVER_USER
    """Which of the authority's client certificates this process shows to the broker."""
    lists_valid: timedelta = timedelta(hours=24)
    """So long a station believes a list of orders and administrators without a newer one."""
    set_aside_bytes: int = 5_000_000
    """So much that cannot be read is set aside of a station in a day."""
    directory: Path | None = None
    """`fleet.server.people.directory_settings`: the region's directory over LDAP."""
    station_http: Address | None = None
    """Where stations enrol (EST); nowhere without one."""
    evidence: Path | None = None
    """`fleet.server.evidence.settings`: the region's time-stamping authority."""

    updates: Address | None = None
    """Where stations fetch bundles (`fleet.server.updates`); None: they fetch none here."""

    @property
    def database(self) -> Place:
        return self.postgres or self.data / FILE_NAME

    @property
    def lock(self) -> Path:
        """Held while a server runs on this data."""
        return self.data / "serve.lock"

    @property
    def counters(self) -> Path:
        return self.data / "verifier.sqlite"

    @property
    def verifier_keys(self) -> Path:
        """Read by the verifier process alone."""
        return self.authority / "verifier"

    @property
    def broker_directory(self) -> Path:
        """Generated configuration and memory of the broker."""
        return self.data / "broker"

    @property
    def revocations_directory(self) -> Path:
        """Directory in which the broker reads of revoked stations, where stations enrol here."""
        return self.data / "revocations"

    @property
    def ca(self) -> Path:
        return self.authority / "ca" / "ca.pem"

    @property
    def revoked(self) -> Path:
        """The CRL; there is none before a station is revoked."""
        return self.authority / "ca" / "crl.pem"

    @property
    def lists(self) -> tuple[Path, Path]:
        """All CRLs: the authority's, and that of the issuing keys at the server."""
        return self.revoked, self.authority / ISSUING_CRL_FILE

    @property
    def credentials(self) -> Credentials:
        """This process's own, at the broker."""
        return Credentials.of(self.authority, self.certificate)

    def server_file(self, name: str) -> Path:
        """One of the server's own keys and certificates."""
        return self.authority / "server" / name
