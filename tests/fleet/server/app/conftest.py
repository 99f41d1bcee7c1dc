"""One made-up region behind the real application."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, async_playwright

from fleet.server.app import create_app
from fleet.server.commands.service import CommandService
from fleet.server.commands.tables import commands
from fleet.server.live_feed.hub import Hub
from fleet.server.sign_in.service import Access
from tests.fakes.server.alerts import FakeAlerts, demo_alerts
from tests.fakes.server.bundles import FakeBundles
from tests.fakes.server.commands import commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.evidence import FakeEvidence
from tests.fakes.server.live_site import PATIENCE_MS, Complaints, Site, listening
from tests.fakes.server.readings import NOW, ZONE, FakeReadings, demo_readings
from tests.fakes.server.visitors import COOKIE, SEALER, let_in, session


@pytest.fixture
def readings() -> FakeReadings:
    return demo_readings()


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """A store with nobody in it: how many administrators a region has decides what takes two persons."""
    database = new_store(tmp_path_factory.mktemp("access") / "fleet.sqlite")
    yield Access(database, lambda: NOW, SEALER)
    database.close()


@pytest.fixture
def visitor(access: Access) -> str:
    """The cookie of a signed-in administrator."""
    return f"{COOKIE}={session(access)}"


@pytest.fixture
def alerts() -> FakeAlerts:
    return FakeAlerts(demo_alerts())


@pytest.fixture
def desk(access: Access, hub: Hub) -> CommandService:
    """No command yet."""
    with access.database.writing.begin() as connection:
        connection.execute(commands.delete())
    return commands_of(access.database, lambda: NOW, hub)


@pytest.fixture
def app(
    readings: FakeReadings, hub: Hub, access: Access, alerts: FakeAlerts, desk: CommandService, visitor: str
) -> FastAPI:
    evidence = FakeEvidence()
    app = create_app(
        readings, hub, access, alerts, desk, clock=lambda: NOW, zone=ZONE, evidence=evidence, bundles=FakeBundles()
    )
    app.state.evidence = evidence
    app.state.visitor = visitor
    return app


FLAGS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest_asyncio.fixture(loop_scope="module")
async def site(readings: FakeReadings, access: Access) -> AsyncIterator[Site]:
    site = Site(readings, access)
    await site.start()
    yield site
    await site.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*FLAGS, *root], timeout=PATIENCE_MS
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser, visitor: str) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(locale="sv-SE", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    await let_in(context, visitor)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def complaints(site: Site, context: BrowserContext) -> AsyncIterator[Complaints]:
    """A test at whose end the console has complained fails. After `site`, which is thus stopped once no page is open."""
    async with listening(context) as complaints:
        yield complaints
