"""Each page by HTTP, as somebody without JavaScript reads it, in both languages."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from fleet.server.cards.stock.model import BinRow, Emptied
from fleet.server.live_feed.hub import Hub
from fleet.server.pages.rendering import MENU
from fleet.server.stations.model import Contact
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.readings import NOW, FakeReadings
from tests.fleet.server.app.asgi import get

PAGES = (
    "/",
    "/stations",
    "/stations/lasarettet-a",
    "/errands",
    "/errands/00000000-0000-4000-8000-000000000008",
    "/orders",
)
SWEDISH = (
    "12 av 14 stationer tar emot besökare. Fyra saker behöver dig.",
    "14 stationer",
    "Så står den nu",
    "126 ärenden i dag",
    "Kort taget ur fack 14, facket stängt",
    "Väntar i fack",
)
ENGLISH = (
    "12 of 14 stations receive visitors. Four things need you.",
    "14 stations",
    "How it stands now",
    "126 errands today",
    "Card taken from slot 14, slot closed",
    "Waiting in slot",
)


@pytest.mark.parametrize(("path", "said"), list(zip(PAGES, SWEDISH, strict=True)))
async def test_a_page_in_swedish_unless_asked_otherwise(app: FastAPI, path: str, said: str) -> None:
    answer = await get(app, path)
    assert answer.status == 200
    assert '<html lang="sv"' in answer.text
    assert said in answer.text


@pytest.mark.parametrize(("path", "said"), list(zip(PAGES, ENGLISH, strict=True)))
async def test_a_page_in_english_for_an_english_browser(app: FastAPI, path: str, said: str) -> None:
    answer = await get(app, path, accept_language="fr, en-GB;q=0.8, sv;q=0.2")
    assert '<html lang="en"' in answer.text
    assert said in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_holds_nothing_that_the_policy_forbids(app: FastAPI, path: str) -> None:
    text = (await get(app, path)).text
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|hx-on", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert "https://" not in text


async def test_every_place_in_the_menu_can_be_reached(app: FastAPI) -> None:
    for page in MENU:
        answer = await get(app, page.path)
        assert answer.status == 200
        assert answer.text.count('aria-current="page"') == 1


async def test_the_language_asked_for_is_kept_in_a_cookie(app: FastAPI) -> None:
    answer = await get(app, "/?lang=en")
    assert '<html lang="en"' in answer.text
    assert "lang=en" in answer.header("set-cookie")
    assert '<html lang="en"' in (await get(app, "/", cookie="lang=en", accept_language="sv")).text


async def test_a_page_that_refreshes_itself_does_not_choose_the_language_of_other_tabs(app: FastAPI) -> None:
    answer = await get(app, "/?lang=en", hx_request="true", cookie="lang=sv")
    assert "stations receive visitors" in answer.text
    assert not answer.header("set-cookie")


async def test_an_unknown_language_or_theme_changes_nothing(app: FastAPI) -> None:
    answer = await get(app, '/?lang=xx&theme="><script>')
    assert '<html lang="sv" data-theme="auto"' in answer.text
    assert not answer.header("set-cookie")


async def test_the_theme_is_drawn_by_the_server_so_that_nothing_flashes(app: FastAPI) -> None:
    assert 'data-theme="dark"' in (await get(app, "/", cookie="theme=dark")).text
    assert "theme=hc" in (await get(app, "/?theme=hc")).header("set-cookie")


async def test_what_needs_somebody_stands_worst_first(app: FastAPI) -> None:
    text = (await get(app, "/")).text
    order = [
        text.index(said)
        for said in ("<b>Alla stationer: ", "<b>Lasarettet, entré C: stängd", "entré A: Papper", "NS-20417")
    ]
    assert order == sorted(order)
    assert text.count("btn pri") == 1


async def test_a_quiet_morning_says_so(app: FastAPI, readings: FakeReadings, alerts: FakeAlerts) -> None:
    readings.alarms, alerts.rows = (), []
    assert "Ingenting behöver dig just nu." in (await get(app, "/")).text


async def test_a_fleet_without_stations_has_a_page_too(app: FastAPI, readings: FakeReadings) -> None:
    readings.station_rows, readings.alarms, readings.by_hour, readings.by_kind = [], (), (), ()
    readings.order_rows, readings.errand_rows = [], []
    for path in ("/", "/stations", "/errands", "/orders"):
        assert (await get(app, path)).status == 200
    overview = (await get(app, "/")).text
    assert "Inga stationer än." in overview
    assert "i kontakt med servern" not in overview
    assert "passar" not in (await get(app, "/stations")).text
    assert "passar" not in (await get(app, "/orders")).text


async def test_a_station_never_heard_from_has_a_page(app: FastAPI, readings: FakeReadings) -> None:
    row = replace(readings.station_rows[0], state=None, heard=None, contact=Contact.OFFLINE)
    readings.put(row)
    answer = await get(app, f"/stations/{row.name}")
    assert "Inte hörd än" in answer.text
    assert "Aldrig hörd" in answer.text


async def test_the_twin_shows_the_errand_and_the_step_in_words(app: FastAPI, readings: FakeReadings) -> None:
    text = (await get(app, "/stations/lasarettet-a")).text
    assert ">Hämta kort</text>" in text
    assert ">Väljer ny kod</text>" in text
    row = readings.station_rows[0]
    assert row.state is not None
    readings.put(replace(row, state=msgspec.structs.replace(row.state, errand="gone", step="future.step")))
    text = (await get(app, "/stations/lasarettet-a")).text
    assert ">Ett ärende pågår</text>" in text
    assert "future.step" not in text


async def test_a_broken_chain_is_the_worst_there_is(app: FastAPI, readings: FakeReadings) -> None:
    readings.put(replace(readings.station_rows[5], chain_ok=False))
    answer = await get(app, "/stations")
    assert answer.text.index("Regionhuset") < answer.text.index("Lasarettet, entré C")
    assert "Kedjan bruten" in answer.text


async def test_an_errand_tells_its_chain_in_plain_words_and_its_receipt(app: FastAPI) -> None:
    text = (await get(app, PAGES[4])).text
    steps = [
        "Ärende påbörjat: Hämta kort",
        "Fack 14 öppnat",
        "Ny kod vald och kortet provat",
        "Kvittens utskriven",
        "Ärendet avslutat: klart",
    ]
    assert [said for said in steps if said in text] == steps
    assert 'href="/receipts/7F3A-91BA"' in text
    assert "se.kortkiosk" not in text


async def test_a_receipt_is_given_out_byte_by_byte(app: FastAPI, readings: FakeReadings) -> None:
    answer = await get(app, "/receipts/7F3A-91BA")
    assert answer.body == readings.receipts["7F3A-91BA"]
    assert answer.header("content-type") == "application/json"
    assert answer.header("content-disposition") == 'attachment; filename="kvittens-7F3A-91BA.json"'


async def test_a_protected_identity_is_its_hsa_id_alone(app: FastAPI, readings: FakeReadings) -> None:
    shielded = readings.order_rows[5]
    readings.order_rows[5] = replace(shielded, name="Made Upname")
    page = await get(app, f"/orders?q={shielded.order}")
    api = await get(app, f"/api/v1/orders?search={shielded.order}")
    assert shielded.hsa_id in page.text
    assert shielded.hsa_id in api.text
    assert "Upname" not in page.text + api.text


async def test_orders_are_found_by_name_and_state_through_the_address(app: FastAPI) -> None:
    assert ">5 order<" in (await get(app, "/orders?q=%C3%85sa")).text
    collected = await get(app, "/orders?state=collected")
    assert 'value="collected" selected' in collected.text
    assert "Uttaget</span>" not in collected.text
    assert "Ingen order passar." in (await get(app, "/orders?q=nobody")).text


async def test_a_search_word_comes_back_as_text_and_not_as_markup(app: FastAPI) -> None:
    text = (await get(app, "/orders?q=%22%3E%3Cimg%20src=x%3E")).text
    assert "<img" not in text
    assert "&#34;&gt;&lt;img src=x&gt;" in text


async def test_long_lists_come_a_hundred_rows_at_a_time(app: FastAPI, readings: FakeReadings) -> None:
    readings.order_rows = [replace(readings.order_rows[0], order=f"NS-{number}") for number in range(250)]
    first, last = await get(app, "/orders?q=NS"), await get(app, "/orders?q=NS&page=3")
    assert first.text.count('<tr><th scope="row"') == 100
    assert "Sida 1 av 3" in first.text
    assert 'href="/orders?q=NS&amp;state=&amp;page=2"' in first.text
    assert last.text.count('<tr><th scope="row"') == 50
    assert 'rel="next"' not in last.text


async def test_a_live_page_asks_for_its_fragment_alone(app: FastAPI) -> None:
    answer = await get(app, "/orders?q=NS-20401", hx_request="true")
    assert "<html" not in answer.text
    assert "NS-20401" in answer.text
    assert 'name="q"' not in answer.text
    assert "HX-Request" in answer.header("vary")


async def test_a_page_says_which_push_it_was_read_after(app: FastAPI, hub: Hub) -> None:
    assert f'data-seen="{hub.latest}"' in (await get(app, "/")).text


@pytest.mark.parametrize(
    "path", ["/nope", "/stations/nope", "/stations/A+B", "/errands/nope", "/receipts/..%2f", "/receipts/nope"]
)
async def test_what_does_not_exist_is_said_in_the_design(app: FastAPI, path: str) -> None:
    answer = await get(app, path)
    assert answer.status == 404
    assert "Sidan finns inte" in answer.text
    assert 'class="side"' in answer.text


async def test_a_value_that_a_page_does_not_know_is_no_fault_of_ours(app: FastAPI) -> None:
    answer = await get(app, "/orders?page=many")
    assert answer.status == 422
    assert "Adressen gick inte att läsa" in answer.text


async def test_a_fault_of_the_store_shows_nothing_of_itself(app: FastAPI, readings: FakeReadings) -> None:
    readings.failing = True
    for path in ("/", "/api/v1/stations"):
        answer = await get(app, path)
        assert answer.status == 500
        assert "made-up" not in answer.text
        assert "Traceback" not in answer.text
        assert "default-src 'none'" in answer.header("content-security-policy")
    assert (await get(app, "/health/live")).status == 200


async def test_a_store_that_is_away_is_said_with_the_time_to_try_again(
    app: FastAPI, readings: FakeReadings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_readings: FakeReadings) -> None:
        raise OperationalError("SELECT made_up", {}, Exception("made-up: database or disk is full"))

    monkeypatch.setattr(FakeReadings, "_check", away)
    for path in ("/", "/api/v1/stations"):
        answer = await get(app, path)
        assert (answer.status, answer.header("retry-after")) == (503, "5")
        assert "made-up" not in answer.text
        assert "default-src 'none'" in answer.header("content-security-policy")
    assert answer.json["detail"] == "the store cannot be used just now: try again"


async def test_events_of_an_unknown_type_and_odd_data_are_shown_as_they_are(
    app: FastAPI, readings: FakeReadings
) -> None:
    odd = replace(
        readings.event_rows[0], sequence=99_999, type="se.kortkiosk.future.thing", time="soon", content={"effect": 7}
    )
    readings.event_rows.append(odd)
    answer = await get(app, f"/stations/{odd.station}")
    assert "Händelse: future.thing" in answer.text


async def test_the_errand_of_a_station_that_is_gone_is_shown(app: FastAPI, readings: FakeReadings) -> None:
    readings.station_rows = []
    assert (await get(app, PAGES[4])).status == 200


async def test_a_station_says_what_is_in_its_bin_and_how_it_was_emptied(app: FastAPI, readings: FakeReadings) -> None:
    assert "Aldrig, enligt stationen" in (await get(app, "/stations/lasarettet-a")).text
    told = Emptied(NOW, ("TEST000000-A001", "TEST000000-A002"), 22, 23, 23, "4411", "missing", "77", differs=True)
    readings.bins["lasarettet-a"] = BinRow(4, told)
    text = (await get(app, "/stations/lasarettet-a")).text
    assert "22 av 23 · kort saknas 77" in text
    assert "TEST000000-A001, TEST000000-A002" in text
    answer = (await get(app, "/api/v1/stations/lasarettet-a/bin")).json
    assert (answer["cards"], answer["emptied"]["seal"], answer["emptied"]["by"][1]) == (4, "4411", "TEST000000-A002")
    assert (await get(app, "/api/v1/stations/nowhere/bin")).status == 404


def test_the_clock_of_the_fake_is_the_one_in_the_design() -> None:
    assert NOW.isoformat() == "2026-11-25T09:42:18+00:00"


class TableRows(HTMLParser):
    """How many columns each row of each table has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[int]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append(0)
        elif tag in ("th", "td"):
            self.tables[-1][-1] += int(dict(attrs).get("colspan") or 1)


async def test_every_row_of_a_table_has_as_many_cells_as_its_head(app: FastAPI) -> None:
    tried = 0
    for page in MENU:
        for widths in TableRows((await get(app, page.path)).text).tables:
            tried += len(widths) > 1
            assert len(set(widths)) == 1, f"{page.path}: {sorted(set(widths))}"
    assert tried > 5
