"""Alerts for people and programs: what is wrong where, and who has taken it."""

import pytest
from fastapi import FastAPI

from fleet.server.alerts.labels import ALERT_ICON, alert_advice, alert_detail, alert_label
from fleet.server.alerts.model import NoticeRow, PendingApproval
from fleet.server.alerts.rules import ENDING, FINDERS
from fleet.server.keys.expiry import RENEWAL, End, What
from fleet.server.keys.random_tokens import form_token
from fleet.server.pages.i18n import load
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from tests.fakes.server.alerts import FakeAlerts, alert
from tests.fakes.server.readings import NOW
from tests.fakes.server.visitors import COOKIE, program, session
from tests.fleet.server.app.asgi import ask, get, post


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "sv",
            (
                "Fyra öppna larm",
                "Luckan till fack 14 står öppen",
                "601: 4 kort",
                "Alla stationer",
                "maj.test",
                "Ringt dem",
            ),
        ),
        ("en", ("Four open alerts", "The door of slot 14 stands open", "601: 4 cards", "silent during maintenance")),
    ],
)
async def test_the_list_says_what_is_wrong_where_and_who_has_it(
    app: FastAPI, language: str, said: tuple[str, ...]
) -> None:
    page = await get(app, "/alerts", accept_language=language)
    assert page.status == 200
    assert [one for one in said if one not in page.text] == []


async def test_the_state_of_the_list_is_in_its_address(app: FastAPI) -> None:
    closed = (await get(app, "/alerts?state=closed")).text
    assert 'id="alert-4"' in closed
    assert 'id="alert-1"' not in closed
    assert "Ingenting här" in (await get(app, "/alerts?station=akuten")).text


async def test_a_word_that_did_not_get_through_is_on_the_page(app: FastAPI, alerts: FakeAlerts) -> None:
    alerts.notices = [NoticeRow(1, alerts.rows[0], "drift", "opened", NOW, None, 12, None, "answered 503", "made-up")]
    page = (await get(app, "/alerts")).text
    assert "answered 503" in page
    assert "uppgivet" in page
    (one,) = (await get(app, "/api/v1/notices")).json
    assert (one["channel"], one["due"], one["alert"]["code"]) == ("drift", None, "paper")


async def test_a_word_about_a_command_that_did_not_get_through_is_there_too(app: FastAPI, alerts: FakeAlerts) -> None:
    waiting = PendingApproval(9, "lasarettet-a", "open_slot", "olle.test", NOW, NOW)
    alerts.notices = [NoticeRow(1, waiting, "drift", "waiting", NOW, NOW, 1, None, "answered 503", "made-up")]
    page = (await get(app, "/alerts")).text
    assert '<a href="/commands/9">Ett kommando väntar på en andra person: Lasarettet, entré A</a>' in page
    (one,) = (await get(app, "/api/v1/notices")).json
    assert (one["what"], one["alert"], one["command"]["id"], one["command"]["by"]) == ("waiting", None, 9, "olle.test")


async def test_somebody_takes_an_alert_with_a_note(app: FastAPI, alerts: FakeAlerts, access: Access) -> None:
    value = session(access, Role.OPERATOR, "lasarettet-a", "olle.test")
    cookie = f"{COOKIE}={value}"
    assert 'name="note"' in (await get(app, "/alerts/1", cookie=cookie)).text
    fields = {"form_token": form_token(value), "note": " Rullen är på väg "}
    done = await post(app, "/alerts/1/acknowledge", fields, cookie=cookie)
    assert (done.status, done.header("location")) == (303, "/alerts/1")
    assert (alerts.rows[0].by, alerts.rows[0].note) == ("olle.test", "Rullen är på väg")
    page = (await get(app, "/alerts/1", cookie=cookie)).text
    assert "olle.test" in page
    assert 'name="note"' not in page
    assert alerts.patterns == {"lasarettet-a"}


async def test_a_note_keeps_no_personal_identity_number(app: FastAPI, alerts: FakeAlerts) -> None:
    note = "ringde 19121212-1212, " + "x" * 300
    fields = {"form_token": form_token(app.state.visitor.partition("=")[2]), "note": note}
    await post(app, "/alerts/1/acknowledge", fields)
    taken = alerts.find_alert(1)
    assert taken is not None
    assert taken.note == "ringde [number], " + "x" * 300


async def test_a_viewer_sees_and_does_not_take(app: FastAPI, alerts: FakeAlerts, access: Access) -> None:
    value = session(access, Role.VIEWER, name="vera.test")
    cookie = f"{COOKIE}={value}"
    assert 'name="note"' not in (await get(app, "/alerts/1", cookie=cookie)).text
    done = await post(app, "/alerts/1/acknowledge", {"form_token": form_token(value)}, cookie=cookie)
    assert done.status == 403
    assert alerts.rows[0].by is None


async def test_an_alert_of_another_region_is_none(app: FastAPI, access: Access) -> None:
    cookie = f"{COOKIE}={session(access, Role.OPERATOR, 'akuten', 'anna.test')}"
    assert (await get(app, "/alerts/1", cookie=cookie)).status == 404
    assert (await get(app, "/api/v1/alerts/1", cookie=cookie)).status == 404
    assert (await get(app, "/alerts/99")).status == 404


async def test_a_program_takes_one_in_its_own_name_and_the_first_stands(app: FastAPI, access: Access) -> None:
    token = f"Bearer {program(access, name='pager')}"
    headers = {"authorization": token, "content_type": "application/json", "cookie": ""}
    for note in ("on it", "me too"):
        body = f'{{"note":"{note}"}}'.encode()
        answer = await ask(app, "POST", "/api/v1/alerts/2/acknowledge", body, content_length=str(len(body)), **headers)
        assert (answer.status, answer.json["by"], answer.json["note"]) == (200, "token:pager", "on it")
    listed = (await get(app, "/api/v1/alerts?state=all&limit=2")).json
    assert (listed["total"], listed["next"], len(listed["items"])) == (5, 2, 2)


async def test_an_alert_that_is_named_twice_is_taken_and_told_once(app: FastAPI, access: Access) -> None:
    token = f"Bearer {program(access, name='pager')}"
    headers = {"authorization": token, "content_type": "application/json", "cookie": ""}
    body = b'{"alerts":[2,1,2,2]}'
    answer = await ask(app, "POST", "/api/v1/alerts/acknowledge", body, content_length=str(len(body)), **headers)
    assert [row["id"] for row in answer.json] == [2, 1]
    assert access.entries(action="alert.acknowledge")[1] == 2


def test_every_rule_has_its_icon() -> None:
    assert ALERT_ICON.keys() == FINDERS.keys()


def test_every_rule_has_its_words_in_both_languages() -> None:
    for texts in load().values():
        for code in FINDERS:
            assert alert_label(alert(1, "a", code)).text(texts) != code
        assert alert_detail(alert(1, "a", "reader", subject="Läsare", detail="no_reader"), texts).startswith("Läsare: ")
        assert alert_detail(alert(1, "a", "version", detail="0.9"), texts) == "0.9"


@pytest.mark.parametrize("code", ENDING)
@pytest.mark.parametrize("what", RENEWAL)
def test_what_ends_is_said_with_its_day_and_its_renewal_in_both_languages(what: What, code: str) -> None:
    end = End(what, "hook.txt" if what == "secret" else "", NOW)
    row = alert(1, "", code, subject=f"{what} {end.subject}".strip(), detail=f"{NOW:%Y-%m-%d} {end.renewal}")
    said = {name: alert_detail(row, texts) for name, texts in load().items()}
    for name, texts in load().items():
        assert said[name].startswith(texts(f"alert_end.{what}"))
        assert f"{NOW:%Y-%m-%d}" in said[name]
    assert end.subject in said["sv"]
    if "kortkiosk-provision authority" in end.renewal:
        assert all(end.renewal in text for text in said.values())


def with_outage(alerts: FakeAlerts) -> None:
    outage = alert(20, "", "offline", subject="made-up", stations=2, still=1)
    members = [
        alert(21, "lasarettet-a", "offline", outage=20),
        alert(22, "lasarettet-b", "offline", outage=20, closed=NOW),
    ]
    alerts.rows = [outage, *members, *alerts.rows]


async def test_an_outage_is_one_line_and_its_page_has_its_stations(app: FastAPI, alerts: FakeAlerts) -> None:
    with_outage(alerts)
    listed = (await get(app, "/alerts")).text
    assert '<a href="/alerts/20">2 stationer</a>' in listed
    assert ('id="alert-21"' in listed, "made-up" in listed) == (False, False)
    page = (await get(app, "/alerts/20")).text
    assert "<h1>2 stationer: Utan nät</h1>" in page
    assert "1 av 2 är det fortfarande" in page
    assert "nätet, brokern eller strömmen som de har gemensamt" in page
    assert [f'href="/stations/{name}"' in page for name in ("lasarettet-a", "lasarettet-b")] == [True, True]
    members = (await get(app, "/api/v1/alerts?state=all&outage=20")).json["items"]
    assert [(one["station"], one["outage"]) for one in members] == [("lasarettet-a", 20), ("lasarettet-b", 20)]
    said = (await get(app, "/api/v1/alerts/20")).json
    assert (said["station"], said["stations"], said["still"]) == ("", 2, 1)


async def test_a_person_takes_those_that_are_marked_with_one_note(
    app: FastAPI, alerts: FakeAlerts, access: Access
) -> None:
    value = session(access, Role.OPERATOR, name="olle.test")
    cookie = f"{COOKIE}={value}"
    assert 'name="alert" value="2"' in (await get(app, "/alerts", cookie=cookie)).text
    fields = {"form_token": form_token(value), "note": "Elektrikern är där", "alert": ["1", "2", "99", "x"]}
    done = await post(app, "/alerts/acknowledge", fields, cookie=cookie)
    assert (done.status, done.header("location")) == (303, "/alerts")
    taken = {row.id: (row.by, row.note) for row in alerts.rows if row.by == "olle.test"}
    assert taken == {1: ("olle.test", "Elektrikern är där"), 2: ("olle.test", "Elektrikern är där")}
    viewer = f"{COOKIE}={session(access, Role.VIEWER, name='vera.test')}"
    assert 'name="alert"' not in (await get(app, "/alerts", cookie=viewer)).text


async def test_a_program_takes_many_by_one_request(app: FastAPI, alerts: FakeAlerts, access: Access) -> None:
    headers = {
        "authorization": f"Bearer {program(access, name='bulk')}",
        "content_type": "application/json",
        "cookie": "",
    }
    body = b'{"alerts":[1,3,99],"note":"known"}'
    answer = await ask(app, "POST", "/api/v1/alerts/acknowledge", body, content_length=str(len(body)), **headers)
    assert [(one["id"], one["by"]) for one in answer.json] == [(1, "token:bulk"), (3, "token:bulk")]
    wrong = b'{"alerts":[]}'
    answer = await ask(app, "POST", "/api/v1/alerts/acknowledge", wrong, content_length=str(len(wrong)), **headers)
    assert answer.status == 422


def test_every_rule_says_what_to_do_in_both_languages() -> None:
    for texts in load().values():
        advised = {code: alert_advice(alert(1, "entre-a", code), texts) for code in FINDERS}
        assert [code for code, said in advised.items() if not said.endswith(".")] == []
