"""Store of idempotency keys: the answers to changes that carried one, so that the same request is done once.

Rules: a row is there before the work begins, so that of two at the same time one is told to wait, in whichever process; what
is older than 24 hours is cleared away by the next one. A kept answer may name people, and goes with its row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from fleet.server.database.bulk import insert_new
from fleet.server.database.database import Database
from fleet.server.web.idempotency_tables import replies

KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """Request with an idempotency key: who asked with which key, and for what: a SHA-256 in hex each."""

    hash: str
    request: str


@dataclass(frozen=True, slots=True)
class StoredReply:
    """Reply that is held of the first request. `status` None: no answer yet. `body` None with a status: it held a secret."""

    request: str
    status: int | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class ReplyStore:
    """Store of an application's replies; `clock` gives aware times."""

    database: Database
    clock: Callable[[], datetime]


def reserve(database: Database, keyed_request: KeyedRequest, now: datetime) -> StoredReply | None:
    """None where this one is the first, and is to be done; else what is held of the first."""
    with database.writing.begin() as connection:
        connection.execute(delete(replies).where(replies.c.began < now - KEPT))
        row = {"hash": keyed_request.hash, "request": keyed_request.request, "began": now}
        if insert_new(connection, replies, row):
            return None
        stored = connection.execute(select(replies).where(replies.c.hash == keyed_request.hash)).one()
    return StoredReply(stored.request, stored.status, stored.body)


def keep(database: Database, keyed_request: KeyedRequest, status: int, body: bytes | None) -> None:
    """It was done, with this answer."""
    with database.writing.begin() as connection:
        values = {"status": status, "body": body}
        connection.execute(update(replies).where(replies.c.hash == keyed_request.hash).values(values))


def release(database: Database, keyed_request: KeyedRequest) -> None:
    """It was refused and has changed nothing: the key is free again."""
    with database.writing.begin() as connection:
        connection.execute(delete(replies).where(replies.c.hash == keyed_request.hash))
