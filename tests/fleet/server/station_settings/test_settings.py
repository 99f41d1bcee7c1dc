"""Settings of stations at the server: layers, who decides, refusals with their keys, pages, and the signed file of a station."""

import base64
import html
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jws
from sqlalchemy import update

from fleet.messages.asking import REGION_TYP
from fleet.messages.link import MessageError, decode, encode
from fleet.messages.region import RegionAsk, RegionPage
from fleet.messages.settings import open_settings
from fleet.server.accounts.tables import sessions
from fleet.server.asks.answers import Answers
from fleet.server.clock.clock_check import SETTLES, ClockReading
from fleet.server.guards.service import store_clock_reading
from fleet.server.keys.random_tokens import form_token
from fleet.server.keys.signing import Signer
from fleet.server.live_feed.hub import Hub
from fleet.server.proposals.service import ProposalService
from fleet.server.station_settings.model import Document, SettingsRefusedError, changed_lines, merge, takes_two
from fleet.server.stations.alarms import AlarmRecorder
from fleet.server.stations.service import add_stations
from sim.reader.pki import TestAuthority as MadeUpAuthority
from tests.fakes.server.insider_in_service import Server
from tests.fakes.server.readings import NOW
from tests.fakes.server.scripted_verifier import KEY, ScriptedVerifier
from tests.fakes.server.visitors import COOKIE
from tests.fleet.server.app.asgi import get, post

ROOT = MadeUpAuthority.create(NOW).anchors()[0].public_bytes(Encoding.PEM).decode()
ANCHORS = f'[trust]\nanchors = "fleet:roots.pem"\n[files]\n"roots.pem" = """\n{ROOT}"""\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    with server.database.writing.begin() as connection:
        add_stations(connection, ["entre-a", "entre-b"])
    yield server
    server.database.close()


async def put(server: Server, layer: str, document: str, revision: int = 0) -> Any:
    body = {"document": document, "revision": revision, "reason": "made up"}
    return await server.call(server.honest, "PUT", f"/settings/{layer}", body)


async def place(server: Server, station: str, site: str | None, group: str | None = None) -> Any:
    body = {"site": site, "group": group, "reason": "moved"}
    return await server.call(server.honest, "PUT", f"/station-places/{station}", body)


async def confirmed(server: Server, proposed: Any) -> None:
    """Another person confirms it, and the time to object goes by."""
    path = f"/proposals/{proposed.json['proposal']}/confirm"
    assert (await server.call(server.third, "POST", path)).status == 200
    server.now += timedelta(hours=1)
    with server.database.writing.begin() as connection:
        store_clock_reading(connection, ClockReading(server.now, server.now - SETTLES))
        connection.execute(
            update(sessions).values(
                made=server.now, used=server.now, stepped_up=server.now, ends=server.now + timedelta(hours=12)
            )
        )
    ProposalService(server.database, Hub(), lambda: server.now, mails=False).apply_due()


async def of_station(server: Server, station: str) -> Any:
    return (await server.call(server.honest, "GET", f"/stations/{station}/settings")).json


async def press(server: Server, path: str, **fields: str) -> Any:
    own = {"form_token": form_token(server.honest), **fields}
    return await post(server.app, path, own, cookie=f"{COOKIE}={server.honest}")


async def test_the_nearest_layer_counts_and_each_key_says_where_it_is_from(server: Server) -> None:
    assert (await place(server, "entre-a", "entre", "vard")).status == 200
    for layer, volume in (("fleet", 1), ("group:vard", 2), ("site:entre", 3), ("station:entre-a", 4)):
        assert (await put(server, layer, f"[speech]\nvolume = {volume}\n")).status == 200
        assert (await of_station(server, "entre-a"))["sources"]["speech.volume"] == layer
    assert (await put(server, "site:entre", "[speech]\nvolume = 3\nrate = 2\n", 1)).status == 200
    own, other = await of_station(server, "entre-a"), await of_station(server, "entre-b")
    assert own["values"] == {"speech": {"volume": 4, "rate": 2}}
    assert own["sources"] == {"speech.volume": "station:entre-a", "speech.rate": "site:entre"}
    assert other["values"] == {"speech": {"volume": 1}}
    assert own["version"] != other["version"]


async def test_a_wrong_setting_of_a_site_is_refused_for_all_its_faults_and_nothing_is_kept(server: Server) -> None:
    await place(server, "entre-a", "entre")
    assert "there is no file 'roots.pem'" in (await put(server, "site:entre", ANCHORS.split("[files]")[0])).text
    no_root = ANCHORS.replace(ROOT, "none")
    assert "trust.anchors: fleet:roots.pem: no certificate" in (await put(server, "site:entre", no_root)).text
    wrong = '[network]\nproxy = "proxy"\n[speech]\npitch = 1\n'
    answer = await put(server, "site:entre", wrong)
    assert answer.status == 422
    for fault in ("network: 'proxy' is no host and port", "speech.pitch: there is no such key"):
        assert fault in answer.text
    assert (await server.call(server.honest, "GET", "/settings")).json["items"] == []


async def test_a_fault_that_only_one_station_of_a_group_would_have_refuses_the_whole_change(server: Server) -> None:
    await place(server, "entre-a", "entre", "vard")
    assert (
        await put(server, "station:entre-a", '[printer]\nkind = "network"\nhost = "skrivare.example"\n')
    ).status == 200
    assert (await put(server, "group:vard", '[printer]\nhost = ""\n')).status == 200, "the nearer layer has a host"
    answer = await put(server, "station:entre-a", '[printer]\nkind = "network"\n', 1)
    assert answer.status == 422
    assert "printer: kind 'network' needs host" in answer.text
    gone = await put(server, "station:entre-b", '[printer]\nkind = "network"\n')
    assert gone.status == 422


async def test_a_layer_that_was_changed_meanwhile_is_not_overwritten(server: Server) -> None:
    assert (await put(server, "fleet", "[speech]\nvolume = 1\n")).status == 200
    assert (await put(server, "fleet", "[speech]\nvolume = 2\n")).status == 409
    assert (await put(server, "fleet", "[speech]\nvolume = 2\n", 1)).json["revision"] == 2
    history = (await server.call(server.honest, "GET", "/settings/fleet/history")).json
    assert [(one["revision"], one["by"]) for one in history] == [(2, "tove.test"), (1, "tove.test")]


async def test_anchors_wait_for_another_person_and_are_theirs_together(server: Server) -> None:
    answer = await put(server, "fleet", ANCHORS)
    assert answer.status == 202
    assert (await server.call(server.honest, "GET", "/settings")).json["items"] == []
    alone = await server.call(server.honest, "POST", f"/proposals/{answer.json['proposal']}/confirm")
    assert alone.status in {403, 409}
    await confirmed(server, answer)
    (row,) = (await server.call(server.honest, "GET", "/settings")).json["items"]
    assert (row["by"], row["second"], row["revision"]) == ("tove.test", "eva.test", 1)
    assert (await of_station(server, "entre-b"))["files"] == {"roots.pem": ROOT}


async def test_a_move_to_a_site_with_other_anchors_takes_two_persons_as_well(server: Server) -> None:
    await confirmed(server, await put(server, "site:entre", ANCHORS))
    answer = await place(server, "entre-a", "entre")
    assert answer.status == 202
    assert (await of_station(server, "entre-a"))["values"] == {}
    await confirmed(server, answer)
    assert (await of_station(server, "entre-a"))["values"] == {"trust": {"anchors": "fleet:roots.pem"}}


async def test_a_proposal_over_a_layer_that_moved_on_does_nothing(server: Server) -> None:
    proposed = await put(server, "fleet", ANCHORS)
    assert (await put(server, "fleet", "[speech]\nvolume = 2\n")).status == 200
    await confirmed(server, proposed)
    (row,) = (await server.call(server.honest, "GET", "/settings")).json["items"]
    assert (row["revision"], row["document"]) == (1, "[speech]\nvolume = 2\n")
    done = (await server.call(server.honest, "GET", f"/proposals/{proposed.json['proposal']}")).json
    assert (done["state"], "read it again" in done["outcome"]) == ("failed", True)


async def test_a_change_is_shown_on_the_page_before_it_is_kept(server: Server) -> None:
    fields = {"document": "[speech]\r\nvolume = 2\r\n", "revision": "0", "reason": "too loud"}
    shown = await press(server, "/settings/site:entre", **fields)
    assert "speech.volume: – → 2" in html.unescape(shown.text)
    assert (await server.call(server.honest, "GET", "/settings")).json["items"] == []
    kept = await press(server, "/settings/site:entre", **fields, seen="yes")
    assert (kept.status, kept.header("location")) == (303, "/settings/site:entre")
    cookie = f"{COOKIE}={server.honest}"
    assert (await get(server.app, "/settings/site:entre/station.toml", cookie=cookie)).text == "[speech]\nvolume = 2\n"
    page = html.unescape((await get(server.app, "/settings/site:entre", cookie=cookie)).text)
    assert "too loud" in page
    wrong = await press(
        server, "/settings/site:entre", document="[speech]\nvolume = 99\n", revision="1", reason="louder"
    )
    assert wrong.status == 422
    assert "speech.volume: Input should be less" in html.unescape(wrong.text)
    assert "volume = 99" in wrong.text, "what was written stays"


@pytest.mark.parametrize("text", ["a = ", "speech = 3", "[files]\na = 1", "files = 3"])
def test_a_document_that_is_none_names_the_fault(text: str) -> None:
    with pytest.raises(SettingsRefusedError):
        Document.parse(text)


@pytest.mark.parametrize(
    "text", [ANCHORS, '[usb]\nallow = ["1d6b:0002"]', '[files]\nx = ""', '[station]\nregion = "x"']
)
def test_what_says_which_cards_and_devices_are_believed_takes_two(text: str) -> None:
    assert takes_two(Document(), Document.parse(text))
    assert takes_two(Document.parse(text), Document()), "to take it away is a change too"
    title = Document.parse('[station]\ntitle = "x"')
    assert not takes_two(Document(), title)


def test_a_file_is_shown_by_its_lines_and_goes_only_where_it_is_named() -> None:
    document = Document.parse(ANCHORS + '"other.pem" = "x"\n')
    assert changed_lines(Document(), document)[0].startswith("files.other.pem: – → 1 line")
    assert merge({"fleet": document}).files == {"roots.pem": ROOT}


async def test_a_station_gets_its_own_settings_signed_and_as_the_last_page(server: Server) -> None:
    answers = Answers(server.database, Signer(KEY), ScriptedVerifier(), AlarmRecorder(server.database), lambda: NOW)

    async def page(station: str, have: str | None = None) -> RegionPage:
        answer = await answers.answer(station, encode(RegionAsk(settings=True, have=have)))
        assert answer.jws is not None
        opened = jws.deserialize_compact(answer.jws, KEY, algorithms=["ES256"])
        assert opened.protected["typ"] == REGION_TYP
        page: RegionPage = decode(RegionPage, opened.payload)
        return page

    bare = await page("entre-a")
    assert bare.files == (), "a fleet that never wrote a layer gives none"
    assert (await put(server, "station:entre-a", "[speech]\nvolume = 2\n")).status == 200
    own = await page("entre-a")
    (part,) = own.files
    assert (part.kind, own.next) == ("settings", None)
    settings = open_settings(base64.b64decode(part.data), KEY, "entre-a")
    assert settings.values == {"speech": {"volume": 2}}
    assert settings.sources == {"speech.volume": "station:entre-a"}
    other = await page("entre-b")
    with pytest.raises(MessageError, match="another station"):
        open_settings(base64.b64decode(part.data), KEY, "entre-b")
    assert open_settings(base64.b64decode(other.files[0].data), KEY, "entre-b").values == {}
    assert (await page("entre-a", have=own.set)).unchanged
    assert not (await page("entre-b", have=own.set)).unchanged
