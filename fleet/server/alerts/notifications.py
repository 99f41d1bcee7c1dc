"""Notifications by webhook and e-mail, sent in the calling thread, and their retries with back-off.

Rules: a try takes at most ten seconds; what went wrong is said in words without secrets. Words that come together are one e-mail,
so that a network that is away does not fill a mailbox; a webhook gets each, with an id that stays the same when it is sent
again and the time of this try, signed where it has a secret (see `fleet.server.platform.webhook_signatures`). A redirect is not
followed."""

import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from fleet.server.alerts.model import AlertRow, NoticeBundle, NoticeRow, PendingApproval
from fleet.server.alerts.settings import Channel, Email, Webhook
from fleet.server.platform.webhook_signatures import ID, SIGNATURE, TIMESTAMP, HookError, load_secret, signature

TIMEOUT_S = 10.0
FIRST_RETRY_S, LAST_RETRY_S = 30.0, 3600.0
MOST_TRIES = 12
GATHER_FROM = 6
"""So many words that wait for one mailbox are one e-mail."""
PREFIX = "[kortkiosk] "

Notification = NoticeRow | NoticeBundle
Deliver = Callable[[Channel, Notification, datetime], None]


class NotDeliveredError(Exception):
    """The channel did not take it. The text says why."""


def deliver(channel: Channel, told: Notification, now: datetime) -> None:
    """Send it: to a webhook one word at a time. Raises NotDeliveredError."""
    try:
        match channel, told:
            case Webhook(), NoticeRow():
                _post(channel, told, now)
            case Email(), _:
                _mail(channel, told)
            case _:
                raise ValueError("a webhook gets each word")
    except HookError as error:
        raise NotDeliveredError(str(error)) from None
    except (OSError, smtplib.SMTPException, http.client.HTTPException, ValueError) as error:
        raise NotDeliveredError(_reason(error)) from None


def next_try(tries: int, now: datetime) -> datetime | None:
    """When to try again after so many tries; None: no more."""
    if tries >= MOST_TRIES:
        return None
    return now + timedelta(seconds=min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** (tries - 1)))


def as_json(about: AlertRow | PendingApproval) -> dict[str, Any]:
    """An alert or a waiting command for programs: times in RFC 3339."""
    values = {name: getattr(about, name) for name in about.__dataclass_fields__}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def bundle_notices(channel: Channel | None, notices: Sequence[NoticeRow]) -> list[tuple[NoticeRow, ...]]:
    """What is sent at once, of words to one channel: alone what a person is to do, what is few, and what is for a program."""
    alone = [notice for notice in notices if isinstance(notice.about, PendingApproval)]
    alerts = tuple(notice for notice in notices if not isinstance(notice.about, PendingApproval))
    if isinstance(channel, Email) and len(alerts) >= GATHER_FROM:
        return [*((notice,) for notice in alone), alerts]
    return [(notice,) for notice in (*alone, *alerts)]


def subject_and_text(told: Notification) -> tuple[str, str]:
    """Subject and text of an e-mail."""
    return _of_all(told.notices) if isinstance(told, NoticeBundle) else _of_one(told)


def _line(text: object) -> str:
    """In one line: names of devices are a station's own words."""
    return "".join(sign if sign.isprintable() else " " for sign in str(text))


def _of_all(notices: Sequence[NoticeRow]) -> tuple[str, str]:
    """How many of each, and one line for each."""
    words = [_of_one(notice)[0].removeprefix(PREFIX) for notice in notices]
    codes = Counter(notice.about.code for notice in notices if isinstance(notice.about, AlertRow))
    each = ", ".join(f"{code} {count}" for code, count in codes.most_common())
    return f"{PREFIX}{len(notices)} alerts: {each}", "\n".join(words) + "\n"


def _of_one(notice: NoticeRow) -> tuple[str, str]:
    said = as_json(notice.about).items()
    text = "\n".join(f"{name}: {_line(value)}" for name, value in said if value not in (None, "", False)) + "\n"
    match notice.about:
        case PendingApproval(station=station, command=command):
            return f"{PREFIX}needs a second person: {station} {command}", text
        case alert:
            where = alert.station or "the fleet"
            what = " ".join(part for part in (alert.code, alert.subject) if part)
            over = "over: " if notice.what == "closed" else ""
            return _line(f"{PREFIX}{over}{alert.severity}: {where} {what}"), text


def _post(channel: Webhook, notice: NoticeRow, now: datetime) -> None:
    kind = "command" if isinstance(notice.about, PendingApproval) else "alert"
    body = json.dumps({"what": notice.what, kind: as_json(notice.about)}, ensure_ascii=False).encode()
    message, timestamp = f"notice-{notice.id}", str(int(now.timestamp()))
    headers = {"Content-Type": "application/json", ID: message, TIMESTAMP: timestamp}
    if channel.secret_file is not None:
        headers[SIGNATURE] = signature(load_secret(Path(channel.secret_file)), message, timestamp, body)
    request = urllib.request.Request(channel.url, body, headers, method="POST")  # noqa: S310  # http(s), by settings
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S):
        pass


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirect is an error: the settings name the address."""


def _mail(channel: Email, told: Notification) -> None:
    message = EmailMessage()
    message["Subject"], text = subject_and_text(told)
    number = told.id if isinstance(told, NoticeRow) else f"{told.notices[0].id}-{told.notices[-1].id}"
    message["From"], message["To"] = channel.sender, ", ".join(channel.to)
    message["Message-ID"] = f"<kortkiosk-{number}@{parseaddr(channel.sender)[1].rpartition('@')[2]}>"
    message.set_content(text)
    context = ssl.create_default_context()
    if channel.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(channel.host, channel.port, timeout=TIMEOUT_S, context=context)
    else:
        server = smtplib.SMTP(channel.host, channel.port, timeout=TIMEOUT_S)
    with server:
        if channel.security == "starttls":
            server.starttls(context=context)
        if channel.user and channel.password_file is not None:
            server.login(channel.user, _password(Path(channel.password_file)))
        server.send_message(message)


def _password(path: Path) -> str:
    return path.read_text("utf-8").strip()


def _reason(error: Exception) -> str:
    match error:
        case urllib.error.HTTPError():
            error.close()
            return f"answered {error.code}"
        case urllib.error.URLError():
            return f"cannot be reached: {error.reason}"
        case smtplib.SMTPAuthenticationError():
            return "refuses user and password"
        case smtplib.SMTPRecipientsRefused():
            return "refuses every recipient"
        case smtplib.SMTPResponseException():
            return f"answered {error.smtp_code}"
        case OSError():
            return f"cannot be reached: {error.strerror or type(error).__name__}"
    return type(error).__name__
