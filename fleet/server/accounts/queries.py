"""Queries of accounts and of their grants. Every function works in a transaction that the caller holds.

Rules: a local account has a password and one-time codes, and gets both by a set-up link; one of the region's sign-in has a
subject instead, and its grants are taken from there at each sign-in. An account is never deleted, only disabled: the audit
names it.

>>> NAME.match("tove.test") is not None
True
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, delete, exists, insert, or_, select, update

from fleet.server.accounts.tables import (
    grants,
    hsa_bindings,
    links,
    sessions,
    users,
    webauthn_challenges,
    webauthn_keys,
)
from fleet.server.commands.tables import commands
from fleet.server.proposals.tables import proposals
from fleet.server.web.roles import STATIONS, Grants, Role, Scope

NAME = re.compile(r"[a-z][a-z0-9._-]{1,39}\Z")


PROGRAM, NOBODY = "server", "unknown"
"""Who it was, in the audit, where no person was, and where nobody is known."""
RESERVED = frozenset({PROGRAM, NOBODY, "order-system"})
"""Names that the audit gives to no person; so are all with a colon (`token:`, `account:`, `rule:`)."""


class AccountError(Exception):
    """Refusal of a change to an account; the text says why."""


class NoSuchAccountError(AccountError):
    """There is no account, or token, of that name."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account, without its secrets."""

    id: int
    name: str
    local: bool
    ready: bool
    """Can sign in: set up, or of the region's sign-in."""
    disabled: bool
    made: datetime
    grants: Grants
    mail: str = ""
    """The person's own address, for set-up links."""


def add(connection: Connection, name: str, granted: Grants, now: datetime, mail: str = "") -> int:
    """A local account that cannot sign in yet. Raises AccountError."""
    if not NAME.match(name):
        raise AccountError(
            f"{name!r}: a name is 2 to 40 of a-z, 0-9, dot, line and underscore, and begins with a letter"
        )
    if name in RESERVED:
        raise AccountError(f"{name}: the audit calls nobody so")
    if connection.execute(select(users.c.id).where(users.c.name == name)).first() is not None:
        raise AccountError(f"{name}: there is an account of that name")
    return _insert(connection, name, None, granted, now, mail)


def from_issuer(
    connection: Connection, subject: str, name: str, granted: Grants, now: datetime, hsa_id: str = ""
) -> Any:
    """The account of that subject with these grants, made where it is new; its row. Who has another name since is the same
    person: also for commands that wait for a second one. Raises AccountError."""
    if name in RESERVED or ":" in name:
        raise AccountError(f"{name}: the audit calls no person so")
    row = connection.execute(select(users).where(users.c.subject == subject)).first()
    taken = connection.execute(select(users.c.subject).where(users.c.name == name)).first()
    if taken is not None and taken.subject != subject:
        raise AccountError(f"{name}: another account has that name")
    if row is None:
        _insert(connection, name, subject, granted, now)
    else:
        connection.execute(update(users).where(users.c.id == row.id).values(name=name))
        own_waiting = and_(commands.c.by == row.name, commands.c.state == "waiting")
        connection.execute(update(commands).where(own_waiting).values(by=name))
        for column in (proposals.c.by, proposals.c.second):
            connection.execute(update(proposals).where(column == row.name).values({column: name}))
        grant(connection, row.id, granted)
    record_hsa_id(connection, subject, hsa_id)
    return connection.execute(select(users).where(users.c.subject == subject)).one()


def record_hsa_id(connection: Connection, subject: str, hsa_id: str) -> None:
    """The HSA-id that the issuer says of that subject now; empty for none. It is one account's: another loses it."""
    if hsa_id:
        before = and_(users.c.hsa_id == hsa_id, or_(users.c.subject.is_(None), users.c.subject != subject))
        connection.execute(update(users).where(before).values(hsa_id=None))
    values = {"hsa_id": hsa_id or None, "hsa_until": None}
    connection.execute(update(users).where(users.c.subject == subject).values(values))


def hsa_id_at(now: datetime) -> ColumnElement[str | None]:
    """The column with an account's proved HSA-id: the issuer's word, or that of two administrators while it lasts."""
    return case((or_(users.c.hsa_until.is_(None), users.c.hsa_until > now), users.c.hsa_id), else_=None)


def hsa_id_of(connection: Connection, name: str, now: datetime) -> str:
    """The proved HSA-id of the account of that name; empty where there is none."""
    return connection.execute(select(hsa_id_at(now)).where(users.c.name == name)).scalar() or ""


def unbind(connection: Connection, user: int) -> None:
    """Remove what administrators said, or ask, of a local account's HSA-id."""
    connection.execute(delete(hsa_bindings).where(hsa_bindings.c.user == user))
    local = (users.c.id == user, users.c.subject.is_(None))
    connection.execute(update(users).where(*local).values(hsa_id=None, hsa_until=None))


def row_of_subject(connection: Connection, subject: str) -> Any:
    """The row of the issuer's account; None where there is none, or it is closed."""
    fits = (users.c.subject == subject, users.c.disabled.is_(False))
    return connection.execute(select(users).where(*fits)).first()


def take_all(connection: Connection, subject: str) -> None:
    """The issuer grants that subject nothing any more: nor do sessions that are open."""
    theirs = select(users.c.id).where(users.c.subject == subject).scalar_subquery()
    connection.execute(delete(grants).where(grants.c.user == theirs))


def name_of(connection: Connection, subject: str) -> str | None:
    """Return the present name of the account of that subject; None where there is none."""
    return connection.execute(select(users.c.name).where(users.c.subject == subject)).scalar()


def _insert(
    connection: Connection, name: str, subject: str | None, granted: Grants, now: datetime, mail: str = ""
) -> int:
    row = {"name": name, "subject": subject, "step": 0, "disabled": False, "made": now, "mail": mail or None}
    key = connection.execute(insert(users).values(**row)).inserted_primary_key
    assert key is not None
    grant(connection, key[0], granted)
    return int(key[0])


def grant(connection: Connection, user: int, granted: Grants) -> None:
    """These grants and no others. Raises AccountError."""
    for _, stations in granted:
        if not STATIONS.match(stations):
            raise AccountError(f"{stations!r}: write a station's name, or the beginning of names and *")
    connection.execute(delete(grants).where(grants.c.user == user))
    for role, stations in dict.fromkeys(granted):
        connection.execute(insert(grants).values(user=user, role=role.value, stations=stations))


def gives_more(granted: Grants, before: Grants) -> bool:
    """Return whether these grants are more than those.

    >>> gives_more(((Role.VIEWER, "entre-a"),), ((Role.VIEWER, "entre-*"),))
    False
    """
    covered = (
        any(role is had and Scope(frozenset({at})).covers(where) for had, at in before) for role, where in granted
    )
    return not all(covered)


def granted_to(connection: Connection, user: int) -> Grants:
    """In the order of role and stations."""
    query = select(grants).where(grants.c.user == user).order_by(grants.c.role, grants.c.stations)
    return tuple((Role(row.role), row.stations) for row in connection.execute(query))


def everybody(connection: Connection) -> list[AccountRow]:
    rows = list(connection.execute(select(users).order_by(users.c.name)))
    return [_person(row, granted_to(connection, row.id)) for row in rows]


def named(connection: Connection, name: str) -> AccountRow:
    """Raises NoSuchAccountError."""
    row = connection.execute(select(users).where(users.c.name == name)).first()
    if row is None:
        raise NoSuchAccountError(f"{name}: no account of that name")
    return _person(row, granted_to(connection, row.id))


def _person(row: Any, granted: Grants) -> AccountRow:
    ready = row.subject is not None or row.password is not None
    return AccountRow(row.id, row.name, row.subject is None, ready, row.disabled, row.made, granted, row.mail or "")


def row_named(connection: Connection, name: str) -> Any:
    """The row with its secrets of an account that may sign in with a password; None where there is none."""
    fits = (users.c.name == name, users.c.password.is_not(None), users.c.disabled.is_(False))
    return connection.execute(select(users).where(*fits)).first()


def disable(connection: Connection, name: str, disabled: bool = True) -> None:
    """Nobody signs in with it, sessions, links and the binding to an HSA-id end. Raises AccountError."""
    person = named(connection, name)
    connection.execute(update(users).where(users.c.id == person.id).values(disabled=disabled))
    unbind(connection, person.id)
    _close(connection, person.id)


def reset(connection: Connection, name: str) -> int:
    """Forget password, codes, security keys and the HSA-id; sessions and links end. Raises AccountError."""
    person = named(connection, name)
    if not person.local:
        raise AccountError(f"{name}: is of the region's own sign-in, and has neither password nor codes here")
    forgotten = {"password": None, "secret": None, "sealed_secret": None, "step": 0}
    connection.execute(update(users).where(users.c.id == person.id).values(**forgotten))
    unbind(connection, person.id)  # the next who sets it up may be another person
    _close(connection, person.id)
    connection.execute(delete(webauthn_keys).where(webauthn_keys.c.user == person.id))
    return person.id


def _close(connection: Connection, user: int) -> None:
    connection.execute(delete(sessions).where(sessions.c.user == user))
    connection.execute(delete(links).where(links.c.user == user))
    connection.execute(delete(webauthn_challenges).where(webauthn_challenges.c.user == user))


def administrators(connection: Connection) -> list[str]:
    """The accounts that can be signed in with and may do everything, by name."""
    able = (users.c.password.is_not(None) | users.c.subject.is_not(None)) & users.c.disabled.is_(False)
    admin = (grants.c.user == users.c.id) & (grants.c.role == Role.ADMIN.value) & (grants.c.stations == "*")
    query = select(users.c.name).where(able, exists().where(admin)).order_by(users.c.name)
    return list(connection.execute(query).scalars())


def has_administrator(connection: Connection) -> bool:
    """Return whether somebody who may do everything can sign in."""
    return bool(administrators(connection))
