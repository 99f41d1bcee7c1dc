"""The API: the same facts for programs, described, paged, and with errors that a program can read."""

from fastapi import FastAPI

from tests.fakes.server.readings import FakeReadings
from tests.fleet.server.app.asgi import get

ERRAND = "00000000-0000-4000-8000-000000000008"


async def test_stations_come_page_by_page(app: FastAPI) -> None:
    first = (await get(app, "/api/v1/stations?limit=10")).json
    assert first["total"] == 14
    assert first["next"] == 10
    rest = (await get(app, "/api/v1/stations?limit=10&offset=10")).json
    assert rest["next"] is None
    assert len({row["name"] for row in first["items"] + rest["items"]}) == 14


async def test_one_station_with_its_devices_and_slots(app: FastAPI) -> None:
    station = (await get(app, "/api/v1/stations/lasarettet-a")).json
    assert station["title"] == "Lasarettet, entré A"
    assert {"name": "kvittens", "kind": "printer", "state": "paper_low", "ok": True, "virtual": False} in station[
        "devices"
    ]
    assert len(station["slots"]) == 24


async def test_errands_of_a_day_which_is_a_day_and_no_number(app: FastAPI) -> None:
    kinds = {
        one["kind"]
        for one in (await get(app, "/api/v1/errands?day=2026-11-25&kind=unblock&outcome=done")).json["items"]
    }
    assert kinds == {"unblock"}
    assert (await get(app, "/api/v1/errands?day=2026-11-24")).json["items"] == []
    for wrong in ("0", "1764028800", "2026-02-30", "today"):
        assert (await get(app, f"/api/v1/errands?day={wrong}")).status == 422


async def test_errands_of_one_station_newest_first(app: FastAPI) -> None:
    rows = (await get(app, "/api/v1/errands?station=lasarettet-a&limit=3")).json
    assert [row["station"] for row in rows["items"]] == ["lasarettet-a"] * 3
    assert rows["items"] == sorted(rows["items"], key=lambda row: row["started"], reverse=True)
    assert rows["next"] == 3


async def test_an_errand_has_its_events_and_nothing_that_is_not_on_the_list(
    app: FastAPI, readings: FakeReadings
) -> None:
    readings.event_rows[-1].content["stray"] = "not to be shown"
    errand = (await get(app, f"/api/v1/errands/{ERRAND}")).json
    assert errand["receipt"] == "7F3A-91BA"
    assert [event["sequence"] for event in errand["events"]] == sorted(event["sequence"] for event in errand["events"])
    assert all("receipt" not in event["content"] for event in errand["events"])
    last = (await get(app, f"/api/v1/errands/{readings.event_rows[-1].content['errand']}")).text
    assert "stray" not in last


async def test_orders_by_state(app: FastAPI) -> None:
    found = (await get(app, "/api/v1/orders?state=expired")).json
    assert found["total"] == len(found["items"]) > 0
    assert {row["state"] for row in found["items"]} == {"expired"}


async def test_errors_are_problem_details(app: FastAPI) -> None:
    for path, status in (("/api/v1/stations/nope", 404), ("/api/v1/nope", 404), ("/api/v1/orders?limit=0", 422)):
        answer = await get(app, path)
        assert answer.status == status
        assert answer.header("content-type") == "application/problem+json"
        assert answer.json["status"] == status
    assert "query.limit" in (await get(app, "/api/v1/orders?limit=0")).json["detail"]


async def test_the_description_lists_the_api_and_no_page(app: FastAPI) -> None:
    described = (await get(app, "/api/v1/openapi.json")).json
    assert {"/api/v1/stations", "/api/v1/alerts/{alert}/acknowledge", "/api/v1/users/{user}/roles"} <= set(
        described["paths"]
    )
    assert all(path.startswith("/api/v1/") for path in described["paths"])
    assert "application/problem+json" in described["paths"]["/api/v1/orders"]["get"]["responses"]["422"]["content"]


async def test_every_change_takes_a_key_and_says_how_it_is_refused(app: FastAPI) -> None:
    described = (await get(app, "/api/v1/openapi.json")).json
    every = [(method, one) for methods in described["paths"].values() for method, one in methods.items()]
    assert {method for method, _ in every} >= {"get", "post", "put", "delete"}
    for method, one in every:
        keyed = any(parameter["name"] == "Idempotency-Key" for parameter in one.get("parameters", ()))
        assert keyed is (method != "get"), one["operationId"]
        assert {"401", "403", "404", "406", "422"} <= set(one["responses"])
        assert {"400", "409", "413", "415"} <= set(one["responses"]) or method == "get"
    assert set(described["components"]["securitySchemes"]) == {"token", "session"}
