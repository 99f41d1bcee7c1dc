"""Stopped cards: those that the register said are on hold or blocked, as this server heard it last; their certificates go by
digest to all stations, which refuse them while nobody can be asked.

Rules: only cards that somebody asked of here are known; each word of the register on one counts from then on, a lift too. A card
that is blocked is told of for as long as leavers are: the lists of revoked certificates have it then.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, select

from fleet.messages.issuing import CardRecord, CardState
from fleet.messages.leavers import Stop, stop_digest
from fleet.server.clock.local_days import local_day
from fleet.server.database.database import Database
from fleet.server.issuers.ports import DirectoryEntry, DirectoryService
from fleet.server.issuers.tables import stopped_cards
from fleet.server.people.service import TOLD_FOR
from fleet.server.people.tables import person_certificates

STOPS: dict[CardState, Stop] = {"held": "held", "blocked": "blocked", "returned": "blocked", "voided": "blocked"}


class WithStops:
    """Implements `DirectoryService` over another one, and keeps which of the cards that it tells of are stopped."""

    def __init__(self, directory: DirectoryService, database: Database, clock: Callable[[], datetime]) -> None:
        self._directory = directory
        self._database = database
        self._clock = clock

    async def find(self, hsa_id: str, card_number: str) -> DirectoryEntry | None:
        """As the other. Raises IssuerAwayError, sqlalchemy.exc.SQLAlchemyError."""
        entry = await self._directory.find(hsa_id, card_number)
        if entry is not None and entry.cards:
            await asyncio.to_thread(self._note, entry.cards)
        return entry

    def _note(self, cards: Sequence[CardRecord]) -> None:
        now_is = {card.card_number: STOPS.get(card.state) for card in cards}
        theirs = select(stopped_cards.c.card_number, stopped_cards.c.stop)
        with self._database.reading.begin() as connection:
            rows = connection.execute(theirs.where(stopped_cards.c.card_number.in_(now_is))).all()
        was = {row.card_number: row.stop for row in rows}
        changed = {number: stop for number, stop in now_is.items() if stop != was.get(number)}
        if not changed:
            return
        with self._database.writing.begin() as connection:
            connection.execute(delete(stopped_cards).where(stopped_cards.c.card_number.in_(changed)))
            stopped = [
                {"card_number": number, "stop": stop, "at": self._clock()} for number, stop in changed.items() if stop
            ]
            if stopped:
                connection.execute(insert(stopped_cards), stopped)


def stop_digests_after(connection: Connection, now: datetime, *, after: str, limit: int) -> list[tuple[str, str]]:
    """Digests of certificates that are valid by their dates, from the one after `after`; each with what stations are told of its
    card."""
    columns = select(person_certificates.c.digest, stopped_cards.c.stop).join(
        stopped_cards, stopped_cards.c.card_number == person_certificates.c.card_number
    )
    in_effect = or_(stopped_cards.c.stop == "held", stopped_cards.c.at >= now - TOLD_FOR)
    fits = columns.where(
        person_certificates.c.digest > after, person_certificates.c.last_day >= local_day(now), in_effect
    )
    rows = connection.execute(fits.order_by(person_certificates.c.digest).limit(limit))
    return [(row.digest, stop_digest(row.stop, row.digest)) for row in rows]
