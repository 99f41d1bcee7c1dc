"""The stations' listener of a fleet server in a thread: real TLS and EST over a store of its own, for clients of any kind."""

import asyncio
import base64
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleet.server.database.database import Database
from fleet.server.enrolment.service import EnrolmentService
from fleet.server.live_feed.hub import Hub
from fleet.server.process.addresses import Address
from fleet.server.process.config import MQTT, ServerConfig
from fleet.server.station_listener import IssuingParts, claim_terms
from fleet.server.web.listener import Listener, web_server
from provisioning.authority import Authority
from provisioning.est import wire
from provisioning.est.claim_codes import Claim
from provisioning.issuing import issue_issuing
from sim.stories.patience import LIMIT_S
from tests.fakes.server.databases import new_store

TOVE = ("tove", "127.0.0.1")


def wall_clock() -> datetime:
    """What programs that are not ours go by."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class MovedClock:
    """The wall's, moved by tests."""

    start: datetime = field(default_factory=wall_clock)
    moved: timedelta = timedelta()

    def __call__(self) -> datetime:
        return self.start + self.moved


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def reason(self) -> str:
        """The code of a refusal."""
        return self.body.decode().partition(":")[0]


@dataclass(frozen=True, slots=True)
class EnrolmentSite:
    """A server at which stations enrol, and its people."""

    authority: Authority
    database: Database
    people: EnrolmentService
    parts: IssuingParts
    at: Address

    @property
    def url(self) -> str:
        return f"https://localhost:{self.at.port}"

    @property
    def ca(self) -> Path:
        return self.authority.directory / "ca/ca.pem"

    def claim(self, station: str) -> Claim:
        return Claim.parse(self.people.make_claim(station, 24, TOVE))

    def approve(self, station: str) -> None:
        """The newest of that name."""
        row = next(row for row in self.people.claims() if row.station == station)
        self.people.decide(row.id, row.key, TOVE, approves=True)

    def ask(
        self, path: str, body: bytes | None = None, *, basic: tuple[str, str] | None = None,
        shown: tuple[Path, Path] | None = None, content_type: str = "application/pkcs10",
    ) -> Answer:  # fmt: skip
        """One request; `shown`: a client certificate and its key."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if shown is not None:
            context.load_cert_chain(*shown)
        line = http.client.HTTPSConnection("localhost", self.at.port, context=context, timeout=LIMIT_S)
        headers = {} if body is None else {"Content-Type": content_type}
        if basic is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        try:
            line.request("GET" if body is None else "POST", path, body, headers)
            answer = line.getresponse()
            return Answer(answer.status, dict(answer.headers.items()), answer.read())
        finally:
            line.close()


def pretence(authority: Authority) -> Route:
    """What everybody can have of another server."""
    body = wire.write_certificates([authority.issuer().certificate])

    async def shown(request: Request) -> Response:
        return Response(body, headers=wire.BASE64, media_type=wire.CERTIFICATES_TYPE)

    return Route(f"{wire.ROOT}/cacerts", shown)


@contextmanager
def enrolment_site(
    folder: Path,
    clock: Callable[[], datetime] = wall_clock,
    mqtt: Address = MQTT,
    shows: Authority | None = None,
) -> Iterator[EnrolmentSite]:
    """Until the context ends. `shows`: of another fleet, whose authority this server pretends to have."""
    authority = Authority.init(folder / "authority", [], clock())
    issue_issuing(authority, clock())
    bound = Address("127.0.0.1", 0).bind()
    at = Address("localhost", bound.getsockname()[1])
    (folder / "data").mkdir()
    config = ServerConfig(folder / "data", authority.directory, station_http=at)
    database = new_store(config.data / "fleet.sqlite")
    hub = Hub()
    parts = IssuingParts.of(config, database, hub, clock)
    assert parts is not None
    people = EnrolmentService(database, hub, clock, claim_terms(config, at))
    app = parts.app(clock, mqtt)
    if shows is not None:
        app.routes.insert(0, pretence(shows))
    server = web_server(app, hub, port=at.port, shield=parts.shield)
    listener = Listener(server.config, hub)
    listens = threading.Event()

    async def serve() -> None:
        serving = asyncio.create_task(listener.serve(sockets=[bound]))
        await listener.listening.wait()
        listens.set()
        await serving

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="enrolment-site")
    thread.start()
    try:
        assert listens.wait(LIMIT_S)
        yield EnrolmentSite(authority, database, people, parts, at)
    finally:
        listener.should_exit = True
        thread.join(LIMIT_S)
        database.close()
