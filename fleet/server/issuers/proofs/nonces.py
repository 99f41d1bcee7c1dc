"""Nonces of mandates, for replay protection: given to one station, good for a quarter of an hour, bound to the first mandate.

Rules (docs/decisions/0040): replay protection for what cards sign. A nonce that the station made itself only ever blocks or
holds: within 30 days of when the mandate was made, for one ask.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, insert, or_, select, update

from fleet.messages.mandates import Mandate
from fleet.server.issuers.tables import login_nonces
from fleet.server.platform.database.database import Database

LIFE = timedelta(minutes=15)
OWN_LIFE = timedelta(days=30)
"""Of a nonce that the station made: so long may a block wait for a connection."""
AHEAD = timedelta(minutes=10)
"""So far a station's clock may run before ours."""


class Nonces:
    """The table. Methods block; call them in a thread. All raise sqlalchemy.exc.SQLAlchemyError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def new(self, station: str, now: datetime) -> str:
        """A nonce for that station; those that ran out are forgotten."""
        nonce = secrets.token_hex(16)
        given, own = login_nonces.c.ask.is_(None), login_nonces.c.ask.is_not(None)
        over = or_(
            and_(given, login_nonces.c.made < now - LIFE), and_(own, login_nonces.c.made < now - OWN_LIFE - AHEAD)
        )
        with self._database.writing.begin() as connection:
            connection.execute(delete(login_nonces).where(over))
            connection.execute(insert(login_nonces).values(nonce=nonce, station=station, made=now))
        return nonce

    def bind(self, station: str, mandate: Mandate, digest: str, ask: str, *, protective: bool, now: datetime) -> bool:
        """Whether the mandate (its SHA-256 is `digest`) may stand behind the ask of that id now. `protective`: the ask only
        blocks or holds."""
        this = login_nonces.c.nonce == mandate.nonce
        with self._database.writing.begin() as connection:
            row = connection.execute(select(login_nonces).where(this)).first()
            if row is not None and row.ask is None and now - LIFE <= row.made:
                if row.station != station or row.mandate not in (None, digest):
                    return False
                connection.execute(update(login_nonces).where(this).values(mandate=digest))
                return True
            if row is not None and row.ask is not None:
                return bool(protective and (row.station, row.mandate, row.ask) == (station, digest, ask))
            if not protective or not _lately(mandate.made, now):
                return False
            connection.execute(delete(login_nonces).where(this))
            own = {"nonce": mandate.nonce, "station": station, "made": now, "mandate": digest, "ask": ask}
            connection.execute(insert(login_nonces).values(own))
            return True


def _lately(made: str, now: datetime) -> bool:
    """By the station's own clock; what is no time counts as long ago."""
    try:
        then = datetime.fromisoformat(made)
        return now - OWN_LIFE <= then <= now + AHEAD
    except (ValueError, TypeError):
        return False
