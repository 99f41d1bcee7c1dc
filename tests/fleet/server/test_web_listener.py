"""How the pages are reached: over TLS with a certificate of our own, by way of a proxy, and the first link in."""

import asyncio
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from fleet.server.app import create_app
from fleet.server.database.database import Database
from fleet.server.live_feed.hub import Hub
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.process.default_settings import SettingsError
from fleet.server.server import FleetServer, ServerError
from fleet.server.sign_in.service import Access
from fleet.server.web.listener import web_server
from fleet.server.web_listener import Pages
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S
from tests.fakes.server.alerts import FakeAlerts, demo_alerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.readings import FakeReadings
from tests.fakes.server.visitors import SEALER
from tests.fleet.server.conftest import NOW, wall_clock

HERE = Address("127.0.0.1", 8080)
WORLD = Address("0.0.0.0", 8443)  # noqa: S104 named, not bound


@pytest.fixture
def access(database: Database) -> Access:
    return Access(database, lambda: NOW, SEALER)


def config(tmp_path: Path, text: str, http: Address = HERE, *, demo: bool = False) -> ServerConfig:
    web = tmp_path / "web.toml"
    web.write_text(text)
    return ServerConfig(tmp_path, tmp_path, http=http, web=web if text else None, demo=demo)


def test_the_first_start_gives_a_link_and_later_ones_another(tmp_path: Path, access: Access) -> None:
    first, second = (Pages.of(config(tmp_path, ""), HERE, access).links["set_up"] for _ in range(2))
    assert first.startswith("http://127.0.0.1:8080/set-up/")
    assert access.offered(first.rpartition("/")[2]) is None
    assert access.offered(second.rpartition("/")[2]) is not None


def test_a_demo_signs_in_by_link_and_never_where_others_reach_it(tmp_path: Path, access: Access) -> None:
    links = Pages.of(config(tmp_path, "", demo=True), HERE, access).links
    assert list(links) == ["sign_in", "second"]
    with pytest.raises(ServerError, match="--demo is for made-up data"):
        FleetServer(config(tmp_path, "[site]\n", demo=True))
    with pytest.raises(ServerError, match="other machines reach it"):
        FleetServer(config(tmp_path, "", WORLD, demo=True))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[openid]\nissuer = 'https://a.example'\nclient_id = 'x'\ntitle = 'x'\nacr = ['x']\ngrants = []",
            "site.public is missing",
        ),
        ("[site]\npublic = 'https://a.example'\ncertificate = 'none.pem'\nkey = 'none.key'", "No such file"),
    ],
)
def test_pages_for_the_world_need_tls(tmp_path: Path, access: Access, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Pages.of(config(tmp_path, text, WORLD), WORLD, access)


async def served(pages: Pages, access: Access, address: str, *headers: tuple[str, str], ca: Path | None = None) -> int:
    """What the listener answers to one request at that address; `{port}` stands for its port."""
    hub = Hub()
    app = create_app(
        FakeReadings(), hub, access, FakeAlerts(demo_alerts()), commands_of(access.database, wall_clock),
        clock=wall_clock, site=pages.site,
    )  # fmt: skip
    server = web_server(app, hub, port=0, shield=pages.shield)
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(LIMIT_S):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        trusting = ssl.create_default_context(cafile=str(ca) if ca else None)
        request = urllib.request.Request(address.format(port=port), headers=dict(headers))

        def fetch() -> int:
            try:
                with urllib.request.urlopen(request, context=trusting) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                error.close()
                return error.code

        status = await asyncio.to_thread(fetch)
        server.should_exit = True
        await running
    return status


async def test_a_certificate_of_our_own_is_served(tmp_path: Path, authority: Authority, access: Access) -> None:
    keys = authority.directory / "server"
    text = f"[site]\npublic = 'https://localhost'\ncertificate = '{keys / 'broker.pem'}'\nkey = '{keys / 'broker.key'}'"
    pages = Pages.of(config(tmp_path, text, WORLD), WORLD, access)
    assert pages.links["set_up"].startswith("https://localhost/set-up/")
    assert (
        await served(pages, access, "https://localhost:{port}/sign-in", ca=authority.directory / "ca" / "ca.pem") == 200
    )


@pytest.mark.parametrize(("proxy", "status"), [("127.0.0.1", 200), ("192.0.2.10", 403)])
async def test_only_a_trusted_proxy_is_believed(tmp_path: Path, access: Access, proxy: str, status: int) -> None:
    text = f"[site]\npublic = 'https://dash.example'\ntrusted_proxies = ['{proxy}']"
    pages = Pages.of(config(tmp_path, text, WORLD), WORLD, access)
    said = (("Host", "dash.example"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "198.51.100.1"))
    assert await served(pages, access, "http://127.0.0.1:{port}/sign-in", *said) == status
