"""The first pages are prepared when the server starts, and nobody waits for that."""

import threading
from datetime import datetime

import pytest
from fastapi import FastAPI

from fleet.server.app import FIRST_TEMPLATES
from fleet.server.pages.assets import Assets
from fleet.server.pages.rendering import environment
from fleet.server.readings.model import Summary
from sim.stories.patience import LIMIT_S
from tests.fakes.server.readings import FakeReadings


async def test_the_application_starts_while_the_store_is_still_read(
    app: FastAPI, readings: FakeReadings, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, asked = threading.Event(), threading.Event()

    def slow(_now: datetime) -> Summary:
        go_on.wait(LIMIT_S)
        asked.set()
        raise OSError("the database is away: host=db.example password=none")

    monkeypatch.setattr(readings, "summary", slow)
    async with app.router.lifespan_context(app):
        assert not asked.is_set(), "it has started, and nothing has been read"
        go_on.set()
    assert asked.is_set(), "it ends in order, after what it began"


async def test_a_failure_is_told_without_what_it_says(
    app: FastAPI, readings: FakeReadings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(_now: datetime) -> Summary:
        raise OSError("password=none")

    monkeypatch.setattr(readings, "summary", away)
    with caplog.at_level("WARNING"):
        async with app.router.lifespan_context(app):
            pass
    assert "could not be prepared (OSError)" in caplog.text
    assert "password" not in caplog.text


def test_the_templates_named_are_there() -> None:
    assert set(FIRST_TEMPLATES) <= set(environment(Assets.read()).list_templates())
