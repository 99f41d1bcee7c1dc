"""Who is told of what an insider does, and how soon: each action is done for real, and the mailboxes are a mail server's.

The insider's own address is among those that a region has named; the mail goes to the others alone.
"""

import base64
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, update

from fleet.agent.answer_verification import AnswerVerifier
from fleet.messages.asking import BlockAsk, CardStateAsk, CardStatus, DeclinedResult, DirectoryAsk, PukAsk
from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.server.accounts import queries as people
from fleet.server.accounts.tables import users
from fleet.server.alerts.monitor import LOOK_EVERY_S, TELL_EVERY_S, AlertMonitor
from fleet.server.alerts.queries import queued_notices
from fleet.server.alerts.settings import Email, Outage, load
from fleet.server.audit_log.log import AuditEvent, append
from fleet.server.database.database import Database
from fleet.server.enrolment.tables import station_claims
from fleet.server.issuers.tables import certificates
from fleet.server.keys.random_tokens import form_token
from fleet.server.live_feed.hub import Hub
from fleet.server.people.tables import people as directory
from kiosk.issuer.client import IssuerRequests
from provisioning.est.wire import short_fingerprint
from sim.issuer.database import Seed
from sim.stories.room import keys_of, persona_of
from tests.fakes.issuers.issuing_fleet import ADMINISTRATOR, fleet, identity
from tests.fakes.issuers.issuing_fleet import NOW as THEN
from tests.fakes.issuers.proving import CardHolder
from tests.fakes.server.insider import Server, server
from tests.fakes.server.readings import NOW
from tests.fakes.server.visitors import COOKIE
from tests.fakes.server.webhook_and_mail import MailServer
from tests.fleet.server.app.asgi import ask
from tests.fleet.server.conftest import database

__all__ = ["database", "server"]

OWN, OTHER = "insider@region.example", "night@region.example"
SOON_S = LOOK_EVERY_S + TELL_EVERY_S
KEY = base64.b64encode(bytes(range(32))).decode()


class Told:
    """What came of one action: the seconds until the mail went out, what it said, and to whom."""

    def __init__(self, database: Database, mail: MailServer, began: datetime, to: tuple[str, ...]) -> None:
        box = Email("night", "127.0.0.1", "k@region.example", to, mail.port, security="none", language="en")
        settings = msgspec.structs.replace(load(), outage=Outage(stations=0), email=(box,))
        self.mail, self.began, self.now = mail, began, began
        self.monitor = AlertMonitor(database, settings, Hub(), lambda: self.now)

    def seconds(self, code: str, said: str) -> int:
        """As the server's own loops look and tell."""
        for second in range(1, 121):
            self.now = self.began + timedelta(seconds=second)
            if second % int(LOOK_EVERY_S) == 0:
                self.monitor.look()
            if second % int(TELL_EVERY_S) == 0:
                self.monitor.tell()
            if any(said in text for text in self.mail.mails):
                return second
        raise AssertionError(f"nobody was told of {code}: {self.mail.mails}")


@contextmanager
def watched(database: Database, began: datetime, *to: str) -> Iterator[Told]:
    with MailServer().listening() as mail:
        yield Told(database, mail, began, to or (OWN, OTHER))


def is_insider(database: Database, name: str, hsa_id: str) -> None:
    """The account is that person's, and the directory knows their address."""
    with database.writing.begin() as connection:
        connection.execute(update(users).where(users.c.name == name).values(hsa_id=hsa_id))
        row = {
            "hsa_id": hsa_id,
            "name": "In Sider",
            "protected": False,
            "continued": False,
            "changed": NOW,
            "mail": OWN,
        }
        connection.execute(insert(directory).values(row))


async def _put(server: Server, path: str, body: bytes, method: str = "PUT") -> None:
    own = {"cookie": f"{COOKIE}={server.insider}", "x_form_token": form_token(server.insider)}
    sizes = {"content_type": "application/json", "content_length": str(len(body))}
    answer = await ask(server.app, method, f"/api/v1{path}", body, origin="http://127.0.0.1", **own, **sizes)
    assert answer.status in (200, 201), answer.text


async def lists_somebody(server: Server) -> None:
    body = b'{"name": "Maj Test", "roles": ["KRA", "KUR"], "level": 3, "scope": ["*"], "decision": "IT-1"}'
    await _put(server, "/administrators/SE2321000131-1A13", body)


async def gives_a_role(server: Server) -> None:
    with server.database.writing.begin() as connection:
        people.add(connection, "sock.puppet", (), NOW - timedelta(days=400))
    await _put(server, "/users/sock.puppet/roles", b'{"roles": [{"role": "admin"}]}')


async def approves_a_station(server: Server) -> None:
    key = "ab" * 32
    row = {"station": "rogue-a", "salt": "", "digest": "", "made": NOW, "made_by": "insider.test", "wrong": 0}
    asked = {"expires": NOW + timedelta(days=1), "asked": NOW, "address": "192.0.2.7", "key": key}
    with server.database.writing.begin() as connection:
        (number,) = connection.execute(insert(station_claims).values(**row, **asked)).inserted_primary_key or (0,)
    body = msgspec.json.encode({"key": short_fingerprint(key).replace(" ", "")})
    await _put(server, f"/enrolments/{number}/approve", body, "POST")


ACTIONS: dict[str, tuple[Callable[[Server], Awaitable[None]], str]] = {
    "administrator_listed": (lists_somebody, "A new ID administrator"),
    "role_granted": (gives_a_role, "Somebody was given a role"),
    "station_approved": (approves_a_station, "A new station was let in"),
}


@pytest.mark.parametrize("code", ACTIONS)
async def test_an_insider_makes_somebody_be_believed_and_nobody_hears(server: Server, code: str) -> None:
    """An administrator of the dashboard makes an ID administrator, an account or a station, and the mail comes to himself."""
    does, said = ACTIONS[code]
    is_insider(server.database, "insider.test", "SE2321000131-9Z99")
    await does(server)
    with watched(server.database, NOW) as told:
        assert told.seconds(code, said) <= SOON_S
        assert [line.lower() for line in told.mail.recipients] == [f"rcpt to:<{OTHER}>"]


OFTEN: dict[str, tuple[int, Callable[[str, str], Any], str]] = {
    "many_puks": (3, lambda id, number: PukAsk(id=id, card_number=number, reply_key=KEY), "One person had many PUKs"),
    "many_blocks": (
        5,
        lambda id, number: BlockAsk(id=id, card_number=number, reason="lost", wanted="2026-03-02T12:00:00Z"),
        "One person blocked many cards",
    ),
    "many_lookups": (30, lambda id, number: DirectoryAsk(id=id, card_number=number), "looked up many people"),
    "looked_across": (
        1, lambda id, number: DirectoryAsk(id=id, card_number=number), "Somebody of another organisation was looked up"
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", OFTEN)
async def test_an_id_administrator_goes_through_other_peoples_cards_and_nobody_hears(code: str, tmp_path: Path) -> None:
    """An ID administrator has PUKs, blocks cards or looks people up, one after the other, and the mail comes to himself."""
    many, wish, said = OFTEN[code]
    admin = CardHolder(ADMINISTRATOR.hsa_id, ADMINISTRATOR.new.card_number, keys_of(persona_of("13:new"))[0])
    holders = {f"99990000900000{number:02}": f"SE999999-{number:04}" for number in range(many)}
    async with fleet(tmp_path / "fleet") as region:
        cards = tuple(CardRecord(number, hsa_id, "601", "active") for number, hsa_id in holders.items())
        known = tuple(DirectoryPerson(hsa_id, "Alva Test") for hsa_id in holders.values())
        region.simulator.fill(Seed(known, cards, dict.fromkeys(holders, "91827364")))
        is_insider(region.database, "", admin.hsa_id)
        desk = IssuerRequests(region.link, AnswerVerifier(identity()))
        for place, number in enumerate(holders):
            wanted = wish(f"{1000 + place:032x}", number)
            about = admin.card_number if isinstance(wanted, DirectoryAsk) else number
            state = await desk.ask(CardStateAsk(id=f"{100 + place:032x}", card_number=about))
            assert isinstance(state, CardStatus)
            told_so = await desk.ask(admin.behind(wanted, state.nonce))
            assert not isinstance(told_so, DeclinedResult), told_so
        with watched(region.database, THEN) as told:
            assert told.seconds(code, said) <= SOON_S
            assert {line.lower() for line in told.mail.recipients} == {f"rcpt to:<{OTHER}>"}


def test_a_card_gets_two_certificates_in_a_day_and_nobody_hears(database: Database) -> None:
    """One card is given both certificates anew within a minute: perhaps on a key that lies in a file."""
    row = {"card_number": "9999000090000001", "hsa_id": "SE999999-0001", "loa": 3, "last_day": "2031-12-01"}
    with database.writing.begin() as connection:
        for serial, profile in (("a1", "identification"), ("a2", "signature")):
            values = {**row, "serial": serial, "profile": profile, "station": "entre-a", "at": NOW}
            connection.execute(insert(certificates).values(values))
    with watched(database, NOW) as told:
        assert told.seconds("certificates_twice", "A card got several certificates") <= SOON_S


def test_the_only_mailbox_is_the_insiders_own_and_the_queue_says_so(database: Database) -> None:
    """Where a region has named nobody else, the word stays in the queue, for all to see."""
    is_insider(database, "", "SE2321000131-9Z99")
    with database.writing.begin() as connection:
        append(connection, NOW, "SE2321000131-9Z99", "", AuditEvent("administrator.put", "SE2321000131-1A13"))
    with watched(database, NOW, OWN) as told, pytest.raises(AssertionError, match="nobody was told"):
        told.seconds("administrator_listed", "A new ID administrator")
    with database.reading.begin() as connection:
        (notice,) = queued_notices(connection)
    assert "that of who did it" in (notice.error or "")
