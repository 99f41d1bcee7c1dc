"""What `kortkiosk-fleet serve` is told, and where its files are (the layout that `kortkiosk-provision authority`
makes).

>>> ServerConfig(Path("data"), Path("authority")).database.name
'fleet.sqlite'
"""

from dataclasses import dataclass
from pathlib import Path

from fleet.server.addresses import Address
from fleet.server.store.database import FILE_NAME

MQTT = Address("127.0.0.1", 8883)
HTTP = Address("127.0.0.1", 8080)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Two directories and the listeners. `broker`: a broker that runs elsewhere, instead of one's own at `mqtt`."""

    data: Path
    authority: Path
    mqtt: Address = MQTT
    http: Address = HTTP
    broker: Address | None = None

    @property
    def database(self) -> Path:
        """The store."""
        return self.data / FILE_NAME

    @property
    def lock(self) -> Path:
        """Held while a server runs on this data."""
        return self.data / "serve.lock"

    @property
    def counters(self) -> Path:
        """The verifier's own database."""
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
    def ca(self) -> Path:
        """The fleet's CA certificate."""
        return self.authority / "ca" / "ca.pem"

    @property
    def revoked(self) -> Path:
        """The CRL; there is none before a station is revoked."""
        return self.authority / "ca" / "crl.pem"

    def server_file(self, name: str) -> Path:
        """One of the server's own keys and certificates."""
        return self.authority / "server" / name
