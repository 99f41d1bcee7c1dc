"""Separation of duties between accounts: who is no second person for what another one began.

Rules: whoever makes an account, resets it, grants it something or opens it again could sign in with it, or has bought it: for 30
days after the last of these acts the two count as one person. So do two accounts of one maker, and the maker's maker. Accounts of
the region's own sign-in are made by nobody here. An account that is younger than a day is nobody's second person. In the first
hour of a region, until two persons have closed it, no account is young for what sets the region up, and while only one can sign
in who may do everything, one is enough for that. The two who closed it are two persons from then on, and not young, whichever of
them invited the other. Every function works in a transaction that the caller holds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from sqlalchemy import Connection, and_, delete, insert, not_, select

from fleet.server.accounts.queries import administrators
from fleet.server.accounts.tables import account_acts, first_hour, users

LASTS = timedelta(days=30)
YOUNG = timedelta(hours=24)
Act = Literal["made", "reset", "granted", "opened"]
CLOSERS = 2
"""So many close the first hour."""
OF_TOKENS = "token:"
"""How the audit's name of a token begins."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Account that asks, agrees or withdraws, and its address.

    `program`: came with a token, and begins nothing that touches cards, nor agrees to it. `stepped_up`: there is a fresh proof of
    who is there (step-up authentication). `hsa_id`: the person's, where their sign-in proved one.
    """

    name: str
    address: str = ""
    program: bool = False
    stepped_up: bool = False
    hsa_id: str = ""


class Objection(StrEnum):
    """Why somebody is no second person."""

    NOT_A_PERSON = "not_a_person"
    SAME_PERSON = "same_person"
    NOT_ANOTHER_PERSON = "not_another_person"
    YOUNG = "young"
    STEP_UP = "step_up"


def objection_to_second(
    connection: Connection, first: str, second: Requester, now: datetime, *, sets_up: bool = False
) -> Objection | None:
    """Why `second` cannot agree to what the account `first` began. `sets_up`: it is of what the first hour is for."""
    if second.program or first.startswith(OF_TOKENS):
        return Objection.NOT_A_PERSON
    if first == second.name:
        return Objection.SAME_PERSON
    is_first = is_first_hour(connection)
    if not (is_first and sets_up) and may_be_one_person(connection, first, second.name, now):
        return Objection.NOT_ANOTHER_PERSON
    if not is_first and _is_young(connection, second.name, now):
        return Objection.YOUNG
    return None if second.stepped_up else Objection.STEP_UP


def is_first_hour(connection: Connection) -> bool:
    """Return whether the region is still being set up."""
    return len(first_hour_closers(connection)) < CLOSERS


def first_hour_closers(connection: Connection) -> list[str]:
    """Return the names of the accounts that have closed the first hour, in order."""
    return list(connection.execute(select(first_hour.c.by).order_by(first_hour.c.by)).scalars())


def first_hour_end(connection: Connection) -> datetime | None:
    """Return when the second person closed the first hour; None while it is open."""
    words = list(connection.execute(select(first_hour.c.at).order_by(first_hour.c.at)).scalars())
    return words[CLOSERS - 1] if len(words) >= CLOSERS else None


def close_first_hour(connection: Connection, by: str, now: datetime) -> None:
    """One person's word that the region is set up. It counts once, is not taken back, and says nothing once it is over."""
    closers = first_hour_closers(connection)
    if by not in closers and len(closers) < CLOSERS:
        connection.execute(insert(first_hour).values(by=by, at=now))


def takes_two(connection: Connection) -> bool:
    """Return whether giving trust takes a second person."""
    return not is_first_hour(connection) or len(administrators(connection)) >= CLOSERS


def _is_young(connection: Connection, name: str, now: datetime) -> bool:
    made: datetime | None = connection.execute(select(users.c.made).where(users.c.name == name)).scalar()
    if name in first_hour_closers(connection):
        return False
    return made is not None and made > now - YOUNG


def record(connection: Connection, user: int, by: str, act: Act, now: datetime) -> None:
    """Record that the account of the name `by` did this to the account `user`. Somebody at the machine itself has no account."""
    actor = connection.execute(select(users.c.id).where(users.c.name == by)).scalar()
    if actor is None or actor == user:
        return
    pair = (account_acts.c.user == user, account_acts.c.by == actor)
    connection.execute(delete(account_acts).where(*pair))
    connection.execute(insert(account_acts).values(user=user, by=actor, at=now, act=act))


def may_be_one_person(connection: Connection, first: str, second: str, now: datetime) -> bool:
    """Return whether one person may stand behind both accounts."""
    return bool(_persons_behind(connection, first, now) & _persons_behind(connection, second, now))


def _persons_behind(connection: Connection, name: str, now: datetime) -> set[int | str]:
    """The account itself, and all who could be it: its makers, and theirs."""
    user = connection.execute(select(users.c.id).where(users.c.name == name)).scalar()
    if user is None:
        return {name}
    behind: set[int | str] = {user}
    reached = {user}
    counts = account_acts.c.at > now - LASTS
    if (end := first_hour_end(connection)) is not None:
        closers = select(users.c.id).where(users.c.name.in_(first_hour_closers(connection)))
        between = and_(account_acts.c.user.in_(closers), account_acts.c.by.in_(closers))
        counts = and_(counts, not_(and_(between, account_acts.c.at <= end)))
    while reached:
        makers = select(account_acts.c.by).where(account_acts.c.user.in_(sorted(reached)), counts)
        reached = set(connection.execute(makers).scalars()) - behind
        behind |= reached
    return behind
