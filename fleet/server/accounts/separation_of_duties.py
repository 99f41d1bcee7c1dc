"""Separation of duties between accounts: two that may be one person's, because one made, reset or granted the other.

Rules: whoever makes an account, resets it, grants it something or opens it again could sign in with it, or has bought it: for 30
days after the last of these acts the two count as one person. So do two accounts of one maker, and the maker's maker. Accounts of
the region's own sign-in are made by nobody here. Every function works in a transaction that the caller holds.
"""

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, insert, select

from fleet.server.accounts.tables import account_acts, users

LASTS = timedelta(days=30)
Act = Literal["made", "reset", "granted", "opened"]


def record(connection: Connection, user: int, by: str, act: Act, now: datetime) -> None:
    """That the account of the name `by` did this to the account `user`. Somebody at the machine itself has no account."""
    actor = connection.execute(select(users.c.id).where(users.c.name == by)).scalar()
    if actor is None or actor == user:
        return
    pair = (account_acts.c.user == user, account_acts.c.by == actor)
    connection.execute(delete(account_acts).where(*pair))
    connection.execute(insert(account_acts).values(user=user, by=actor, at=now, act=act))


def may_be_one_person(connection: Connection, first: str, second: str, now: datetime) -> bool:
    """Whether one person may stand behind both accounts."""
    return bool(_persons_behind(connection, first, now) & _persons_behind(connection, second, now))


def _persons_behind(connection: Connection, name: str, now: datetime) -> set[int | str]:
    """The account itself, and all who could be it: its makers, and theirs."""
    user = connection.execute(select(users.c.id).where(users.c.name == name)).scalar()
    if user is None:
        return {name}
    behind: set[int | str] = {user}
    reached = {user}
    while reached:
        recent = (account_acts.c.user.in_(sorted(reached)), account_acts.c.at > now - LASTS)
        makers = set(connection.execute(select(account_acts.c.by).where(*recent)).scalars())
        reached = makers - behind
        behind |= reached
    return behind
