"""Session store: sessions found by the hash of a random value, ended one by one or all, by time or by hand.

Rules: a session ends after an hour without a person's request, and after twelve in any case; what a page asks by itself does
not count. One that begins in the future is of a clock that was set back, and is over. Who is disabled or granted less is so at
the next request.

>>> IDLE < WHOLE
True
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from fleet.server.accounts.queries import granted_to, hsa_id_at
from fleet.server.accounts.tables import sessions, users
from fleet.server.keys.random_tokens import digest, random_token
from fleet.server.web.roles import Caller

IDLE = timedelta(hours=1)
WHOLE = timedelta(hours=12)
_NOTE_EVERY = timedelta(minutes=1)
"""How exactly the last use is kept: reading must not become writing. Clocks of several processes differ by less."""


@dataclass(frozen=True, slots=True)
class Open:
    """One session of somebody. `key` is its hash."""

    key: str
    made: datetime
    used: datetime
    address: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Facts about a session besides its account. `issuer_session`: hash of the issuer's own, by which it logs out."""

    stepped_up: datetime | None = None
    issuer_session: str | None = None
    lasts: timedelta = WHOLE


def begin(connection: Connection, user: int, address: str, now: datetime, proof: Proof = Proof()) -> str:
    """A new session; gives the value for the cookie. Those that have ended are cleared away."""
    connection.execute(delete(sessions).where((sessions.c.ends < now) | (sessions.c.used < now - IDLE)))
    value = random_token()
    row = {"hash": digest(value), "user": user, "made": now, "used": now, "address": address[:64]}
    proof_columns = {"stepped_up": proof.stepped_up, "issuer_session": proof.issuer_session}
    connection.execute(insert(sessions).values(**row, **proof_columns, ends=now + min(proof.lasts, WHOLE)))
    return value


def caller(connection: Connection, key: str, now: datetime) -> Caller | None:
    """Return the caller whose session has that hash, if the session is open."""
    query = select(users.c.id, users.c.name, hsa_id_at(now).label("hsa_id"), sessions.c.stepped_up)
    query = query.join(sessions, sessions.c.user == users.c.id)
    begun = sessions.c.made <= now + _NOTE_EVERY
    alive = (sessions.c.hash == key, begun, sessions.c.ends > now, sessions.c.used > now - IDLE)
    row = connection.execute(query.where(*alive, users.c.disabled.is_(False))).first()
    if row is None:
        return None
    granted = granted_to(connection, row.id)
    return Caller(row.name, key, granted, stepped_up=row.stepped_up, hsa_id=row.hsa_id or "")


def is_stale(connection: Connection, key: str, now: datetime) -> bool:
    """Return whether `used` is old enough to be written anew."""
    query = select(sessions.c.hash).where(sessions.c.hash == key, sessions.c.used < now - _NOTE_EVERY)
    return connection.execute(query).first() is not None


def note_use(connection: Connection, key: str, now: datetime) -> None:
    """A person was there just now."""
    connection.execute(update(sessions).where(sessions.c.hash == key).values(used=now))


def note_step_up(connection: Connection, key: str, at: datetime) -> None:
    """Somebody proved anew who is there."""
    connection.execute(update(sessions).where(sessions.c.hash == key).values(stepped_up=at))


def of(connection: Connection, name: str) -> list[Open]:
    """All of that account, newest first."""
    query = select(sessions).join(users, users.c.id == sessions.c.user).where(users.c.name == name)
    rows = connection.execute(query.order_by(sessions.c.made.desc(), sessions.c.hash))
    return [Open(row.hash, row.made, row.used, row.address) for row in rows]


def end_of_issuer(connection: Connection, subject: str | None, issuer_session: str | None) -> dict[str, list[str]]:
    """End what the issuer of identities logs out: that session of it, or all of that subject. Gives their keys by account."""
    query = select(users.c.name, sessions.c.hash).join(users, users.c.id == sessions.c.user)
    if issuer_session is not None:
        query = query.where(sessions.c.issuer_session == issuer_session)
    if subject is not None:
        query = query.where(users.c.subject == subject)
    ended: dict[str, list[str]] = {}
    for name, key in connection.execute(query).all() if (subject, issuer_session) != (None, None) else ():
        ended.setdefault(name, []).append(key)
    gone = [key for keys in ended.values() for key in keys]
    connection.execute(delete(sessions).where(sessions.c.hash.in_(gone)))
    return ended


def end(connection: Connection, name: str, key: str | None = None) -> list[str]:
    """End one or all sessions of that account. Gives the keys of those ended."""
    ended = [session.key for session in of(connection, name) if key in (None, session.key)]
    connection.execute(delete(sessions).where(sessions.c.hash.in_(ended)))
    return ended
