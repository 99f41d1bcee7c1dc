"""Receipts by e-mail over a real socket: to the holder whom the receipt names, once, and nothing but a receipt that is held."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select, update

from fleet.messages.vocabulary import EventType
from fleet.server.alerts.notifications import MOST_TRIES
from fleet.server.alerts.settings import Email
from fleet.server.database.database import Database
from fleet.server.ingest.rebuild import rebuild
from fleet.server.ingest.write import Writer
from fleet.server.people.tables import people
from fleet.server.receipts.mail import ReceiptMail
from fleet.server.receipts.tables import receipt_mails
from kiosk.receipts import Receipt, ReceiptFacts, ReceiptPerson, draft_receipt, finish_receipt
from tests.fakes.server.databases import either, on_postgres
from tests.fakes.server.receipts import own_key
from tests.fakes.server.webhook_and_mail import MailServer
from tests.fleet.server.conftest import KeptChanges, SealingStation, arrived

__all__ = ["either", "on_postgres"]

BEGIN = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
HOLDER, NAME, ADDRESS, CARD = "TEST000000-0001", "Tove Test", "tove@example.test", "9999000020260001"
PUBLIC = "https://fleet.example"


class Post:
    """A store, a station, a mail server, the job between them, and its clock."""

    def __init__(self, database: Database, mail: MailServer) -> None:
        self.database, self.mail, self.now, self.public = database, mail, BEGIN, PUBLIC
        self.station, self.writer, self.changes = SealingStation(), Writer(database), KeptChanges()
        self.job = self.fresh()
        values = {"name": NAME, "protected": False, "continued": False, "changed": BEGIN, "mail": ADDRESS}
        self.sql(insert(people).values(hsa_id=HOLDER, **values))

    def fresh(self) -> ReceiptMail:
        """The job of a server that has just started."""
        channel = Email("m", "127.0.0.1", "k@example.test", ("drift@example.test",), self.mail.port, security="none")
        return ReceiptMail(self.database, channel, self.changes, lambda: self.now, lambda: self.public)

    def sql(self, statement: Any) -> None:
        with self.database.writing.begin() as connection:
            connection.execute(statement)

    def issued(self, receipt: Receipt, errand: str = "e-1") -> None:
        data = {
            "number": receipt.number,
            "receipt": msgspec.json.decode(receipt.document),
            "signed": "attested",
            "card_number": CARD,
        }
        self.tell(EventType.RECEIPT_ISSUED, {"errand": errand, **data})

    def wanted(self, number: str, statement: str, errand: str = "e-1") -> None:
        self.tell(EventType.RECEIPT_MAIL_WANTED, {"errand": errand, "number": number, "statement": statement})

    def tell(self, kind: EventType, data: dict[str, Any]) -> None:
        event = self.station.seal(kind, data, time=self.now.isoformat())
        self.writer.commit(arrived(event), self.now)

    def look(self, **later: float) -> int:
        self.now += timedelta(**later)
        return self.job.look()

    def states(self) -> list[tuple[str, str | None, str]]:
        with self.database.reading.begin() as connection:
            found = connection.execute(select(receipt_mails.c.state, receipt_mails.c.error, receipt_mails.c.statement))
            return [(row.state, row.error, row.statement) for row in found]


def receipt(number: str | None = None, hsa_id: str = HOLDER, place: str = "Lasarettet, entré A") -> Receipt:
    facts = ReceiptFacts(
        "change_pin", BEGIN, "entre-a", place, None, CARD, ReceiptPerson(hsa_id, NAME), "card", None, None, ""
    )
    key, certificate = own_key("entre-a")
    return finish_receipt(draft_receipt(facts, number), key, (certificate,), None, f"{PUBLIC}/r/")


@pytest.fixture
def post(database: Database) -> Iterator[Post]:
    with MailServer().listening() as mail:
        yield Post(database, mail)


def test_a_holder_gets_the_address_of_the_receipt_once(either: Database) -> None:
    with MailServer().listening() as mail:
        post, made = Post(either, mail), receipt()
        post.issued(made)
        post.wanted(made.number, made.statement)
        post.wanted(made.number, made.statement)
        assert [post.look(), post.look(minutes=1)] == [1, 0]
        post.job = post.fresh()
        assert post.look(hours=1) == 0, "also after a restart"
        rebuild(either)
        assert post.look(hours=1) == 0, "also when the read models were made anew"
        (sent,), (recipient,) = mail.mails, mail.recipients
        assert ADDRESS in recipient
        assert post.states() == [("sent", None, "")]
    text = message_from_string(sent, policy=policy.default).get_content()
    assert made.qr in text, "what a phone opens, whole"
    assert all(part in text for part in ("Lasarettet, entré A", "1 juni 2026", "Byt kod", "Change code"))
    assert not any(word in text for word in (NAME, HOLDER, CARD, ADDRESS))


@pytest.mark.parametrize(
    "facts",
    [{"mail": None}, {"mail": ""}, {"protected": True}, {"left": "2026-05-30"}],
    ids=["no address", "an empty one", "protected", "left"],
)
def test_who_has_no_address_any_more_gets_nothing_and_somebody_is_told(post: Post, facts: dict[str, Any]) -> None:
    made = receipt()
    post.issued(made)
    post.wanted(made.number, made.statement)
    post.sql(update(people).values(**facts))
    assert post.look() == 0
    assert post.mail.mails == []
    assert post.states() == [("refused", "mail_no_address", "")]
    assert "worklist" in post.changes.topics


def test_a_station_can_have_nothing_mailed_but_the_statement_of_a_receipt_that_is_held(post: Post) -> None:
    made, other = receipt(), receipt()
    post.issued(made)
    post.wanted(made.number, other.statement)
    assert post.look() == 0
    lure = f"KK1.{made.statement.split('.')[1]}.https://evil.example/"
    for number, text in (("R-1", made.statement), ("R-2", lure)):
        odd = receipt(number)
        post.issued(odd, number)
        post.wanted(number, text, number)
        assert post.look(minutes=1) == 0
    assert post.mail.mails == []
    assert {state[:2] for state in post.states()} == {("refused", "mail_not_genuine")}


def test_a_wish_that_comes_before_its_receipt_waits_for_it_and_not_for_ever(post: Post) -> None:
    made, lost = receipt(), receipt()
    post.wanted(made.number, made.statement)
    post.wanted(lost.number, lost.statement)
    assert post.look() == 0
    post.issued(made)
    assert post.look(minutes=10) == 1
    assert post.look(days=2) == 0
    assert sorted(post.states()) == [("refused", "mail_no_receipt", ""), ("sent", None, "")]


def test_what_the_mail_server_refuses_is_tried_again_also_by_a_new_server_and_given_up_in_the_end(post: Post) -> None:
    made = receipt()
    post.mail.refuses = "RCPT"
    post.issued(made)
    post.wanted(made.number, made.statement)
    assert [post.look(), post.look(seconds=20)] == [0, 0]
    for _ in range(MOST_TRIES - 1):
        assert post.states()[0][:2] == ("waiting", None)
        post.job = post.fresh()
        assert post.look(hours=1) == 0
    assert post.states() == [("refused", "mail_refused", "")]
    post.mail.refuses = ""
    assert post.look(days=1) == 0


def test_a_mail_server_that_was_away_gets_it_later(post: Post) -> None:
    made = receipt()
    post.mail.refuses = "RCPT"
    post.issued(made)
    post.wanted(made.number, made.statement)
    assert post.look() == 0
    post.mail.refuses = ""
    assert [post.look(seconds=10), post.look(seconds=30)] == [0, 1]


def test_without_an_address_that_others_reach_nothing_is_sent(post: Post) -> None:
    made = receipt()
    post.issued(made)
    post.wanted(made.number, made.statement)
    post.public = ""
    assert post.look() == 0
    assert post.states()[0][0] == "waiting"
