"""Commands on the pages and by REST: who may order what, who can be the second person, and what is shown of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from joserfc import jws
from sqlalchemy import delete, insert, select

from fleet.messages.commands import COMMANDS, Command, CommandResult, UpdateOrder, digest_of
from fleet.messages.link import DeviceState, StationState, UpdateState, decode, encode
from fleet.messages.vocabulary import CommandOutcome
from fleet.server.accounts import queries as people
from fleet.server.accounts import separation_of_duties as vouching
from fleet.server.accounts.tables import account_acts, sessions
from fleet.server.commands import queries as commanding
from fleet.server.commands.dispatcher import CommandDispatcher
from fleet.server.commands.labels import COMMAND_ICON
from fleet.server.commands.model import RECOVERY_KEY, CommandRequest, CommandRow, right_for, wrong_with
from fleet.server.commands.service import CommandService
from fleet.server.pages.i18n import load
from fleet.server.sign_in.service import Access
from fleet.server.stations.alarms import RECOVERY_RELEASED
from fleet.server.stations.tables import alarms, stations
from fleet.server.web.roles import RIGHTS, Right, Role
from tests.fakes.server.bundles import DIGEST
from tests.fakes.server.command_people import Person, sent
from tests.fakes.server.commands import OLLE, SIGNER, TOVE
from tests.fakes.server.readings import NOW, FakeReadings
from tests.fakes.server.visitors import program
from tests.fleet.server.app.asgi import get
from tests.fleet.server.conftest import KeptChanges, MemoryTransport

AT = "lasarettet-a"
PATH = f"/stations/{AT}/commands"
OPEN = CommandRequest(AT, "open_slot", "kortet ligger på tvären", slot=14)
BY_ROLE = {
    Role.VIEWER: frozenset[str](),
    Role.AUDITOR: frozenset[str](),
    Role.ID_ADMINISTRATOR: frozenset({"open_slot"}),
    Role.OPERATOR: COMMANDS,
    Role.ADMIN: COMMANDS,
}


BODIES: dict[str, dict[str, Any]] = {
    "open_slot": {"slot": 14},
    "out_of_service": {"message": "repair"},
    "update": {"sha256": DIGEST},
}
"""What a body has besides command and reason."""


def fields_of(command: str) -> dict[str, str]:
    """A whole form."""
    more = {"open_slot": {"slot": "14"}, "out_of_service": {"message": "repair"}, "update": {"bundle": DIGEST}}
    return {"command": command, "reason": "ett prov", **more.get(command, {})}


def answered(access: Access, desk: CommandService, wish: CommandRequest, **facts: Any) -> CommandRow:
    """A command that went out, with what its station said."""
    row, transport = desk.ask(wish, OLLE), MemoryTransport()
    CommandDispatcher(access.database, transport, SIGNER, KeptChanges(), lambda: NOW).step()
    known = desk.one(row.id)
    assert known is not None
    said = {"sequence": known.sequence, "digest": digest_of(transport.published[-1][1]), **facts}
    with access.database.writing.begin() as connection:
        assert commanding.take_result(connection, wish.station, CommandResult(**said), NOW)
    return known


def test_whoever_may_command_may_also_do_what_touches_cards() -> None:
    assert {role for role in Role if Right.COMMAND in RIGHTS[role]} <= {
        role for role in Role if Right.CARDS in RIGHTS[role]
    }
    assert set(COMMAND_ICON) == COMMANDS | {RECOVERY_KEY}
    for texts in load().values():
        assert all(texts.has(f"{family}.{name}") for name in COMMAND_ICON for family in ("command", "command_help"))


@pytest.mark.parametrize("role", Role, ids=[role.value for role in Role])
async def test_each_role_orders_what_it_may_and_nothing_else(
    app: FastAPI, access: Access, desk: CommandService, role: Role
) -> None:
    person = Person(app, access, role, f"{role.value}.test")
    page = (await person.see(PATH)).text
    for command in sorted(COMMANDS):
        offered = f"?do={command}" in page
        assert offered is (command in BY_ROLE[role] and command not in ("in_service", "update")), command
        answer = await person.send(PATH, **fields_of(command))
        assert answer.status == (303 if command in BY_ROLE[role] else 403), command
        called = await person.call(f"/api/v1{PATH}", command=command, reason="ett prov", **BODIES.get(command, {}))
        assert called.status == (201 if command in BY_ROLE[role] else 403), command
    assert desk.listed()[1] == 2 * len(BY_ROLE[role])


async def test_one_orders_another_agrees_and_the_pages_say_so(
    app: FastAPI, access: Access, desk: CommandService
) -> None:
    tora, olle = (Person(app, access, Role.OPERATOR, name) for name in ("tora.test", "olle.test"))
    ordered = await tora.send(PATH, command="open_slot", reason="kortet ligger på tvären", slot="14")
    page = ordered.header("location")
    mine, theirs = (await tora.see(page)).text, (await olle.see(page)).text
    assert ("/approve" in mine, "Ta tillbaka" in mine) == (False, True)
    assert ("/approve" in theirs, "Avslå" in theirs) == (True, True)
    assert page in (await olle.see("/")).text, "it is on the list of what needs somebody"
    assert page not in (await tora.see("/")).text
    refused = await tora.send(f"{page}/approve")
    assert (refused.status, "Den som gav kommandot kan inte vara den andra personen" in refused.text) == (409, True)
    assert (await olle.send(f"{page}/approve")).header("location") == page
    late = await olle.send(f"{page}/withdraw")
    assert (late.status, "Någon har redan bestämt" in late.text) == (409, True)
    (row,), _ = desk.listed()
    assert (row.state, row.by, row.second) == ("ready", "tora.test", "olle.test")
    shown = (await tora.see(page, "en")).text
    assert [one for one in ("olle.test", "To be sent", "Open slot 14") if one not in shown] == []


@pytest.fixture
def say_key(access: Access) -> Iterator[Callable[[str], None]]:
    """A station that is there, with that recovery key."""

    def say(sealed: str) -> None:
        state = StationState("Lasarettet", "1", "boot", "2026-03-02T08:00:00Z", recovery_key=sealed)
        with access.database.writing.begin() as connection:
            connection.execute(delete(stations).where(stations.c.name == AT))
            connection.execute(insert(stations).values(name=AT, state=encode(state).decode()))

    yield say
    with access.database.writing.begin() as connection:
        connection.execute(delete(stations).where(stations.c.name == AT))
        connection.execute(delete(alarms).where(alarms.c.code == RECOVERY_RELEASED))


async def test_two_persons_release_a_sealed_recovery_key_once_and_no_station_hears_of_it(
    app: FastAPI, access: Access, desk: CommandService, say_key: Callable[[str], None]
) -> None:
    tora, olle = (Person(app, access, Role.OPERATOR, name) for name in ("tora.test", "olle.test"))
    wish = {"command": "recovery_key", "reason": "nytt moderkort"}
    refused = await tora.send(PATH, **wish)
    assert (refused.status, "har inte skickat" in refused.text) == (422, True)
    say_key("c2VhbGVk")
    page = (await tora.send(PATH, **wish)).header("location")
    assert "c2VhbGVk" not in (await tora.see(page)).text
    assert (await tora.call(f"/api/v1{page}/approve")).status == 409
    assert (await olle.call(f"/api/v1{page}/approve")).json["state"] == "done"
    shown = (await tora.see(page, "en")).text
    assert "c2VhbGVk" in shown
    assert "Sealed recovery key" in shown
    assert _alarms(access) == [(AT, "recovery_released", "#1")]
    told = [(one.who, one.action, one.detail) for one in access.entries()[0] if one.detail == wish["reason"]]
    assert told == [("olle.test", "command.approve", "nytt moderkort"), ("tora.test", "command.ask", "nytt moderkort")]
    transport = MemoryTransport()
    CommandDispatcher(access.database, transport, SIGNER, KeptChanges(), lambda: NOW).step()
    assert transport.published == []

    assert (await tora.call(f"/api/v1{PATH}", **wish)).status == 409, "once"
    say_key("bmV3ZXI=")
    first, second = [(await person.call(f"/api/v1{PATH}", **wish)).json["id"] for person in (tora, olle)]
    assert (await olle.call(f"/api/v1/commands/{first}/approve")).json["state"] == "done"
    assert (await tora.call(f"/api/v1/commands/{second}/approve")).status == 409, "once, though both had asked"
    assert desk.listed(states={"done"})[1] == 2


def _alarms(access: Access) -> list[tuple[str, str, str]]:
    with access.database.reading.begin() as connection:
        return [tuple(row) for row in connection.execute(select(alarms.c.station, alarms.c.code, alarms.c.argument))]


async def test_who_has_not_stepped_up_or_may_be_the_same_person_is_told_so_on_the_page(
    app: FastAPI, access: Access, desk: CommandService
) -> None:
    tora, olle = (Person(app, access, Role.OPERATOR, name) for name in ("tora.test", "olle.test"))
    page = (await tora.send(PATH, **fields_of("open_slot"))).header("location")
    with access.database.writing.begin() as connection:
        connection.execute(sessions.update().values(stepped_up=NOW - timedelta(minutes=6)))
    assert "step-up?onward=%2Fcommands%2F" in (await olle.see(page)).text
    late = await tora.send(PATH, **fields_of("open_slot"))
    assert (late.status, "step-up?onward=" in late.text, 'id="slot"' in late.text) == (403, True, False)
    called = await tora.call(f"/api/v1{PATH}", command="open_slot", reason="ett prov", slot=14)
    assert (called.status, "step up" in called.json["detail"]) == (403, True)
    assert (await tora.send(PATH, **fields_of("sync"))).status == 303, "other commands keep their rights"
    with access.database.writing.begin() as connection:
        connection.execute(sessions.update().values(stepped_up=NOW))
        vouching.record(connection, people.named(connection, "olle.test").id, "tora.test", "granted", NOW)
    told = (await olle.see(page, "en")).text
    assert ("changed the other" in told, f"{page}/approve" in told) == (True, False)
    refused = await olle.call(f"/api/v1{page}/approve")
    assert (refused.status, "a third person has to agree" in refused.json["detail"]) == (409, True)
    with access.database.writing.begin() as connection:
        connection.execute(account_acts.update().values(at=NOW - timedelta(days=30)))
    assert (await olle.call(f"/api/v1{page}/approve")).json["state"] == "ready"


async def test_of_a_wish_that_is_not_whole_the_form_comes_back_with_what_was_written(
    app: FastAPI, access: Access, desk: CommandService
) -> None:
    tora = Person(app, access, Role.OPERATOR, "tora.test")
    for fields, said in (
        ({"command": "open_slot", "reason": "kortet <b>", "slot": ""}, "Ange facket"),
        ({"command": "open_slot", "reason": "kortet <b>", "slot": "65"}, "Ange facket"),
        ({"command": "restart", "reason": " \t"}, "Skriv ett skäl"),
        ({"command": "out_of_service", "reason": "byte", "message": "none"}, "Välj vad besökare"),
        ({"command": "restart", "reason": "byte", "valid_s": "1"}, "Välj en av tiderna"),
    ):
        answer = await tora.send(PATH, **fields)
        assert (answer.status, said in answer.text) == (422, True), fields
        assert ("kortet &lt;b&gt;" in answer.text) is ("kortet" in fields["reason"])
    assert (await tora.send(PATH, command="open_everything", reason="byte")).status == 422
    assert desk.listed() == ([], 0)


async def test_an_update_is_ordered_by_a_person_who_has_stepped_up_and_names_its_bundle(
    app: FastAPI, access: Access, desk: CommandService
) -> None:
    tora = Person(app, access, Role.OPERATOR, "tora.test")
    body = {"command": "update", "sha256": DIGEST, "reason": "ett prov"}
    made = await tora.call(f"/api/v1{PATH}", **body, now=True)
    assert (made.status, made.json["state"], made.json["update_order"]["version"]) == (201, "ready", "2026.48.1")
    assert (made.json["update_order"]["now"], made.json["update_order"]["older"]) == (True, False)
    transport = MemoryTransport()
    CommandDispatcher(access.database, transport, SIGNER, KeptChanges(), lambda: NOW).step()
    signed = jws.extract_compact(transport.published[-1][1]).payload
    assert decode(Command, signed).update == UpdateOrder("2026.48.1", 310_000_000, DIGEST, 8444, now=True)

    missing = await tora.call(f"/api/v1{PATH}", **{**body, "sha256": "0" * 64})
    assert (missing.status, "no such bundle" in missing.json["detail"]) == (409, True)
    assert (await tora.send(PATH, command="update", reason="ett prov", bundle="0" * 64)).status == 422
    bearer = {"authorization": f"Bearer {program(access, Role.OPERATOR, name='updater')}", "cookie": ""}
    assert (await sent(app, f"/api/v1{PATH}", body, **bearer)).status == 403
    assert (await get(app, "/api/v1/bundles", **bearer)).json["items"][0]["sha256"] == DIGEST
    with access.database.writing.begin() as connection:
        connection.execute(sessions.update().values(stepped_up=NOW - timedelta(minutes=6)))
    late = await tora.send(PATH, **fields_of("update"))
    assert (late.status, "step-up?onward=" in late.text) == (403, True)
    assert desk.listed()[1] == 1


async def test_an_update_is_offered_where_the_station_runs_from_slots_and_for_its_kind_of_machine(
    app: FastAPI, access: Access, readings: FakeReadings
) -> None:
    tora = Person(app, access, Role.OPERATOR, "tora.test")
    assert "?do=update" not in (await tora.see(PATH)).text
    for compatible, offered in (("kortkiosk-arm64", True), ("kortkiosk-amd64", False)):
        index = next(n for n, row in enumerate(readings.station_rows) if row.name == AT)
        row = readings.station_rows[index]
        assert row.state is not None
        state = msgspec.structs.replace(row.state, update=UpdateState(compatible, "A"))
        readings.station_rows[index] = replace(row, state=state)
        assert "?do=update" in (await tora.see(PATH)).text
        assert (f'value="{DIGEST}"' in (await tora.see(f"{PATH}?do=update")).text) is offered


async def test_a_closed_station_is_offered_to_be_opened(app: FastAPI, access: Access) -> None:
    tora = Person(app, access, Role.OPERATOR, "tora.test")
    closed = (await tora.see("/stations/lasarettet-c")).text
    assert ("?do=in_service" in closed, "?do=out_of_service" in closed) == (True, False)
    assert "?do=" not in (await Person(app, access, Role.VIEWER, "vera.test").see(f"/stations/{AT}")).text


async def test_another_regions_station_is_none(app: FastAPI, access: Access, desk: CommandService) -> None:
    row = desk.ask(OPEN, TOVE)
    away = Person(app, access, Role.OPERATOR, "anna.test", "akuten")
    for path in (PATH, f"/commands/{row.id}"):
        assert (await away.see(path)).status == 404
    assert (await away.send(PATH, **fields_of("sync"))).status == 404
    assert (await away.send(f"/commands/{row.id}/approve")).status == 404
    assert (await away.see("/api/v1/commands")).json["total"] == 0
    assert "?do=" not in (await away.see("/")).text


async def test_what_a_self_test_found_and_a_log_are_on_the_page_and_in_the_api(
    app: FastAPI, access: Access, desk: CommandService
) -> None:
    found = DeviceState("Skrivare 1", "printer", "out_of_paper", False)
    row = answered(
        access,
        desk,
        CommandRequest(AT, "self_test", "ett prov"),
        outcome=CommandOutcome.DONE,
        devices=(found,),
        lines=("08:15 <b>",),
    )
    page = (await get(app, f"/commands/{row.id}")).text
    assert [one for one in ("Skrivare 1", "08:15 &lt;b&gt;", "Gjort") if one not in page] == []
    spoken = (await get(app, f"/api/v1/commands/{row.id}")).json
    assert (spoken["state"], spoken["devices"][0]["state"], spoken["lines"]) == ("done", "out_of_paper", ["08:15 <b>"])


async def test_the_last_self_test_stands_beside_the_parts(app: FastAPI, access: Access, desk: CommandService) -> None:
    page = f"/stations/{AT}"
    assert "Självtest" not in (await get(app, page)).text.partition("<h2>Delarna</h2>")[2].partition("</header>")[0]
    good, bad = (DeviceState("Skrivare", "printer", state, state == "ready") for state in ("ready", "out_of_paper"))
    for devices, said in (((good,), "10:42: godkänt"), ((good, bad), "10:42: ett fel"), ((bad, bad), "10:42: två fel")):
        answered(
            access, desk, CommandRequest(AT, "self_test", "ett prov"), outcome=CommandOutcome.DONE, devices=devices
        )
        assert said in (await get(app, page)).text


async def test_why_a_station_refused_is_said_in_words_also_where_nobody_knows_the_code(
    app: FastAPI, access: Access, desk: CommandService
) -> None:
    for reason, said in (("busy", "Någon var vid stationen hela tiden."), ("made_up", "made_up")):
        row = answered(
            access, desk, CommandRequest(AT, "restart", "ett prov"), outcome=CommandOutcome.REFUSED, reason=reason
        )
        assert said in (await get(app, f"/commands/{row.id}")).text


async def test_the_list_narrows_by_state_and_station(app: FastAPI, desk: CommandService) -> None:
    waiting, other = desk.ask(OPEN, TOVE), desk.ask(CommandRequest("akuten", "sync", "nya beställningar"), TOVE)
    only = (await get(app, "/commands?state=waiting")).text
    assert (f'id="command-{waiting.id}"' in only, f'id="command-{other.id}"' in only) == (True, False)
    there = (await get(app, "/commands?station=akuten")).text
    assert (f'id="command-{waiting.id}"' in there, f'id="command-{other.id}"' in there) == (False, True)
    assert "Ett kommando väntar på en andra person" in there
    assert "Ingenting här." in (await get(app, "/commands?station=nowhere")).text
    assert (await get(app, f"/api/v1{PATH}?state=waiting")).json["total"] == 1


async def test_the_list_can_be_taken_along_as_it_is_narrowed(
    app: FastAPI, access: Access, desk: CommandService
) -> None:
    desk.ask(CommandRequest("akuten", "sync", "nya beställningar"), TOVE)
    answered(access, desk, CommandRequest(AT, "restart", "=1+1"), outcome=CommandOutcome.REFUSED, reason="busy")
    rows = (
        (await get(app, f"/exports/commands?station={AT}", accept_language="sv")).body.decode("utf-8-sig").splitlines()
    )
    assert rows[0].startswith("Nummer;Station;Kommando;Läge;Varför;Skäl;Av;Andra person")
    assert rows[1].split(";")[1:7] == [
        AT, "Starta om", "Stationen nekade", "Någon var vid stationen hela tiden.", "'=1+1", "olle.test",
    ]  # fmt: skip
    assert len(rows) == 2


async def test_a_program_orders_and_is_nobodys_second_person(
    app: FastAPI, access: Access, desk: CommandService
) -> None:
    bearer = {"authorization": f"Bearer {program(access, Role.OPERATOR, name='robot')}", "cookie": ""}
    body = {"command": "restart", "reason": "skärmen hänger", "valid_s": 3600}
    keyed = {"idempotency_key": "made-up-1", **bearer}
    first, again = [await sent(app, f"/api/v1{PATH}", body, **keyed) for _ in range(2)]
    assert (first.status, first.json["by"], first.json["state"]) == (201, "token:robot", "ready")
    assert again.json == first.json
    assert desk.listed()[1] == 1
    begun = await sent(app, f"/api/v1{PATH}", {"command": "open_slot", "reason": "ett prov", "slot": 14}, **bearer)
    assert (begun.status, "a token neither begins" in begun.json["detail"]) == (403, True)
    row = desk.ask(OPEN, TOVE)
    refused = await sent(app, f"/api/v1/commands/{row.id}/approve", {}, **bearer)
    assert (refused.status, refused.header("content-type")) == (403, "application/problem+json")
    gone = await sent(app, f"/api/v1/commands/{row.id}/withdraw", {}, **bearer)
    assert (gone.json["state"], gone.json["ended_by"]) == ("withdrawn", "token:robot")


async def test_by_rest_too_the_second_person_is_another_one(app: FastAPI, access: Access) -> None:
    tora = Person(app, access, Role.OPERATOR, "tora.test")
    lina = Person(app, access, Role.ID_ADMINISTRATOR, "lina.test")
    made = await tora.call(f"/api/v1{PATH}", command="open_slot", reason="kortet ligger på tvären", slot=14)
    assert (made.status, made.json["state"]) == (201, "waiting")
    path = f"/api/v1/commands/{made.json['id']}"
    assert (await tora.call(f"{path}/approve")).status == 409
    agreed = await lina.call(f"{path}/approve")
    assert (agreed.status, agreed.json["second"], agreed.json["state"]) == (200, "lina.test", "ready")
    assert (await lina.call(f"{path}/approve")).status == 409
    assert (await lina.call("/api/v1/commands/99999/approve")).status == 404


@pytest.mark.parametrize(
    ("wish", "wrong"),
    [
        (CommandRequest(AT, "dance", "a reason"), "command"),
        (CommandRequest(AT, "sync", "x" * 201), "reason"),
        (CommandRequest(AT, "sync", "two\nlines"), "reason"),
        (CommandRequest(AT, "sync", "."), "reason"),
        (CommandRequest(AT, "sync", "a reason", slot=3), "slot"),
        (CommandRequest(AT, "sync", "a reason", message="repair"), "message"),
        (CommandRequest(AT, "sync", "a reason", message="made up"), "message"),
        (CommandRequest(AT, "open_slot", "a reason"), "slot"),
        (CommandRequest(AT, "open_slot", "a reason", slot=65), "slot"),
        (CommandRequest(AT, "out_of_service", "a reason"), "message"),
        (CommandRequest(AT, "open_slot", "a reason", slot=3, valid_s=3600), "valid"),
        (CommandRequest(AT, "sync", "a reason", valid_s=28_800), None),
    ],
)
def test_a_wish_is_looked_at_part_by_part(wish: CommandRequest, wrong: str | None, desk: CommandService) -> None:
    assert wrong_with(wish) == wrong
    if wrong is not None:
        with pytest.raises(ValueError, match=wrong):
            desk.ask(wish, TOVE)
    if wrong != "command":
        assert right_for(wish.command) is (Right.CARDS if wish.command == "open_slot" else Right.COMMAND)
