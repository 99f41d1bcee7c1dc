"""An administrator of the dashboard who would open a slot alone, or be believed as more than he is.

The server is the real application over a real store; the insider has an administrator's session and a shell on a stolen copy of
the store, and no key.
"""

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert, select, update

from fleet.server.accounts import api_tokens as tokens_of
from fleet.server.accounts import one_time_links as links
from fleet.server.accounts import queries as people
from fleet.server.accounts.tables import account_acts, sessions, tokens
from fleet.server.app import create_app
from fleet.server.cards.dependencies import CardServices
from fleet.server.deadlines.settings import load
from fleet.server.keys.random_tokens import digest
from fleet.server.live_feed.hub import Hub
from fleet.server.people.model import PersonRow
from fleet.server.people.queries import replace_administrators
from fleet.server.people.service import import_people
from fleet.server.people.tables import people as directory
from fleet.server.sign_in.openid.client import OpenId
from fleet.server.sign_in.openid.pages import BACK
from fleet.server.web.roles import Role
from sim.stories.administrators import listed
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.identity_provider import SECRET, SETTINGS, WHO, IdentityProvider
from tests.fakes.server.insider import AT, OPEN, Server
from tests.fakes.server.readings import NOW, demo_readings
from tests.fakes.server.visitors import COOKIE
from tests.fleet.server.app.asgi import ask, get


async def test_a_token_and_himself(server: Server) -> None:
    """One administrator orders a slot open with a token of his own and agrees to it as himself."""
    made = await server.call(server.insider, "/tokens", {"name": "robot", "role": "operator", "days": 1})
    value = made.json["token"]
    ordered = await server.by_token(value, f"/stations/{AT}/commands", OPEN)
    if ordered.status == 201:
        await server.call(server.insider, f"/commands/{ordered.json['id']}/approve")
    assert not server.sent()


@pytest.mark.parametrize("first", ["himself", "the puppet"])
async def test_a_sock_puppet(server: Server, first: str) -> None:
    """One administrator makes an account, sets it up from his own screen, and is two persons."""
    puppet = server.set_up(await server.press("/users", name="sock.puppet", role="operator", stations="*"))
    pair = (server.insider, puppet) if first == "himself" else (puppet, server.insider)
    assert not await server.opens(*pair)


async def test_two_sock_puppets(server: Server) -> None:
    """One administrator makes two accounts, and they agree with each other."""
    one = server.set_up(await server.press("/users", name="sock.one", role="operator", stations="*"))
    two = server.set_up(await server.press("/users", name="sock.two", role="operator", stations="*"))
    assert not await server.opens(one, two)


async def test_a_colleague_who_is_reset(server: Server) -> None:
    """One administrator resets a colleague's account of long ago, opens the link, and is the colleague."""
    with server.database.writing.begin() as connection:
        long_ago = NOW - timedelta(days=400)
        user = people.add(connection, "maj.test", ((Role.OPERATOR, "*"),), long_ago)
        links.make(connection, "set-up", user, long_ago)
    colleague = server.set_up(await server.press("/users/maj.test/reset"))
    assert not await server.opens(server.insider, colleague)


async def test_an_account_that_is_granted_more(server: Server) -> None:
    """One administrator gives a role to an account whose password he knows, and agrees through it."""
    with server.database.writing.begin() as connection:
        people.add(connection, "maj.test", ((Role.OPERATOR, "entre-*"), (Role.OPERATOR, AT)), NOW - timedelta(days=400))
    friend = server.set_up(await server.press("/users/maj.test/reset"))
    with server.database.writing.begin() as connection:
        connection.execute(update(account_acts).values(at=NOW - timedelta(days=31)))
    assert await server.opens(server.insider, friend), "the reset alone is forgotten by now"
    before = len(server.desk.listed()[0])
    assert (await server.press("/users/maj.test/add-role", role="operator", stations="*")).status == 303
    await server.opens(server.insider, friend)
    rows = server.desk.listed()[0]
    assert (len(rows), rows[0].state) == (before + 1, "waiting")


@pytest.mark.parametrize("ago", [timedelta(minutes=6), None], ids=["six minutes ago", "never"])
@pytest.mark.parametrize("who", ["first", "second"])
async def test_a_session_left_open(server: Server, ago: timedelta | None, who: str) -> None:
    """A slot is opened from a session that somebody left open, without a fresh proof of who is there."""
    pair = [server.insider, server.somebody("olle.test")]
    stale = pair[0] if who == "first" else pair[1]
    with server.database.writing.begin() as connection:
        at = None if ago is None else NOW - ago
        connection.execute(update(sessions).where(sessions.c.hash == digest(stale)).values(stepped_up=at))
    assert not await server.opens(pair[0], pair[1])


async def test_a_token_blocks_a_card(server: Server) -> None:
    """A token that lies in some program blocks a card for good, or says that it was destroyed."""
    made = await server.call(server.insider, "/tokens", {"name": "robot", "role": "id-administrator", "days": 1})
    refused = [
        await server.by_token(made.json["token"], path, body)
        for path, body in (
            ("/cards/9752269875/block", {"reason": "stolen"}),
            ("/cards/9752269875/hold", {"reason": "lost"}),
            ("/cards/9752269875/lift", {}),
            ("/orders/NS-20417/destroyed", {}),
        )
    ]
    assert [one.status for one in refused] == [403, 403, 403, 403]


@pytest.mark.parametrize(
    ("role", "age"), [(Role.ADMIN, 1), (Role.VIEWER, 91)], ids=["with everything", "of 91 days"]
)  # fmt: skip
async def test_a_token_of_an_earlier_version(server: Server, role: Role, age: int) -> None:
    """A token that an earlier version made for two years or with an administrator's role is still let in."""
    made = NOW - timedelta(days=age)
    row = {"hash": digest("kkf_made-up"), "name": "old", "role": role.value, "stations": "*", "made": made}
    with server.database.writing.begin() as connection:
        connection.execute(insert(tokens).values(**row, ends=made + timedelta(days=731), revoked=False))
    bearer = {"authorization": "Bearer kkf_made-up", "cookie": "x=1; kortkiosk=none"}
    assert (await get(server.app, "/api/v1/stations", **bearer)).status == 401


@pytest.mark.parametrize("wish", [{"role": "admin"}, {"role": "viewer", "days": 91}], ids=["admin", "91 days"])
async def test_a_token_of_today(server: Server, wish: dict[str, Any]) -> None:
    """An administrator makes a token that may do everything, or that outlives his own account by years."""
    made = await server.call(server.insider, "/tokens", {"name": "robot", **wish})
    assert made.status in (409, 422)


async def test_a_stolen_store(server: Server, tmp_path: Path) -> None:
    """Whoever copies the store reads the seeds of one-time codes in it and makes anybody's code."""
    page = await server.press("/users", name="maj.test", role="operator", stations="*")
    value = page.text.partition("/set-up/")[2].partition("<")[0]
    offer = server.access.offered(value)
    assert offer is not None
    before = _everything(tmp_path / "fleet.sqlite")
    server.set_up(page)
    for held in (before, _everything(tmp_path / "fleet.sqlite")):
        assert offer.secret not in held


async def test_a_password_at_the_issuer(server: Server) -> None:
    """An administrator's account is entered by a password at the region's sign-in, which says so in a lower acr."""
    provider = IdentityProvider(NOW, {**WHO, "acr": "http://id.example/loa2"})
    where = f"http://127.0.0.1{BACK}"
    openid = OpenId(SETTINGS, SECRET, where, (server.database, lambda: NOW), provider.reach())
    app = create_app(
        demo_readings(), Hub(), server.access, FakeAlerts(), server.desk, clock=lambda: NOW, openid=openid
    )  # fmt: skip
    gone = await get(app, "/sign-in/openid")
    browser = gone.header("set-cookie").partition(";")[0]
    back = await get(app, f"{BACK}?{urlencode(provider.authorize(gone.header('location')))}", cookie=browser)
    assert not [value for name, value in back.headers if name == "set-cookie" and value.startswith(f"{COOKIE}=")]


def _everything(file: Path) -> str:
    with sqlite3.connect(file) as plain:
        held = "\n".join(plain.iterdump())
    plain.close()
    return held


WARD = [f"SE999999-{number:04}" for number in range(40)]
LISTED = "SE2321000131-1A13"
LEFT = json.dumps({"name": "Alva Test", "left": "2026-05-31"}).encode()


@pytest.mark.parametrize("organisations", ["", "SE2321000131"])
async def test_an_integrator_says_that_everybody_has_left(server: Server, organisations: str) -> None:
    """A token of some program says of a ward, and of the ID administrators, that they have left: nobody is let in any more."""
    with server.database.writing.begin() as connection:
        import_people(
            connection, [PersonRow(hsa_id, "Alva Test") for hsa_id in (*WARD, LISTED)], NOW - timedelta(days=9)
        )
        replace_administrators(connection, [listed(LISTED, "Maj Test")])
        value = tokens_of.add(connection, "integrator", Role.ID_ADMINISTRATOR, "*", 1, NOW, organisations)
    services = CardServices.of(server.database, Hub(), lambda: NOW, load())
    app = create_app(
        demo_readings(), Hub(), server.access, FakeAlerts(), server.desk, clock=lambda: NOW, cards=services
    )  # fmt: skip
    own = {"authorization": f"Bearer {value}", "content_type": "application/json"}
    told = [(await ask(app, "PUT", f"/api/v1/people/{who}", LEFT, **own)).status for who in (*WARD, LISTED)]
    with server.database.reading.begin() as connection:
        gone = set(connection.execute(select(directory.c.hsa_id).where(directory.c.left.is_not(None))).scalars())
    assert len(gone) == (0 if organisations else 20), told
    assert LISTED not in gone
    assert told[-1] == 409
    assert set(told[:-1]) == ({403} if organisations else {200, 409})
