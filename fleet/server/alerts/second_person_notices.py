"""Notices of commands that wait for a second person: which have not been announced, and their rows in the queue.

Rules: one word for each command and channel, which the database itself keeps. What is decided, or over, before its word went out
is not told any more.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select

from fleet.server.alerts.notices import new_uid
from fleet.server.alerts.tables import notices
from fleet.server.commands.tables import commands

WAITING = "waiting"
"""The state of such a command, and what its word is about."""

Untold = tuple[int, str]
"""Number of a command, and name of a channel."""


def unannounced_approvals(connection: Connection, channels: Sequence[str], now: datetime) -> list[Untold]:
    """Words that are still to be put."""
    if not channels:
        return []
    rows = connection.execute(select(commands.c.id).where(_waits(now)).order_by(commands.c.id)).scalars().all()
    known = select(notices.c.command, notices.c.channel).where(notices.c.command.in_(rows))
    told = {(row.command, row.channel) for row in connection.execute(known)} if rows else set()
    return [(number, channel) for number in rows for channel in channels if (number, channel) not in told]


def queue_notices(connection: Connection, words: Iterable[Untold], now: datetime) -> None:
    fresh = {"what": WAITING, "made": now, "due": now, "tries": 0}
    for command, channel in words:
        connection.execute(insert(notices).values(command=command, channel=channel, uid=new_uid(), **fresh))


def drop_decided(connection: Connection, now: datetime) -> None:
    """Take out of the queue what nobody need be told any more."""
    waiting = select(commands.c.id).where(_waits(now))
    unsent = and_(notices.c.command.is_not(None), notices.c.sent.is_(None), notices.c.command.not_in(waiting))
    connection.execute(delete(notices).where(unsent))


def _waits(now: datetime) -> ColumnElement[bool]:
    return and_(commands.c.state == WAITING, commands.c.decide_by > now)
