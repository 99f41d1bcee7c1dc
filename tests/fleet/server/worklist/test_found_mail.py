"""The holder of a card that a colleague handed in is told by e-mail: once, at the directory's address, without a name."""

from collections.abc import Iterator
from email import message_from_string, policy

import pytest
from sqlalchemy import insert, update

from fleet.messages.asking import DeclinedResult, LiftAsk, LiftedResult
from fleet.server.alerts.holder_mail import HolderMail
from fleet.server.alerts.settings import Email
from fleet.server.guards.tables import server_clock
from fleet.server.guards.watch import ClockWatch
from fleet.server.issuers.requests import RequestLog
from fleet.server.people.tables import people
from fleet.server.worklist.found_mail import found_card_notices
from tests.fakes.server.webhook_and_mail import MailServer
from tests.fleet.server.worklist.conftest import HERE, KRA, Desk

CARD, OTHER = "9752269033000001", "9752269033000002"
HOLDER, ADDRESS = "TEST000000-0001", "alva@example.test"


class Letters:
    """The worklist's store, a mail server, and the job between them."""

    def __init__(self, desk: Desk, mail: MailServer) -> None:
        self.desk, self.mail = desk, mail
        self.watch = ClockWatch(desk.database, desk.clock)
        self.watch.begin()
        channel = Email("m", "127.0.0.1", "k@example.test", ("drift@example.test",), mail.port, security="none")
        self.job = HolderMail(desk.database, [found_card_notices], channel, desk.clock)
        with desk.database.writing.begin() as connection:
            facts = {"name": "Alva Test", "protected": False, "continued": False, "changed": desk.now, "mail": ADDRESS}
            connection.execute(insert(people).values(hsa_id=HOLDER, **facts))

    def look(self) -> int:
        """An hour later the server looks."""
        self.desk.later(hours=1)
        with self.desk.database.writing.begin() as connection:
            connection.execute(update(server_clock).values(seen=self.desk.now))
        self.watch.look()
        return self.job.look()

    def acts(self) -> list[tuple[str, str]]:
        """What stands on each row about the holder."""
        return [(row.kind, act.act) for row in self.desk.worklist.rows() for act in row.acts]


@pytest.fixture
def letters(desk: Desk) -> Iterator[Letters]:
    desk.order("O-1", CARD, hsa_id=HOLDER)
    with MailServer().listening() as mail:
        letters = Letters(desk, mail)
        for _ in range(26):  # until the clock is believed
            letters.look()
        yield letters


def test_the_holder_of_a_found_card_is_told_once_and_the_row_says_so(letters: Letters) -> None:
    letters.desk.held(CARD, "found")
    assert [letters.look(), letters.look()] == [1, 0]
    assert letters.acts() == [("hold", "mailed")]
    (mail,), (recipient,) = letters.mail.mails, letters.mail.recipients
    assert ADDRESS in recipient
    text = message_from_string(mail, policy=policy.default).get_content()
    assert all(part in text for part in (f"…{CARD[-8:]}", HERE, "Hittat mitt kort igen", "I found my own card again"))
    assert not any(word in text for word in ("Alva", HOLDER, CARD, "http"))


def test_so_is_the_holder_of_one_that_is_only_noted_and_each_time_it_is_found(letters: Letters) -> None:
    letters.desk.held(CARD, "found", DeclinedResult("over_limit"))
    assert letters.look() == 1
    assert letters.acts() == [("hold_declined", "mailed")]
    letters.desk.later(minutes=1)
    letters.desk.held(CARD, "found")
    assert letters.look() == 1


def test_nobody_is_told_of_another_hold_of_one_that_was_lifted_or_without_an_address(letters: Letters) -> None:
    letters.desk.held(CARD, "lost")
    letters.desk.held(OTHER, "found")
    assert letters.look() == 0, "the holder of the other card is not known"
    letters.desk.held(CARD, "found")
    lift = LiftAsk(id="c" * 32, card_number=CARD)
    RequestLog(letters.desk.database).keep(HERE, lift, (KRA,), LiftedResult("active"), letters.desk.now)
    assert letters.look() == 0
    letters.desk.held(CARD, "found")
    with letters.desk.database.writing.begin() as connection:
        connection.execute(update(people).values(mail=None))
    assert letters.look() == 0
    assert letters.mail.mails == []
