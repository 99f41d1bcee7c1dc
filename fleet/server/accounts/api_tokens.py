"""API tokens for programs: shown once, stored as a hash, with a role, stations and an expiry.

Rules: a token lasts 90 days at most, also one that an earlier version made for longer; it never has the role of an administrator,
and one that an earlier version gave it is let in no more. It may be for people of some organisations alone: by the part of their
HSA-ids before the hyphen.

>>> API_TOKEN_PREFIX
'kkf_'
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from fleet.server.accounts.queries import NAME, AccountError, NoSuchAccountError
from fleet.server.accounts.tables import tokens
from fleet.server.keys.random_tokens import API_TOKEN_PREFIX, digest, random_token
from fleet.server.web.roles import STATIONS, Caller, Role

MOST_DAYS = 90
ORGANISATIONS = re.compile(r"[A-Z][A-Z0-9]{1,30}( [A-Z][A-Z0-9]{1,30}){0,19}\Z")
ROLES = tuple(role for role in Role if role is not Role.ADMIN)
"""What a token can be granted."""


MOST = timedelta(days=MOST_DAYS)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One token, without its value."""

    name: str
    role: Role
    stations: str
    made: datetime
    ends: datetime
    revoked: bool
    organisations: str = ""
    """With spaces between; empty: all."""


def add(
    connection: Connection, name: str, role: Role, stations: str, days: int, now: datetime, organisations: str = ""
) -> str:
    """A new token; gives its value. Raises AccountError."""
    if organisations and not ORGANISATIONS.match(organisations):
        raise AccountError(f"{organisations}: organisations are like SE2321000131, with spaces between")
    if not NAME.match(name) or not STATIONS.match(stations) or not 1 <= days <= MOST_DAYS:
        raise AccountError(f"{name}, {stations}, {days}: a name, stations, or days (1 to {MOST_DAYS}) cannot be used")
    if connection.execute(select(tokens.c.name).where(tokens.c.name == name)).first() is not None:
        raise AccountError(f"{name}: there is a token of that name, perhaps a revoked one")
    if role not in ROLES:
        raise AccountError(f"{name}: a token is no {role.value}: accounts and tokens are kept by people who sign in")
    value = random_token(API_TOKEN_PREFIX)
    row = {"hash": digest(value), "name": name, "role": role.value, "stations": stations, "made": now}
    row["organisations"] = organisations
    connection.execute(insert(tokens).values(**row, ends=now + timedelta(days=days), revoked=False))
    return value


def everything(connection: Connection) -> list[ApiToken]:
    """All tokens by name, revoked ones too."""
    rows = connection.execute(select(tokens).order_by(tokens.c.name))
    return [_token(row) for row in rows]


def _token(row: Any) -> ApiToken:
    refused = row.revoked or Role(row.role) not in ROLES
    return ApiToken(
        row.name, Role(row.role), row.stations, row.made, min(row.ends, row.made + MOST), refused, row.organisations
    )


def revoke(connection: Connection, name: str) -> None:
    """It works no more. Raises NoSuchAccountError."""
    if connection.execute(update(tokens).where(tokens.c.name == name).values(revoked=True)).rowcount == 0:
        raise NoSuchAccountError(f"{name}: no token of that name")


def caller(connection: Connection, key: str, now: datetime) -> Caller | None:
    """Return the caller whose token has that hash, if the token works."""
    lasts = (tokens.c.ends > now, tokens.c.made > now - MOST)
    fits = (tokens.c.hash == key, *lasts, tokens.c.revoked.is_(False), tokens.c.role != Role.ADMIN.value)
    row = connection.execute(select(tokens).where(*fits)).first()
    if row is None:
        return None
    organisations = frozenset(row.organisations.split())
    return Caller(
        f"token:{row.name}", key, ((Role(row.role), row.stations),), program=True, organisations=organisations
    )
