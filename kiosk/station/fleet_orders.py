"""Orders and envelopes of the fleet, behind the journeys' ports: orders as last synced, envelopes verified by the server."""

import logging
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import get_args

from drivers.reader.secret import Secret
from fleet.agent.answer_verification import SyncRefused
from fleet.agent.envelope import new_nonce, seal_puk, seal_release
from fleet.agent.identity import Identity
from fleet.agent.keeping import Asker, AskTimeout, LinkDown
from fleet.agent.store import StoreError
from fleet.agent.sync import OrderBook
from fleet.messages.leavers import Stop, leaver_digest, stop_digest
from fleet.messages.link import Delivery, EnvelopeAsk, HandOverAsk, ReleaseAsk
from kiosk.ports import Administrator, Clock, EnvelopeVerdict, Order
from kiosk.station.journal import Journal
from kiosk.stock import repository as stock

logger = logging.getLogger(__name__)

ASK_LIMIT_S = 5.0
"""A person waits: then what was synced is used."""
HAND_OVER_LIMIT_S = 1.5
"""Whoever only wants another code waits no longer."""


class FleetOrders:
    """Implements `kiosk.ports.Orders`: the server's newest word where it can be had, else the signed list."""

    def __init__(
        self, book: OrderBook, link: Asker, journal: Journal, clock: Clock, recent: timedelta = timedelta(hours=4)
    ) -> None:
        """`recent`: so old the lists may be that stand in for the register at level 3."""
        self._book = book
        self._recent = recent
        self._journal = journal
        self._link = link
        self._clock = clock

    async def find(self, hsa_id: str) -> Order | None:
        """The order whose last steps (print, drop) were cut off, or whose receipt is owed; else one to hand out today."""
        unfinished = await self._journal.unfinished(hsa_id)
        if unfinished is not None and unfinished.delivery == "station":
            return unfinished
        online = await self._online(hsa_id)
        if online is not None:
            theirs = self._of_station(online)
            placed = {order.order: order for order in await self._placed(theirs)}
            there = (each if each.receipt_owed else placed.get(each.order) for each in theirs)
            return next(filter(None, there), None)
        listed = [order for order in (*await self.owed(), *await self.waiting()) if order.hsa_id == hsa_id]
        return min(listed, key=lambda order: (not order.receipt_owed, order.last_day, order.order), default=None)

    async def posted(self, hsa_id: str, card_number: str) -> Order | None:
        """The order of a card that came by post: unfinished here, or by the server's word, or by the list."""
        unfinished = await self._journal.unfinished(hsa_id)
        offered = await self._online(hsa_id) or ()
        listed = (*self._book.owed(), *self._book.waiting(self._today()))
        orders = (*((unfinished,) if unfinished is not None else ()), *offered, *listed)
        return next((order for order in orders if order.delivery == "post" and order.card_number == card_number), None)

    async def _online(self, hsa_id: str) -> tuple[Order, ...] | None:
        """Return the orders that the server offers that person now; None where it cannot be asked."""
        if not self._link.online:
            return None
        try:
            return await self._book.offered_online(hsa_id, ASK_LIMIT_S)
        except (LinkDown, AskTimeout, SyncRefused) as error:
            logger.info("the server was asked for an order and gave none: %s", error)
            return None

    async def past(self, hsa_id: str, card_number: str = "") -> Order | None:
        """An order whose last day is over, as far as the list that was synced tells."""
        return self._book.past(hsa_id, self._today(), card_number)

    async def administrator(self, hsa_id: str) -> Administrator | None:
        """The ID administrator with that HSA-id, from a list that is still valid."""
        if not self._book.is_fresh(self._clock.now()):
            return None
        return next(
            (administrator for administrator in self._book.administrators() if administrator.hsa_id == hsa_id), None
        )

    async def has_left(self, certificates: Iterable[bytes]) -> bool:
        """As the list that came last tells: who has left does not come back by its growing old."""
        return any(leaver_digest(certificate) in self._book.leavers for certificate in certificates)

    async def listed_stop(self, certificates: Iterable[bytes]) -> Stop | None:
        """See the port."""
        digests, stops = [leaver_digest(certificate) for certificate in certificates], get_args(Stop)
        listed = (stop for stop in stops for digest in digests if stop_digest(stop, digest) in self._book.leavers)
        return next(listed, None)

    async def are_recent(self) -> bool:
        """See the port."""
        return self._book.is_recent(self._recent)

    async def pending_hand_over(self, card_number: str) -> Delivery | None:
        """Return the delivery of that card; None where it was handed over here, also while the server has not heard of it."""
        pending = await self._pending(card_number)
        return None if pending is None or await self._journal.has_handed_over(card_number) else pending

    async def _pending(self, card_number: str) -> Delivery | None:
        if self._link.online:
            try:
                answer = await self._link.ask(HandOverAsk(card_number), HAND_OVER_LIMIT_S)
            except (LinkDown, AskTimeout) as error:
                logger.info("the server was asked whether a card is handed over, and did not say: %s", error)
            else:
                if answer.ok:
                    return answer.delivery
        return self._book.pending_hand_over(card_number)

    async def waiting(self) -> tuple[Order, ...]:
        """All that waits here today, in its slot."""
        return await self._placed(self._of_station(self._book.waiting(self._today())))

    async def owed(self) -> tuple[Order, ...]:
        """All that were handed out here and lack their receipt, as the list that was synced tells."""
        return self._of_station(self._book.owed())

    async def owed_as_of(self) -> datetime | None:
        """The time of that list; None where it is too old."""
        return self._book.issued if self._book.is_fresh(self._clock.now()) else None

    async def here(self) -> tuple[Order, ...] | None:
        """All that is open here today, also what is on its way; None where the list is too old."""
        fresh = self._book.is_fresh(self._clock.now())
        return self._of_station(self._book.waiting(self._today())) if fresh else None

    @staticmethod
    def _of_station(orders: Sequence[Order]) -> tuple[Order, ...]:
        """Without those whose card goes by post: they have no slot."""
        return tuple(order for order in orders if order.delivery == "station")

    async def _placed(self, orders: Sequence[Order]) -> tuple[Order, ...]:
        return await self._journal.transact(lambda cx: stock.locate_orders(cx, orders, self._journal.now()))

    def _today(self) -> date:
        return self._clock.now().astimezone().date()


class NoOrders:
    """Implements `kiosk.ports.Orders` for a station without an identity: it knows nobody and holds nothing."""

    async def find(self, hsa_id: str) -> Order | None:
        return None

    async def posted(self, hsa_id: str, card_number: str) -> Order | None:
        return None

    async def past(self, hsa_id: str, card_number: str = "") -> Order | None:
        return None

    async def administrator(self, hsa_id: str) -> Administrator | None:
        return None

    async def has_left(self, certificates: Iterable[bytes]) -> bool:
        return False

    async def listed_stop(self, certificates: Iterable[bytes]) -> None: ...

    async def are_recent(self) -> bool:
        return False

    async def pending_hand_over(self, card_number: str) -> None: ...

    async def waiting(self) -> tuple[Order, ...]:
        return ()

    async def owed(self) -> tuple[Order, ...]:
        return ()

    async def owed_as_of(self) -> None: ...

    async def here(self) -> None: ...


class ServerEnvelopes:
    """`envelope.verify = "server"`: the PUK travels sealed to the verifier alone, bound to station, order and nonce."""

    def __init__(self, identity: Identity, link: Asker) -> None:
        self._identity = identity
        self._link = link

    async def available(self) -> bool:
        return self._link.online

    async def verify(self, order: Order, puk: Secret) -> EnvelopeVerdict:
        me = self._identity
        return await self._asked(
            seal_puk(me.server_keys.verifier_key, me.station, order.order, new_nonce(), puk.reveal())
        )

    async def release(self, order: Order, code: Secret) -> EnvelopeVerdict:
        me = self._identity
        return await self._asked(
            seal_release(me.server_keys.verifier_key, me.station, order.order, new_nonce(), code.reveal())
        )

    async def _asked(self, ask: EnvelopeAsk | ReleaseAsk) -> EnvelopeVerdict:
        try:
            answer = await self._link.ask(ask, ASK_LIMIT_S)
        except (LinkDown, AskTimeout, StoreError) as error:
            logger.info("the envelope could not be verified: %s", error)
            return EnvelopeVerdict.UNAVAILABLE
        return EnvelopeVerdict(answer.verdict) if answer.ok and answer.verdict else EnvelopeVerdict.UNAVAILABLE


class CardEnvelopes:
    """`envelope.verify = "card"`: the card judges, in the one command that sets the code, above its floor."""

    async def available(self) -> bool:
        return True

    async def verify(self, order: Order, puk: Secret) -> EnvelopeVerdict:
        return EnvelopeVerdict.CARD_DECIDES

    async def release(self, order: Order, code: Secret) -> EnvelopeVerdict:
        """No card knows a release code, and nobody is asked."""
        return EnvelopeVerdict.UNAVAILABLE
