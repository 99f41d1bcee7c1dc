"""Join keys: one claim code for many new stations, as their setup files hold it (`kortkiosk-provision stick`).

Rules: it has an end and a number of stations, and can be ended before. What it opens is a claim for the name under which a
station asks, which waits as any other does: nobody is let in by it. A name has one claim of a join key, so a station that asks
again uses nothing up. Every function works in a transaction that the caller holds.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from fleet.server.audit_log.log import AuditEvent, append
from fleet.server.enrolment.model import EnrolmentRefusedError, Refusal, Who
from fleet.server.enrolment.tables import join_keys
from fleet.server.enrolment.tables import station_claims as claims
from fleet.server.stations.service import retired_stations
from provisioning.authority import AuthorityError, check_station_name
from provisioning.claim import secret_digest
from provisioning.est.claim_codes import ClaimCode

MOST_DAYS, MOST_STATIONS, MOST_OPEN, SHOWN = 30, 500, 5, 50
"""`MOST_OPEN`: at a time, since each wrong code is compared with all of them."""

JoinKeyState = Literal["open", "used_up", "expired", "ended"]


@dataclass(frozen=True, slots=True)
class JoinKeyRow:
    """One join key. `used`: for how many stations, of `most`."""

    id: int
    most: int
    used: int
    made: datetime
    made_by: str
    expires: datetime
    ended: datetime | None

    def state(self, now: datetime) -> JoinKeyState:
        """Return the state of the join key just now."""
        if self.ended is not None:
            return "ended"
        return "expired" if now >= self.expires else "used_up" if self.used >= self.most else "open"


def list_join_keys(connection: Connection) -> list[JoinKeyRow]:
    """List the newest first."""
    rows = connection.execute(select(join_keys).order_by(join_keys.c.id.desc()).limit(SHOWN))
    return [
        JoinKeyRow(row.id, row.most, row.used, row.made, row.made_by, row.expires, row.ended) for row in rows
    ]  # fmt: skip


def make_join_key(
    connection: Connection, code: ClaimCode, most: int, days: int, actor: Who, now: datetime
) -> None:  # fmt: skip
    """Keep what is needed to know the code again. Raises EnrolmentRefusedError."""
    if not (0 < days <= MOST_DAYS and 0 < most <= MOST_STATIONS):
        raise EnrolmentRefusedError(
            f"a join key is for 1 to {MOST_STATIONS} stations, and good for 1 to {MOST_DAYS} days"
        )
    if len(compared_join_keys(connection, now)) >= MOST_OPEN:
        raise EnrolmentRefusedError(f"there are {MOST_OPEN} join keys that have not ended: end one first")
    salt = secrets.token_hex(16)
    row = {
        "salt": salt, "digest": secret_digest(salt, code.secret), "most": most, "used": 0, "made": now,
        "made_by": actor[0][:64], "expires": now + timedelta(days=days),
    }  # fmt: skip
    number = connection.execute(insert(join_keys).values(row).returning(join_keys.c.id)).scalar_one()
    append(connection, now, *actor, AuditEvent("enrolment.join_key", str(number), f"{most} stations, {days} days"))


def end_join_key(connection: Connection, number: int, actor: Who, now: datetime) -> None:
    """End it; what waits by it waits on. Raises EnrolmentRefusedError where there is no such key that is open."""
    its = join_keys.c.id == number, join_keys.c.ended.is_(None)
    if not connection.execute(update(join_keys).where(*its).values(ended=now, ended_by=actor[0][:64])).rowcount:
        raise EnrolmentRefusedError("there is no such join key that could be ended")
    append(connection, now, *actor, AuditEvent("enrolment.join_key_end", str(number)))


def compared_join_keys(connection: Connection, now: datetime) -> Sequence[Row[Any]]:
    """Return those with which a code is compared: not ended, and their time is not over."""
    open_ones = join_keys.c.ended.is_(None), join_keys.c.expires > now
    return connection.execute(select(join_keys).where(*open_ones).order_by(join_keys.c.id)).all()


def join(connection: Connection, number: int, station: str, now: datetime) -> int | Refusal:
    """The claim of the station that asks with this join key, made where there is none; or why it gets none."""
    key = connection.execute(select(join_keys).where(join_keys.c.id == number).with_for_update()).one()
    its = claims.c.station == station, claims.c.join_key == number
    if (claim := connection.execute(select(claims.c.id).where(*its)).scalar()) is not None:
        return int(claim)
    if key.ended is not None or now >= key.expires:
        return Refusal.EXPIRED
    if key.used >= key.most:
        return Refusal.USED
    try:
        check_station_name(station)
    except AuthorityError:
        return Refusal.OTHER_NAME
    if retired_stations(connection, [station]):
        return Refusal.RETIRED
    connection.execute(update(join_keys).where(join_keys.c.id == number).values(used=key.used + 1))
    row = {
        "station": station, "salt": key.salt, "digest": key.digest, "made": now, "made_by": key.made_by,
        "expires": key.expires, "wrong": 0, "join_key": number,
    }  # fmt: skip
    return int(connection.execute(insert(claims).values(row).returning(claims.c.id)).scalar_one())
