"""Notifications by webhook and e-mail, sent in the calling thread, and their retries with back-off.

Rules: a try takes at most ten seconds; what went wrong is said in words without secrets. Words that come together are one
e-mail, so that a network that is away does not fill a mailbox; a webhook gets each. A message has a random id that stays
the same when it is sent again (`webhook-id`, `Message-ID`) and the time of this try; a webhook's is signed where it has a
secret (see `fleet.server.keys.webhook_signatures`). A redirect is not followed."""

import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from fleet.server.alerts import labels
from fleet.server.alerts.model import AlertRow, NoticeBundle, NoticeRow, PendingApproval
from fleet.server.alerts.settings import Channel, Email, Webhook
from fleet.server.keys.webhook_signatures import ID, SIGNATURE, TIMESTAMP, HookError, load_secret, signature
from fleet.server.pages.i18n import Localization, load

TIMEOUT_S = 10.0
FIRST_RETRY_S, LAST_RETRY_S = 30.0, 3600.0
MOST_TRIES = 12
GATHER_FROM = 6
"""So many words that wait for one mailbox are one e-mail."""
MOST_MEMBERS = 30
"""Stations of an outage in an e-mail; a webhook gets all."""
PREFIX = "[kortkiosk] "

Notification = NoticeRow | NoticeBundle
Deliver = Callable[[Channel, Notification, datetime], None]


class NotDeliveredError(Exception):
    """The channel did not take it. The text says why."""


def deliver(channel: Channel, notification: Notification, now: datetime) -> None:
    """Send it: to a webhook one word at a time. Raises NotDeliveredError."""
    try:
        match channel, notification:
            case Webhook(), NoticeRow():
                _post(channel, notification, now)
            case Email(), _:
                _mail(channel, notification, now)
            case _:
                raise ValueError("a webhook gets each word")
    except HookError as error:
        raise NotDeliveredError(str(error)) from None
    except (OSError, smtplib.SMTPException, http.client.HTTPException, ValueError) as error:
        raise NotDeliveredError(_reason(error)) from None


def send_text(channel: Email, subject: str, text: str, now: datetime, uid: str = "") -> None:
    """An e-mail about something else than an alert; with a `uid` a second one is seen to be the same. Raises
    NotDeliveredError."""
    try:
        _send(channel, PREFIX + _line(subject), text, uid or str(uuid.uuid4()), now)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotDeliveredError(_reason(error)) from None


def next_try(tries: int, now: datetime) -> datetime | None:
    """Return when to try again after so many tries; None: no more."""
    if tries >= MOST_TRIES:
        return None
    return now + timedelta(seconds=min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** (tries - 1)))


def as_json(about: AlertRow | PendingApproval) -> dict[str, Any]:
    """An alert or a waiting command for programs: times in RFC 3339."""
    values = {name: getattr(about, name) for name in about.__dataclass_fields__}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def bundle_notices(channel: Channel | None, notices: Sequence[NoticeRow]) -> list[tuple[NoticeRow, ...]]:
    """Group the notices to one channel by message: alone what a person is to do, what is few, and what is for a program."""
    alone = [notice for notice in notices if isinstance(notice.about, PendingApproval) or notice.untold]
    alerts = tuple(notice for notice in notices if notice not in alone)
    if isinstance(channel, Email) and len(alerts) >= GATHER_FROM:
        return [*((notice,) for notice in alone), alerts]
    return [(notice,) for notice in (*alone, *alerts)]


def as_message(notice: NoticeRow) -> dict[str, Any]:
    """Return what a program is told: the alert or the command, the title of its station, the stations of an outage, the page."""
    kind = "command" if isinstance(notice.about, PendingApproval) else "alert"
    beside = {"title": notice.title, "stations": list(notice.members), "link": notice.link}
    return {
        "what": notice.what,
        kind: as_json(notice.about),
        **{name: value for name, value in beside.items() if value},
    }


@cache
def _languages() -> dict[str, Localization]:
    return load()


def subject_and_text(notification: Notification, texts: Localization) -> tuple[str, str]:
    """Subject and text of an e-mail."""
    subject, text = (
        _of_all(notification.notices, texts) if isinstance(notification, NoticeBundle) else _of_one(notification, texts)
    )
    return PREFIX + subject, text


def _line(text: object) -> str:
    """In one line: names of devices are a station's own words."""
    return "".join(sign if sign.isprintable() else " " for sign in str(text))


def _of_all(notices: Sequence[NoticeRow], texts: Localization) -> tuple[str, str]:
    """Return a line with how many there are of each, and a text with one line for each."""
    alerts = [notice.about for notice in notices if isinstance(notice.about, AlertRow)]
    counts = Counter(labels.alert_label(about).text(texts) for about in alerts)
    each = ", ".join(f"{label} {count}" for label, count in counts.most_common())
    lines = [_of_one(notice, texts)[0] + (f"\n  {notice.link}" if notice.link else "") for notice in notices]
    return _line(texts("mail.many", count=texts.number(len(notices)), each=each)), "\n".join(lines) + "\n"


def _of_one(notice: NoticeRow, texts: Localization) -> tuple[str, str]:
    match notice.about:
        case PendingApproval():
            return _of_command(notice, notice.about, texts)
        case alert:
            return _of_alert(notice, alert, texts)


def _of_command(notice: NoticeRow, about: PendingApproval, texts: Localization) -> tuple[str, str]:
    command = texts.code("command", about.command)
    lines = [command, texts("mail.by", by=about.by)]
    if about.decide_by is not None:
        lines.append(texts("mail.decide_by", time=texts.moment(about.decide_by)))
    subject = texts("mail.second_person", where=notice.title or about.station, what=command)
    return _line(subject), _text([*lines, about.link])


def _of_alert(notice: NoticeRow, alert: AlertRow, texts: Localization) -> tuple[str, str]:
    label, where = labels.alert_label(alert).text(texts), labels.alert_place(alert, notice.title, texts)
    is_over = notice.what == "closed"
    how = texts("mail.over") if is_over else texts.code("severity", alert.severity)
    times = [texts("mail.since", time=texts.moment(alert.first))]
    if alert.closed is not None:
        times.append(texts("mail.closed", time=texts.moment(alert.closed)))
    advice = "" if is_over else labels.alert_advice(alert, texts)
    detail = labels.alert_detail(alert, texts)
    subject = f"{how}: {where}: {label}" + (f" ({detail})" if alert.subject and alert.stations is None else "")
    body = [f"{where}: {label}", detail, *times, advice, notice.link, *_members(notice, texts)]
    return _line(subject), _text(body)


def _members(notice: NoticeRow, texts: Localization) -> list[str]:
    """The stations of an outage, a line each, as many as are read."""
    if not notice.members:
        return []
    more = len(notice.members) - MOST_MEMBERS
    lines = [f"- {title}" for title in notice.members[:MOST_MEMBERS]]
    return ["", *lines, *([texts("mail.more", count=texts.number(more))] if more > 0 else [])]


def _text(lines: Sequence[str]) -> str:
    """Lines as they are, without those that say nothing; an empty one stays before a list."""
    kept_lines = [
        line for at, line in enumerate(lines) if line or (lines[at + 1 : at + 2] and lines[at + 1].startswith("- "))
    ]
    return "\n".join(map(_line, kept_lines)) + "\n"


def _post(channel: Webhook, notice: NoticeRow, now: datetime) -> None:
    body = json.dumps(as_message(notice), ensure_ascii=False).encode()
    message, timestamp = notice.uid, str(int(now.timestamp()))
    headers = {"Content-Type": "application/json", ID: message, TIMESTAMP: timestamp}
    if channel.secret_file is not None:
        headers[SIGNATURE] = signature(load_secret(Path(channel.secret_file)), message, timestamp, body)
    request = urllib.request.Request(channel.url, body, headers, method="POST")  # noqa: S310  # http(s), by settings
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S):
        pass


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirect is an error: the settings name the address."""


def _uid(notification: Notification) -> str:
    """The same where the same words are sent again: of many, it is made of their ids."""
    if isinstance(notification, NoticeRow):
        return notification.uid
    return str(
        uuid.uuid5(uuid.UUID(notification.notices[0].uid), " ".join(notice.uid for notice in notification.notices))
    )


def _mail(channel: Email, notification: Notification, now: datetime) -> None:
    subject, text = subject_and_text(notification, _languages()[channel.language])
    untold = notification.untold if isinstance(notification, NoticeRow) else frozenset()
    others = tuple(address for address in channel.to if parseaddr(address)[1].lower() not in untold)
    if not others:
        raise NotDeliveredError("the only mailbox is that of who did it: name another one in `to`")
    channel = msgspec.structs.replace(channel, to=others)
    _send(channel, subject, text, _uid(notification), now)


def _send(channel: Email, subject: str, text: str, uid: str, now: datetime) -> None:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"], message["To"] = channel.sender, ", ".join(channel.to)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{uid}@{parseaddr(channel.sender)[1].rpartition('@')[2]}>"
    message.set_content(text, cte="quoted-printable")  # a relay need not take 8 bits (RFC 6152)
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
