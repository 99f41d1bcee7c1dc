"""Facts that people have proved: a hand-over, what was moved in the slots, an emptied bin. Only these move an order.

Rules (docs/decisions, 0040): events of a station tell a story, asks with proofs change something.
- A hand-over is an administrator's who is not the holder, of two for level 3 on a reserve card. Where the card did not come
  by post it may be the holder's, by another card that is of the order's level; or by the new one, where a release code is enough.
- Where that was proved before, and its receipt alone is owed, the holder's card is enough, also the new one.
- A card that came by post is attested over the server's nonce: what was signed without connection waits for a person.
- An order is handed over where it waits; one that came by post, or whose receipt is owed, at any station.
- Slots are one administrator's, a bin is two administrators'.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from fleet.messages.asking import BelievedResult, BinAsk, DeclinedResult, ReceivedAsk, StockAsk
from fleet.server.clock.local_days import local_day
from fleet.server.database.database import Database
from fleet.server.issuers.model import HandoverReport, RequestKey
from fleet.server.issuers.proofs.authorization import Asker, HeldCard, Rights, has_left
from fleet.server.issuers.proofs.nonces import Nonces
from fleet.server.issuers.request_queue import enqueue
from fleet.server.issuers.requests import RESERVE
from fleet.server.issuers.tables import HANDED_OVER
from fleet.server.orders.model import IN_HAND, RECEIPT_OWED, RELEASED_LOA, OrderEvent, state_after
from fleet.server.orders.service import apply_step, place_cards, settle_returns
from fleet.server.orders.tables import orders

ProvedAsk = ReceivedAsk | StockAsk | BinAsk


class ProvedFacts:
    """Judges who stands behind a fact, and writes what follows from it. Methods raise IssuerAwayError,
    sqlalchemy.exc.SQLAlchemyError."""

    def __init__(self, database: Database, rights: Rights, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._rights = rights
        self._nonces = Nonces(database)
        self._clock = clock

    async def take(self, station: str, ask: ProvedAsk, asker: Asker) -> BelievedResult | DeclinedResult:
        """Take a fact that the asker has proved; return whether it is believed, or why not."""
        if isinstance(ask, ReceivedAsk):
            return await self._hand_over(station, ask, asker)
        attending = await self._rights.attending(asker, station, None)
        if len(attending) < (1 if isinstance(ask, StockAsk) else 2):
            return DeclinedResult("administrators_missing")
        if isinstance(ask, StockAsk):
            await asyncio.to_thread(self._place, station, ask)
        return BelievedResult()

    async def _hand_over(self, station: str, ask: ReceivedAsk, asker: Asker) -> BelievedResult | DeclinedResult:
        order = await asyncio.to_thread(self._order, station, ask)
        card = await self._rights.card(ask.card_number, order.hsa_id) if order is not None else None
        if order is None or card is None:
            return DeclinedResult("unknown_card")
        if order.hsa_id not in card[1].hsa_ids:
            return DeclinedResult("other_person")
        handed_over = _time(ask.handed_over, self._clock())
        if has_left(card[0], local_day(handed_over)):
            return DeclinedResult("holder_left")
        attending = await self._rights.attending(asker, station, card[1], holder=order.hsa_id)
        refused = await self._refusal(station, order, card, asker, attending)
        if refused is None:
            await asyncio.to_thread(self._give, ask, attending, handed_over)
        return refused or BelievedResult()

    async def _refusal(
        self, station: str, order: Any, card: HeldCard, asker: Asker, attending: tuple[str, ...]
    ) -> DeclinedResult | None:
        """Why those who stand behind a hand-over are not enough; None where they are."""
        two = order.product == RESERVE and order.loa == 3
        if two and order.state not in IN_HAND and not await self._rights.may_attend_for(station, card[0], attending):
            return DeclinedResult("kur_needed")
        if order.delivery == "post":  # dead until it is active: nobody attests that in advance
            signed = {person.nonce for person in asker.people if person.hsa_id in attending}
            if not await asyncio.to_thread(self._nonces.are_given, signed):
                return DeclinedResult("nonce_unknown")
        if len(attending) >= (2 if two else 1):
            return None
        if (two or order.delivery == "post") and order.state not in IN_HAND:
            return DeclinedResult("administrators_missing")
        for person in asker.people:
            own = await self._rights.card(person.card_number, person.hsa_id)
            enough = own is not None and own[1].loa >= order.loa and person.card_number != order.card_number
            released = person.card_number == order.card_number and (order.loa <= RELEASED_LOA or order.state in IN_HAND)
            if person.hsa_id in card[1].hsa_ids and (enough or released):
                return None
        return DeclinedResult("not_allowed")

    def _order(self, station: str, ask: ReceivedAsk) -> Any:
        """The order of that card which may be handed over there; None where there is none."""
        with self._database.reading.begin() as connection:
            row = connection.execute(select(orders).where(orders.c.order == ask.order)).first()
        if row is None or row.card_number != ask.card_number:
            return None
        here = row.station == station or row.delivery == "post" or row.state in RECEIPT_OWED
        return row if here and (row.state in IN_HAND or state_after(row.state, _step(ask))) else None

    def _give(self, ask: ReceivedAsk, attending: tuple[str, ...], at: datetime) -> None:
        with self._database.writing.begin() as connection:
            apply_step(connection, ask.order, _step(ask), at)
            settle_returns(connection, {ask.card_number}, ())
            _report(connection, ask, attending, at, self._clock())

    def _place(self, station: str, ask: StockAsk) -> None:
        now = self._clock()
        with self._database.writing.begin() as connection:
            place_cards(connection, station, [(move, _time(move.at, now)) for move in ask.moves])


def _step(ask: ReceivedAsk) -> OrderEvent:
    return "collected" if ask.receipt else "activated"


def _report(connection: Connection, ask: ReceivedAsk, attending: tuple[str, ...], at: datetime, now: datetime) -> None:
    """Put it into the queue to the issuer, once for an order."""
    once = hashlib.sha256(json.dumps([HANDED_OVER, ask.order, ask.card_number]).encode()).hexdigest()[:32]
    row = connection.execute(select(orders.c.hsa_id, orders.c.station).where(orders.c.order == ask.order)).one()
    report = HandoverReport(
        id=once, card_number=ask.card_number, order=ask.order, hsa_id=row.hsa_id,
        handed_over=at.isoformat(timespec="seconds").replace("+00:00", "Z"), attested_by=attending, receipt=ask.receipt,
    )  # fmt: skip
    enqueue(connection, RequestKey(row.station, once), report, attending[0] if attending else row.hsa_id, now)


def _time(text: str, now: datetime) -> datetime:
    """Return when it happened, by the station's clock; never later than now."""
    try:
        return min(datetime.fromisoformat(text).astimezone(UTC), now)
    except (ValueError, OverflowError):
        return now
