"""A word to people over real sockets: a webhook with its signature, an e-mail, and what goes wrong, in words."""

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import replace
from datetime import timedelta
from email import message_from_string, policy
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from fleet.server.alerts.model import AlertRow, NoticeBundle, NoticeRow, PendingApproval
from fleet.server.alerts.notifications import NotDeliveredError, deliver
from fleet.server.alerts.settings import Email, Webhook
from fleet.server.pages.i18n import load
from tests.fakes.machine.ports import free_port
from tests.fakes.server.webhook_and_mail import Hook, MailServer
from tests.fleet.server.conftest import NOW

ALERT = AlertRow(7, "entre-a", "paper", "Skrivare", "notice", "paper_low", NOW, NOW, 1, False, None, None, None, None)
COMMAND = PendingApproval(9, "entre-a", "open_slot", "tove.test", NOW, NOW, "https://dash.example/commands/9")
UID, OTHER_UID = "8c1f2a60-7e55-4c0e-9a43-0d6c8e1b7a11", "f0a7c9de-2b1c-4b77-8d0e-5a9f3c6e2d44"
LINK = "https://dash.example/alerts/7"
WAITING = NoticeRow(4, COMMAND, "all", "waiting", NOW, NOW, 0, None, None, OTHER_UID, "Entré A")
NOTICE = NoticeRow(3, ALERT, "all", "opened", NOW, NOW, 0, None, None, UID, "Entré A", (), LINK)
OUTAGE = replace(
    NOTICE,
    about=replace(
        ALERT, id=9, station="", code="offline", subject=OTHER_UID, severity="critical", stations=40, still=38
    ),
    title="",
    members=tuple(f"Entré {number}" for number in range(38)),
)


SINCE = load()["sv"].moment(NOW)


def read(mail: str) -> tuple[str, str]:
    """Subject and text."""
    message = message_from_string(mail, policy=policy.default)
    return str(message["Subject"]), message.get_content().replace("\r\n", "\n")


def email(port: int, **changes: object) -> Email:
    fields = {"name": "m", "host": "127.0.0.1", "port": port, "sender": "k@example.test", "to": ("drift@example.test",)}
    return Email(**{**fields, "security": "none", **changes})  # type: ignore[arg-type]


def secret_of(folder: Path, text: str = "made up, twenty-four bytes\n", mode: int = 0o600) -> str:
    (folder / "secret").write_text(text)
    (folder / "secret").chmod(mode)
    return str(folder / "secret")


def test_a_webhook_gets_json_and_a_signature_over_its_id_time_and_exact_bytes(tmp_path: Path) -> None:
    with Hook().listening() as hook:
        deliver(Webhook("w", hook.address, secret_file=secret_of(tmp_path)), NOTICE, NOW)
    ((headers, body),) = hook.came
    timestamp = str(int(NOW.timestamp()))
    signed = f"{UID}.{timestamp}.".encode() + body
    wanted = base64.b64encode(hmac.new(b"made up, twenty-four bytes", signed, hashlib.sha256).digest()).decode()
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (UID, timestamp)
    assert headers["webhook-signature"] == f"v1,{wanted}"
    said = json.loads(body)
    assert (said["what"], said["alert"]["station"], said["alert"]["first"]) == ("opened", "entre-a", NOW.isoformat())


def test_of_a_command_that_waits_a_channel_gets_its_page_and_no_free_text() -> None:
    with Hook().listening() as hook, MailServer().listening() as mail:
        deliver(Webhook("w", hook.address), WAITING, NOW)
        deliver(email(mail.port), WAITING, NOW)
    command = {
        "id": 9, "station": "entre-a", "command": "open_slot", "by": "tove.test", "asked": NOW.isoformat(),
        "decide_by": NOW.isoformat(), "link": "https://dash.example/commands/9",
    }  # fmt: skip
    assert json.loads(hook.came[0][1]) == {"what": "waiting", "command": command, "title": "Entré A"}
    subject, text = read(mail.mails[0])
    assert subject == "[kortkiosk] Väntar på en andra person: Entré A: Öppna fack"
    assert "https://dash.example/commands/9" in text.splitlines()


def test_without_a_secret_there_is_no_signature() -> None:
    with Hook().listening() as hook:
        deliver(Webhook("w", hook.address), NOTICE, NOW)
    assert "webhook-signature" not in hook.came[0][0]


@pytest.mark.parametrize(
    ("hook", "why"),
    [(Hook(500), "answered 500"), (Hook(302, {"Location": "http://127.0.0.1:1/"}), "answered 302")],
)
def test_a_webhook_that_does_not_take_it(hook: Hook, why: str) -> None:
    with hook.listening(), pytest.raises(NotDeliveredError, match=why):
        deliver(Webhook("w", hook.address), NOTICE, NOW)


def test_a_webhook_that_is_away_or_a_secret_that_is_missing(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(NotDeliveredError, match="cannot be reached"):
        deliver(Webhook("w", nobody), NOTICE, NOW)
    with pytest.raises(NotDeliveredError, match="No such file"):
        deliver(Webhook("w", nobody, secret_file=str(tmp_path / "none")), NOTICE, NOW)


def test_a_word_that_is_sent_again_has_its_id_and_the_time_of_the_new_try() -> None:
    later = NOW + timedelta(minutes=5)
    with Hook().listening() as hook:
        deliver(Webhook("w", hook.address), NOTICE, NOW)
        deliver(Webhook("w", hook.address), NOTICE, later)
    assert [headers["webhook-id"] for headers, _ in hook.came] == [UID] * 2
    assert [int(headers["webhook-timestamp"]) for headers, _ in hook.came] == [
        int(at.timestamp()) for at in (NOW, later)
    ]


@pytest.mark.parametrize(("text", "mode", "why"), [("short", 0o600, "at least 24"), ("x" * 24, 0o644, "0600")])
def test_a_secret_that_others_read_or_guess_signs_nothing(tmp_path: Path, text: str, mode: int, why: str) -> None:
    with Hook().listening() as hook, pytest.raises(NotDeliveredError, match=why):
        deliver(Webhook("w", hook.address, secret_file=secret_of(tmp_path, text, mode)), NOTICE, NOW)
    assert hook.came == []


def test_an_email_says_what_is_wrong_where() -> None:
    with MailServer().listening() as mail:
        deliver(email(mail.port), NOTICE, NOW)
    (text,) = mail.mails
    message = message_from_string(text)
    assert read(text) == (
        "[kortkiosk] Notis: Entré A: Papperet tar slut (Skrivare: Lite papper)",
        f"Entré A: Papperet tar slut\nSkrivare: Lite papper\nSedan {SINCE}\nSätt i en ny rulle.\n{LINK}\n",
    )
    assert message["To"] == "drift@example.test"
    assert parsedate_to_datetime(message["Date"]) == NOW
    assert message["Message-ID"] == f"<{UID}@example.test>"
    assert [line.lower() for line in mail.recipients] == ["rcpt to:<drift@example.test>"]


def test_alerts_that_come_together_are_one_email_with_a_line_for_each() -> None:
    other = replace(NOTICE, id=5, about=replace(ALERT, id=8), what="closed", uid=OTHER_UID, title="Entré B", link="")
    bundle = NoticeBundle((NOTICE, other))
    with MailServer().listening() as mail:
        for _ in range(2):
            deliver(email(mail.port, sender="Kortkiosk <k@example.test>", language="en"), bundle, NOW)
        deliver(email(mail.port, sender="Kortkiosk <k@example.test>"), NoticeBundle((other, NOTICE)), NOW)
    subject, text = read(mail.mails[0])
    assert subject == "[kortkiosk] 2 alerts: Paper runs out 2"
    assert text.splitlines() == [
        "Notice: Entré A: Paper runs out (Skrivare: Low on paper)",
        f"  {LINK}",
        "Over: Entré B: Paper runs out (Skrivare: Low on paper)",
    ]
    first, again, else_ = (message_from_string(mail)["Message-ID"] for mail in mail.mails)
    assert first == again != else_
    assert uuid.UUID(first[1:].partition("@")[0]).version == 5


@pytest.mark.parametrize(
    ("language", "said", "more", "advice"),
    [
        ("sv", "[kortkiosk] Kritiskt: 40 stationer: Utan nät", "och 8 till", "Det är sannolikt nätet"),
        ("en", "[kortkiosk] Critical: 40 stations: Offline", "and 8 more", "It is likely the network"),
    ],
)
def test_an_outage_is_one_message_with_its_stations(language: str, said: str, more: str, advice: str) -> None:
    with Hook().listening() as hook, MailServer().listening() as mail:
        deliver(Webhook("w", hook.address), OUTAGE, NOW)
        deliver(email(mail.port, language=language), OUTAGE, NOW)
    subject, text = read(mail.mails[0])
    assert (subject, text.count("\n- ")) == (said, 30)
    assert text.rstrip().endswith(more)
    assert advice in text
    assert OTHER_UID not in text
    word = json.loads(hook.came[0][1])
    assert (len(word["stations"]), word["alert"]["stations"], word["alert"]["still"]) == (38, 40, 38)


def test_what_a_station_calls_its_device_adds_no_line_to_the_head_of_an_email() -> None:
    named = replace(NOTICE, about=replace(ALERT, subject="Skrivare\r\nBcc: all@example.test"))
    with MailServer().listening() as mail:
        deliver(email(mail.port), named, NOW)
    message = message_from_string(mail.mails[0])
    assert message["Bcc"] is None
    assert "Skrivare  Bcc: all@example.test" in read(mail.mails[0])[0]


@pytest.mark.parametrize(
    ("refuses", "why"), [("RCPT", "refuses every recipient"), ("MAIL", "answered 550"), ("DATA", "answered 550")]
)
def test_a_mail_server_that_does_not_take_it(refuses: str, why: str) -> None:
    with MailServer(refuses).listening() as mail, pytest.raises(NotDeliveredError, match=why):
        deliver(email(mail.port), NOTICE, NOW)


def test_no_password_goes_to_a_server_without_tls(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("made up")
    with MailServer().listening() as mail:
        with pytest.raises(NotDeliveredError):
            deliver(
                email(mail.port, security="starttls", user="k", password_file=str(tmp_path / "password")), NOTICE, NOW
            )
        with pytest.raises(NotDeliveredError, match="cannot be reached"):
            deliver(email(free_port()), NOTICE, NOW)
    assert mail.mails == []
