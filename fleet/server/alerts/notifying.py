"""One word to people by webhook or e-mail, in the calling thread.

Rules: a try takes at most ten seconds; what went wrong is said in words without secrets. A webhook's body is signed where it has
a secret: `X-Kortkiosk-Signature: sha256=HEX`, HMAC-SHA-256 over the exact body. A redirect is not followed.

>>> wording(notice)  # doctest: +SKIP
('critical: entre-a offline', 'opened ...')
"""

import hashlib
import hmac
import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from fleet.server.alerts.rows import AlertRow, NoticeRow, WaitingRow
from fleet.server.alerts.settings import Channel, Email, Webhook

TIMEOUT_S = 10.0
FIRST_RETRY_S, LAST_RETRY_S = 30.0, 3600.0
MOST_TRIES = 12
SIGNATURE = "X-Kortkiosk-Signature"

Deliver = Callable[[Channel, NoticeRow], None]


class NotDeliveredError(Exception):
    """The channel did not take it. The text says why."""


def deliver(channel: Channel, notice: NoticeRow) -> None:
    """Send it. Raises NotDeliveredError."""
    try:
        match channel:
            case Webhook():
                _post(channel, notice)
            case Email():
                _mail(channel, notice)
    except (OSError, smtplib.SMTPException, http.client.HTTPException, ValueError) as error:
        raise NotDeliveredError(_reason(error)) from None


def next_try(tries: int, now: datetime) -> datetime | None:
    """When to try again after so many tries; None: no more."""
    if tries >= MOST_TRIES:
        return None
    return now + timedelta(seconds=min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** (tries - 1)))


def as_json(about: AlertRow | WaitingRow) -> dict[str, Any]:
    """An alert or a waiting command for programs: times in RFC 3339."""
    values = {name: getattr(about, name) for name in about.__dataclass_fields__}
    return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in values.items()}


def wording(notice: NoticeRow) -> tuple[str, str]:
    """Subject and text of an e-mail."""
    said = as_json(notice.about).items()
    text = "\n".join(f"{name}: {value}" for name, value in said if value not in (None, "", False)) + "\n"
    match notice.about:
        case WaitingRow(station=station, command=command):
            return f"[kortkiosk] needs a second person: {station} {command}", text
        case alert:
            where = alert.station or "the fleet"
            what = " ".join(part for part in (alert.code, alert.subject) if part)
            over = "over: " if notice.what == "closed" else ""
            return f"[kortkiosk] {over}{alert.severity}: {where} {what}", text


def _post(channel: Webhook, notice: NoticeRow) -> None:
    kind = "command" if isinstance(notice.about, WaitingRow) else "alert"
    body = json.dumps({"what": notice.what, kind: as_json(notice.about)}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"}
    if channel.secret_file is not None:
        secret = Path(channel.secret_file).read_bytes().strip()
        headers[SIGNATURE] = f"sha256={hmac.digest(secret, body, hashlib.sha256).hex()}"
    request = urllib.request.Request(channel.url, body, headers, method="POST")  # noqa: S310  # http(s), by settings
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S):
        pass


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirect is an error: the settings name the address."""


def _mail(channel: Email, notice: NoticeRow) -> None:
    message = EmailMessage()
    message["Subject"], text = wording(notice)
    message["From"], message["To"] = channel.sender, ", ".join(channel.to)
    message["Message-ID"] = f"<kortkiosk-{notice.id}@{channel.sender.rpartition('@')[2]}>"
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
