"""An auditor takes the evidence of an errand along; nobody else is offered it, and the audit knows."""

import pytest
from fastapi import FastAPI

from fleet.server.checkpoints.model import CheckpointRow
from fleet.server.evidence.model import EvidenceRequest
from fleet.server.evidence.selection import NothingHeldError, TooMuchError
from fleet.server.evidence.service import BusyError
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from tests.fakes.server.readings import NOW, FakeReadings
from tests.fakes.server.visitors import COOKIE, session
from tests.fleet.server.app.asgi import get

ERRAND = "00000000-0000-4000-8000-000000000008"
ADDRESS = f"/api/v1/evidence?kind=errand&value={ERRAND}"


def cookie(access: Access, role: Role) -> str:
    return f"{COOKIE}={session(access, role, name=f'evidence.{role.value}')}"


async def test_the_file_is_streamed_and_told_to_the_audit_first(app: FastAPI, access: Access) -> None:
    answer = await get(app, f"{ADDRESS}&first=2026-06-01", cookie=cookie(access, Role.AUDITOR))
    assert answer.status == 200
    assert answer.header("content-type") == "application/zip"
    assert answer.header("content-disposition") == 'attachment; filename="evidence-errand.zip"'
    assert answer.body == app.state.evidence.content
    assert app.state.evidence.files[0].closed
    assert app.state.evidence.asked == [EvidenceRequest("errand", ERRAND, "2026-06-01")]
    entries, _ = access.entries(action="evidence.export", limit=1)
    assert (entries[0].who, entries[0].target, entries[0].detail) == (
        "evidence.auditor", ERRAND, "errand 2026-06-01",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status"), [(NothingHeldError("none"), 404), (TooMuchError("less"), 413), (BusyError("wait"), 503)]
)
async def test_why_there_is_none_is_said(app: FastAPI, access: Access, error: Exception, status: int) -> None:
    app.state.evidence.failing = error
    answer = await get(app, ADDRESS, cookie=cookie(access, Role.AUDITOR))
    assert (answer.status, answer.header("content-type")) == (status, "application/problem+json")
    assert ("retry-after" in dict(answer.headers)) == (status == 503)


@pytest.mark.parametrize(
    "query",
    [
        "kind=errand",
        "kind=odd&value=1",
        "kind=card&value=%22",
        *(f"kind=card&value=1&first={day}" for day in ("x", "0", "3.2e-27", "1780272000", "2026-06-01T00:00:00", "")),
    ],
)
async def test_what_is_not_said_well_is_refused(app: FastAPI, access: Access, query: str) -> None:
    answer = await get(app, f"/api/v1/evidence?{query}", cookie=cookie(access, Role.AUDITOR))
    assert (answer.status, app.state.evidence.asked) == (422, [])


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OPERATOR])
async def test_the_page_of_an_errand_offers_it_to_auditors(app: FastAPI, access: Access, role: Role) -> None:
    answer = await get(app, f"/errands/{ERRAND}", cookie=cookie(access, role))
    assert answer.status == 200
    assert (f"/api/v1/evidence?kind=errand&amp;value={ERRAND}" in answer.text) == (role is Role.AUDITOR)


async def test_the_last_signature_of_a_station_is_told(
    app: FastAPI, access: Access, readings: FakeReadings, visitor: str
) -> None:
    address = "/api/v1/stations/lasarettet-a/checkpoint"
    assert (await get(app, address, cookie=visitor)).json == {"checkpoint": None}
    readings.checkpoints["lasarettet-a"] = CheckpointRow(NOW, 2, 41, "other_key")
    told = {"at": "2026-11-25T09:42:18Z", "epoch": 2, "sequence": 41, "verdict": "other_key"}
    nobody = {"countersigned": None, "stamped": None}
    assert (await get(app, address, cookie=visitor)).json == {"checkpoint": {**told, **nobody}}
    assert (await get(app, "/api/v1/stations/nowhere/checkpoint", cookie=visitor)).status == 404
    page = (await get(app, "/stations/lasarettet-a?lang=en", cookie=visitor)).text
    assert '<dd id="checkpoint" class="bac">With another key</dd>' in page
