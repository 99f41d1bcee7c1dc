"""Stock, bins, deadlines, one card and the queue to the issuer: pages on a real store, without JavaScript."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, update

from fleet.messages.asking import BlockAsk, HoldAsk
from fleet.server.app import create_app
from fleet.server.cards.dependencies import CardServices
from fleet.server.cards.stock.tables import bin_cards, bins, reserve_cards
from fleet.server.database.database import Database
from fleet.server.deadlines.settings import DeadlineSettings, load
from fleet.server.deadlines.tables import deeds
from fleet.server.guards.tables import server_clock
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import RequestKey, RequestRow
from fleet.server.keys.random_tokens import form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.orders.tables import orders
from fleet.server.people.model import PersonRow
from fleet.server.people.service import import_people
from fleet.server.sign_in.service import Access, SignedIn
from fleet.server.stations.tables import stations
from fleet.server.web.roles import Role
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.readings import NOW, ZONE, demo_readings
from tests.fakes.server.visitors import COOKIE, session
from tests.fleet.server.app.asgi import Answer, get, post
from tests.fleet.server.conftest import hold_orders, record

HERE, THERE = "lasarettet-a", "lasarettet-c"
WAITS, HELD, OLD, RESERVE = "9752269033000001", "9752269033000002", "9752269033000003", "9752269044000004"
LEAVER = "TEST000000-0002"


@dataclass
class Site:
    """The application on a store of its own."""

    app: FastAPI
    access: Access
    database: Database

    async def page(self, address: str, **headers: str) -> str:
        answer = await get(self.app, address, **headers)
        assert answer.status == 200, address
        return answer.text

    async def post(self, address: str, role: Role = Role.ID_ADMINISTRATOR, **fields: str) -> Answer:
        value = session(self.access, role, name=f"maj.{role.value}")
        return await post(self.app, address, {"form_token": form_token(value), **fields}, cookie=f"{COOKIE}={value}")

    def requests(self) -> list[RequestRow]:
        with self.database.reading.begin() as connection:
            return requesting.list_requests(connection)[0]

    def told(self) -> list[tuple[str, str, str]]:
        return [(one.action, one.target, one.detail) for one in self.access.entries()[0]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = Database.open(tmp_path_factory.mktemp("cards") / "fleet.sqlite")
    fill(opened)
    yield opened
    opened.close()


def fill(database: Database) -> None:
    """A card that waits, one that its holder left with, one too old, a reserve card, and a bin that was counted wrong."""
    hold_orders(
        database,
        record("O-1", station=HERE, slot=3, card_number=WAITS, name="Alva Test"),
        record("O-2", station=HERE, slot=4, card_number=HELD, name="Bo Test", hsa_id=LEAVER),
        record("O-3", station=THERE, slot=5, card_number=OLD, protected=True, name=None, hsa_id="TEST000000-0003"),
        now=NOW,
    )
    with database.writing.begin() as connection:
        old = NOW - timedelta(days=85)
        connection.execute(update(orders).where(orders.c.order == "O-3").values(made=old, changed=old))
        gone = NOW - timedelta(days=200)
        connection.execute(update(orders).where(orders.c.order == "O-2").values(state="collected", changed=gone))
        import_people(connection, [PersonRow(LEAVER, "Bo Test", left="2026-08-20")], NOW)
        connection.execute(update(stations).values(online=True))
        lies = {
            "station": 1,
            "slot": 22,
            "card_number": RESERVE,
            "lies": True,
            "quarantined": False,
            "at": NOW - timedelta(days=90),
        }
        connection.execute(insert(reserve_cards).values(**lies))
        fell = {
            "station": 1,
            "epoch": 1,
            "sequence": 9,
            "card_number": OLD,
            "dropped": NOW - timedelta(hours=2),
            "by_number": True,
        }
        connection.execute(insert(bin_cards).values(**fell))
        counts = {"counted": 19, "expected": 20, "sensor": 20, "seal": "4411", "reason": "missing", "reference": "77"}
        by = {"by": "TEST000000-A001", "second": "TEST000000-A002", "emptied": NOW - timedelta(days=9), "differs": True}
        connection.execute(insert(bins).values(station=2, **counts, **by))
        connection.execute(insert(server_clock).values(one=1, seen=NOW, steady=NOW - timedelta(days=9)))
        done = {"what": "done", "did": "hold", "station": HERE, "card_number": HELD, "at": NOW - timedelta(days=4)}
        connection.execute(insert(deeds).values(rule="left", subject="O-2", due="2026-11-20", **done))
        hold = HoldAsk(id="a" * 32, card_number=HELD, reason="deadline", wanted="")
        requesting.enqueue(connection, RequestKey(HERE, hold.id), hold, "rule:left", NOW)
        requesting.postpone(connection, requesting.due_requests(connection, NOW)[0], "register: HTTP 503", NOW)


@pytest.fixture
def site(store: Database, hub: Hub) -> Site:
    return made(store, hub, load())


def made(store: Database, hub: Hub, settings: DeadlineSettings) -> Site:
    access = Access(store, lambda: NOW)
    services = CardServices.of(store, hub, lambda: NOW, settings)
    desk = commands_of(store, lambda: NOW, hub)
    app = create_app(demo_readings(), hub, access, FakeAlerts([]), desk, clock=lambda: NOW, zone=ZONE, cards=services)
    app.state.visitor = f"{COOKIE}={session(access)}"
    return Site(app, access, store)


async def test_cards_in_slots_stand_by_station_and_slot_the_oldest_first(site: Site) -> None:
    text = await site.page("/stock")
    assert "Tre kort ligger i fack" in text
    places = [text.index(said) for said in ("…4400 0004", "…3300 0003", "…3300 0001")]
    assert places == sorted(places)
    assert "En station saknar reservkort." in text
    assert f'href="/cards/{RESERVE}"' in text
    assert "Tove" not in text
    assert "Alva" not in text


async def test_the_stock_is_narrowed_by_station_and_kind_in_the_address(site: Site) -> None:
    text = await site.page("/stock?kind=reserve")
    assert "…4400 0004" in text
    assert "…3300 0001" not in text
    here = await site.page(f"/stock?station={THERE}")
    assert "…3300 0003" in here
    assert "…3300 0001" not in here
    assert "Inga kort ligger i fack" in await site.page("/stock?station=nowhere&kind=what")
    assert "Three cards lie in slots" in await site.page("/stock", accept_language="en")


async def test_a_viewer_sees_the_last_digits_alone(site: Site) -> None:
    value = session(site.access, Role.VIEWER, name="viewer.test")
    text = await site.page("/stock", cookie=f"{COOKIE}={value}")
    assert "…3300 0001" in text
    assert WAITS not in text


@pytest.mark.parametrize("also", [(), ((Role.OPERATOR, HERE),)], ids=["viewer", "operator elsewhere"])
async def test_who_emptied_a_bin_and_whole_numbers_are_for_who_may_see_people_there(
    site: Site, also: tuple[tuple[Role, str], ...]
) -> None:
    """A role at one station gives no sight of people at another that is seen by another role."""
    link = site.access.link_for(f"mixed.{len(also)}", ((Role.VIEWER, "*"), *also))
    came = site.access.sign_in_by_link(link, "127.0.0.1")
    assert isinstance(came, SignedIn)
    cookie = f"{COOKIE}={came.value}"
    assert "TEST000000-A001" in await site.page("/api/v1/bins")
    for path in (f"/bins/{THERE}", "/stock", "/requests", "/api/v1/bins"):
        text = await site.page(path, cookie=cookie)
        assert "TEST000000-A001" not in text, path
        if path != "/api/v1/bins":
            assert (RESERVE in text) is (bool(also) and path == "/stock"), path
    (shown,) = [one for one in json.loads(await site.page("/api/v1/bins", cookie=cookie))["items"] if one["emptied"]]
    assert (shown["station"], shown["emptied"]["by"], shown["emptied"]["counted"]) == (THERE, None, 19)


async def test_a_bin_that_was_counted_differently_is_said_so(site: Site) -> None:
    text = await site.page("/bins")
    assert "En behållare räknades fel" in text
    assert "19 av 20" in text
    assert "kort saknas 77" in text
    assert text.index(f"bin-{HERE}") < text.index(f"bin-{THERE}"), "the fullest first"
    assert f"bin-{HERE}" not in await site.page("/bins?show=differs")
    assert f"bin-{THERE}" not in await site.page("/bins?show=cards")
    assert "Inga behållare" in await site.page("/bins?q=nowhere")


async def test_one_bin_shows_what_lies_in_it(site: Site) -> None:
    text = await site.page(f"/bins/{HERE}")
    assert "…3300 0003" in text
    assert "Kortet inte sett" in text, "it was returned by its number"
    assert "Den har aldrig tömts." in text
    assert (await get(site.app, "/bins/nowhere")).status == 404


async def test_the_board_says_what_happens_by_itself_and_when_the_nearest_first(site: Site) -> None:
    text = await site.page("/deadlines")
    assert "Makuleras efter 30 nov." in text
    assert "5 dagar" in text
    assert "Avstängning begärd 21 nov 10:42" in text
    assert text.index("Ej hämtat kort</a>") < text.index("…3300 0003") < text.index("…3300 0001")
    assert "TEST000000-0003" in text
    assert "Frister väntar på klockan" not in text
    assert ("people.deadlines", "", "") in site.told()


async def test_one_rule_as_a_list_with_its_state_in_the_address(site: Site) -> None:
    text = await site.page(f"/deadlines?kind=left&station={HERE}")
    assert "En frist" in text
    assert "Bo Test" in text
    assert "Passerad" in text
    assert "…3300 0001" not in text
    assert ("people.deadlines", HERE, "left") in site.told()
    assert "Nothing to watch." in await site.page(f"/deadlines?kind=left&station={THERE}", accept_language="en")


async def test_who_may_see_one_station_sees_its_deadlines_alone(site: Site) -> None:
    value = session(site.access, Role.OPERATOR, THERE, name="there.test")
    text = await site.page("/deadlines", cookie=f"{COOKIE}={value}")
    assert "TEST000000-0003" in text
    assert "Bo Test" not in text


async def test_a_clock_that_is_not_believed_is_said_on_the_board(site: Site) -> None:
    with site.database.writing.begin() as connection:
        connection.execute(update(server_clock).values(steady=NOW - timedelta(hours=1)))
    try:
        assert "förrän 26 nov 09:42" in await site.page("/deadlines")
    finally:
        with site.database.writing.begin() as connection:
            connection.execute(update(server_clock).values(steady=NOW - timedelta(days=9)))


async def test_a_card_tells_all_that_is_known_of_it_and_that_somebody_looked(site: Site) -> None:
    text = await site.page(f"/cards/{HELD}")
    for said in (
        "O-2",
        "Bo Test",
        "Frist: Slutat, ej återlämnat",
        "register: HTTP 503",
        "Avstängning begärd 21 nov 10:42",
    ):
        assert said in text
    assert "Föll i behållaren" in await site.page(f"/cards/{OLD}")
    assert ("people.card", HELD, "") in site.told()
    assert "Inget är känt om detta kort." in await site.page("/cards/9999000000000000")
    found = await get(site.app, "/cards?number=9752%202690%203300%200002")
    assert (found.status, found.header("location")) == (303, f"/cards/{HELD}")
    assert (await get(site.app, "/cards/..%2F")).status == 404


async def test_an_administrator_holds_a_card_with_a_reason_and_the_audit_hears_of_it(site: Site) -> None:
    answer = await site.post(f"/cards/{WAITS}/hold", reason="lost")
    assert (answer.status, answer.header("location")) == (303, f"/cards/{WAITS}")
    row = next(row for row in site.requests() if row.card_number == WAITS)
    assert isinstance(row.content, HoldAsk)
    assert (row.station, row.who, row.own, row.content.reason) == (HERE, "account:maj.id-administrator", True, "lost")
    assert ("card.hold", WAITS, "lost") in site.told()


async def test_a_block_needs_a_name_that_the_issuer_knows(site: Site, hub: Hub, store: Database) -> None:
    assert "Spärra för gott" not in await site.page(f"/cards/{WAITS}")
    assert (await site.post(f"/cards/{WAITS}/block", reason="lost")).status == 409
    named = made(store, hub, DeadlineSettings(load().rule, by="TEST000000-A001"))
    assert "Spärra för gott" in await named.page(f"/cards/{WAITS}")
    assert (await named.post(f"/cards/{WAITS}/block", reason="lost")).status == 303
    asks = [(row.by, row.content) for row in named.requests() if isinstance(row.content, BlockAsk)]
    assert [(by, one.reason) for by, one in asks] == [("TEST000000-A001", "lost")]


@pytest.mark.parametrize(("what", "reason"), [("hold", ""), ("hold", "deadline"), ("hold", "bored"), ("melt", "lost")])
async def test_a_wish_without_a_reason_of_ours_changes_nothing(site: Site, what: str, reason: str) -> None:
    before = len(site.requests())
    assert (await site.post(f"/cards/{OLD}/{what}", reason=reason)).status == 422
    assert len(site.requests()) == before


async def test_who_may_not_change_orders_sees_no_button_and_is_refused(site: Site) -> None:
    value = session(site.access, Role.AUDITOR, name="auditor.test")
    assert "Stäng av tillfälligt" not in await site.page(f"/cards/{WAITS}", cookie=f"{COOKIE}={value}")
    assert (await site.post(f"/cards/{WAITS}/hold", Role.AUDITOR, reason="lost")).status == 403


async def test_the_queue_shows_tries_and_words_and_can_be_tried_now(site: Site) -> None:
    text = await site.page("/requests")
    assert "register: HTTP 503" in text
    assert "Frist: Slutat, ej återlämnat" in text
    waiting = next(row for row in site.requests() if row.id == "a" * 32)
    assert waiting.due == NOW + timedelta(seconds=30)
    assert (await site.post("/requests", station=HERE, id="a" * 32)).status == 303
    assert next(row for row in site.requests() if row.id == "a" * 32).due == NOW
    assert ("request.retry", HELD, "card.hold") in site.told()
    assert (await site.post("/requests", station=THERE, id="a" * 32)).status == 404
    assert (await site.post("/requests", Role.OPERATOR, station=HERE, id="a" * 32)).status == 403
    assert "Inget har begärts." in await site.page("/requests?state=declined")


async def test_a_settled_request_has_no_button(site: Site, store: Database) -> None:
    lost = HoldAsk(id="b" * 32, card_number=HELD, reason="lost", wanted="")
    with store.writing.begin() as connection:
        requesting.enqueue(connection, RequestKey(HERE, lost.id), lost, LEAVER, NOW)
        requesting.record_answer(connection, RequestKey(HERE, lost.id), "unknown_card", NOW)
    text = await site.page("/requests?state=declined")
    assert "Kortet är okänt" in text
    assert "Försök nu</button>" not in text.replace('<span class="sr">', "</button>")
    assert LEAVER not in text
    assert (await site.post("/requests", station=HERE, id=lost.id)).status == 409


@pytest.mark.parametrize(
    "path", ["/stock", "/bins", f"/bins/{HERE}", "/deadlines", "/deadlines?kind=left", "/requests"]
)
async def test_a_page_asked_for_by_itself_is_the_fragment_alone(site: Site, path: str) -> None:
    text = await site.page(path, hx_request="true")
    assert "<nav" not in text
    assert 'hx-swap-oob="innerHTML"' in text


FILES = (
    ("/exports/stock?kind=reserve", RESERVE), ("/exports/bins?show=differs", THERE),
    ("/exports/deadlines?kind=left", "Bo Test"), ("/exports/requests?state=waiting", "register: HTTP 503"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "told"), FILES)
async def test_each_list_can_be_taken_along_with_its_filter(site: Site, path: str, told: str) -> None:
    text = await site.page(path)
    assert told in text
    assert "…" not in text, "whole numbers, and nothing else than the filter says"
    list_name = path.partition("?")[0].rpartition("/")[2]
    assert any((action, target) == ("export", list_name) for action, target, _ in site.told())
    assert (await get(site.app, "/exports/deadlines?kind=what")).status == 404


async def test_a_card_and_its_holder_have_one_story_each_and_the_audit_hears_of_the_look(site: Site) -> None:
    assert f"/cards/{HELD}/timeline" in await site.page(f"/cards/{HELD}")
    text = await site.page(f"/cards/{HELD}/timeline")
    for said in ("hela historien", "Beställt: O-2", "Beställning O-2: hämtat", "/orders?q=O-2"):
        assert said in text, said
    assert ("people.timeline", HELD, "card") in site.told()
    assert "Lämnat med numret: kortet inte sett" in await site.page(f"/cards/{OLD}/timeline")
    assert "Order O-2: collected" in await site.page(f"/people/{LEAVER}/timeline", accept_language="en")
    assert ("people.timeline", LEAVER, "person") in site.told()
    assert "Inget är känt." in await site.page("/cards/9999000000000000/timeline")
    for address in ("/cards/..%2F/timeline", "/people/nobody/timeline"):
        assert (await get(site.app, address)).status == 404, address


async def test_the_story_is_had_by_rest_with_the_evidence_that_proves_it(site: Site) -> None:
    story = json.loads(await site.page(f"/api/v1/people/{LEAVER}/timeline"))
    assert (story["about"], story["cards"]) == ("person", [HELD])
    assert story["evidence"] == [f"/api/v1/evidence?kind=card&value={HELD}"]
    assert {row["kind"] for row in story["rows"]} >= {"order", "request", "deadline"}
    moments = [row["at"] for row in story["rows"]]
    assert moments == sorted(moments, reverse=True)
    value = session(site.access, Role.OPERATOR, THERE, name="elsewhere.test")
    seen = await site.page(f"/api/v1/cards/{HELD}/timeline", cookie=f"{COOKIE}={value}")
    assert json.loads(seen)["rows"] == [], "an order of another station"
