"""New tries for a letter on its page and by REST: a reason, a second person, and what is said to who may not."""

import pytest
from fastapi import FastAPI

from fleet.server.envelope_resets.tables import envelope_resets
from fleet.server.people.queries import replace_administrators
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from sim.stories.administrators import listed
from tests.fakes.server.command_people import Person, sent
from tests.fakes.server.visitors import COOKIE, program
from tests.fleet.server.app.asgi import get
from tests.fleet.server.conftest import hold_orders, record

FIRST, SECOND, HOLDER = "TEST000000-0013", "TEST000000-0014", "TEST000000-0001"
PAGE, API = "/orders/T-1/tries", "/api/v1/orders/T-1/tries"


@pytest.fixture
def people(app: FastAPI, access: Access) -> dict[str, Person]:
    everyone = (FIRST, SECOND, HOLDER)
    with access.database.writing.begin() as connection:
        connection.execute(envelope_resets.delete())
        replace_administrators(connection, [listed(one, "Test") for one in everyone])
    hold_orders(
        access.database, record("T-1", hsa_id=HOLDER, card_number="9752269033000777", station="lasarettet-a", slot=9)
    )
    return {name: Person(app, access, Role.ID_ADMINISTRATOR, name) for name in everyone}


async def test_two_administrators_give_new_tries_on_the_page(people: dict[str, Person]) -> None:
    assert "Ingen har bett om nya försök." in (await people[FIRST].see(PAGE)).text
    assert (await people[FIRST].send(PAGE, reason=" ")).status == 422
    assert (await people[FIRST].send(PAGE, reason="fel brev först")).status == 303
    mine = (await people[FIRST].see(PAGE, "en")).text
    assert ("cannot be the second person" in mine, f"{PAGE}/agree" in mine) == (True, False)
    other = (await people[SECOND].see(PAGE)).text
    assert [one for one in ("fel brev först", FIRST, f"{PAGE}/agree", f"{PAGE}/withdraw") if one not in other] == []
    refused = await people[HOLDER].send(f"{PAGE}/agree")
    assert (refused.status, "Brevet är ditt eget" in refused.text) == (409, True)
    assert (await people[SECOND].send(f"{PAGE}/agree")).header("location") == PAGE
    assert "skickas till kontrollen av brev" in (await people[SECOND].see(PAGE)).text


async def test_the_same_by_rest_and_never_by_a_token(app: FastAPI, access: Access, people: dict[str, Person]) -> None:
    token = f"Bearer {program(access, Role.ID_ADMINISTRATOR)}"
    assert (await sent(app, f"{API}/ask", {"reason": "ett prov"}, authorization=token, cookie="")).status == 403
    assert (await people[FIRST].call(f"{API}/ask", reason="ett prov")).json["state"] == "waiting"
    said = await people[FIRST].call(f"{API}/agree")
    assert (said.status, said.json["detail"]) == (409, "the second person is another one than who asked for it")
    assert (await people[SECOND].call(f"{API}/agree")).json["second"] == SECOND
    rows = (await get(app, API, authorization=token, cookie="")).json
    assert [(row["by"], row["state"], row["result"]) for row in rows] == [(FIRST, "agreed", None)]
    assert (await people[FIRST].call("/api/v1/orders/T-9/tries/ask", reason="ett prov")).status == 404
    assert (await get(app, "/orders/T-9/tries", cookie=f"{COOKIE}=")).status in (303, 404)
