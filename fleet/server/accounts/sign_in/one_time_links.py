"""One-time links, short-lived: to set up an account, or to sign in on this machine.

Rules: the store keeps a link's hash alone; the secret of one-time codes that a set-up link offers follows from its value
(`codes.secret_from`), and is not kept before the account is set up.

>>> LASTS["set-up"] > LASTS["sign-in"]
True
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select

from fleet.server.accounts.tables import links
from fleet.server.platform.random_tokens import digest, random_token

Kind = Literal["set-up", "sign-in"]
LASTS: dict[Kind, timedelta] = {"set-up": timedelta(hours=24), "sign-in": timedelta(hours=12)}


def make(connection: Connection, kind: Kind, user: int | None, now: datetime) -> str:
    """A new link; earlier ones of the same kind and account work no more. `user` None: the first administrator."""
    connection.execute(delete(links).where((links.c.ends < now) | ((links.c.kind == kind) & _of(user))))
    value = random_token()
    row = {"hash": digest(value), "kind": kind, "user": user, "ends": now + LASTS[kind]}
    connection.execute(insert(links).values(**row))
    return value


def _of(user: int | None) -> Any:
    return links.c.user.is_(None) if user is None else links.c.user == user


def find(connection: Connection, kind: Kind, value: str, now: datetime) -> Any:
    """The row of a link that still works, or None."""
    fits = (links.c.hash == digest(value), links.c.kind == kind, links.c.ends > now)
    return connection.execute(select(links).where(*fits)).first()


def use_up(connection: Connection, value: str) -> bool:
    """Take it. False where somebody else was faster."""
    return bool(connection.execute(delete(links).where(links.c.hash == digest(value))).rowcount)
