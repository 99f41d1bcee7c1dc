"""One made-up region behind the real application."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from fleet.server.app import create_app
from fleet.server.commands.service import CommandDesk
from fleet.server.commands.tables import commands
from fleet.server.platform.live_feed.hub import Hub
from fleet.server.sign_in.service import Access
from tests.fakes.server.alerts import FakeAlerts, demo_alerts
from tests.fakes.server.commands import desk_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.evidence import FakeEvidence
from tests.fakes.server.readings import NOW, FakeReadings, demo_readings
from tests.fakes.server.visitors import COOKIE, SEALER, session

ZONE = ZoneInfo("Europe/Stockholm")


@pytest.fixture
def readings() -> FakeReadings:
    return demo_readings()


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture(scope="session")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """One store of people for all tests of the pages."""
    database = new_store(tmp_path_factory.mktemp("access") / "fleet.sqlite")
    yield Access(database, lambda: NOW, SEALER)
    database.close()


@pytest.fixture(scope="session")
def visitor(access: Access) -> str:
    """The cookie of a signed-in administrator."""
    return f"{COOKIE}={session(access)}"


@pytest.fixture
def alerts() -> FakeAlerts:
    return FakeAlerts(demo_alerts())


@pytest.fixture
def desk(access: Access, hub: Hub) -> CommandDesk:
    """No command yet."""
    with access.database.writing.begin() as connection:
        connection.execute(commands.delete())
    return desk_of(access.database, lambda: NOW, hub)


@pytest.fixture
def app(
    readings: FakeReadings, hub: Hub, access: Access, alerts: FakeAlerts, desk: CommandDesk, visitor: str
) -> FastAPI:
    evidence = FakeEvidence()
    app = create_app(readings, hub, access, alerts, desk, clock=lambda: NOW, zone=ZONE, evidence=evidence)
    app.state.evidence = evidence
    app.state.visitor = visitor
    return app
