"""One-time links, short-lived: to set up an account, or to sign in on this machine.

Rules: the store keeps a link's hash alone; the secret of one-time codes that a set-up link offers follows from its value
(`codes.secret_from`), and is not kept before the account is set up. A set-up code of two halves, each on another person's screen,
is a link too: `HALF.HALF`, found by the hash of the hashes of both.

>>> LASTS["set-up"] > LASTS["sign-in"]
True
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select

from fleet.server.accounts.tables import links
from fleet.server.keys.random_tokens import digest, random_token

Kind = Literal["set-up", "sign-in"]
LASTS: dict[Kind, timedelta] = {"set-up": timedelta(hours=24), "sign-in": timedelta(hours=12)}


def make(connection: Connection, kind: Kind, user: int | None, now: datetime) -> str:
    """A new link; earlier ones of the same kind and account work no more. `user` None: the first administrator."""
    connection.execute(delete(links).where((links.c.ends < now) | ((links.c.kind == kind) & _of(user))))
    value = random_token()
    _put(connection, digest(value), kind, user, now)
    return value


def put_set_up(connection: Connection, value: str, user: int, now: datetime) -> None:
    """A set-up link of that value, or of the joined hashes of a code's two halves; earlier ones of the account work no more."""
    connection.execute(delete(links).where((links.c.kind == "set-up") & _of(user)))
    _put(connection, digest(value), "set-up", user, now)


def link_hash(value: str) -> str:
    """Return the hash by which the store finds a link.

    >>> link_hash("a.b") == digest(digest("a") + digest("b"))
    True
    """
    first, parts, second = value.partition(".")
    return digest(digest(first) + digest(second)) if parts else digest(value)


def _put(connection: Connection, hashed: str, kind: Kind, user: int | None, now: datetime) -> None:
    connection.execute(insert(links).values(hash=hashed, kind=kind, user=user, ends=now + LASTS[kind]))


def _of(user: int | None) -> Any:
    return links.c.user.is_(None) if user is None else links.c.user == user


def find(connection: Connection, kind: Kind, value: str, now: datetime) -> Any:
    """The row of a link that still works, or None."""
    fits = (links.c.hash == link_hash(value), links.c.kind == kind, links.c.ends > now)
    return connection.execute(select(links).where(*fits)).first()


def use_up(connection: Connection, value: str) -> bool:
    """Take it. False where somebody else was faster."""
    return bool(connection.execute(delete(links).where(links.c.hash == link_hash(value))).rowcount)
