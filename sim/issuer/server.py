"""Server process of the simulated issuer: two listeners over one database, and the `issuer.toml` for a fleet server."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.types import ASGIApp

from fleet.server.issuers.card_keys import CardKeys
from fleet.server.issuers.certificate_offers import OfferRules
from fleet.server.process.addresses import Address
from sim.issuer.authority import CertificateHierarchy
from sim.issuer.core import Simulator
from sim.issuer.database import IssuerDatabase
from sim.issuer.est_and_rest import secure_app
from sim.issuer.public_pages import public_app
from sim.issuer.tls_certificates import TlsFiles

START_S = 30.0
SECURE = Address("127.0.0.1", 8443)
PUBLIC = Address("127.0.0.1", 8090)
CARD_KEYS = "card-keys.json"
SETTINGS = """\
# Written by `kortkiosk-fleet issuer-simulator`: give it to `kortkiosk-fleet serve --issuer`.
region = "region"
card_keys = "{keys}"

[link]
secure = "https://{secure}"
public = "http://{public}"
ca = "tls/tls.pem"
certificate = "tls/client.pem"
key = "tls/client.key.pem"

[trust]
anchors = "anchors.pem"
authorities = "authorities.pem"
lists = ["/crl/3.crl", "/crl/2.crl", "/crl/root.crl"]

[rules]
renewal_contract = "made up: the simulator"
reserve_contract = "made up: the simulator"
"""


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """`authority`: folder of the hierarchy, `data/ca` where None."""

    data: Path
    secure: Address = SECURE
    public: Address = PUBLIC
    authority: Path | None = None
    rules: OfferRules = field(default_factory=OfferRules)


class _Listener(uvicorn.Server):
    """Signals are the program's to handle."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.serving: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(slots=True)
class RunningIssuer:
    """Addresses and parts of a simulator that runs."""

    simulator: Simulator
    secure: Address
    public: Address
    settings: Path


@contextlib.asynccontextmanager
async def open_issuer(config: SimulatorConfig, clock: Callable[[], datetime]) -> AsyncIterator[RunningIssuer]:
    """Both listeners, until the context ends. Raises OSError, ValueError, CardKeysError, sqlite3.Error."""
    hierarchy = CertificateHierarchy.load_or_create(config.authority or config.data / "ca", clock())
    tls = TlsFiles.load_or_create(config.data / "tls", ["localhost", "127.0.0.1", "::1"], clock())
    state = IssuerDatabase.open(config.data / "issuer.sqlite")
    simulator = Simulator(state, hierarchy, config.rules, clock, CardKeys.load(config.data / CARD_KEYS))
    async with contextlib.AsyncExitStack() as parts:
        parts.callback(state.close)
        listeners: list[_Listener] = []
        parts.push_async_callback(_leave, listeners)
        secure = await _listen(listeners, secure_app(simulator), config.secure, tls)
        public = await _listen(listeners, public_app(simulator), config.public, None)
        simulator.url = f"http://{public}"
        yield RunningIssuer(simulator, secure, public, _write_settings(config.data, hierarchy, secure, public))


async def _listen(listeners: list[_Listener], app: ASGIApp, address: Address, tls: TlsFiles | None) -> Address:
    bound = address.bind()
    place = Address(address.host, bound.getsockname()[1])
    config = uvicorn.Config(
        app, access_log=False, log_config=None, lifespan="off", server_header=False, timeout_graceful_shutdown=2
    )
    if tls is not None:
        config.ssl_certfile, config.ssl_keyfile = map(str, tls.server)
        config.ssl_ca_certs, config.ssl_cert_reqs = str(tls.ca), ssl.CERT_REQUIRED
    listener = _Listener(config)
    listener.serving = asyncio.create_task(listener.serve(sockets=[bound]))
    listeners.append(listener)
    await asyncio.wait_for(listener.listening.wait(), START_S)
    return place


async def _leave(listeners: list[_Listener]) -> None:
    """All at once: each looks only ten times a second whether it should end."""
    for listener in listeners:
        listener.should_exit = True
    ending = (listener.serving for listener in listeners if listener.serving is not None)
    await asyncio.gather(*ending, return_exceptions=True)


def _write_settings(data: Path, hierarchy: CertificateHierarchy, secure: Address, public: Address) -> Path:
    issuers = b"".join(issuer.pem for issuer in hierarchy.issuers.values())
    (data / "anchors.pem").write_bytes(hierarchy.root.certificate.public_bytes(Encoding.PEM))
    (data / "authorities.pem").write_bytes(issuers)
    path = data / "issuer.toml"
    path.write_text(SETTINGS.format(keys=CARD_KEYS, secure=secure, public=public), encoding="utf-8")
    return path
