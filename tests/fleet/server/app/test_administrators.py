"""The list of ID administrators, kept on a page and by REST: who may, what is told, and what reaches a station."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from fleet.server.audit_log.log import entries
from fleet.server.database.database import Database
from fleet.server.keys.random_tokens import form_token
from fleet.server.people.model import PersonRow
from fleet.server.people.queries import administrators_after, all_administrators, replace_administrators
from fleet.server.people.service import import_people
from fleet.server.web.roles import STEP_UP_LASTS, Role
from sim.stories.administrators import listed
from tests.fakes.server.card_region import Region
from tests.fakes.server.visitors import COOKIE, program, session
from tests.fleet.server.app.asgi import Answer, ask

MAJ, BO = "TEST000000-A001", "TEST000000-A002"
ROW = {
    "name": "Bo Test", "roles": ["KRA"], "level": 3, "scope": ["entre-*"], "valid_until": "2026-12-31", "decision": "IT-4471",
}  # fmt: skip


class Office(Region):
    """With one administrator on the list, and people who have just stepped up."""

    visitors: dict[tuple[Role, str, str], str]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.visitors = {}
        with self.database.writing.begin() as connection:
            replace_administrators(connection, [listed(MAJ, "Maj Test")])

    async def send(
        self, method: str, path: str, raw: bytes = b"", kind: str = "application/json", *,
        role: Role = Role.ADMIN, where: str = "*", name: str = "tove.test",
    ) -> Answer:  # fmt: skip
        key = (role, where, name)
        value = self.visitors[key] = self.visitors.get(key) or session(self.access, role, where, name)
        headers = {"cookie": f"{COOKIE}={value}", "x_form_token": form_token(value), "origin": "http://127.0.0.1"}
        body = {"content_type": kind, "content_length": str(len(raw))} if raw else {}
        return await ask(self.app, method, path, raw, **headers, **body)

    async def change(self, method: str, hsa_id: str, body: Any = None, **who: Any) -> Answer:
        raw = b"" if body is None else json.dumps(body).encode()
        return await self.send(method, f"/api/v1/administrators/{hsa_id}", raw, **who)

    async def post(self, path: str, form: dict[str, Any], **who: Any) -> Answer:
        raw = urlencode(form, doseq=True).encode()
        return await self.send("POST", path, raw, "application/x-www-form-urlencoded", **who)

    def listed(self) -> list[str]:
        with self.database.reading.begin() as connection:
            return [one.administrator.hsa_id for one in all_administrators(connection)]

    def at(self, station: str, today: str = "2026-06-01") -> list[tuple[str, tuple[str, ...]]]:
        """As the next signed page of that station has it."""
        with self.database.reading.begin() as connection:
            people = administrators_after(connection, station, today, after="", limit=99)
        return [(one.hsa_id, one.roles) for one in people]

    def audit(self) -> list[tuple[str, str, str]]:
        with self.database.reading.begin() as connection:
            return [(one.action, one.target, one.detail) for one in entries(connection)[0]]


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


async def test_who_is_put_on_the_list_is_in_the_next_page_of_the_stations_of_the_scope(office: Office) -> None:
    made = await office.change("PUT", BO, ROW)
    assert (made.status, made.json["roles"], made.json["valid_until"]) == (200, ["KRA"], "2026-12-31")
    assert office.at("entre-a") == [(MAJ, ("KRA",)), (BO, ("KRA",))]
    assert office.at("annex") == [(MAJ, ("KRA",))]
    assert office.at("entre-a", "2027-01-01") == [(MAJ, ("KRA",))]
    changed = await office.change("PUT", BO, {**ROW, "roles": ["KUR", "KRA"], "scope": ["annex"]})
    assert changed.json["roles"] == ["KRA", "KUR"]
    assert (office.at("entre-a"), office.at("annex")[1]) == ([(MAJ, ("KRA",))], (BO, ("KRA", "KUR")))
    assert (await office.change("GET", BO)).json["scope"] == ["annex"]
    assert (await office.change("DELETE", BO)).status == 204
    assert [(await office.change(method, BO)).status for method in ("GET", "DELETE")] == [404, 404]
    told = [one for one in office.audit() if one[0].startswith("administrator.")]
    assert told == [
        ("administrator.remove", BO, ""),
        ("administrator.put", BO, "KRA KUR, 3, annex, – 2026-12-31"),
        ("administrator.put", BO, "KRA, 3, entre-*, – 2026-12-31"),
    ]


WRONG: list[dict[str, Any]] = [
    {"roles": []}, {"roles": ["ADMIN"]}, {"level": 4}, {"scope": []}, {"scope": ["entre a"]},
    {"valid_until": "soon"}, {"name": ""}, {"more": 1},
]  # fmt: skip


async def test_rows_that_an_import_would_refuse_are_refused(office: Office) -> None:
    assert [(await office.change("PUT", BO, {**ROW, **wrong})).status for wrong in WRONG] == [422] * len(WRONG)
    assert (await office.change("PUT", BO, {**ROW, "valid_from": "2027-01-01"})).status == 409
    assert office.listed() == [MAJ]


async def test_the_list_is_kept_by_a_person_who_has_just_shown_who_they_are(office: Office) -> None:
    token = program(office.access, Role.ID_ADMINISTRATOR)
    raw = json.dumps(ROW).encode()
    by_program = await ask(
        office.app, "PUT", f"/api/v1/administrators/{BO}", raw, authorization=f"Bearer {token}",
        content_type="application/json", content_length=str(len(raw)),
    )  # fmt: skip
    others = [await office.change("PUT", BO, ROW, role=role) for role in Role if role is not Role.ADMIN]
    of_some = await office.change("PUT", BO, ROW, where="entre-*", name="some.test")
    office.visitors[Role.ADMIN, "*", BO] = session(office.access, name=BO)  # the demo's way to prove an HSA-id
    of_oneself = await office.change("PUT", BO, ROW, name=BO)
    await office.change("GET", MAJ)
    office.now += STEP_UP_LASTS + timedelta(seconds=1)
    too_late = [await office.change("PUT", BO, ROW), await office.change("DELETE", MAJ)]
    refused = [by_program, *others, of_some, of_oneself, *too_late]
    assert {one.status for one in refused} == {403}
    assert "step up" in too_late[0].json["detail"]
    assert office.listed() == [MAJ]


async def test_the_last_one_stays(office: Office) -> None:
    assert (await office.change("DELETE", MAJ)).status == 409
    assert office.listed() == [MAJ]


async def test_the_page_lists_adds_changes_and_removes(office: Office) -> None:
    page = (await office.send("GET", "/administrators")).text
    assert "Maj Test" in page
    form = {
        "hsa_id": BO, "name": "Bo Test", "roles": ["KRA", "KUR"], "level": "3", "scope": "entre-* annex", "valid_from": "",
        "valid_until": "2026-12-31", "decision": "IT-4471",
    }  # fmt: skip
    assert (await office.post("/administrators", form)).status == 303
    assert office.at("annex")[1] == (BO, ("KRA", "KUR"))
    edited = (await office.send("GET", f"/administrators?edit={BO}")).text
    assert 'value="entre-* annex"' in edited
    wrong = await office.post("/administrators", {**form, "scope": "entre a!"})
    backwards = await office.post("/administrators", {**form, "valid_from": "2027-01-01"})
    assert (backwards.status, "Sista dagen är före den första." in backwards.text) == (422, True)
    assert (wrong.status, "Bo Test" in wrong.text, 'role="alert"' in wrong.text) == (422, True, True)
    assert (await office.post(f"/administrators/{BO}/remove", {})).status == 303
    assert office.listed() == [MAJ]
    office.now += STEP_UP_LASTS + timedelta(seconds=1)
    stale = (await office.send("GET", "/administrators")).text
    assert "/step-up?onward=%2Fadministrators" in stale
    late = await office.post("/administrators", form)
    assert (late.status, late.header("location")) == (303, "/step-up?onward=%2Fadministrators")


async def test_who_has_left_by_the_directory_is_shown_so_and_may_not_attend(office: Office) -> None:
    page = (await office.send("GET", "/administrators")).text
    assert "Slutat" not in page
    assert "<h1>En ID-administratör kan lämna ut kort</h1>" in page
    with office.database.writing.begin() as connection:
        import_people(connection, [PersonRow(MAJ, "Maj Test", left="2026-05-31")], office.now)
    page = (await office.send("GET", "/administrators")).text
    assert "Slutat" in page
    assert "<h1>Ingen ID-administratör kan lämna ut kort</h1>" in page
    assert office.at("entre-a") == []


async def test_an_id_administrator_sees_those_of_the_own_stations_and_no_form(office: Office) -> None:
    await office.change("PUT", BO, ROW)
    page = (await office.send("GET", "/administrators", role=Role.ID_ADMINISTRATOR, where="annex", name="a.test")).text
    assert ("Maj Test" in page, "Bo Test" in page, '<form class="filter' in page) == (True, False, False)
    assert (await office.send("GET", "/administrators", role=Role.VIEWER, name="v.test")).status == 403
