"""Every page, in light and dark: nothing that axe finds fault with, nothing that the console complains of, and a phone holds it.

With `KORTKIOSK_PICTURES=FOLDER` each page is drawn into the folder, at 1440x900, and 390 wide in `phone`; `make gallery` does.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import BrowserContext, Page
from sqlalchemy import Connection, insert, select, update

from fleet.messages.asking import DeclinedResult, LetterAsk
from fleet.messages.link import Administrator, encode
from fleet.server.accounts import hsa_bindings
from fleet.server.accounts import queries as accounts
from fleet.server.accounts.tables import users, webauthn_keys
from fleet.server.cards.stock.model import BinRow, Emptied
from fleet.server.commands.model import CommandRequest
from fleet.server.database.database import Database
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.enrolment.service import ClaimTerms
from fleet.server.enrolment.tables import join_keys, station_claims
from fleet.server.ingest.parse import ArrivedPresence, ArrivedState
from fleet.server.ingest.write import Writer
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import RequestKey
from fleet.server.maintenance.model import Window
from fleet.server.orders.model import OrderLine, OrderRow
from fleet.server.orders.service import import_orders
from fleet.server.pages.rendering import MENU
from fleet.server.people.model import ListedAdministrator
from fleet.server.people.queries import replace_administrators
from fleet.server.sign_in.service import Access
from fleet.server.station_settings.model import StationPlace
from fleet.server.station_settings.service import put_layer, put_place
from fleet.server.stations.service import add_stations
from fleet.server.stations.tables import stations
from fleet.server.web.roles import EVERYWHERE, Role
from fleet.server.worklist.model import KINDS
from provisioning.authority import Authority
from sim.stories.administrators import listed
from tests.fakes.server.commands import OLLE, commands_of
from tests.fakes.server.databases import new_store
from tests.fakes.server.live_site import ERRAND, Complaints, Site
from tests.fakes.server.readings import NOW, FakeReadings, demo_readings
from tests.fakes.server.visitors import COOKIE, SEALER, session
from tests.fleet.server.app.axe import violations
from tests.fleet.server.conftest import record
from tests.fleet.server.worklist.conftest import Desk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PICTURES = os.environ.get("KORTKIOSK_PICTURES")
OTHERS = {
    "station": "/stations/lasarettet-a",
    "station-command": "/stations/lasarettet-a/commands?do=open_slot",
    "roll-out": "/updates/images",
    "errand": f"/errands/{ERRAND}",
    "alert": "/alerts/1",
    "person-timeline": "/people/SE2321000999-7K01/timeline",
    "maintenance": "/maintenance",
    "maintenance-recurring": "/maintenance?kind=recurring&show=all",
    "user": "/users/tove.test",
    "user-unbound": "/users/maj.test",
    "user-bound": "/users/ebba.test",
    "tokens": "/tokens",
    "me": "/me",
    "sign-in": "/sign-in",
    "settings-layer": "/settings/fleet",
    "settings-station": "/settings/station:lasarettet-a",
    "error": "/nowhere",
}
WINDOWS = (
    Window(
        "Nytt golv i entrén", ("lasarettet-a", "lasarettet-c"), 240, since=NOW, reason="Golvläggarna drar ut kablarna"
    ),
    Window("Nätverk", ("*",), 150, ("sun",), "02:00", reason="Leverantörens fönster varje vecka"),
    Window("Flytt till plan 2", ("angsvik",), 480, since=NOW + timedelta(days=6), reason="Lokalen byggs om"),
    Window("Elarbete", ("lasarettet-*", "hamnen"), 60, since=NOW - timedelta(days=2)),
)
ADMINISTRATORS = (
    listed("SE2321000999-1A13", "Maj Utlämningsdotter", "*", roles=("KRA", "KUR")),
    listed("SE2321000999-1A14", "Olle Skåpvall", "lasarettet-*", "angsvik"),
    ListedAdministrator(
        Administrator("SE2321000999-1A15", "Ebba Vikarie", ("KRA",), 3, "2025-06-01", "2025-12-31"), ("lasarettet-a",)
    ),
)
PAGES = {**{page.id: page.path for page in MENU}, **OTHERS}


TO_COLLECT = load_deadlines().rule["not_collected"].days


def in_slots(rows: list[OrderRow]) -> list[OrderRow]:
    """Orders whose cards lie in slots, each with the day on which the rules void it."""
    places = {(row.station, row.slot): row for row in rows if row.slot and not row.protected}
    days = ((NOW + timedelta(days=number + 1)).date().isoformat() for number in range(len(places)))
    return [replace(row, last_day=day) for row, day in zip(places.values(), days, strict=True)]


def fill_worklist(database: Database) -> None:
    """A row of each kind, and their times as far apart as they come: late, today, tomorrow, later."""
    with database.reading.begin() as connection:
        ids = {row.name: row.id for row in connection.execute(select(stations.c.name, stations.c.id))}
    cards = [f"975226904471{number:04}" for number in range(6601, 6615)]
    desk = Desk(database, NOW - timedelta(days=4))
    desk.order("2026-9001", cards[0], "activated", slot=31, name="Lena Åkesson", hsa_id="TEST000000-9001")
    desk.order(
        "2026-9002", cards[1], station="psykiatrin-ostra", slot=32, name="Nils Törnqvist", hsa_id="TEST000000-9002"
    )
    desk.has_left("TEST000000-9002", "2026-08-28")
    desk.later(days=2, hours=20)
    desk.dropped(ids["angsvik"], cards[2], by_number=True)
    desk.later(hours=5, minutes=32)
    desk.held(cards[3], result=DeclinedResult("unknown_card"), station="hamnen")
    desk.order("2026-9003", cards[4], slot=33, name="Ebba Lindgren", hsa_id="TEST000000-9003")
    desk.held(cards[4])
    desk.order("2026-9004", cards[5], station="angsvik", slot=34)
    desk.received("2026-9004", cards[5], "angsvik")
    with database.writing.begin() as connection:
        letter = LetterAsk(id="1" * 32, card_number=cards[9])
        requesting.enqueue(connection, RequestKey("hamnen", letter.id), letter, "", desk.now)
        for row in requesting.due_requests(connection, desk.now):
            requesting.leave_to_people(connection, row.key)
    desk.later(hours=20)
    desk.emptied(ids["psykiatrin-ostra"], 51, 50)
    desk.order("2026-9005", cards[6], "misplaced", slot=35)
    desk.order(
        "2026-9006", cards[10], "waiting", slot=36, name="Ola Berg", last_day=f"{desk.now - timedelta(days=1):%Y-%m-%d}"
    )
    desk.quarantined(ids["lasarettet-a"], 17, cards[7])
    desk.letter_refused(cards[8], "reserve_card")
    desk.receipt_mail("8FS0-FF99-H4E4A", "refused", "mail_refused", cards[11], "angsvik")
    desk.asked_for_certificate(cards[12], "angsvik")
    desk.order("2026-9007", cards[13], "coming", slot=0, name="Pia Nord", delivery="post")
    desk.made = 99  # the stations have told of errands of their own
    desk.used(cards[13], "unblock", station="lasarettet-a")
    for row, who in zip(desk.worklist.rows(), ("tove.test", "östen.norr"), strict=False):
        desk.worklist.record(row, who, "take")


def add_accounts(connection: Connection) -> None:
    """Two local accounts with security keys: one whose binding to an HSA-id ends soon and waits to be made anew, and one
    without."""
    for name in ("maj.test", "ebba.test"):
        user = accounts.add(connection, name, ((Role.ID_ADMINISTRATOR, EVERYWHERE),), NOW - timedelta(days=400))
        connection.execute(update(users).where(users.c.id == user).values(password="made-up"))
        key = {"user": user, "name": "nyckel", "credential": name, "public_key": "", "sign_count": 0, "made": NOW}
        connection.execute(insert(webauthn_keys).values(key))
    bound = {"hsa_id": "SE2321000999-1A15", "hsa_until": NOW + timedelta(days=12)}
    connection.execute(update(users).where(users.c.name == "ebba.test").values(bound))
    reason = "Vikarierar på lasarettet till midsommar, och beslutar om kort där"
    hsa_bindings.ask(connection, "ebba.test", "SE2321000999-1A15", reason, "axel.test", NOW)


def add_settings(connection: Connection) -> None:
    """Settings in three layers, one of them changed once."""
    by = ("olle.test", None, "")
    fleet = '[network]\ntime = ["ntp.region.test"]\n\n[speech]\nvolume = 4\n'
    put_layer(connection, "fleet", fleet, 0, "Tid och tal för alla", by, NOW - timedelta(days=30))
    put_layer(
        connection, "fleet", fleet.replace("4", "3"), 1, "Det hördes till väntrummet", by, NOW - timedelta(days=2)
    )
    put_place(connection, StationPlace("lasarettet-a", "lasarettet", "vard"), by, NOW)
    printer = '[printer]\nkind = "network"\nhost = "skrivare-7.region.test"\n'
    put_layer(connection, "site:lasarettet", printer, 0, "Skrivare i nätet", by, NOW - timedelta(hours=3))


def add_new_station(connection: Connection) -> None:
    """A station whose key waits for a person's word, two of a join key, and one that was let in and lacks something."""
    made = NOW - timedelta(hours=2)
    claim = {"station": "skargarden", "salt": "", "digest": "", "made": made, "made_by": "olle.test", "wrong": 0}
    asks = {"asked": NOW - timedelta(minutes=3), "address": "192.0.2.7", "key": "fdccb204e0882fe49420" + "0" * 44}
    connection.execute(insert(station_claims).values(claim | asks | {"expires": made + timedelta(days=1)}))
    for number, name in enumerate(("vardcentralen-norr", "vardcentralen-soder"), 1):
        theirs = {"station": name, "key": f"{number}c7be204e0882fe49421" + "0" * 44, "join_key": 1}
        connection.execute(insert(station_claims).values(claim | asks | {"expires": made} | theirs))
    key = {"salt": "", "digest": "", "most": 40, "used": 2, "made": made, "made_by": "olle.test"}
    for ended in (made, None):
        connection.execute(insert(join_keys).values(key | {"expires": made + timedelta(days=7), "ended": ended}))
    let_in = {"approved": True, "decided": made, "decided_by": "tove.test", "asked": made}
    issued = claim | asks | let_in | {"station": "lasarettet-a", "expires": made + timedelta(days=1)}
    connection.execute(insert(station_claims).values(issued))


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """A store of its own, with the region's stations and orders in it for the pages about cards."""
    database = new_store(tmp_path_factory.mktemp("looks") / "fleet.sqlite")
    rows = demo_readings()
    states = [(row.name, row.state) for row in rows.station_rows if row.state is not None]
    told = [
        one
        for name, state in states
        for one in (ArrivedState(name, encode(state).decode()), ArrivedPresence(name, True))
    ]
    Writer(database).commit(told, NOW)
    with database.writing.begin() as connection:
        replace_administrators(connection, ADMINISTRATORS)
        add_accounts(connection)
        add_new_station(connection)
        for number, row in enumerate(in_slots(rows.order_rows)):
            known = {"hsa_id": row.hsa_id, "name": row.name, "card_number": row.card_number, "product": row.product}
            one = record(row.order, loa=row.loa, station=row.station, slot=row.slot, last_day=row.last_day, **known)
            made = NOW - timedelta(days=TO_COLLECT - 1 - number)
            add_stations(connection, [row.station])
            import_orders(connection, [OrderLine(2, one)], made)
        add_settings(connection)
    fill_worklist(database)
    yield Access(database, lambda: NOW, SEALER)
    database.close()


@pytest.fixture(scope="module")
def visitor(access: Access) -> str:
    """The cookie of an administrator of that store."""
    return f"{COOKIE}={session(access)}"


@pytest.fixture
def readings() -> FakeReadings:
    """A region in which two stations lag behind."""
    readings = demo_readings()
    same = {row.order: row for row in in_slots(readings.order_rows)}
    readings.order_rows = [same.get(row.order, row) for row in readings.order_rows]
    by = ("SE2321000999-7K03", "SE2321000999-7K07")
    readings.bins["lasarettet-a"] = BinRow(23, Emptied(NOW - timedelta(days=7), by, 41, 41, 41, "P-2207", "", ""))
    for number, row in enumerate(readings.station_rows):
        assert row.state is not None
        said = {
            "version": "0.0.9" if number == 9 else row.state.version,
            "region": ("b7" if number == 4 else "4e") * 32,
            "firmware": None if number == 7 else "0.9.4" if number == 9 else "1.0.0",
            "image": "2026.9.2" if number in (4, 9) else "2026.11.1",
        }
        readings.put(replace(row, state=msgspec.structs.replace(row.state, **said)))
    return readings


async def picture(page: Page, number: int, name: str, folder: str, *, whole: bool = False) -> None:
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / folder / f"{number:02}-{name}.png"), full_page=whole)


async def too_wide(page: Page, number: int, name: str) -> list[str]:
    """What of the page does not fit a phone of 390 px."""
    wide = page.viewport_size
    assert wide is not None
    await page.set_viewport_size({"width": 390, "height": 844})
    await picture(page, number, name, "phone", whole=True)
    width = await page.evaluate("document.documentElement.scrollWidth")
    await page.set_viewport_size(wide)
    return [f"{name} at 390 px is {width} wide"] if width != 390 else []


async def test_every_page_in_both_themes(
    site: Site, context: BrowserContext, complaints: Complaints, tmp_path: Path
) -> None:
    await site.stop()
    authority = Authority.init(tmp_path / "authority", [], NOW)
    site.terms = ClaimTerms("https://fleet.region.test:8443", authority.issuer().certificate)
    await site.start()
    page, found = await context.new_page(), []
    complaints.allow("404")  # the page of errors
    asked = CommandRequest("lasarettet-a", "open_slot", "kortet ligger på tvären", slot=14)
    for window in WINDOWS:
        site.alerts.begin_window(window, "olle.test")
    waiting = commands_of(site.access.database, lambda: NOW).ask(asked, OLLE)
    (by_file,) = [row.id for row in Desk(site.access.database, NOW).worklist.rows() if row.kind == "certificate"]
    pages = {**PAGES, "command": f"/commands/{waiting.id}", "worklist-certificate": f"/worklist?item={by_file}"}
    for number, (name, path) in enumerate(pages.items()):
        await page.goto(site.url + path)
        for theme in ("dark", "light"):
            await page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            await picture(page, number, name, f"{theme}-sv")
            found += [f"{theme} {one}" for one in await violations(page)]
        found += await too_wide(page, number, name)
    assert found == []


async def test_the_worklist_fits_on_a_phone(site: Site, context: BrowserContext, complaints: Complaints) -> None:
    """Each row with the time that is left; the row that is open has the one button (design, 05-worklist)."""
    page = await context.new_page()
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(site.url + "/worklist")
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / "light-sv" / "worklist-390x844.png"), full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    rows = page.locator(".work li")
    assert await rows.count() == len(KINDS)
    assert await rows.locator(".btn:visible").count() == 1
    assert await rows.locator(".dl b:visible").count() == len(KINDS)
    assert "_" not in await page.inner_text(".work"), "a code without its words"
    for link in await rows.locator("a:not(.btn)").all():
        box = await link.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390


async def test_a_phone_has_five_places_at_the_thumb_and_the_rest_behind_the_last(
    site: Site, context: BrowserContext, complaints: Complaints
) -> None:
    """Alerts, worklist, stations, search and more (design, 05-worklist); each target at least 44 px."""
    page = await context.new_page()
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(site.url + "/worklist")
    bar = page.locator(".side a:visible")
    places = []
    for link in await bar.all():
        box = await link.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
        assert 844 - 72 <= box["y"] <= 844 - box["height"]
        places.append((box["x"], await link.locator("span").first.inner_text()))
    assert [name for _, name in sorted(places)] == ["Larm", "Att göra", "Stationer", "Sök", "Mer"]
    await page.get_by_role("link", name="Mer", exact=True).click()
    await page.get_by_role("link", name="Frister", exact=True).wait_for()
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / "light-sv" / "menu-390x844.png"))
    await page.get_by_role("link", name="Stäng", exact=True).click()
    await page.get_by_role("link", name="Frister", exact=True).wait_for(state="hidden")
    await page.get_by_role("link", name="Sök", exact=True).click()
    assert await page.evaluate("document.activeElement.id") == "find"
    await page.locator("#station").select_option("hamnen")
    await page.locator(".filter button").click()
    await page.locator(".work li").first.wait_for()
    assert await page.locator(".work li").count() == 2


async def test_maintenance_is_planned_in_a_browser_and_ended(
    site: Site, context: BrowserContext, complaints: Complaints
) -> None:
    page = await context.new_page()
    await page.goto(site.url + "/alerts")
    await page.get_by_role("link", name="Underhåll").click()
    await page.get_by_role("link", name="Återkommande").click()
    await page.get_by_label("Namn", exact=True).fill("Nätverk")
    await page.get_by_label("Stationer", exact=True).fill("lasarettet-*")
    await page.get_by_label("Skäl").fill("Leverantörens fönster")
    await page.get_by_label("ons", exact=True).check()
    await page.get_by_label("Från", exact=True).fill("10:00")
    await page.get_by_label("Till", exact=True).fill("12:30")
    await page.get_by_role("button", name="Planera").click()
    await page.get_by_text("ons 10:00–12:30").wait_for()
    assert "i underhåll" in await page.inner_text("h1")
    await page.goto(site.url + "/alerts")
    assert "till 25 nov 12:30" in await page.inner_text("#in-maintenance")
    await page.goto(site.url + "/maintenance")
    await page.get_by_role("button", name="Avsluta: Nätverk").click()
    await page.get_by_text("Inget är planerat.").wait_for()
    assert site.alerts.maintenance[0].window.days == ("wed",)
