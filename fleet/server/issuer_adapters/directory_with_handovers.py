"""Directory adapter with hand-overs: a card that a station handed over is in use, and a reserve card that was bound there is that
person's, also while the issuer's register does not say so yet.
"""

import asyncio
from collections.abc import Sequence

import msgspec
from sqlalchemy import select

from fleet.messages.issuing import CardRecord
from fleet.server.database.database import Database
from fleet.server.issuers.ports import DirectoryEntry, DirectoryService
from fleet.server.issuers.proofs.authorization import BEFORE_USE
from fleet.server.orders.model import ENDED_EARLY, IN_HAND
from fleet.server.orders.tables import orders


class WithHandovers:
    """Implements `DirectoryService` over another one."""

    def __init__(self, directory: DirectoryService, database: Database) -> None:
        self._directory = directory
        self._database = database

    async def find(self, hsa_id: str, card_number: str) -> DirectoryEntry | None:
        """As the other. Raises IssuerAwayError, sqlalchemy.exc.SQLAlchemyError."""
        entry = await self._directory.find(hsa_id, card_number)
        if entry is None:
            return None
        entry = await self._with_bound(entry)
        early = [card.card_number for card in entry.cards if card.state in BEFORE_USE]
        used = await asyncio.to_thread(self._collected, early) if early else set()
        return DirectoryEntry(
            entry.person, tuple(_in_use(card) if card.card_number in used else card for card in entry.cards)
        )

    async def _with_bound(self, entry: DirectoryEntry) -> DirectoryEntry:
        """The only card asked for is nobody's at the issuer: whose it is here."""
        if entry.person is not None or len(entry.cards) != 1 or entry.cards[0].hsa_id or not entry.cards[0].reserve:
            return entry
        holder = await asyncio.to_thread(self._bound_to, entry.cards[0].card_number)
        if holder is None:
            return entry
        holder_entry = await self._directory.find(holder, "")
        card = msgspec.structs.replace(entry.cards[0], hsa_id=holder, state="handed_out")
        return DirectoryEntry(holder_entry.person if holder_entry else None, (card,))

    def _bound_to(self, number: str) -> str | None:
        theirs = select(orders.c.hsa_id).where(orders.c.card_number == number, orders.c.state.not_in(ENDED_EARLY))
        with self._database.reading.begin() as connection:
            return connection.execute(theirs.order_by(orders.c.changed.desc())).scalar()

    def _collected(self, numbers: Sequence[str]) -> set[str]:
        theirs = select(orders.c.card_number).where(orders.c.card_number.in_(numbers), orders.c.state.in_(IN_HAND))
        with self._database.reading.begin() as connection:
            return set(connection.execute(theirs).scalars())


def _in_use(card: CardRecord) -> CardRecord:
    return msgspec.structs.replace(card, state="active")
