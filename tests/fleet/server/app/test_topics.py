"""Live pages: each follows every topic with which something that it shows changes."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from fleet.server import app as application
from fleet.server.accounts.separation_of_duties import Requester
from fleet.server.alerts.model import Alerts
from fleet.server.cards.dependencies import CardServices
from fleet.server.cards.model import Cards
from fleet.server.commands.service import CommandService
from fleet.server.deadlines.service import DeadlineService
from fleet.server.deadlines.settings import load
from fleet.server.enrolment.service import EnrolmentService
from fleet.server.envelope_resets.service import EnvelopeResetService
from fleet.server.guards.service import GuardService
from fleet.server.live_feed.hub import Hub
from fleet.server.live_feed.topics import COVERED_BY_STATION, Topic, topics_of
from fleet.server.proposals.model import Kind, Wish
from fleet.server.proposals.service import ProposalService
from fleet.server.readings.model import Readings
from fleet.server.sign_in.service import Access
from fleet.server.worklist.model import Worklist
from fleet.server.worklist.service import WorklistService
from fleet.server.worklist.settings import load as load_worklist
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import ready
from tests.fakes.server.databases import new_store
from tests.fakes.server.readings import NOW, ZONE, FakeReadings
from tests.fleet.server.app.asgi import get
from tests.fleet.server.conftest import hold_orders, record

STATION, ERRAND, CARD = "lasarettet-a", "00000000-0000-4000-8000-000000000008", "9752269033000001"
PAGES = {
    "/": "/",
    "/stations": "/stations",
    "/stations/{name}": f"/stations/{STATION}",
    "/stations/{name}/commands": f"/stations/{STATION}/commands?do=open_slot",
    "/stations/{name}/retirement": f"/stations/{STATION}/retirement",
    "/updates": "/updates",
    "/updates/images": "/updates/images",
    "/settings": "/settings",
    "/settings/{layer}": f"/settings/station:{STATION}",
    "/new-stations": "/new-stations",
    "/errands": "/errands",
    "/errands/{errand}": f"/errands/{ERRAND}",
    "/orders": "/orders",
    "/orders/{order}/tries": "/orders/O-1/tries",
    "/stock": "/stock",
    "/bins": "/bins",
    "/bins/{name}": f"/bins/{STATION}",
    "/cards/{number}": f"/cards/{CARD}",
    "/cards/{number}/timeline": f"/cards/{CARD}/timeline",
    "/people/{hsa_id}/timeline": "/people/TEST000000-0001/timeline",
    "/requests": "/requests",
    "/deadlines": "/deadlines",
    "/worklist": "/worklist",
    "/alerts": "/alerts",
    "/alerts/{alert}": "/alerts/1",
    "/maintenance": "/maintenance",
    "/commands": "/commands",
    "/commands/{command}": "/commands/1",
    "/proposals": "/proposals",
    "/proposals/{proposal}": "/proposals/1",
}
"""Route of each page of the dashboard, and an address of it."""
STILL = {"/administrators", "/audit", "/me", "/me/keys", "/users", "/users/{user}", "/tokens", "/step-up"}
"""Pages about accounts, which nothing updates."""
LINKED_NOT_HERE = {"/step-up", "/orders/{order}/tries"}
"""Pages to which a link leads once a proof is too old, or the card is in its slot."""
NO_PAGES = (
    "/sign-in",
    "/set-up",
    "/exports/",
    "/api/",
    "/receipts/",
    "/r/",
    "/events",
    "/cards",
    "/worklist/{",
    "/settings/{layer}/station.toml",
)
TITLES_ALONE = {"/errands", "/errands/{errand}", "/orders", "/orders/{order}/tries", "/bins", "/bins/{name}",
                "/cards/{number}", "/requests", "/cards/{number}/timeline", "/people/{hsa_id}/timeline",
                "/deadlines", "/worklist", "/alerts", "/alerts/{alert}", "/maintenance", "/commands",
                "/commands/{command}"}  # fmt: skip
"""Pages that read stations for their titles, which do not change while a server runs."""
ONE_NUMBER = {"/errands": Topic.ERRANDS, "/errands/{errand}": Topic.ERRANDS, "/orders": Topic.ORDERS}
"""Pages that show one number of the fleet's summary, and what that changes with."""


class Recorder:
    """A read model that notes which of its reads were called."""

    def __init__(self, model: Any, interface: type, reads: set[tuple[type, str]]) -> None:
        self._model, self._interface, self._reads = model, interface, reads

    def within(self, patterns: frozenset[str]) -> "Recorder":
        return Recorder(self._model.within(patterns), self._interface, self._reads)

    def __getattr__(self, name: str) -> Any:
        if hasattr(self._interface, name):
            self._reads.add((self._interface, name))
        return getattr(self._model, name)


@dataclass
class Recorded:
    """The application over read models that note what is read."""

    app: FastAPI
    reads: set[tuple[type, str]]

    async def missing(self, route: str, address: str) -> list[str]:
        """What that page shows and does not follow."""
        self.reads.clear()
        answer = await get(self.app, address)
        assert answer.status == 200, address
        found = re.search('data-topics="([^"]*)"', answer.text)
        assert found is not None, address
        followed = {Topic(topic.partition("/")[0]) for topic in found[1].split()}
        return [
            f"{route} shows {interface.__name__}.{name}, which changes with {topic}"
            for interface, name in sorted(self.reads, key=lambda read: (read[0].__name__, read[1]))
            for topic in sorted(changes(route, interface, name) - covered_by(followed))
        ]


def changes(route: str, interface: type, name: str) -> frozenset[Topic]:
    """What a read of that page changes with."""
    topics = topics_of(getattr(interface, name))
    assert topics is not None, f"{interface.__name__}.{name} does not say what it changes with"
    if interface is Readings and name in ("stations", "station") and route in TITLES_ALONE:
        return frozenset()
    if interface is Readings and name == "summary" and route in ONE_NUMBER:
        return frozenset({ONE_NUMBER[route]})
    return topics


def covered_by(followed: set[Topic]) -> set[Topic]:
    """All that comes with what a page follows."""
    with_station = COVERED_BY_STATION if Topic.STATION in followed else frozenset()
    return followed | with_station


@pytest.fixture
def recorded(
    readings: FakeReadings,
    hub: Hub,
    access: Access,
    alerts: FakeAlerts,
    desk: CommandService,
    visitor: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Recorded]:
    monkeypatch.setattr(application, "counts_for", lambda request, **_: {})  # the menu's numbers are no page's own
    reads: set[tuple[type, str]] = set()
    database = new_store(tmp_path / "fleet.sqlite")
    services = CardServices.of(database, hub, lambda: NOW, load())
    tasks = WorklistService(database, services.cards, hub, lambda: NOW, load_worklist(), load())
    ready(desk)
    hold_orders(database, record(station=STATION, card_number=CARD))
    app = application.create_app(
        cast(Readings, Recorder(readings, Readings, reads)),
        hub,
        access,
        cast(Alerts, Recorder(alerts, Alerts, reads)),
        cast(CommandService, Recorder(desk, CommandService, reads)),
        clock=lambda: NOW,
        zone=ZONE,
        enrolments=cast(
            EnrolmentService, Recorder(EnrolmentService(database, hub, lambda: NOW), EnrolmentService, reads)
        ),
        worklist=cast(Worklist, Recorder(tasks, Worklist, reads)),
        cards=CardServices(
            cast(Cards, Recorder(services.cards, Cards, reads)),
            cast(DeadlineService, Recorder(services.deadlines, DeadlineService, reads)),
            cast(GuardService, Recorder(services.guards, GuardService, reads)),
            cast(EnvelopeResetService, Recorder(services.resets, EnvelopeResetService, reads)),
        ),
    )
    app.state.visitor = visitor
    proposals = ProposalService(access.database, hub, lambda: NOW)
    wish = Wish(Kind.ACCOUNT, f"a{uuid.uuid4().hex[:8]}", {"roles": [], "mail": ""}, "made up")
    proposals.propose(wish, Requester("tove.test", stepped_up=True))
    app.state.proposals = Recorder(proposals, ProposalService, reads)
    yield Recorded(app, reads)
    database.close()


async def test_every_page_follows_what_it_shows(recorded: Recorded) -> None:
    missing = [line for route, address in PAGES.items() for line in await recorded.missing(route, address)]
    assert missing == []


def test_every_page_is_tried(app: FastAPI) -> None:
    routes = {
        route.path
        for route in app.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not route.include_in_schema
    }
    pages = {route for route in routes if not route.startswith(NO_PAGES) or route in PAGES}
    assert pages == PAGES.keys() | STILL


async def test_every_page_is_reached_by_the_menu_or_a_link_of_another_page(recorded: Recorded) -> None:
    addresses = {**PAGES, **{route: route for route in STILL}, "/proposals": "/proposals?state=all"}
    pages = {route: (await get(recorded.app, address)).text for route, address in addresses.items()}
    links = {route: set(re.findall(r'<a [^>]*?href="(/[^"?#]*)', text)) for route, text in pages.items()}
    for route in pages.keys() - LINKED_NOT_HERE:
        way = re.compile(re.sub(r"{\w+}", "[^/]+", route))
        linking = {other for other in pages if any(map(way.fullmatch, links[other]))}
        assert linking - {route}, f"neither `MENU` nor a link leads to {route}"


async def test_a_topic_that_a_page_forgets_is_found(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Readings.orders, "topics", frozenset({Topic.ORDERS, Topic.REQUESTS}))
    assert await recorded.missing("/orders", "/orders") == [
        "/orders shows Readings.orders, which changes with requests"
    ]


async def test_a_read_that_does_not_say_what_it_changes_with_is_found(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Readings.orders, "topics")
    with pytest.raises(AssertionError, match=r"Readings\.orders"):
        await recorded.missing("/orders", "/orders")
