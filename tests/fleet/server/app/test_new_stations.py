"""New stations on the dashboard and by REST: a claim shown once, a key to compare, a conflict that is seen, and revocation."""

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI

from fleet.server.accounts import sessions
from fleet.server.alerts.labels import alert_todos
from fleet.server.app import create_app
from fleet.server.audit_log.log import entries
from fleet.server.commands.service import CommandService
from fleet.server.enrolment.judging import EnrolmentJudge
from fleet.server.enrolment.model import EnrolmentRefused, IssuedChain, Outcome, Refusal, WaitsForApproval
from fleet.server.enrolment.queries import WaitingStation, waiting_stations
from fleet.server.enrolment.service import ClaimTerms, EnrolmentService
from fleet.server.enrolment.tables import issued_certificates, join_keys, station_claims
from fleet.server.keys.random_tokens import digest, form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.pages import i18n
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from provisioning.authority import Authority
from provisioning.est import wire
from provisioning.est.claim_codes import Claim, ClaimCode
from provisioning.est.client import FileKey
from provisioning.issuing import Issuing, issue_issuing
from tests.fakes.server.alerts import FakeAlerts, alert
from tests.fakes.server.readings import NOW, ZONE, FakeReadings
from tests.fakes.server.visitors import COOKIE, session
from tests.fleet.server.app.asgi import Answer, ask, get, post

SERVER = "https://fleet.example:8443"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority.init(tmp_path_factory.mktemp("keys") / "authority", [], NOW)
    issue_issuing(made, NOW)
    return made


@dataclass
class Desk:
    """A person at the dashboard, and stations that ask at the same store."""

    app: FastAPI
    access: Access
    judge: EnrolmentJudge
    folder: Path
    value: str

    async def see(self) -> str:
        answer = await get(self.app, "/new-stations", cookie=f"{COOKIE}={self.value}", accept_language="en")
        assert answer.status == 200
        return html.unescape(answer.text)

    async def send(self, path: str = "", **fields: str) -> Answer:
        token = {"form_token": form_token(self.value)}
        cookie = f"{COOKIE}={self.value}"
        return await post(self.app, f"/new-stations{path}", {**token, **fields}, cookie=cookie, accept_language="en")

    async def rest(self, method: str, path: str, body: dict[str, object] | None = None) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        own = {"origin": "http://127.0.0.1", "x_form_token": form_token(self.value)}
        own |= {"content_type": "application/json", "content_length": str(len(content))} if content else {}
        return await ask(self.app, method, f"/api/v1{path}", content, cookie=f"{COOKIE}={self.value}", **own)

    def forget_step_up(self) -> None:
        with self.access.database.writing.begin() as connection:
            sessions.note_step_up(connection, digest(self.value), NOW.replace(year=2020))

    def station(self, claim: Claim, name: str = "") -> Outcome:
        folder = self.folder / (name or claim.station)
        folder.mkdir(exist_ok=True)
        request = FileKey.load_or_make(folder).request(claim.station)
        return self.judge.enrol(claim.station, str(claim.code), request, "192.0.2.7")

    def fingerprint(self, name: str) -> str:
        return wire.short_fingerprint(wire.key_digest(FileKey.load_or_make(self.folder / name).public))


@pytest.fixture
def office(
    authority: Authority, access: Access, readings: FakeReadings, hub: Hub, alerts: FakeAlerts, tmp_path: Path
) -> Desk:
    with access.database.writing.begin() as connection:
        connection.execute(issued_certificates.delete())
        connection.execute(station_claims.delete())
        connection.execute(join_keys.delete())
    issuing = Issuing.load(authority.directory)
    assert issuing is not None
    terms = ClaimTerms(SERVER, authority.issuer().certificate)
    people = EnrolmentService(access.database, hub, lambda: NOW, terms)
    commands = CommandService(access.database, hub, lambda: NOW)
    app = create_app(readings, hub, access, alerts, commands, clock=lambda: NOW, zone=ZONE, enrolments=people)
    judge = EnrolmentJudge(access.database, issuing, hub, lambda: NOW, list)
    return Desk(app, access, judge, tmp_path, session(access, Role.OPERATOR, "lasarettet-*", "olle.test"))


def claim_in(answer: Answer) -> Claim:
    """The code as the page shows it, once."""
    found = re.search(r'id="code">([0-9A-Z-]{24})<', answer.text)
    assert found is not None, answer.text
    name = re.search(r"Code for ([a-z0-9-]+)", answer.text)
    assert name is not None
    return Claim.parse(f"kortkiosk:claim?server={SERVER}&station={name[1]}&code={found[1]}")


async def test_a_code_is_shown_once_and_the_key_that_uses_it_is_approved(office: Desk) -> None:
    made = await office.send(station="lasarettet-9")
    claim = claim_in(made)
    assert SERVER in made.text
    assert str(claim.code) not in await office.see()
    assert office.station(claim) == WaitsForApproval()
    seen = await office.see()
    assert office.fingerprint("lasarettet-9") in seen
    assert "192.0.2.7" in seen
    (number,) = re.findall(r"/new-stations/(\d+)/approve", seen)
    answer = await office.send(f"/{number}/approve", key=office.fingerprint("lasarettet-9"))
    assert (answer.status, answer.header("location")) == (303, "/new-stations")
    assert isinstance(office.station(claim), IssuedChain)
    assert "Let in" in await office.see()


def waiting_in_menu(page: str) -> str:
    """What the menu says beside the page of new stations."""
    badge = re.search(r'id="count-new-stations">(.*?)</span></a>', page)
    assert badge is not None
    return re.sub(r"<.*?>", " ", badge[1]).split("waiting")[0].strip()


async def test_the_menu_counts_the_stations_that_wait_until_each_is_decided(office: Desk) -> None:
    claims = [claim_in(await office.send(station=f"lasarettet-{number}")) for number in (7, 8)]
    page = await office.see()
    assert waiting_in_menu(page) == ""
    assert "<h1>No station waits to be let in</h1>" in page
    for claim in claims:
        assert office.station(claim) == WaitsForApproval()
    page = await office.see()
    assert waiting_in_menu(page).startswith("2")
    assert "<h1>Two stations wait to be let in</h1>" in page
    number = re.findall(r"/new-stations/(\d+)/approve", page)[0]
    key = re.search(rf'/new-stations/{number}/approve.*?name="key" value="([^"]+)"', page)
    assert key is not None
    await office.send(f"/{number}/refuse", key=key[1])
    assert waiting_in_menu(await office.see()).startswith("1")


@pytest.mark.parametrize(("may", "href"), [(True, "/new-stations"), (False, "/alerts/7")])
def test_the_first_page_leads_from_the_alert_to_where_it_is_decided(may: bool, href: str) -> None:
    rows = [alert(7, "", "station_waits_for_approval", subject="lasarettet-9")]
    for texts in i18n.load().values():
        (todo,) = alert_todos(rows, {}, texts, NOW, take=may)
        assert (todo.href, todo.detail) == (href, "lasarettet-9")


async def test_who_has_not_stepped_up_proves_first_who_they_are(office: Desk) -> None:
    claim = claim_in(await office.send(station="lasarettet-9"))
    office.station(claim)
    (number,) = re.findall(r"/new-stations/(\d+)/approve", await office.see())
    office.forget_step_up()
    for path in (f"/{number}/approve", "/revoke"):
        fields = {"key": office.fingerprint("lasarettet-9"), "station": "lasarettet-9", "reason": "stolen"}
        answer = await office.send(path, **fields)
        assert (answer.status, answer.header("location")) == (303, "/step-up?onward=%2Fnew-stations")
    assert office.station(claim) == WaitsForApproval()
    assert (await office.rest("POST", f"/enrolments/{number}/approve", {"key": fields["key"]})).status == 403


async def test_two_keys_for_one_name_are_shown_and_a_page_that_is_old_approves_neither(office: Desk) -> None:
    claim = claim_in(await office.send(station="lasarettet-9"))
    office.station(claim, "thief")
    assert office.station(claim, "keeper") == EnrolmentRefused(Refusal.OTHER_KEY)
    seen = await office.see()
    assert f"Another key has used the same code: {office.fingerprint('keeper')}" in seen
    (number,) = re.findall(r"/new-stations/(\d+)/approve", seen)
    with office.access.database.reading.begin() as connection:
        assert waiting_stations(connection) == [WaitingStation("lasarettet-9", NOW, is_in_conflict=True)]
    answer = await office.send(f"/{number}/approve", key=office.fingerprint("keeper"))
    assert answer.status == 409
    assert "Something has changed" in answer.text
    assert (await office.send(f"/{number}/refuse", key=office.fingerprint("thief"))).status == 303
    assert office.station(claim, "thief") == EnrolmentRefused(Refusal.REFUSED)
    with office.access.database.reading.begin() as connection:
        assert waiting_stations(connection) == []


async def test_others_stations_are_neither_shown_nor_let_in(office: Desk) -> None:
    wrong = await office.send(station="angsvik-1")
    assert wrong.status == 403
    assert "No code can be made for that name" in wrong.text
    assert (await office.send(station="Not a name")).status == 422
    claim = claim_in(await office.send(station="lasarettet-9"))
    office.station(claim)
    (number,) = re.findall(r"/new-stations/(\d+)/approve", await office.see())
    office.value = session(office.access, Role.OPERATOR, "angsvik-*", "anna.test")
    assert "lasarettet-9" not in await office.see()
    assert (await office.send(f"/{number}/approve", key=office.fingerprint("lasarettet-9"))).status == 404


async def test_the_same_is_done_by_rest_and_a_revoked_station_renews_no_more(office: Desk) -> None:
    made = await office.rest("POST", "/enrolments", {"station": "lasarettet-9"})
    assert made.status == 201
    claim = Claim.parse(made.json["text"])
    assert (made.json["code"], made.json["server"]) == (str(claim.code), SERVER)
    office.station(claim)
    (row,) = (await office.rest("GET", "/enrolments")).json["items"]
    assert (row["state"], row["key"], row["conflict"]) == ("waiting", office.fingerprint("lasarettet-9"), False)
    for _ in range(2):
        answer = await office.rest("POST", f"/enrolments/{row['id']}/approve", {"key": row["key"].replace(" ", "")})
        assert (answer.status, answer.json["state"]) == (200, "approved")
    outcome = office.station(claim)
    assert isinstance(outcome, IssuedChain)
    revoked = await office.rest("POST", "/stations/lasarettet-9/revoke", {"reason": "stolen"})
    assert (revoked.status, revoked.json) == (200, {"station": "lasarettet-9", "revoked": 1, "left": []})
    request = FileKey.load_or_make(office.folder / "lasarettet-9").request("lasarettet-9")
    assert office.judge.renew(outcome.chain[0], request, "") == EnrolmentRefused(Refusal.REVOKED)
    assert (await office.rest("POST", "/stations/lasarettet-9/revoke", {"reason": "again"})).status == 409
    assert (await office.rest("POST", "/enrolments/999/approve", {"key": row["key"]})).status == 404
    with office.access.database.reading.begin() as connection:
        newest_first, _ = entries(connection, limit=20)
    told = [entry.action for entry in reversed(newest_first) if entry.target == "lasarettet-9"]
    steps = ["claim", "ask", "approve", "issue", "revoke"]
    assert told[-len(steps) :] == [f"enrolment.{step}" for step in steps]


async def test_a_code_that_the_station_shows_is_taken_by_page_and_rest_and_one_of_another_fleet_is_not(
    office: Desk, authority: Authority, tmp_path: Path
) -> None:
    own, strange = (
        ClaimCode.make(made.issuer().certificate) for made in (authority, Authority.init(tmp_path / "strange", [], NOW))
    )
    answer = await office.send(station="lasarettet-9", code=str(own))
    assert (answer.status, answer.header("location")) == (303, "/new-stations")
    assert office.station(Claim(SERVER, "lasarettet-9", own)) == WaitsForApproval()
    for code, status in ((str(strange), 409), ("0123", 422)):
        refusal = await office.send(station="lasarettet-8", code=code)
        assert (refusal.status, "The code was not taken" in refusal.text) == (status, True)
        body = {"station": "lasarettet-8", "code": code}
        assert (await office.rest("POST", "/enrolments", body)).status == status
    more = {"station": "lasarettet-7", "code": str(ClaimCode.make(authority.issuer().certificate))}
    assert (await office.rest("POST", "/enrolments", more)).json["code"] == more["code"]


async def test_stations_of_a_join_key_are_let_in_together_and_what_is_odd_is_not(office: Desk) -> None:
    office.value = session(office.access, Role.OPERATOR, "*", "olga.test")
    made = await office.send("/join-keys", stations="3", days="7")
    shown = re.search(r'id="join-code">([0-9A-Z-]{24})<', made.text)
    assert shown is not None, made.text
    claims = [Claim(SERVER, f"ward-{number}", ClaimCode.parse(shown[1])) for number in (1, 2, 3)]
    assert [office.station(claim) for claim in claims] == [WaitsForApproval()] * 3
    assert office.station(claims[2], "thief") == EnrolmentRefused(Refusal.OTHER_KEY)
    page = await office.see()
    assert shown[1] not in page
    ticked = re.findall(r'name="seen" value="([^"]+)" checked', page)
    assert [one.partition(":")[2] for one in ticked] == [office.fingerprint("ward-2"), office.fingerprint("ward-1")]
    assert "Two stations of join keys wait" in page
    odd = re.search(r"/new-stations/(\d+)/approve", page)
    assert odd is not None
    with_odd = [{"claim": int(odd[1]), "key": office.fingerprint("ward-3")}]
    assert (await office.rest("POST", "/enrolments/approve", {"claims": with_odd})).status == 409
    stale = [{"claim": int(one.partition(":")[0]), "key": "AAAA AAAA AAAA AAAA AAAA"} for one in ticked]
    assert (await office.rest("POST", "/enrolments/approve", {"claims": stale})).status == 409
    assert [office.station(claim) for claim in claims[:2]] == [WaitsForApproval()] * 2
    seen = [{"claim": int(one.partition(":")[0]), "key": one.partition(":")[2]} for one in ticked]
    answer = await office.rest("POST", "/enrolments/approve", {"claims": seen})
    assert (answer.status, answer.json["state"]) == (202, "done")  # who is alone in the first hour lets in alone
    assert all(isinstance(office.station(claim), IssuedChain) for claim in claims[:2])
    assert office.station(claims[2]) == WaitsForApproval()
    (key,) = (await office.rest("GET", "/enrolments/join-keys")).json["items"]
    assert (key["state"], key["used"], key["stations"]) == ("used_up", 3, 3)


async def test_join_keys_are_for_who_commands_every_station_and_has_stepped_up(office: Desk) -> None:
    assert "Join keys" not in await office.see()
    assert (await office.send("/join-keys", stations="3", days="7")).status == 403
    assert (await office.rest("POST", "/enrolments/join-keys", {"stations": 3})).status == 403
    office.value = session(office.access, Role.OPERATOR, "*", "olga.test")
    for stations, days in (("0", "7"), ("3", "31"), ("many", "7")):
        assert "No join key was made" in (await office.send("/join-keys", stations=stations, days=days)).text
    made = await office.rest("POST", "/enrolments/join-keys", {"stations": 3})
    assert (made.status, made.json["server"]) == (201, SERVER)
    (key,) = (await office.rest("GET", "/enrolments/join-keys")).json["items"]
    assert (await office.send(f"/join-keys/{key['id']}/end")).status == 303
    assert (await office.rest("POST", f"/enrolments/join-keys/{key['id']}/end")).status == 409
    assert "No station was ticked" in (await office.send("/approve")).text
    office.forget_step_up()
    for path in ("/join-keys", "/approve"):
        answer = await office.send(path, stations="3", days="7", seen=f"1:{'A' * 20}")
        assert (answer.status, answer.header("location")) == (303, "/step-up?onward=%2Fnew-stations")
    assert (await office.rest("POST", "/enrolments/join-keys", {"stations": 3})).status == 403


async def test_a_server_without_the_listener_makes_no_codes(app: FastAPI) -> None:
    answer = await get(app, "/new-stations", accept_language="en")
    assert "takes no new stations over the network" in answer.text
    assert 'action="/new-stations"' not in answer.text
