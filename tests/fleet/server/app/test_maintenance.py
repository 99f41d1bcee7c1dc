"""Maintenance windows by REST: made for one's own stations, listed, ended, told to the audit."""

import json
from typing import Any

import pytest
from fastapi import FastAPI

from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.visitors import program
from tests.fleet.server.app.asgi import Answer, ask

RECURRING = {
    "kind": "recurring",
    "name": "network",
    "stations": ["entre-*"],
    "days": ["sun"],
    "start": "23:30",
    "minutes": 90,
}
SPAN = {
    "kind": "span",
    "name": "new floor",
    "stations": ["akuten"],
    "since": "2026-03-01T22:00:00+01:00",
    "minutes": 600,
}
PATH = "/api/v1/maintenance"


class Client:
    """A program with one role for some stations."""

    def __init__(self, app: FastAPI, access: Access, stations: str, role: Role = Role.OPERATOR) -> None:
        self.app = app
        self.name = f"{role.value}-{stations.strip('*-') or 'all'}"
        with access.database.writing.begin() as connection:
            connection.exec_driver_sql("DELETE FROM tokens")
        self.token = program(access, role, stations, self.name)

    async def send(self, method: str, path: str = PATH, body: dict[str, Any] | None = None) -> Answer:
        raw = json.dumps(body).encode() if body is not None else b""
        own = {"content_type": "application/json", "content_length": str(len(raw))} if body is not None else {}
        bearer = {"authorization": f"Bearer {self.token}", "cookie": "x=1; kortkiosk=none"}
        return await ask(self.app, method, path, raw, **own, **bearer)


async def test_a_window_is_made_listed_ended_and_told_to_the_audit(
    app: FastAPI, access: Access, alerts: FakeAlerts
) -> None:
    client = Client(app, access, "*")
    made = [(await client.send("POST", body=body)) for body in (RECURRING, SPAN)]
    assert [answer.status for answer in made] == [201, 201]
    assert (made[0].json["by"], made[0].json["start"], made[0].json["since"]) == ("token:operator-all", "23:30", None)
    assert [row["name"] for row in (await client.send("GET")).json["items"]] == ["new floor", "network"]
    assert [(await client.send("DELETE", f"{PATH}/1")).status for _ in range(2)] == [204, 204]
    assert [row["id"] for row in (await client.send("GET")).json["items"]] == [2]
    assert (await client.send("GET", f"{PATH}?ended=true&limit=1&offset=1")).json["items"][0]["ended"] is not None
    told = [(one.action, one.target, one.detail) for one in access.entries(who=client.name.join(["token:", ""]))[0]]
    assert told[:4] == [
        ("maintenance.end", "network", "entre-*"),
        ("maintenance.end", "network", "entre-*"),
        ("maintenance.begin", "new floor", "akuten"),
        ("maintenance.begin", "network", "entre-*"),
    ]


async def test_a_window_is_for_ones_own_stations_alone(app: FastAPI, access: Access, alerts: FakeAlerts) -> None:
    wide = Client(app, access, "*")
    await wide.send("POST", body={**RECURRING, "stations": ["entre-a", "akuten"]})
    await wide.send("POST", body=SPAN)
    near = Client(app, access, "entre-*")
    assert (await near.send("POST", body=RECURRING)).status == 201
    for foreign in (["akuten"], ["*"], ["e*"], ["entre-a", "akuten"]):
        assert (await near.send("POST", body={**RECURRING, "stations": foreign})).status == 403, foreign
    assert [row["id"] for row in (await near.send("GET")).json["items"]] == [3, 1]
    assert [(await near.send("DELETE", f"{PATH}/{number}")).status for number in (1, 2, 3, 9)] == [403, 404, 204, 404]


@pytest.mark.parametrize(
    "wrong",
    [
        {"stations": []},
        {"stations": ["Entré"]},
        {"start": "24:00"},
        {"minutes": 24 * 60},
        {"kind": "often"},
        {"name": ""},
        {"kind": "span"},
        {"unknown": 1},
    ],
)
async def test_a_window_that_cannot_be_is_refused(
    app: FastAPI, access: Access, alerts: FakeAlerts, wrong: dict[str, Any]
) -> None:
    answer = await Client(app, access, "*").send("POST", body={**RECURRING, **wrong})
    assert (answer.status, alerts.maintenance) == (422, [])
