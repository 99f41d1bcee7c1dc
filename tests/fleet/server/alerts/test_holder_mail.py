"""Holders are told of a certificate that ends, by e-mail over a real socket: who, when, once, and never by a clock that leapt."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, update

from fleet.messages.link import StationState, encode
from fleet.server.alerts.holder_mail import HolderMail, Source, certificate_notices, new_certificate_notices
from fleet.server.alerts.notifications import FIRST_RETRY_S, MOST_TRIES
from fleet.server.alerts.settings import AlertSettings, Email
from fleet.server.database.bulk import insert_new
from fleet.server.database.database import Database
from fleet.server.deadlines import queries as deadlining
from fleet.server.deadlines.settings import DeadlineRule, load
from fleet.server.guards.tables import server_clock
from fleet.server.guards.watch import ClockWatch
from fleet.server.issuers.tables import certificates
from fleet.server.people.tables import people, person_certificates
from fleet.server.stations.tables import stations
from tests.fakes.server.webhook_and_mail import MailServer

BEGIN = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
HOLDER, CARD, ADDRESS = "SE2321000999-1A01", "9999000020260001", "holder@example.test"


class Letters:
    """A store, a mail server, the job between them, and its clock."""

    def __init__(self, database: Database, mail: MailServer) -> None:
        self.database, self.mail, self.now = database, mail, BEGIN
        self.watch = ClockWatch(database, lambda: self.now)
        self.watch.begin()
        self.source: Source | None = None
        self.job = self.fresh()
        state = StationState(title="Entré A", version="0.1.0", bootid="boot-1", time=BEGIN.isoformat())
        with database.writing.begin() as connection:
            insert_new(connection, stations, {"name": "entre-a", "online": True, "state": encode(state).decode()})
        self.person()

    def fresh(self, **changed: Any) -> HolderMail:
        """The job of a server that has just started."""
        channel = Email("m", "127.0.0.1", "k@example.test", ("drift@example.test",), self.mail.port, security="none")
        rule = msgspec.structs.replace(load().rule["certificate"], **changed)
        sources = [self.source or certificate_notices(rule)]
        return HolderMail(self.database, sources, channel, lambda: self.now)

    def sql(self, statement: Any) -> None:
        with self.database.writing.begin() as connection:
            connection.execute(statement)

    def person(self, hsa_id: str = HOLDER, mail: str | None = ADDRESS, **facts: Any) -> None:
        values = {"name": "Alva", "protected": False, "continued": False, "changed": self.now, "mail": mail, **facts}
        self.sql(insert(people).values(hsa_id=hsa_id, **values))

    def certificate(self, last_day: str, card: str = CARD, hsa_id: str = HOLDER) -> None:
        """One that the server had issued to a card."""
        self.sql(
            insert(certificates).values(
                station="entre-a", card_number=card, serial=last_day, hsa_id=hsa_id, profile="identification", loa=3,
                last_day=last_day, at=self.now,
            )
        )  # fmt: skip

    def signed_with(self, last_day: str, hsa_id: str = HOLDER) -> None:
        """One by which that person has signed something."""
        self.sql(
            insert(person_certificates).values(digest=f"{hsa_id[-4:]}{last_day}", hsa_id=hsa_id, last_day=last_day)
        )

    def after(self, days: int) -> int:
        """So many quiet days later the server looks."""
        self.now += timedelta(days=days)
        self.sql(update(server_clock).values(seen=self.now))
        self.watch.look()
        return self.job.look()

    def recorded(self, subject: str = CARD) -> list[tuple[str, str]]:
        with self.database.reading.begin() as connection:
            known = deadlining.recorded_actions(connection, "certificate", [subject]).values()
        return [(one.what, one.did) for one in known]


@pytest.fixture
def letters(database: Database) -> Iterator[Letters]:
    with MailServer().listening() as mail:
        yield Letters(database, mail)


def test_a_holder_is_told_once_thirty_days_before(letters: Letters) -> None:
    letters.certificate("2026-07-15")
    assert [letters.after(13), letters.after(1), letters.after(1), letters.after(5)] == [0, 1, 0, 0]
    letters.job = letters.fresh()
    assert letters.after(1) == 0, "also after a restart"
    assert letters.recorded() == [("mailed", "mail")]
    (mail,), (recipient,) = letters.mail.mails, letters.mail.recipients
    assert ADDRESS in recipient
    message = message_from_string(mail, policy=policy.default)
    text = message.get_content()
    assert "15 juli 2026" in str(message["Subject"])
    assert all(part in text for part in ("…20260001", "Entré A", "Förnya certifikat", "Renew certificate"))
    assert not any(word in text for word in ("Alva", HOLDER, CARD, "http"))


@pytest.mark.parametrize(
    "facts", [{"mail": None}, {"mail": ""}, {"left": "2026-05-30"}], ids=["no address", "an empty one", "left"]
)
def test_nobody_else_is_told(letters: Letters, facts: dict[str, Any]) -> None:
    letters.sql(update(people).values(**facts))
    letters.certificate("2026-06-20")
    assert letters.after(1) == 0
    assert letters.mail.mails == []


def test_who_goes_on_in_another_assignment_is_told(letters: Letters) -> None:
    letters.sql(update(people).values(left="2026-05-30", continued=True))
    letters.certificate("2026-06-20")
    assert letters.after(1) == 1


def test_a_certificate_that_was_renewed_is_told_of_no_more(letters: Letters) -> None:
    letters.certificate("2026-06-20")
    letters.certificate("2029-06-20")
    assert letters.after(1) == 0


def test_what_a_card_has_signed_with_tells_its_end_too(letters: Letters) -> None:
    """Of a person with several the one that lasts longest counts; without a card's number the text has none."""
    letters.signed_with("2026-06-10")
    letters.signed_with("2026-06-20")
    letters.person("SE2321000999-1A02", "second@example.test")
    letters.signed_with("2026-06-10", "SE2321000999-1A02")
    letters.signed_with("2030-01-01", "SE2321000999-1A02")
    assert [letters.after(1), letters.after(1)] == [1, 0]
    (mail,) = letters.mail.mails
    text = message_from_string(mail, policy=policy.default).get_content()
    assert "20 juni 2026" in text
    assert "…" not in text


def test_who_is_told_of_a_card_is_not_told_again_of_its_certificate(letters: Letters) -> None:
    letters.certificate("2026-06-20")
    letters.signed_with("2026-06-20")
    assert [letters.after(1), letters.after(1)] == [1, 0]


def test_no_more_than_the_rule_allows_go_out_in_a_day(letters: Letters) -> None:
    letters.job = letters.fresh(most_a_day=2)
    for number in range(5):
        letters.certificate("2026-06-20", f"99990000202600{number:02}")
    assert [letters.after(1), letters.after(0), letters.after(1), letters.after(1), letters.after(1)] == [2, 0, 2, 1, 0]


def test_nothing_goes_out_while_the_clock_is_not_believed(letters: Letters) -> None:
    assert letters.after(0) == 0
    letters.certificate("2030-01-10")
    letters.now += timedelta(days=1300)
    letters.watch.look()
    assert letters.job.look() == 0
    assert letters.mail.mails == []


def test_a_mail_server_that_is_away_is_tried_again_and_given_up_in_the_end(letters: Letters) -> None:
    letters.mail.refuses = "RCPT"
    letters.certificate("2026-06-30")
    letters.job = letters.fresh()
    assert letters.after(1) == 0
    assert letters.recorded() == [], "it is not taken for told"
    letters.now += timedelta(seconds=FIRST_RETRY_S / 2)
    assert letters.job.look() == 0
    letters.mail.refuses = ""
    letters.now += timedelta(seconds=FIRST_RETRY_S)
    assert letters.job.look() == 1
    assert letters.recorded() == [("mailed", "mail")]


def test_an_address_that_nobody_has_is_given_up(letters: Letters) -> None:
    letters.mail.refuses = "RCPT"
    letters.certificate("2026-06-30")
    assert letters.after(1) == 0
    for _ in range(MOST_TRIES - 1):
        assert letters.recorded() == []
        letters.now += timedelta(hours=1)
        letters.watch.look()
        assert letters.job.look() == 0
    assert letters.recorded() == [("mailed", "refused")]


def test_the_channel_for_holders_is_one_of_the_e_mail_channels() -> None:
    channel = Email("m", "smtp.example", "k@example.test", ("drift@example.test",))
    assert AlertSettings({}, email=(channel,), holders="m").holders_channel == channel
    assert AlertSettings({}, email=(channel,)).holders_channel is None
    with pytest.raises(ValueError, match="holders: no e-mail channel is called 'other'"):
        AlertSettings({}, email=(channel,), holders="other")


def test_the_rule_that_ships_tells_thirty_days_before() -> None:
    assert DeadlineRule(**msgspec.structs.asdict(load().rule["certificate"])).warn_days == 30


def test_a_holder_is_told_once_of_a_new_certificate_and_how_to_end_it(letters: Letters) -> None:
    letters.certificate("2031-06-01")
    letters.person("SE2321000999-1A02", mail=None)
    letters.certificate("2031-06-02", card="9999000020260002", hsa_id="SE2321000999-1A02")
    letters.source = new_certificate_notices
    letters.job = letters.fresh()
    assert [letters.after(1), letters.after(1), letters.after(7)] == [1, 0, 0], "one has no address"
    (mail,), (recipient,) = letters.mail.mails, letters.mail.recipients
    assert ADDRESS in recipient
    text = message_from_string(mail, policy=policy.default).get_content()
    assert all(part in text for part in ("…20260001", "Entré A", "Var det inte du?", "Was it not you?"))
    assert HOLDER not in mail
