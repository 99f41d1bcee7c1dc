"""The morning's e-mail, over a real socket: once a day, after its hour, again where it was not taken, and without a name."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from email import message_from_string, policy
from pathlib import Path

import pytest

from fleet.server.alerts.settings import Email
from fleet.server.clock.time_zones import HERE
from fleet.server.process.default_settings import SettingsError
from fleet.server.worklist.labels import mail_words
from fleet.server.worklist.mail import WorklistMail, channels_of, post
from fleet.server.worklist.settings import WorklistSettings, load
from tests.fakes.server.webhook_and_mail import MailServer
from tests.fleet.server.worklist.conftest import Desk

CARD = "9752269033000001"
SETTINGS = WorklistSettings(load().hours, time(7), ("operations",))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer().listening() as server:
        yield server


def mailer(desk: Desk, server: MailServer) -> WorklistMail:
    channel = Email(
        "operations", "127.0.0.1", "kk@region.example", ("id@region.example",), server.port, security="none"
    )
    channels = channels_of(SETTINGS, (channel,))
    return WorklistMail(desk.database, desk.worklist, SETTINGS, channels, desk.clock, post, mail_words, _url)


def _url() -> str:
    return "https://fleet.example"


def at(desk: Desk, hour: int, days: int = 0) -> None:
    day = desk.now.astimezone(HERE).date() + timedelta(days=days)
    desk.now = datetime.combine(day, time(hour), HERE)


def test_each_morning_one_e_mail_says_what_waits_and_names_nobody(desk: Desk, server: MailServer) -> None:
    desk.order("O-1", CARD, name="Alva Test", hsa_id="TEST000000-0001")
    desk.held(CARD)
    at(desk, 6, days=1)
    assert mailer(desk, server).look() == 0, "not before its hour"
    at(desk, 7)
    assert mailer(desk, server).look() == 1
    assert mailer(desk, server).look() == 0, "once, also after a restart"
    mail = message_from_string(server.mails[0], policy=policy.default)
    text = mail.get_content()
    assert mail["Subject"] == "[kortkiosk] 1 väntar, 1 måste bli klara i dag"
    assert "Stopp att bekräfta: …3300 0001, lasarettet-a, senast" in text
    assert "https://fleet.example/worklist" in text
    assert "Alva" not in server.mails[0]
    assert "TEST000000-0001" not in server.mails[0]
    at(desk, 7, days=1)
    assert mailer(desk, server).look() == 1, "and the next morning again"


def test_what_the_mailbox_did_not_take_is_sent_later(desk: Desk, server: MailServer) -> None:
    desk.held(CARD)
    at(desk, 8, days=1)
    server.refuses = "MAIL"
    assert mailer(desk, server).look() == 0
    server.refuses = ""
    assert mailer(desk, server).look() == 1


def test_where_nothing_waits_nobody_is_mailed(desk: Desk, server: MailServer) -> None:
    at(desk, 8)
    assert mailer(desk, server).look() == 0
    assert server.mails == []


def test_settings_name_channels_and_kinds_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'operations'"):
        channels_of(SETTINGS, ())
    file = tmp_path / "worklist.toml"
    file.write_text('mail_at = 06:30:00\nmail_to = ["a"]\n[hours]\nhold = 8\n')
    changed = load(file)
    assert (changed.mail_at, changed.hours["hold"], changed.hours["bin"]) == (time(6, 30), 8, 48)
    for wrong in ("[hours]\nholds = 8\n", "[hours]\nhold = 0\n", "mail = 7\n"):
        file.write_text(wrong)
        with pytest.raises(SettingsError):
            load(file)
