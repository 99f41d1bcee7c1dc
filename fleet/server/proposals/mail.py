"""E-mail of proposals: everybody who could object is told, and a set-up link goes to its own person alone.

Rules: to addresses that the account or the directory has, which the proposer does not own. A link's value is in the e-mail and
nowhere else; the store has its hash once the e-mail was taken.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, select, update

from fleet.server.accounts.service import mail_link, put_link
from fleet.server.accounts.tables import users
from fleet.server.alerts.holder_mail import HolderNotice, Source
from fleet.server.keys.random_tokens import random_token
from fleet.server.pages.i18n import Localization
from fleet.server.proposals.model import OPEN
from fleet.server.proposals.tables import proposal_notices as notices
from fleet.server.proposals.tables import proposals


def proposal_letters(url: Callable[[], str]) -> Source:
    """Return the source of letters of which nobody was told yet. `url`: of the pages."""

    def due(connection: Connection, _now: datetime) -> list[HolderNotice]:
        return [*_links(connection, url()), *_notices(connection, url())]

    return due


def _links(connection: Connection, url: str) -> list[HolderNotice]:
    rows = connection.execute(select(users.c.name, users.c.mail, users.c.link_due).where(users.c.link_due.is_not(None)))
    holder_notices = []
    for row in rows:
        value = random_token()
        words, key = partial(_link_words, row.name, f"{url}/set-up/{value}"), f"{row.name} {row.link_due.isoformat()}"
        holder_notices.append(HolderNotice(key, row.mail, words, partial(_record_link, row.name, value)))
    return holder_notices


def _notices(connection: Connection, url: str) -> list[HolderNotice]:
    of_proposal = (proposals.c.id, proposals.c.kind, proposals.c.target, proposals.c.by)
    query = select(notices.c.id, notices.c.address, notices.c.why, *of_proposal).join(proposals)
    query = query.where(notices.c.sent.is_(None), notices.c.result.is_(None), proposals.c.state.in_(OPEN))
    holder_notices = []
    for number, address, why, proposal, kind, target, by in connection.execute(query):
        words = partial(_notice_words, kind, target, by, why, f"{url}/proposals/{proposal}")
        holder_notices.append(HolderNotice(f"proposal {number}", address, words, partial(_record_notice, number)))
    return holder_notices


def _link_words(name: str, link: str, texts: Localization) -> tuple[str, str]:
    return texts("proposal_mail.link_subject"), "\n".join((texts("proposal_mail.link", name=name), link))


def _notice_words(kind: str, target: str, by: str, why: str, link: str, texts: Localization) -> tuple[str, str]:
    summary = texts("proposal_mail.what", by=by, what=texts(f"proposal_kind.{kind}"), target=target)
    return texts("proposal_mail.subject"), "\n".join((summary, texts(f"proposal_mail.{why}"), link))


def _record_link(name: str, value: str, connection: Connection, did: str, now: datetime) -> bool:
    if did == "mail":
        put_link(connection, name, value, now)
    else:
        mail_link(connection, name, None)
    return True


def _record_notice(number: int, connection: Connection, did: str, now: datetime) -> bool:
    connection.execute(update(notices).where(notices.c.id == number).values(sent=now, result=did))
    return True
