"""Time stamps (RFC 3161 section 3.4, over HTTP) for countersignatures, asked for in the background.

Rules: a token is stored only after it has been checked against the roots that were named; a service that is away or answers
anything else is asked again with growing pauses, oldest first, and nothing of the fleet waits for it. The log says so once each
time; what is left is in the file of evidence as a countersignature without token.
"""

import asyncio
import logging
import secrets
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from sqlalchemy import and_, select, update

from fleet.server.checkpoints.tables import countersignatures
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.evidence.settings import EvidenceSettings
from fleet.server.evidence.timestamp_tokens import TimestampError, make_request, read_response
from fleet.server.issuers.http_client import IssuerHttp
from fleet.server.issuers.ports import IssuerAwayError

LOOK_EVERY_S = 20.0
MOST_PAUSE_S = 3600.0
BATCH = 100
_HEADERS = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}
_ANSWER = "application/timestamp-reply"

_log = logging.getLogger(__name__)


class Timestamper:
    def __init__(self, url: str, roots: Sequence[x509.Certificate], tls: ssl.SSLContext | None = None) -> None:
        self._http = IssuerHttp(url, tls)
        self._roots = roots

    async def stamp(self, content: bytes) -> bytes:
        """A checked token (DER) over these bytes. Raises IssuerAwayError, TimestampError."""
        nonce = secrets.randbits(63) | 1 << 62
        reply = await self._http.post("", make_request(content, nonce), _HEADERS)
        kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if reply.status != 200 or kind != _ANSWER:
            raise TimestampError(f"the service answers HTTP {reply.status}, {kind or 'no content type'}")
        return read_response(reply.content, content, nonce, self._roots)

    async def close(self) -> None:
        await self._http.close()


class TimestampService:
    """Stamps what has no token yet."""

    def __init__(self, database: Database, connect: Callable[[], Timestamper], clock: Callable[[], datetime]) -> None:
        self._database = database
        self._connect = connect
        self._clock = clock

    @classmethod
    def of(cls, database: Database, settings: EvidenceSettings, clock: Callable[[], datetime]) -> "TimestampService":
        """Raises SettingsError."""
        roots, tls = settings.roots(), settings.tls()
        return cls(database, lambda: Timestamper(settings.tsa_url, roots, tls), clock)

    async def run(self) -> None:
        """Until cancelled. May be run again."""
        timestamper, pause = self._connect(), LOOK_EVERY_S
        try:
            while True:
                pause = await self.attempt(timestamper, pause)
                await asyncio.sleep(pause)
        finally:
            await timestamper.close()

    async def attempt(self, timestamper: Timestamper, pause: float) -> float:
        """Stamp what waits; gives the pause before the next attempt."""
        try:
            await self.stamp_waiting(timestamper)
        except (IssuerAwayError, TimestampError) as error:
            pause = min(MOST_PAUSE_S, pause * 2)
            _log.error("no time stamp, next try in %d s: %s", pause, error)
            return pause
        except READ_FAULTS as error:
            _log.error("time stamps cannot be stored just now: %s", type(error).__name__)
        return LOOK_EVERY_S

    async def stamp_waiting(self, timestamper: Timestamper) -> int:
        """Stamp all countersignatures that wait; gives how many. Raises IssuerAwayError, TimestampError, SQLAlchemyError."""
        count = 0
        while rows := await asyncio.to_thread(self._waiting):
            for row in rows:
                token = await timestamper.stamp(row.jws.encode())
                await asyncio.to_thread(self._keep, row, token)
                count += 1
        return count

    def _waiting(self) -> list[Any]:
        query = select(countersignatures).where(countersignatures.c.stamped.is_(None))
        with self._database.reading.begin() as connection:
            return list(connection.execute(query.order_by(countersignatures.c.received).limit(BATCH)))

    def _keep(self, row: Any, token: bytes) -> None:
        same = and_(*(countersignatures.c[name] == getattr(row, name) for name in ("station", "epoch", "sequence")))
        with self._database.writing.begin() as connection:
            connection.execute(update(countersignatures).where(same).values(token=token, stamped=self._clock()))
