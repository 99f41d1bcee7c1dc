"""Proposals from the first word to the effect, by REST and on the page: who confirms, withdraws, says no, or never comes."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from fleet.messages.commands import UpdateOrder
from fleet.server.accounts import queries as accounts
from fleet.server.accounts.separation_of_duties import record
from fleet.server.accounts.tables import sessions, users
from fleet.server.clock.clock_check import SETTLES, ClockReading
from fleet.server.commands.model import CommandRequest, Requester
from fleet.server.enrolment.tables import station_claims
from fleet.server.guards.service import store_clock_reading
from fleet.server.keys.random_tokens import form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.pages import i18n
from fleet.server.people.model import PersonRow
from fleet.server.people.queries import all_administrators, replace_administrators
from fleet.server.people.service import import_people
from fleet.server.people.tables import people
from fleet.server.proposals.mail import proposal_letters
from fleet.server.proposals.model import Kind, ProposalRefusedError, Refusal, Wish
from fleet.server.proposals.service import ProposalService, import_administrators
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.service import Chosen, SignedIn
from fleet.server.stations.service import add_stations
from fleet.server.web.roles import Role
from provisioning.est.wire import short_fingerprint
from sim.stories.administrators import listed
from tests.fakes.server import region_in_service
from tests.fakes.server.insider_in_service import MAJ, OWN, ROW, Server
from tests.fakes.server.visitors import COOKIE
from tests.fleet.server.app.asgi import Answer, get, post

PUT = ("PUT", f"/administrators/{OWN}", ROW)
HOUR = timedelta(hours=1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.database.close()


def service(server: Server, *, mails: bool = False) -> ProposalService:
    """As a server that has just started has it."""
    return ProposalService(server.database, Hub(), lambda: server.now, mails=mails)


def later(server: Server, passed: timedelta) -> None:
    """The clock went on, and was looked at all the while; people sign in and step up anew."""
    server.now += passed
    now = server.now
    with server.database.writing.begin() as connection:
        store_clock_reading(connection, ClockReading(now, now - SETTLES))
        fresh = {"made": now, "used": now, "stepped_up": now, "ends": now + timedelta(hours=12)}
        connection.execute(update(sessions).values(fresh))


def by(name: str, **more: Any) -> Requester:
    return Requester(name, stepped_up=True, **more)


async def proposed(server: Server, who: str, method: str, path: str, body: Any = None) -> int:
    answer = await server.call(who, method, path, body)
    assert answer.status == 202, answer.text
    number = answer.json["proposal"]
    assert answer.header("location") == f"/api/v1/proposals/{number}"
    return int(number)


async def decide(server: Server, who: str, number: int, action: str = "confirm", body: Any = None) -> Answer:
    return await server.call(who, "POST", f"/proposals/{number}/{action}", body)


async def test_a_row_is_proposed_confirmed_and_listed_after_a_day_also_by_a_server_that_was_started_anew(
    server: Server,
) -> None:
    number = await proposed(server, server.insider, *PUT)
    same = await server.call(server.insider, *PUT)
    assert (same.status, server.listed()) == (409, [MAJ])
    assert (await decide(server, server.insider, number)).status == 409, "one person twice"
    done = (await decide(server, server.honest, number)).json
    assert (done["state"], done["second"]) == ("confirmed", "tove.test")
    later(server, timedelta(hours=23))
    assert (service(server).apply_due(), server.listed()) == (0, [MAJ])
    later(server, 2 * HOUR)
    assert (service(server).apply_due(), server.listed()) == (1, [MAJ, OWN])
    assert service(server).apply_due() == 0, "once"
    with server.database.reading.begin() as connection:
        assert [row.decision for row in all_administrators(connection)] == ["", "IT-1"]
    told = [(one.who, one.action) for one in server.access.entries()[0] if one.target.endswith(f"#{number}")]
    assert told[::-1] == [
        ("insider.test", "proposal.make"), ("tove.test", "proposal.confirm"), ("server", "proposal.done"),
    ]  # fmt: skip


async def test_to_take_away_takes_one_person_and_to_give_back_two(server: Server) -> None:
    with server.database.writing.begin() as connection:
        replace_administrators(connection, [listed(MAJ, "Maj Test"), listed(OWN, "In Sider", roles=("KRA", "KUR"))])
    less = {**ROW, "roles": ["KRA"], "scope": ["entre-*"]}
    assert (await server.call(server.insider, "PUT", f"/administrators/{OWN}", less)).status == 200
    await proposed(server, server.insider, *PUT)
    assert (await server.call(server.insider, "DELETE", f"/administrators/{OWN}")).status == 204
    assert (await server.call(server.insider, "POST", "/users/eva.test/close")).json["closed"] is True
    number = await proposed(server, server.insider, "POST", "/users/eva.test/open?reason=back")
    await decide(server, server.honest, number)
    later(server, HOUR)
    service(server).apply_due()
    assert server.roles_of("eva.test") == {"admin"}


async def test_the_same_of_another_person_is_the_confirmation(server: Server) -> None:
    number = await proposed(server, server.insider, *PUT)
    assert await proposed(server, server.honest, *PUT) == number
    assert service(server).one(number).state == "confirmed"  # type: ignore[union-attr]


@pytest.mark.parametrize("act", ["made", "reset", "granted"])
def test_whom_the_proposer_has_in_hand_is_no_second_person(server: Server, act: Any) -> None:
    with server.database.writing.begin() as connection:
        record(connection, accounts.named(connection, "tove.test").id, "insider.test", act, server.now)
    content = ROW | {"valid_from": None, "valid_until": None}
    row = service(server).propose(Wish(Kind.ADMINISTRATOR, OWN, content, "x"), by("insider.test")).row
    assert service(server).objection(row, by("tove.test")) is Refusal.NOT_ANOTHER_PERSON
    assert service(server).objection(row, by("eva.test")) is None
    assert service(server).objection(row, Requester("eva.test")) is Refusal.STEP_UP
    region_in_service.colleague(server.access, "new.test", days=0)
    assert service(server).objection(row, by("new.test")) is Refusal.YOUNG
    later(server, timedelta(days=1))
    assert service(server).objection(row, by("new.test")) is None


async def test_nobody_lists_themselves_whatever_the_account_is_called(server: Server) -> None:
    """By the HSA-id that the sign-in proved, as first and as second person."""
    with server.database.writing.begin() as connection:
        connection.execute(update(users).where(users.c.name == "tove.test").values(hsa_id=OWN))
    assert (await server.call(server.honest, *PUT)).status == 403
    number = await proposed(server, server.insider, *PUT)
    answer = await decide(server, server.honest, number)
    assert (answer.status, "nobody gives themselves" in answer.text) == (403, True)


@pytest.mark.parametrize(("since", "state"), [(25, "done"), (23, "confirmed")])
async def test_an_id_administrator_confirms_at_once_with_the_own_card(server: Server, since: int, state: str) -> None:
    """As the region's sign-in says it; who has been listed for less than a day is as anybody else."""
    with server.database.writing.begin() as connection:
        replace_administrators(connection, [listed(MAJ, "Maj Test")])
        replace_administrators(connection, [listed(MAJ, "Maj Test", "entre-*")])
        replace_administrators(connection, [])
        replace_administrators(connection, [listed(MAJ, "Maj Test")], server.now - timedelta(hours=since))
    maj = region_in_service.colleague(server.access, MAJ, Role.ID_ADMINISTRATOR)
    number = await proposed(server, server.insider, *PUT)
    assert (await decide(server, maj, number)).json["state"] == state
    assert (OWN in server.listed()) is (state == "done")


async def test_the_proposer_withdraws_and_nobody_else(server: Server) -> None:
    number = await proposed(server, server.insider, *PUT)
    assert (await decide(server, server.honest, number, "withdraw")).status == 403
    await decide(server, server.honest, number)
    assert (await decide(server, server.insider, number, "withdraw")).json["state"] == "withdrawn"
    later(server, timedelta(days=2))
    assert (service(server).apply_due(), server.listed()) == (0, [MAJ])
    assert (await decide(server, server.honest, number)).status == 409


@pytest.mark.parametrize("who", ["proposed", "administrator", "second"])
async def test_who_objects_stops_it_also_when_it_is_confirmed(server: Server, who: str) -> None:
    number = await proposed(server, server.insider, *PUT)
    await decide(server, server.third, number)
    people = {
        "proposed": region_in_service.colleague(server.access, OWN, Role.VIEWER),
        "administrator": region_in_service.colleague(server.access, MAJ, Role.VIEWER),
        "second": server.honest,
    }
    stranger = region_in_service.colleague(server.access, "viewer.test", Role.VIEWER)
    assert (await decide(server, stranger, number, "object", {"reason": "no"})).status == 404
    assert (await decide(server, server.insider, number, "object", {"reason": "no"})).status == 403
    assert (await decide(server, people[who], number, "object", {"reason": "I was not asked"})).json[
        "state"
    ] == "objected"
    later(server, timedelta(days=2))
    assert (service(server).apply_due(), server.listed()) == (0, [MAJ])


async def test_a_second_person_who_never_comes_leaves_nothing(server: Server) -> None:
    number = await proposed(server, server.insider, *PUT)
    later(server, timedelta(days=7))
    assert service(server).apply_due() == 1
    assert service(server).one(number).state == "expired"  # type: ignore[union-attr]
    assert server.listed() == [MAJ]


async def test_whose_account_is_closed_meanwhile_gives_nothing(server: Server) -> None:
    number = await proposed(server, server.insider, *PUT)
    await decide(server, server.honest, number)
    await server.call(server.third, "POST", "/users/insider.test/close")
    later(server, timedelta(days=2))
    service(server).apply_due()
    row = service(server).one(number)
    assert row is not None
    assert (row.state, row.outcome, server.listed()) == (
        "failed", "the account of insider.test was closed meanwhile", [MAJ],
    )  # fmt: skip


def test_while_the_clock_is_not_believed_no_time_has_passed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.server.proposals.service.clock_is_believed", lambda *_: False)
    content = ROW | {"valid_from": None, "valid_until": None}
    row = service(server).propose(Wish(Kind.ADMINISTRATOR, OWN, content, "x"), by("insider.test")).row
    service(server).confirm(row.id, by("tove.test"))
    later(server, timedelta(days=2))
    assert (service(server).apply_due(), server.listed()) == (0, [MAJ])


async def test_an_account_is_set_up_by_two_halves_of_a_code(server: Server) -> None:
    """Each on another person's screen: neither has the whole."""
    roles = {"name": "lena.test", "roles": [{"role": "operator", "stations": "entre-*"}], "reason": "IT-4471"}
    number = await proposed(server, server.insider, "POST", "/users", roles)
    await decide(server, server.honest, number)
    later(server, HOUR)
    assert (await decide(server, server.insider, number, "half")).status == 409, "it has not taken effect"
    service(server).apply_due()
    assert (await decide(server, server.third, number, "half")).status == 403
    halves = [(await decide(server, who, number, "half")).json["half"] for who in (server.insider, server.honest)]
    alone = [".".join(pair) for pair in ((halves[0], halves[0]), (halves[1], halves[0]), (halves[0], ""))]
    assert [server.access.offered(value) for value in (*alone, *halves)] == [None] * 5
    typed = {"first": " ".join(re.findall("....", halves[0])), "second": halves[1].lower()}
    page = await post(server.app, "/set-up/halves", typed)
    assert "lena.test" in page.text
    offer = server.access.offered(".".join(halves))
    assert offer is not None
    chosen = Chosen("", "made-up-password", codes.code_at(offer.secret, server.now.timestamp()))
    assert isinstance(server.access.set_up(".".join(halves), chosen, ""), SignedIn)
    assert server.access.offered(".".join(halves)) is None, "once"
    assert (await decide(server, server.insider, number, "half")).status == 409


def test_where_mail_is_set_up_the_link_goes_to_its_own_person_and_all_who_can_object_are_told(server: Server) -> None:
    with server.database.writing.begin() as connection:
        import_people(connection, [PersonRow(MAJ, "Maj Test"), PersonRow(OWN, "In Sider")], server.now)
        for hsa_id, mail in ((MAJ, "maj@region.example"), (OWN, "own@region.example")):
            connection.execute(update(people).where(people.c.hsa_id == hsa_id).values(mail=mail))
        connection.execute(update(users).where(users.c.name == "insider.test").values(mail="insider@region.example"))
        connection.execute(update(users).where(users.c.name == "tove.test").values(mail="tove@region.example"))
    office = service(server, mails=True)
    content = ROW | {"valid_from": None, "valid_until": None}
    office.propose(Wish(Kind.ADMINISTRATOR, OWN, content, "x"), by("insider.test"))
    source = proposal_letters(lambda: "https://fleet.example")
    with server.database.reading.begin() as connection:
        letters = source(connection, server.now)
    assert {letter.address for letter in letters} == {
        "maj@region.example", "own@region.example", "tove@region.example",
    }  # fmt: skip
    texts = i18n.load()["sv"]
    assert all("https://fleet.example/proposals/1" in letter.words(texts)[1] for letter in letters)
    with server.database.writing.begin() as connection:
        assert letters[0].record(connection, "mail", server.now)
    assert [notice.result for notice in office.notices(1)].count("mail") == 1
    new = office.propose(
        Wish(Kind.ACCOUNT, "lena.test", {"roles": [], "mail": "lena@region.example"}, "x"), by("insider.test")
    )
    office.confirm(new.row.id, by("tove.test"))
    later(server, HOUR)
    office.apply_due()
    assert not office.gives_code(office.one(new.row.id))  # type: ignore[arg-type]
    with server.database.reading.begin() as connection:
        (link,) = [letter for letter in source(connection, server.now) if letter.address == "lena@region.example"]
    value = re.search(r"/set-up/(\S+)", link.words(texts)[1])
    assert value is not None
    assert server.access.offered(value[1]) is None, "not before it was taken"
    with server.database.writing.begin() as connection:
        link.record(connection, "mail", server.now)
    assert server.access.offered(value[1]) is not None


def test_a_file_takes_away_at_once_and_proposes_what_is_more(server: Server) -> None:
    machine = Requester("machine:root", stepped_up=True)
    with server.database.writing.begin() as connection:
        replace_administrators(connection, [listed(MAJ, "Maj Test"), listed("TEST000000-A002", "Bo Test")])
        file = [listed(MAJ, "Maj Test", roles=("KRA", "KUR")), listed(OWN, "In Sider")]
        done = import_administrators(connection, file, machine, server.now)
        assert (done.removed, done.proposed, done.added, done.changed) == (1, 2, 0, 0)
        again = import_administrators(connection, file, machine, server.now)
        assert (again.removed, again.proposed) == (0, 2)
    assert server.listed() == [MAJ]
    rows, total = service(server).listed()
    assert (total, {row.target for row in rows}, {row.by for row in rows}) == (2, {MAJ, OWN}, {"machine:root"})
    service(server).confirm(rows[0].id, by("tove.test"))
    later(server, timedelta(days=1))
    service(server).apply_due()
    assert server.listed() == [MAJ, OWN]


@pytest.mark.parametrize(("stations", "older", "two"), [(1, False, False), (1, True, True), (3, False, True)])
def test_an_older_image_or_one_for_most_of_the_fleet_takes_two(
    server: Server, stations: int, older: bool, two: bool
) -> None:
    names = [f"entre-{letter}" for letter in "abcd"]
    with server.database.writing.begin() as connection:
        add_stations(connection, names)
    order = UpdateOrder("2026.48.1", 10, "5e" * 32, 8444, older=older)
    wishes = [CommandRequest(name, "update", "security", update_order=order) for name in names[:stations]]
    assert service(server).is_for_fleet(wishes) is two
    for wish in wishes:
        server.commands.ask(wish, by("tove.test"))
    rest = [CommandRequest(name, "update", "security", update_order=order) for name in names[stations:]]
    assert service(server).is_for_fleet(rest[:2]) is True, "one after the other is the whole fleet too"


async def test_a_batch_of_stations_is_let_in_by_two_and_whole_or_not_at_all(server: Server) -> None:
    olle, olga, near = (
        region_in_service.colleague(server.access, f"{name}.test", Role.OPERATOR, scope)
        for name, scope in (("olle", "*"), ("olga", "*"), ("near", "ward-1"))
    )
    keys = {name: f"{number:x}b" * 32 for number, name in enumerate(("ward-1", "ward-2"), 1)}
    claim = {"salt": "", "digest": "", "made": server.now, "made_by": "olle.test", "wrong": 0, "asked": server.now,
             "address": "", "expires": server.now + timedelta(days=1), "join_key": 1}  # fmt: skip
    with server.database.writing.begin() as connection:
        for name, key in keys.items():
            connection.execute(station_claims.insert().values(claim | {"station": name, "key": key}))
    batch = [{"claim": number, "key": short_fingerprint(key)} for number, key in enumerate(keys.values(), 1)]
    number = await proposed(server, olle, "POST", "/enrolments/approve", {"claims": batch})
    page = await see(server, olga, f"/proposals/{number}")
    assert all(f"{name}" in page and short_fingerprint(key).replace(" ", "") in page for name, key in keys.items())
    assert (await decide(server, olle, number)).status == 409, "one person twice"
    assert (await decide(server, near, number)).status in (403, 404), "not all of them are that person's"
    assert await proposed(server, olle, "POST", "/enrolments/approve", {"claims": batch[:1]}) != number
    with server.database.writing.begin() as connection:  # what was seen on the one screen is no longer what waits
        connection.execute(update(station_claims).where(station_claims.c.id == 2).values(key="cd" * 32))
    assert (await decide(server, olga, number)).json["state"] == "failed"
    with server.database.writing.begin() as connection:
        assert list(connection.execute(select(station_claims.c.approved)).scalars()) == [None, None]
        connection.execute(update(station_claims).where(station_claims.c.id == 2).values(key=keys["ward-2"]))
    number = await proposed(server, olle, "POST", "/enrolments/approve", {"claims": batch})
    assert (await decide(server, olga, number)).json["state"] == "done"
    with server.database.reading.begin() as connection:
        assert list(connection.execute(select(station_claims.c.approved)).scalars()) == [True, True]


async def test_in_the_first_hour_nothing_waits_until_two_have_closed_it(tmp_path: Path) -> None:
    """One is alone at first; the two then do it together, without delays; when both say so it is over, for good."""
    server = Server(tmp_path, in_service=False)
    try:
        with server.database.writing.begin() as connection:
            connection.execute(update(users).where(users.c.name.in_(("tove.test", "eva.test"))).values(disabled=True))
        assert (await server.call(server.insider, *PUT)).status == 200
        with server.database.writing.begin() as connection:
            connection.execute(update(users).where(users.c.name == "tove.test").values(disabled=False, made=server.now))
        number = await proposed(server, server.insider, "PUT", f"/administrators/{MAJ}", {**ROW, "name": "Maj Other"})
        assert "under den första timmen finns ingen väntan" in await see(server, server.honest, f"/proposals/{number}")
        assert (await decide(server, server.honest, number)).json["state"] == "done"
        first = await server.call(server.insider, "POST", "/first-hour/close")
        again = await server.call(server.insider, "POST", "/first-hour/close")
        assert (first.json, again.json) == ({"closed_by": ["insider.test"]},) * 2
        assert (await server.call(server.honest, "POST", "/first-hour/close")).json == {"closed_by": None}
        more = {**ROW, "name": "Third Test"}
        number = await proposed(server, server.insider, "PUT", "/administrators/TEST000000-A003", more)
        assert "Om någon bekräftar före dess" in await see(server, server.honest, f"/proposals/{number}")
        with server.database.writing.begin() as connection:
            connection.execute(update(users).where(users.c.name == "eva.test").values(disabled=False, made=server.now))
        eva = region_in_service.colleague(server.access, "eva.test", Role.ADMIN, days=0)
        assert (await decide(server, eva, number)).status == 409, "made today, and not one of the two"
        assert (await server.call(eva, "POST", "/first-hour/close")).status == 200
        assert (await decide(server, eva, number)).status == 409, "it is over: nobody becomes one of the two"
        assert (await decide(server, server.honest, number)).json["state"] == "confirmed", (
            "one of the two who closed it"
        )
    finally:
        server.database.close()


async def see(server: Server, who: str, path: str) -> str:
    answer = await get(server.app, path, cookie=f"{COOKIE}={who}", accept_language="sv")
    assert answer.status == 200, answer.text
    return html.unescape(answer.text)


async def press(server: Server, who: str, path: str, **fields: str) -> Answer:
    return await post(server.app, path, {"form_token": form_token(who), **fields}, cookie=f"{COOKIE}={who}")


async def test_the_page_has_a_face_for_each_and_does_what_they_say(server: Server) -> None:
    form = {**ROW, "roles": "KRA", "level": "3", "scope": "*", "hsa_id": OWN, "valid_from": "", "valid_until": ""}
    came = await press(server, server.insider, "/administrators", **{name: str(value) for name, value in form.items()})
    assert (came.status, came.header("location")) == (303, "/proposals/1")
    proposed_one = region_in_service.colleague(server.access, OWN, Role.VIEWER)
    faces = [await see(server, who, "/proposals/1") for who in (server.honest, server.insider, proposed_one)]
    buttons = [re.findall(r'action="/proposals/1/(\w+)"', face) for face in faces]
    assert buttons == [["confirm", "object"], ["withdraw"], ["object"]]
    assert all("insider.test föreslår In Sider: ID-administratör" in face for face in faces)
    assert "Väntar på en andra person" in await see(server, server.honest, "/proposals")
    assert re.search(r'id="count-proposals"><em class="hot">1', await see(server, server.honest, "/"))
    refused = await press(server, server.honest, "/proposals/1/object", reason="")
    assert (refused.status, 'role="alert"' in refused.text) == (409, True)
    assert (await press(server, server.honest, "/proposals/1/confirm")).status == 303
    assert "Bekräftat, väntar på sin tid" in await see(server, server.honest, "/proposals/1")
    assert (await press(server, proposed_one, "/proposals/1/object", reason="inte jag")).status == 303
    assert "inte jag" in await see(server, server.insider, "/proposals/1")
    csv = await get(server.app, "/exports/proposals", cookie=f"{COOKIE}={server.honest}")
    assert OWN in csv.text
    viewer = region_in_service.colleague(server.access, "viewer.test", Role.VIEWER)
    assert (await get(server.app, "/proposals/1", cookie=f"{COOKIE}={viewer}")).status == 404


def test_who_is_renamed_by_the_sign_in_stays_the_one_who_proposed(server: Server) -> None:
    content = ROW | {"valid_from": None, "valid_until": None}
    row = service(server).propose(Wish(Kind.ADMINISTRATOR, OWN, content, "x"), by("insider.test")).row
    with server.database.writing.begin() as connection:
        accounts.from_issuer(connection, "demo insider.test", "other.test", ((Role.ADMIN, "*"),), server.now)
    with pytest.raises(ProposalRefusedError, match="same_person"):
        service(server).confirm(row.id, by("other.test"))
