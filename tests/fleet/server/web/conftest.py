"""One made-up region behind the real application."""

from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from fleet.server.hub import Hub
from fleet.server.web.app import create_app
from tests.fakes.readings import NOW, FakeReadings, demo_readings

ZONE = ZoneInfo("Europe/Stockholm")


@pytest.fixture
def readings() -> FakeReadings:
    return demo_readings()


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def app(readings: FakeReadings, hub: Hub) -> FastAPI:
    return create_app(readings, hub, clock=lambda: NOW, zone=ZONE)
