"""The worklist as people and programs have it: who sees it, who acts, what the audit hears, and what the issuer is asked."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import FastAPI
from sqlalchemy import update

from drivers.reader.model import CardFacts, Holder
from fleet.messages.asking import BlockAsk, LiftAsk
from fleet.messages.issuing import Offer
from fleet.server.accounts.sessions import Proof
from fleet.server.accounts.tables import sessions
from fleet.server.app import create_app
from fleet.server.cards.dependencies import CardServices
from fleet.server.deadlines.settings import load as load_deadlines
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.certificate_files import TrustedIssuers
from fleet.server.issuers.certificates_by_hand import CertificatesByHand
from fleet.server.issuers.model import Queueable
from fleet.server.issuers.proofs.assurance import SHIPPED
from fleet.server.keys.random_tokens import form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.sign_in.service import Access, SignedIn
from fleet.server.web.roles import Role
from fleet.server.worklist.service import WorklistService
from fleet.server.worklist.settings import load as load_worklist
from sim.stories.issued_certificates import issue
from sim.stories.room import authority
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import commands_of
from tests.fakes.server.readings import NOW, ZONE, demo_readings
from tests.fakes.server.visitors import COOKIE, SEALER, program, session
from tests.fleet.server.app.asgi import Answer, ask, get, post
from tests.fleet.server.worklist.conftest import HERE, KRA, NOT_KRA, THERE, Desk

CARD, OTHER, THIRD = "9752269033000001", "9752269033000002", "9752269033000003"


@dataclass
class Site:
    """The application on a store with trouble in it."""

    app: FastAPI
    access: Access
    desk: Desk

    def cookie(self, who: str = KRA, role: Role = Role.ID_ADMINISTRATOR, stations: str = "*") -> str:
        return f"{COOKIE}={session(self.access, role, stations, name=who)}"

    async def page(self, address: str = "/worklist", cookie: str = "") -> str:
        answer = await get(self.app, address, cookie=cookie or self.cookie())
        assert answer.status == 200, address
        return answer.text

    async def do(self, id: str, act: str, cookie: str = "", note: str = "") -> Answer:
        cookie = cookie or self.cookie()
        fields = {"form_token": form_token(cookie.partition("=")[2]), "note": note}
        return await post(self.app, f"/worklist/{id}/{act}", fields, cookie=cookie)

    async def give(self, id: str, raw: bytes, cookie: str = "") -> Answer:
        """Choose that file on the page."""
        cookie = cookie or self.cookie()
        token = form_token(cookie.partition("=")[2])
        parts = (f'name="form_token"\r\n\r\n{token}', 'name="certificate"; filename="kort.cer"\r\n\r\n')
        head = "\r\n".join(f"--part\r\nContent-Disposition: form-data; {part}" for part in parts)
        body = head.encode() + raw + b"\r\n--part--\r\n"
        kind = {"content_type": "multipart/form-data; boundary=part", "content_length": str(len(body))}
        own = {"origin": "http://127.0.0.1", **kind}
        return await ask(self.app, "POST", f"/worklist/{id}/certificate", body, **own, cookie=cookie)

    async def call(self, path: str, body: dict[str, object], cookie: str) -> Answer:
        raw = json.dumps(body).encode()
        own = {"origin": "http://127.0.0.1", "content_type": "application/json", "content_length": str(len(raw))}
        token = {"x_form_token": form_token(cookie.partition("=")[2])}
        return await ask(self.app, "POST", f"/api/v1/worklist/{path}", raw, **own, **token, cookie=cookie)

    def asked(self) -> list[tuple[Queueable, str]]:
        with self.desk.database.reading.begin() as connection:
            return [(row.content, row.by) for row in requesting.list_requests(connection)[0]]

    def told(self, who: str = KRA) -> list[tuple[str, str, str]]:
        return [(one.action, one.target, one.detail) for one in self.access.entries(who=who)[0]]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One application for all tests here."""
    desk = Desk.opened(tmp_path_factory.mktemp("site") / "fleet.sqlite")
    access, hub = Access(desk.database, desk.clock, SEALER), Hub()
    services = CardServices.of(desk.database, hub, desk.clock, load_deadlines())
    orders = commands_of(desk.database, desk.clock, hub)
    issuers = TrustedIssuers(authority().anchors(), authority().intermediates(), SHIPPED)
    by_hand = CertificatesByHand(desk.database, desk.clock, issuers)
    rows = WorklistService(
        desk.database, services.cards, hub, desk.clock, load_worklist(), load_deadlines(), certificates=by_hand
    )
    app = create_app(
        demo_readings(), hub, access, FakeAlerts([]), orders, clock=desk.clock, zone=ZONE, cards=services, worklist=rows
    )
    yield Site(app, access, desk)
    desk.database.close()


@pytest.fixture
def site(empty: Site) -> Site:
    desk = empty.desk
    desk.clear()
    desk.listed((KRA, ("KRA",)), (NOT_KRA, ("KUR",)))
    desk.order("O-1", CARD, name="Alva Test", hsa_id="TEST000000-0001")
    desk.held(CARD, "stolen")
    desk.later(minutes=1)
    desk.order("O-2", OTHER, "activated", station=THERE, name="Bo Test", hsa_id="TEST000000-0002")
    return empty


def row_of(site: Site, kind: str = "hold") -> str:
    return next(row.id for row in site.desk.worklist.rows() if row.kind == kind)


async def test_what_waits_stands_on_the_page_with_its_number_in_the_menu(site: Site) -> None:
    text = await site.page()
    assert "Två saker väntar." in text
    assert "Stopp att bekräfta: …3300\u00a00001" in text or "Stopp att bekräfta: …3300 0001" in text
    assert "Osignerad kvittens: Bo Test" in text
    assert 'id="count-worklist"><em class="hot">2' in text
    assert text.index("Stopp att bekräfta") < text.index("Osignerad kvittens"), "the shortest time first"
    assert "Alva Test" in text, "the first one's story stands beside"
    assert ("people.worklist", "", "") in site.told()
    assert "Two things wait." in (await get(site.app, "/worklist?lang=en", cookie=site.cookie())).text


async def test_a_listed_administrator_confirms_the_block_and_it_goes_to_the_issuer(site: Site) -> None:
    answer = await site.do(row_of(site), "block")
    assert answer.status == 303
    ((content, by),) = site.asked()
    assert isinstance(content, BlockAsk)
    assert (content.card_number, content.reason, by) == (CARD, "stolen", KRA)
    assert ("card.block", CARD, "stolen") in site.told()
    text = await site.page(f"/worklist?item={row_of(site)}")
    assert "På väg till utgivaren" in text
    assert f"{KRA} bekräftade spärren" in text
    assert (await site.do(row_of(site), "block")).status == 409, "once"


async def test_a_leavers_card_is_blocked_and_nothing_is_said_to_be_confirmed(site: Site) -> None:
    site.desk.order("O-4", THIRD, hsa_id="TEST000000-0004")
    site.desk.has_left("TEST000000-0004", "2026-11-20")
    text = await site.page(f"/worklist?item={row_of(site, 'left')}")
    assert "Spärra kortet" in text
    assert "Bekräfta spärren</button>" not in text
    assert (await site.do(row_of(site, "left"), "block")).status == 303
    ((content, by),) = site.asked()
    assert isinstance(content, BlockAsk)
    assert (content.card_number, content.reason, by) == (THIRD, "left", KRA)


async def test_a_hold_is_lifted_from_the_worklist(site: Site) -> None:
    assert (await site.do(row_of(site), "lift")).status == 303
    ((content, by),) = site.asked()
    assert (type(content), by) == (LiftAsk, KRA)


async def test_a_step_up_that_is_too_old_leads_to_a_new_one_and_back(site: Site) -> None:
    cookie = site.cookie()
    with site.desk.database.writing.begin() as connection:
        connection.execute(update(sessions).values(stepped_up=site.desk.now - timedelta(minutes=6)))
    answer = await site.do(row_of(site), "block", cookie)
    assert (answer.status, answer.header("location")) == (
        303,
        f"/step-up?onward=%2Fworklist%3Fitem%3D{row_of(site)}",
    )
    assert (await site.call(f"{row_of(site)}/act", {"action": "block"}, cookie)).status == 403
    assert site.asked() == []


async def test_who_is_no_listed_administrator_decides_about_no_card(site: Site) -> None:
    assert '/block"' in await site.page()
    for who in (NOT_KRA, "olle.test"):
        cookie = site.cookie(who)
        assert (await site.do(row_of(site), "block", cookie)).status == 403
        assert (await site.do(row_of(site), "lift", cookie)).status == 403
        assert '/block"' not in await site.page(cookie=cookie)
    assert site.asked() == []


async def test_an_account_that_is_only_named_as_an_administrator_decides_about_no_card(site: Site) -> None:
    """The issuer of identities said the name, which it takes from a field that people fill in, and no HSA-id."""
    granted = ((Role.ID_ADMINISTRATOR, "*"),)
    proof = Proof(stepped_up=site.desk.now)
    came = site.access.sign_in_by_issuer(
        "https://login.example someone", "TEST000000-A003", granted, "127.0.0.1", proof
    )
    assert isinstance(came, SignedIn)
    site.desk.listed((KRA, ("KRA",)), ("TEST000000-A003", ("KRA",)))
    cookie = f"{COOKIE}={came.value}"
    assert (await site.do(row_of(site), "block", cookie)).status == 403
    assert (await site.do(row_of(site), "blocked", cookie, "i portalen")).status == 403
    card = await post(
        site.app, f"/cards/{CARD}/block", {"form_token": form_token(came.value), "reason": "lost"}, cookie=cookie
    )
    assert card.status in (403, 409)
    assert site.asked() == []


async def test_an_administrator_of_another_station_decides_nothing_here(site: Site) -> None:
    cookie = site.cookie(stations=THERE)
    assert "Alva Test" not in await site.page(cookie=cookie)
    assert (await site.do(row_of(site), "block", cookie)).status == 404


async def test_other_roles_act_on_nothing(site: Site) -> None:
    for role in (Role.OPERATOR, Role.AUDITOR, Role.VIEWER):
        cookie = site.cookie(f"olle.{role.value}", role)
        for act in ("take", "note", "block", "close"):
            assert (await site.do(row_of(site), act, cookie, "x")).status == 403
        assert (await get(site.app, "/worklist", cookie=cookie)).status == (403 if role is Role.VIEWER else 200)


async def test_somebody_takes_it_notes_and_leaves_it(site: Site) -> None:
    cookie = site.cookie("maj.test")
    await site.do(row_of(site), "take", cookie)
    await site.do(row_of(site), "note", cookie, "ringde, inget svar")
    text = await site.page("/worklist?show=mine", cookie)
    assert "maj.test tog det" in text
    assert "ringde, inget svar" in text
    assert "Osignerad kvittens" not in text
    assert "Osignerad kvittens" in await site.page("/worklist?show=free", cookie)
    assert ("worklist.take", CARD, "hold") in site.told("maj.test")
    assert (await site.do(row_of(site), "note", cookie)).status == 422
    await site.do(row_of(site), "leave", cookie)
    assert site.desk.worklist.rows()[0].taken is None


async def test_what_a_persons_word_ends_needs_the_word(site: Site) -> None:
    site.desk.emptied(1, 19, 20)
    assert (await site.do(row_of(site, "bin"), "close")).status == 422
    assert "Behållaren stämmer inte: 19 mot 20" in await site.page()
    assert (await site.do(row_of(site, "bin"), "close", note="låg bredvid påsen")).status == 303
    assert "Behållaren stämmer inte" not in await site.page()
    assert ("worklist.close", HERE, "bin låg bredvid påsen") in site.told()


async def test_a_misplaced_card_that_is_gone_has_its_order_cancelled(site: Site) -> None:
    site.desk.order("O-3", THIRD, "misplaced", slot=7)
    assert (await site.do(row_of(site, "misplaced"), "cancel")).status == 303
    assert [row.kind for row in site.desk.worklist.rows()] == ["hold", "receipt"]


def made(request: str) -> tuple[bytes, ...]:
    """What the portal makes of it, DER."""
    der = x509.load_pem_x509_csr(request.encode()).public_bytes(Encoding.DER)
    facts = CardFacts("", b"", "pkcs15", "", "00", THIRD, Holder("", "TEST000000-0001"), (), (), b"")
    return issue(authority(), der, Offer("identification", 3, "2030-01-01"), facts, NOW).chain


async def test_a_certificates_request_is_fetched_as_a_file_and_the_portals_file_ends_the_row(site: Site) -> None:
    asked = site.desk.asked_for_certificate(THIRD)
    row = row_of(site, "certificate")
    text = await site.page(f"/worklist?item={row}")
    assert "Certifikat att göra: …3300" in text
    assert f'href="/worklist/{row}/request" download' in text
    fetched = await get(site.app, f"/worklist/{row}/request", cookie=site.cookie())
    assert (fetched.text, fetched.header("content-type")) == (asked, "application/pkcs10")
    assert 'filename="33000003-identification.csr"' in fetched.header("content-disposition")
    refused = await site.give(row, fetched.text.encode())
    assert (refused.status, refused.header("location")) == (303, f"/worklist?item={row}&refused=is_request")
    text = await site.page(refused.header("location"))
    assert "Det är begäran själv. Lämna den i portalen" in text
    assert f"{KRA} hämtade begäran" in text
    assert (await site.give(row, made(asked)[0])).header("location") == f"/worklist?item={row}"
    assert "Certifikat att göra" not in await site.page()
    acts = ("worklist.give", "worklist.give", "worklist.fetch")
    assert [told for told in site.told() if told[0] in acts][:3] == [(act, THIRD, "certificate") for act in acts]
    assert (await site.give(row, made(asked)[0])).status == 404, "once"


async def test_nobody_else_fetches_or_gives_a_certificate_and_no_other_row_takes_one(site: Site) -> None:
    site.desk.asked_for_certificate(THIRD, THERE)
    row = row_of(site, "certificate")
    for someone in (site.cookie("olle.operator", Role.OPERATOR), site.cookie("maj.here", stations=HERE)):
        assert (await get(site.app, f"/worklist/{row}/request", cookie=someone)).status in (403, 404)
        assert (await site.give(row, b"x", someone)).status in (403, 404)
    assert (await get(site.app, f"/worklist/{row_of(site)}/request", cookie=site.cookie())).status == 404
    assert (await site.give(row_of(site), b"x")).status == 404
    assert (await site.do(row, "give")).status == 404


async def test_programs_of_a_person_carry_a_certificate_as_the_page_does(site: Site) -> None:
    asked = site.desk.asked_for_certificate(THIRD)
    id = row_of(site, "certificate")
    fetched = await get(site.app, f"/api/v1/worklist/{id}/request", cookie=site.cookie())
    assert fetched.json == {"name": "33000003-identification.csr", "request": asked}
    refused = await site.call(f"{id}/certificate", {"certificate": asked}, site.cookie())
    assert (refused.status, refused.json["detail"]) == (409, "is_request")
    der = base64.b64encode(made(asked)[0]).decode()
    given = await site.call(f"{id}/certificate", {"certificate": der}, site.cookie())
    assert (given.status, given.json) == (200, {"id": id, "card_number": THIRD})
    assert (await site.call(f"{id}/certificate", {"certificate": der}, site.cookie())).status == 404


async def test_an_act_that_a_row_does_not_offer_is_none(site: Site) -> None:
    assert (await site.do(row_of(site), "register", note="x")).status == 404
    assert (await site.do("0" * 32, "take")).status == 404


async def test_the_api_gives_the_same_and_takes_acts_of_people(site: Site) -> None:
    answer = await get(site.app, "/api/v1/worklist?kind=hold", cookie=site.cookie())
    (item,) = answer.json["items"]
    assert (item["card_number"], item["cause"], item["actions"]) == (CARD, "stolen", ["block", "lift", "blocked"])
    taken = await site.call(f"{item['id']}/take", {}, site.cookie())
    assert (taken.status, taken.json["taken_by"]) == (200, KRA)
    noted = await site.call(f"{item['id']}/note", {"note": "ringde"}, site.cookie())
    assert [act["note"] for act in noted.json["acts"]] == ["", "ringde"]
    done = await site.call(f"{item['id']}/act", {"action": "block"}, site.cookie())
    assert (done.status, done.json["is_sent"]) == (202, True)
    bearer = {"authorization": f"Bearer {program(site.access)}", "cookie": "x=1; kortkiosk=none"}
    listed = await get(site.app, f"/api/v1/worklist?station={THERE}", **bearer)
    assert [item["kind"] for item in listed.json["items"]] == ["receipt"]
    refused = await ask(site.app, "POST", f"/api/v1/worklist/{item['id']}/take", b"{}", **bearer)
    assert refused.status == 403
