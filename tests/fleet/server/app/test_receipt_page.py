"""The page of a receipt on a phone: what a QR code says is checked there, with nothing of it sent.

With `KORTKIOSK_PICTURES=FOLDER` the page is drawn into the folder.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding
from playwright.async_api import Browser, Page

from fleet.server.app import create_app
from fleet.server.enrolment.tables import issued_certificates
from fleet.server.evidence.signature import Seal
from fleet.server.live_feed.hub import Hub
from fleet.server.receipts.service import FRESH, StationKeyService
from fleet.server.sign_in.service import Access
from fleet.server.web.settings import LimitSettings
from kiosk.receipts import Genuine, ReceiptTrust, verify_receipt
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.live_site import PATIENCE_MS, Served, listening
from tests.fakes.server.readings import demo_readings
from tests.fakes.server.stolen_station import NOW, REVOKED, STATION, Fleet, StolenStation
from tests.fakes.server.visitors import SEALER
from tests.fleet.server.app.asgi import get
from tests.fleet.server.app.axe import clean_in_both_themes

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

BEFORE = REVOKED - timedelta(days=2)
PICTURES = os.environ.get("KORTKIOSK_PICTURES")


@dataclass
class Region:
    """A server that has believed one station's key; there is no list of revocations at first."""

    folder: Path

    def __post_init__(self) -> None:
        self.stolen = StolenStation.revoked(self.folder)
        self.database = new_store(self.folder / "fleet.sqlite")
        fleet = Fleet(self.stolen, self.database, Seal.load(self.stolen.authority.directory))
        self.receipt = self.stolen.receipt(BEFORE)
        fleet.hand_over(self.receipt)
        fleet.held(NOW)
        self.crl = self.folder / "crl.pem"
        self.now = NOW
        keys = StationKeyService(self.database, lambda: self.now, [self.crl])
        hub, access = Hub(), Access(self.database, lambda: self.now, SEALER)
        desk = commands_of(self.database, lambda: self.now, hub)
        self.app = create_app(
            demo_readings(), hub, access, FakeAlerts(), desk, clock=lambda: self.now, station_keys=keys,
            limits=LimitSettings(requests=1000),
        )  # fmt: skip
        self.served = Served(self.app, hub)

    def revoke(self) -> None:
        """The authority's list comes, and is read within a minute."""
        self.crl.write_bytes(Path(self.stolen.option("crl.pem")).read_bytes())
        self.now += FRESH


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Region]:
    region = await asyncio.to_thread(Region, tmp_path_factory.mktemp("region"))
    await region.served.start()
    yield region
    await region.served.stop()
    region.database.close()


@pytest_asyncio.fixture(loop_scope="module")
async def phone(browser: Browser) -> AsyncIterator[Page]:
    """A page of 390 px, in Swedish; whatever its console says against it fails the test."""
    context = await browser.new_context(
        locale="sv-SE", viewport={"width": 390, "height": 844}, timezone_id="Europe/Stockholm"
    )
    context.set_default_timeout(PATIENCE_MS)
    async with listening(context) as complaints:
        complaints.allow("503")  # where a test lets the server be away
        yield await context.new_page()


async def verdict(page: Page) -> str:
    """What the page says of the receipt, once it has looked."""
    await page.wait_for_selector("[data-when]:not([hidden]):not([data-when=checking])")
    return str(await page.locator("[data-when]:not([hidden])").get_attribute("data-when"))


async def opened(page: Page, url: str) -> str:
    """The verdict at that address, read anew."""
    await page.goto("about:blank")
    await page.goto(url)
    return await verdict(page)


async def test_a_phone_reads_a_genuine_receipt_and_tells_the_server_nothing_of_it(region: Region, phone: Page) -> None:
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(request.url + str(request.post_data or "")))
    assert await opened(phone, f"{region.served.url}/r/#{region.receipt.qr}") == "genuine"
    said = await phone.locator("#receipt").inner_text()
    local = BEFORE.astimezone()
    assert {"Hämta kort", "…2026 0001", region.receipt.number} <= set(said.split("\n"))
    assert f"{local.year}" in said
    assert all(region.receipt.qr[4:40] not in url and region.receipt.number not in url for url in asked)
    assert sorted({url.removeprefix(region.served.url) for url in asked if "/static/" not in url}) == [
        "/r/",
        "/r/keys.json",
    ]
    assert await phone.evaluate("document.documentElement.scrollWidth") == 390, "nothing stands beside a phone's screen"
    await clean_in_both_themes(phone)
    if PICTURES:
        await phone.screenshot(path=Path(PICTURES) / "receipt-390.png")
    await phone.click("text=English")
    assert await verdict(phone) == "genuine", "the code is not lost with the other language"
    assert "The receipt is genuine" in await phone.locator("#receipt").inner_text()


async def test_what_is_changed_or_of_somebody_else_is_not_called_genuine(region: Region, phone: Page) -> None:
    base, text = f"{region.served.url}/r/#", region.receipt.qr
    head, body, signature = text.split(".")
    cases = {
        f"{head}.{body[:-2]}{'AA' if body[-2:] != 'AA' else 'BB'}.{signature}": "altered",
        f"{head}.{body}.{signature[:-4]}AAAA": "altered",
        f"{head}.{body}": "altered",
        f"{text}=": "altered",
        "nothing": "altered",
        "": "empty",
    }
    for code, said in cases.items():
        assert await opened(phone, base + code) == said, code
        assert not await phone.locator("dl").is_visible()
        if said == "altered":
            assert not isinstance(verify_receipt(code, ReceiptTrust(stations=(region.stolen.certificate,))), Genuine)


async def test_a_station_that_nobody_knows_and_a_server_that_does_not_answer_are_said_as_such(
    region: Region, phone: Page
) -> None:
    other = await asyncio.to_thread(StolenStation.revoked, region.folder / "other")
    strange = other.receipt(BEFORE, station="lasa-2").qr
    assert await opened(phone, f"{region.served.url}/r/#{strange}") == "unknown"
    same_name = other.receipt(BEFORE).qr
    assert await opened(phone, f"{region.served.url}/r/#{same_name}") == "altered", "signed by another key"
    await phone.route("**/r/keys.json", lambda route: route.fulfill(status=503))
    assert await opened(phone, f"{region.served.url}/r/#{region.receipt.qr}") == "away"


async def test_a_revoked_stations_receipt_is_left_open(region: Region, phone: Page) -> None:
    region.revoke()
    assert await opened(phone, f"{region.served.url}/r/#{region.receipt.qr}") == "revoked"
    assert STATION in json.dumps(await phone.evaluate("fetch('/r/keys.json').then(answer => answer.json())"))


async def test_an_address_that_asks_too_often_is_refused(region: Region) -> None:
    app = create_app(
        demo_readings(), Hub(), Access(region.database, lambda: NOW, SEALER), FakeAlerts(),
        commands_of(region.database, lambda: NOW, Hub()), clock=lambda: NOW, limits=LimitSettings(requests=60),
    )  # fmt: skip
    answers = [(await get(app, path)).status for path in ("/r/", "/r/keys.json") * 31]
    assert answers[:60] == [200] * 60
    assert answers[60:] == [429, 429]


async def test_a_station_that_was_enrolled_here_is_known_before_it_has_signed_anything(region: Region) -> None:
    issued = await asyncio.to_thread(StolenStation.revoked, region.folder / "enrolled")
    row = {
        "serial": f"{issued.certificate.serial_number:x}", "station": "lasa-3", "epoch": 1, "issued": NOW, "not_after": NOW,
        "key": "0" * 64, "chain": issued.certificate.public_bytes(Encoding.PEM).decode(),
    }  # fmt: skip
    with region.database.writing.begin() as connection:
        connection.execute(issued_certificates.insert(), row)
    keys = StationKeyService(region.database, lambda: NOW)
    assert [(key.station, key.revoked) for key in keys.list_keys()] == [("lasa-1", False), ("lasa-3", False)]
    with region.database.writing.begin() as connection:
        connection.execute(issued_certificates.update().values(revoked=NOW))
    assert [key.revoked for key in keys.list_keys()] == [False, False], "what was read holds for a minute"
    assert [key.revoked for key in StationKeyService(region.database, lambda: NOW).list_keys()] == [False, True]
