"""An insider of the dashboard who would make trust alone: an ID administrator, an account, a station, an older image.

The server is the real application over a real store, in a region that is in service: its first hour is closed, and two honest
administrators are there. The clock is the test's own.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from fleet.server.accounts.tables import users
from fleet.server.enrolment.tables import station_claims
from fleet.server.guards.model import RETENTION
from fleet.server.guards.service import waits_for_person, within_share
from fleet.server.people.queries import all_administrators, replace_administrators
from fleet.server.stations.service import add_stations
from fleet.server.web.roles import Role
from provisioning.est.wire import short_fingerprint
from sim.stories.administrators import listed
from tests.fakes.server import region_in_service
from tests.fakes.server.bundles import DIGEST
from tests.fakes.server.insider_in_service import MAJ, OWN, ROW, Server
from tests.fakes.server.readings import demo_readings


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.database.close()


async def test_a_puppet_lists_the_insiders_own_card(server: Server) -> None:
    """He makes an account, enters it by the link on his own screen, adds a key in software, and lists his card (S1)."""
    puppet = server.enter(await server.press("/users", name="sock.puppet", role="admin", stations="*", reason="help"))
    if puppet is not None:
        server.step_up_by_new_key(puppet)
        await server.call(puppet, "PUT", f"/administrators/{OWN}", ROW)
    assert server.listed() == [MAJ]
    assert puppet is None, "a set-up link was on the maker's screen"


async def test_he_lists_his_own_card_himself(server: Server) -> None:
    """In his own name, by REST and on the page: nobody alone."""
    await server.call(server.insider, "PUT", f"/administrators/{OWN}", ROW)
    form = {**ROW, "roles": "KRA", "level": "3", "scope": "*", "hsa_id": OWN, "valid_from": "", "valid_until": ""}
    await server.press("/administrators", **{name: str(value) for name, value in form.items()})
    assert server.listed() == [MAJ]


async def test_he_makes_more_of_the_row_that_is_his(server: Server) -> None:
    """Wider, at a higher level, for longer."""
    with server.database.writing.begin() as connection:
        own = listed(OWN, "In Sider", "entre-*")
        replace_administrators(connection, [listed(MAJ, "Maj Test"), own])
    await server.call(server.insider, "PUT", f"/administrators/{OWN}", ROW)
    with server.database.reading.begin() as connection:
        assert own in all_administrators(connection)


@pytest.mark.parametrize("ago", [None, timedelta(minutes=6)], ids=["never", "six minutes ago"])
async def test_a_session_without_a_step_up_manages(server: Server, ago: timedelta | None) -> None:
    """A stolen session makes accounts, grants, resets a colleague, and takes the key away (S9)."""
    with server.database.writing.begin() as connection:
        row = connection.execute(select(users).where(users.c.name == "tove.test")).one()
        assert row.disabled is False
    server.step_up(server.insider, None if ago is None else server.now - ago)
    done = [
        await server.call(server.insider, "POST", "/users", {"name": "sock.one", "roles": [{"role": "viewer"}]}),
        await server.call(server.insider, "PUT", "/users/tove.test/roles", {"roles": [{"role": "viewer"}]}),
        await server.call(server.insider, "POST", "/users/tove.test/close"),
        await server.call(server.insider, "POST", "/tokens", {"name": "robot", "role": "id-administrator"}),
    ]
    assert [answer.status for answer in done] == [403, 403, 403, 403]


async def test_one_operator_makes_a_station(server: Server) -> None:
    """He claims a name, uses the code himself, and approves his own key (S5)."""
    operator = region_in_service.colleague(server.access, "olle.test", Role.OPERATOR, "annex-*")
    key = "ab" * 32
    claim = {
        "station": "annex-zz", "salt": "", "digest": "", "made": server.now, "made_by": "olle.test", "wrong": 0,
        "asked": server.now, "address": "", "key": key, "expires": server.now + timedelta(days=1),
    }  # fmt: skip
    with server.database.writing.begin() as connection:
        (number,) = connection.execute(station_claims.insert().values(claim)).inserted_primary_key or (0,)
    for _ in range(2):
        await server.call(operator, "POST", f"/enrolments/{number}/approve", {"key": short_fingerprint(key)})
    with server.database.reading.begin() as connection:
        assert connection.execute(select(station_claims.c.approved)).scalar() is None


async def test_one_operator_orders_an_older_image_for_all(server: Server) -> None:
    """One after the other, so that no order looks like one for the fleet (L7)."""
    names = [row.name for row in demo_readings().station_rows][:4]
    with server.database.writing.begin() as connection:
        add_stations(connection, names)
    operator = region_in_service.colleague(server.access, "olle.test", Role.OPERATOR)
    for name in names:
        body = {"command": "update", "reason": "security", "sha256": DIGEST, "older": True}
        await server.call(operator, "POST", f"/stations/{name}/commands", body)
    assert server.commands.listed()[0] == []


async def test_he_lets_a_stopped_batch_go_on(server: Server) -> None:
    """Retention would erase more than its share: he says alone that it may."""
    with server.database.writing.begin() as connection:
        assert not within_share(connection, RETENTION, 5000, 10_000, server.now)
    for _ in range(2):
        await server.call(server.insider, "POST", f"/guards/{RETENTION}/confirm")
    with server.database.reading.begin() as connection:
        assert waits_for_person(connection, RETENTION, server.now)
