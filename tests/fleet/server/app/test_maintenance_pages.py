"""Maintenance on the dashboard: planned once or again and again, for one's own stations, seen beside the alerts, ended."""

from datetime import time, timedelta

import pytest
from fastapi import FastAPI

from fleet.server.alerts.settings import AlertSettings
from fleet.server.keys.random_tokens import form_token
from fleet.server.maintenance.model import MaintenanceRule, Window, WindowRow
from fleet.server.maintenance.pages import MaintenanceForm
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.readings import NOW, ZONE
from tests.fakes.server.visitors import COOKIE, session
from tests.fleet.server.app.asgi import Answer, get, post

LOCAL = NOW.astimezone(ZONE)
LATER = LOCAL + timedelta(hours=2)
SPAN = {
    "kind": "span",
    "name": "Nya läsare",
    "reason": "Byter läsare 19121212-1212",
    "stations": "lasarettet-*, angsvik",
    "since": f"{LOCAL:%Y-%m-%dT%H:%M}",
    "until": f"{LATER:%Y-%m-%dT%H:%M}",
}
RECURRING = {
    "kind": "recurring",
    "name": "Nätverk",
    "reason": "Leverantörens fönster",
    "stations": "*",
    "days": "sun",
    "start": "23:30",
    "end": "01:00",
}


class Operator:
    """Somebody at the dashboard who may command some stations."""

    def __init__(self, app: FastAPI, access: Access, stations: str = "*", role: Role = Role.OPERATOR) -> None:
        self._app = app
        self._value = session(access, role, stations, f"{role.value}.test")
        self.name = f"{role.value}.test"

    async def see(self, path: str = "/maintenance") -> str:
        return (await get(self._app, path, cookie=f"{COOKIE}={self._value}")).text

    async def send(self, fields: dict[str, str], path: str = "/maintenance") -> Answer:
        token = {"form_token": form_token(self._value)}
        return await post(self._app, path, {**token, **fields}, cookie=f"{COOKIE}={self._value}")


async def test_a_span_is_planned_shown_beside_the_alerts_told_to_the_audit_and_ended(
    app: FastAPI, access: Access, alerts: FakeAlerts
) -> None:
    olle = Operator(app, access)
    assert "Inget underhåll pågår" in await olle.see()
    assert "in-maintenance" not in await olle.see("/alerts")
    done = await olle.send(SPAN)
    assert (done.status, done.header("location")) == (303, "/maintenance")
    (row,) = alerts.maintenance
    assert (row.by, row.window.stations, row.window.minutes) == (olle.name, ("lasarettet-*", "angsvik"), 120)
    assert row.window.since == LOCAL.replace(second=0, microsecond=0)
    assert row.window.reason == "Byter läsare [number]"
    page = await olle.see()
    assert "25 nov 10:42–12:42" in page
    assert "stationer är i underhåll" in page
    assert "till 25 nov 12:42" in page
    beside = await olle.see("/alerts")
    assert 'id="in-maintenance"' in beside
    assert "Nya läsare · Byter läsare [number]" in beside
    assert (await olle.send({}, "/maintenance/1/end")).header("location") == "/maintenance"
    assert alerts.maintenance[0].ended == NOW
    assert "in-maintenance" not in await olle.see("/alerts")
    assert "Nya läsare" not in await olle.see()
    assert "Avslutat" in await olle.see("/maintenance?show=all")
    told = [(one.action, one.target, one.detail) for one in access.entries(who=olle.name)[0]][:2]
    assert told == [
        ("maintenance.end", "Nya läsare", "lasarettet-* angsvik"),
        ("maintenance.begin", "Nya läsare", "lasarettet-* angsvik: Byter läsare [number]"),
    ]


async def test_what_recurs_is_kept_by_day_and_time_of_day(app: FastAPI, access: Access, alerts: FakeAlerts) -> None:
    olle = Operator(app, access)
    assert 'type="time"' in await olle.see("/maintenance?kind=recurring")
    assert (await olle.send(RECURRING)).status == 303
    window = alerts.maintenance[0].window
    assert (window.days, window.start, window.minutes, window.since) == (("sun",), "23:30", 90, None)
    assert (await olle.send(SPAN)).status == 303
    assert (await olle.send({**RECURRING, "name": "Städning"})).status == 303
    page = await olle.see()
    assert "sön 23:30–01:00" in page
    assert page.index("Nya läsare") < page.index("Städning") < page.index("Nätverk"), "what counts now is first"


@pytest.mark.parametrize(
    ("form", "changed", "says"),
    [
        (SPAN, {"name": " "}, "Skriv ett namn."),
        (SPAN, {"reason": ""}, "Skriv varför."),
        (SPAN, {"stations": "Entré"}, "Skriv stationernas namn"),
        (SPAN, {"stations": ""}, "Skriv stationernas namn"),
        (SPAN, {"until": SPAN["since"]}, "Slutet ska komma efter början"),
        (SPAN, {"since": "2020-01-01T10:00", "until": "2020-01-01T11:00"}, "Slutet ska komma efter början"),
        (SPAN, {"until": "9999-01-01T10:00"}, "Slutet ska komma efter början"),
        (SPAN, {"since": "i morgon"}, "Slutet ska komma efter början"),
        (RECURRING, {"end": "23:30"}, "Slutet ska komma efter början"),
        (RECURRING, {"start": ""}, "Slutet ska komma efter början"),
    ],
)
async def test_what_does_not_fit_is_said_and_what_was_written_stays(
    app: FastAPI, access: Access, alerts: FakeAlerts, form: dict[str, str], changed: dict[str, str], says: str
) -> None:
    answer = await Operator(app, access).send({**form, **changed})
    assert (answer.status, alerts.maintenance) == (422, [])
    assert says in answer.text
    assert f'value="{ {**form, **changed}["reason"] }"' in answer.text


async def test_an_operator_plans_and_ends_for_their_own_stations_alone(
    app: FastAPI, access: Access, alerts: FakeAlerts
) -> None:
    near = Operator(app, access, "lasarettet-*")
    refused = await near.send(SPAN)
    assert (refused.status, alerts.maintenance) == (422, [])
    assert "stationer som du inte får styra" in refused.text
    assert (await near.send({**SPAN, "stations": "lasarettet-a"})).status == 303
    alerts.begin_window(Window("allas", ("*",), 60, since=NOW), "tove.test")
    alerts.begin_window(Window("hamnens", ("hamnen",), 60, since=NOW), "tove.test")
    page = await near.see()
    assert ("/maintenance/1/end" in page, "allas" in page, "/maintenance/2/end" in page) == (True, True, False)
    assert "hamnens" not in page
    assert [(await near.send({}, f"/maintenance/{number}/end")).status for number in (2, 3)] == [403, 404]
    assert [row.ended for row in alerts.maintenance] == [None] * 3


async def test_a_viewer_sees_and_changes_nothing(app: FastAPI, access: Access, alerts: FakeAlerts) -> None:
    alerts.maintenance = [WindowRow(1, Window("lyft", ("*",), 60, since=NOW), "tove.test", NOW)]
    vera = Operator(app, access, role=Role.VIEWER)
    page = await vera.see()
    assert ("lyft" in page, "<fieldset" in page, 'id="plan"' in page, "/end" in page) == (True, False, False, False)
    assert [(await vera.send(SPAN)).status, (await vera.send({}, "/maintenance/1/end")).status] == [403, 403]
    assert alerts.maintenance[0].ended is None


async def test_windows_of_the_file_are_listed_and_counted(app: FastAPI, access: Access, alerts: FakeAlerts) -> None:
    night = MaintenanceRule("natt", "sjukhus", start=time(0, 0), end=time(23, 59))
    alerts.settings = AlertSettings({}, {"sjukhus": ("lasarettet-?",)}, (night,))
    olle = Operator(app, access)
    page = await olle.see()
    assert "inställningsfilen" in page
    assert "varje dag 00:00–23:59" in page
    assert "/end" not in page
    assert "natt" in await olle.see("/alerts")


def test_a_span_over_the_night_on_which_the_clocks_are_changed_is_as_long_as_it_is() -> None:
    form = MaintenanceForm("span", "tak", "nytt tak", "entre-a", since="2027-10-30T20:00", until="2027-10-31T08:00")
    window = form.window(ZONE, NOW)
    assert isinstance(window, Window)
    assert window.minutes == 13 * 60
