"""One version for several stations: who can take it, what the page and REST order and refuse, and how far each has come."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from fastapi import FastAPI

from fleet.messages.commands import UpdateOrder
from fleet.messages.link import UpdateState
from fleet.server.accounts.tables import sessions
from fleet.server.commands.model import CommandRow
from fleet.server.commands.roll_out import Progress, RollOutState, Unfit, progress_of, roll_out, unfit_stations
from fleet.server.commands.service import CommandService
from fleet.server.pages.i18n import load
from fleet.server.sign_in.service import Access
from fleet.server.stations.model import StationRow
from fleet.server.updates.model import StoredBundle
from fleet.server.web.roles import Role
from tests.fakes.server.bundles import DIGEST, FakeBundles
from tests.fakes.server.command_people import Person, sent
from tests.fakes.server.readings import NOW, FakeReadings, demo_readings
from tests.fakes.server.visitors import program
from tests.fleet.server.app.asgi import get

PATH = "/updates/images"
(BUNDLE,) = FakeBundles().all()
PI = UpdateState(BUNDLE.compatible, "A")


def with_image(row: StationRow, update: UpdateState | None = PI, image: str | None = "2026.47") -> StationRow:
    assert row.state is not None
    said = {"update": update, "image": image, "time": NOW.isoformat()}
    return replace(row, state=msgspec.structs.replace(row.state, **said))


@pytest.fixture
def images(readings: FakeReadings) -> list[str]:
    """Names of the stations, which all run from an image."""
    readings.station_rows = [with_image(row) for row in readings.station_rows if row.state is not None]
    return [row.name for row in readings.station_rows]


@pytest.mark.parametrize(
    ("update", "image", "why"),
    [
        (PI, "2026.47", None),
        (PI, "debian 13", None),
        (None, "2026.47", Unfit.NO_IMAGE),
        (UpdateState("kortkiosk-amd64", "A"), "2026.47", Unfit.MACHINE),
        (UpdateState(BUNDLE.compatible, "A", "installing", "2026.48"), "2026.47", Unfit.UPDATING),
        (UpdateState(BUNDLE.compatible, "A", "waiting", "2026.48"), "2026.47", None),
        (PI, BUNDLE.version, Unfit.SAME),
        (PI, "2027.1", Unfit.OLDER),
    ],
)
def test_who_can_take_a_version(update: UpdateState | None, image: str, why: Unfit | None) -> None:
    row = with_image(demo_readings().station_rows[0], update, image)
    expected = {} if why is None else {row.name: why}
    assert unfit_stations([row.name], [row], BUNDLE, older=False) == expected
    if why is Unfit.OLDER:
        assert unfit_stations([row.name], [row], BUNDLE, older=True) == {}
    assert unfit_stations(["entre-x"], [row], BUNDLE, older=False) == {"entre-x": Unfit.UNKNOWN}


def ordered(state: str = "done", result: str | None = None) -> CommandRow:
    order = UpdateOrder(BUNDLE.version, BUNDLE.size, BUNDLE.sha256, 8444)
    return CommandRow(
        1, "entre-a", "update", None, None, "ett prov", "tove.test", NOW, 900, state, None, None, None, 1, NOW, NOW,  # type: ignore[arg-type]
        NOW, None, result, order,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "update", "image", "state", "reason"),
    [
        (ordered("sent"), PI, "2026.47", RollOutState.WAITING, ""),
        (ordered("refused", "boot_loader"), PI, "2026.47", RollOutState.NOT_TAKEN, "boot_loader"),
        (ordered("expired"), PI, "2026.47", RollOutState.NOT_TAKEN, "expired"),
        (ordered(), msgspec.structs.replace(PI, step="fetching"), "2026.47", RollOutState.FETCHING, ""),
        (ordered(), msgspec.structs.replace(PI, step="waiting"), "2026.47", RollOutState.FETCHED, ""),
        (ordered(), msgspec.structs.replace(PI, step="installing"), "2026.47", RollOutState.FETCHED, ""),
        (ordered(), msgspec.structs.replace(PI, step="testing"), BUNDLE.version, RollOutState.TRIED, ""),
        (ordered(), PI, BUNDLE.version, RollOutState.CONFIRMED, ""),
        (ordered(), msgspec.structs.replace(PI, failed="fell_back"), "2026.47", RollOutState.FELL_BACK, "fell_back"),
        (ordered(), msgspec.structs.replace(PI, failed="space"), "2026.47", RollOutState.FAILED, "space"),
        (ordered(), PI, "2026.47", RollOutState.WAITING, ""),
    ],
)
def test_how_far_a_station_has_come(
    command: CommandRow, update: UpdateState, image: str, state: RollOutState, reason: str
) -> None:
    row = with_image(demo_readings().station_rows[0], update, image)
    assert progress_of(row, command) == Progress(row, command, state, reason)


def test_what_a_station_said_before_it_took_the_order_says_nothing_of_it() -> None:
    row = with_image(demo_readings().station_rows[0], msgspec.structs.replace(PI, failed="fell_back"))
    later = replace(ordered(), ended=NOW + timedelta(seconds=1))
    assert progress_of(row, later).state is RollOutState.WAITING


def test_what_went_wrong_comes_first_and_each_state_has_its_words() -> None:
    rows = [with_image(row) for row in demo_readings().station_rows[:3] if row.state is not None]
    bad = with_image(rows[2], msgspec.structs.replace(PI, failed="self_test"))
    found = roll_out([*rows[:2], bad], {bad.name: ordered(), rows[0].name: ordered("sent")})
    assert [one.row.name for one in found] == [bad.name, rows[0].name, rows[1].name]
    for texts in load().values():
        assert all(texts.has(f"roll_out_state.{state}") for state in RollOutState)
        assert all(texts.has(f"roll_out_unfit.{why}") for why in Unfit)


async def send_many(app: FastAPI, person: Person, chosen: Sequence[str], **fields: str) -> tuple[int, str]:
    """The form, with as many stations as are chosen."""
    answer = await person.send(PATH, **{"bundle": DIGEST, "reason": "säkerhet", "station": list(chosen), **fields})
    return answer.status, answer.text


async def test_one_version_is_ordered_for_many_and_the_page_says_how_far_each_is(
    app: FastAPI, access: Access, desk: CommandService, readings: FakeReadings, images: list[str]
) -> None:
    readings.station_rows += [replace(readings.station_rows[0], name=f"entre-{number}") for number in range(30)]
    images = [row.name for row in readings.station_rows]
    tora = Person(app, access, Role.OPERATOR, "tora.test")
    page = (await tora.see(PATH)).text
    assert all(f'id="choose-{name}"' in page for name in images)
    assert "Ingen uppdatering pågår" in page
    assert (await send_many(app, tora, images))[0] == 303
    rows, total = desk.listed(states={"ready"}, limit=100)
    assert {row.station for row in rows} == set(images)
    assert {row.update_order.version for row in rows if row.update_order} == {BUNDLE.version}
    page = (await tora.see(PATH)).text
    assert f"{total} stationer uppdateras" in page
    assert BUNDLE.version in page
    assert "Väntar" in page


async def test_nothing_is_ordered_while_one_of_them_cannot_take_it(
    app: FastAPI, access: Access, desk: CommandService, readings: FakeReadings, images: list[str]
) -> None:
    first, *others = readings.station_rows
    readings.station_rows = [with_image(first, image="2027.1"), *others]
    tora = Person(app, access, Role.OPERATOR, "tora.test")
    status, page = await send_many(app, tora, images[:3])
    assert (status, "Ingenting beställdes" in page, f"{first.title}: kör en nyare version." in page) == (
        422,
        True,
        True,
    )
    assert page.count(" checked") == 3, "what was chosen stays so"
    said = await tora.call("/api/v1/updates", stations=images[:3], sha256=DIGEST, reason="säkerhet")
    assert (said.status, f"{first.name}: older" in said.json["detail"]) == (409, True)
    assert (await send_many(app, tora, []))[0] == 422
    assert (await send_many(app, tora, images[:1], bundle="0" * 64))[0] == 422
    assert desk.listed()[1] == 0
    assert (await send_many(app, tora, images[:3], older="yes"))[0] == 303
    assert desk.listed()[1] == 3


async def test_it_is_ordered_by_a_person_who_has_stepped_up_for_stations_of_theirs(
    app: FastAPI, access: Access, desk: CommandService, images: list[str]
) -> None:
    viewer = Person(app, access, Role.VIEWER, "vera.test")
    assert 'name="station"' not in (await viewer.see(PATH)).text
    assert (await send_many(app, viewer, images[:1]))[0] == 403
    near = Person(app, access, Role.OPERATOR, "nils.test", images[0])
    assert (await near.see(PATH)).text.count('name="station"') == 1
    assert (await send_many(app, near, images[:1]))[0] == 303
    assert (await send_many(app, near, images[1:2]))[0] in (403, 422)
    tora = Person(app, access, Role.OPERATOR, "tora.test")
    bearer = {"authorization": f"Bearer {program(access, Role.OPERATOR, name='image-updater')}", "cookie": ""}
    refused = await sent(app, "/api/v1/updates", {"stations": images[:1], "sha256": DIGEST, "reason": "x"}, **bearer)
    assert refused.status == 403
    with access.database.writing.begin() as connection:
        connection.execute(sessions.update().values(stepped_up=NOW - timedelta(minutes=6)))
    assert "step-up?onward=%2Fupdates%2Fimages" in (await tora.see(PATH)).text
    assert (await send_many(app, tora, images[1:2]))[0] == 403
    assert desk.listed()[1] == 1


async def test_rest_orders_and_lists(
    app: FastAPI, access: Access, desk: CommandService, readings: FakeReadings, images: list[str]
) -> None:
    tora = Person(app, access, Role.OPERATOR, "tora.test")
    made = await tora.call("/api/v1/updates", stations=images[:2], sha256=DIGEST, reason="säkerhet", now=True)
    assert made.status == 201
    assert [(one["station"], one["update_order"]["now"]) for one in made.json["items"]] == [
        (n, True) for n in images[:2]
    ]
    listed = (await tora.see("/api/v1/updates")).json["items"]
    told = {one["station"]: (one["version"], one["state"]) for one in listed}
    assert told[images[0]] == (BUNDLE.version, "waiting")
    assert told[images[2]] == (None, None)
    assert (await get(app, "/api/v1/updates")).status == 200


def test_a_bundle_of_another_kind_of_machine_is_told_of_each() -> None:
    other = StoredBundle("kortkiosk-amd64", "2026.48.1", DIGEST, 1, NOW)
    rows = [with_image(row) for row in demo_readings().station_rows[:2] if row.state is not None]
    assert set(unfit_stations([row.name for row in rows], rows, other, older=False).values()) == {Unfit.MACHINE}
