"""New tries for a code letter: two persons decide, and the verifier is asked by a loop of the server that reaches it.

Rules: both are ID administrators of level 3 with the role KRA at the order's station, by the region's list (an account's name is
its HSA-id); both have stepped up; neither is the holder, nor an account that the other one has had in hand. The second has a
quarter of an hour. Each step is told to the audit in its own transaction, and the new tries are an alarm. A letter gets new tries
once: the verifier itself keeps to that.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from fleet.messages.attending import LEVEL, refusal_to_attend
from fleet.server.accounts.queries import hsa_id_of
from fleet.server.accounts.separation_of_duties import may_be_one_person
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent, without_numbers
from fleet.server.clock.local_days import local_day
from fleet.server.commands.model import Requester
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.database.station_scope import stations_like
from fleet.server.envelope_resets.model import Refusal, ResetRow, ResetStory
from fleet.server.envelope_resets.tables import envelope_resets as resets
from fleet.server.live_feed.topics import Changes, Topic, changes_with
from fleet.server.orders.model import OPEN, RECEIPT_OWED
from fleet.server.orders.tables import orders
from fleet.server.people.queries import administrator_at
from fleet.server.stations.alarms import TRIES_RESET, Alarm, raise_alarm
from fleet.server.verifier.model import EnvelopeFacts, Verifier, VerifierAwayError

DECIDE = timedelta(minutes=15)
CLAIM = timedelta(minutes=1)
"""A server that has asked the verifier, and has not said what it answered for so long, has died."""
EVERY_S = 2.0
SERVER = "server"
CURRENT = (*OPEN, *RECEIPT_OWED)
"""States of orders whose letter can still be used."""

_log = logging.getLogger(__name__)


class EnvelopeResetService:
    """New tries for code letters, as pages and the API read and ask for them. From any thread."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        clock: Callable[[], datetime],
        patterns: frozenset[str] = frozenset("*"),
    ) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._patterns = patterns

    def within(self, patterns: frozenset[str]) -> "EnvelopeResetService":
        """The same for orders of these stations only."""
        return EnvelopeResetService(self._database, self._changes, self._clock, patterns)

    @changes_with(Topic.ORDERS)
    def story(self, order: str) -> ResetStory | None:
        """Read what was asked for that order; None where it has no letter, or is outside this scope."""
        with self._database.reading.begin() as connection:
            order_row = self._order(connection, order)
            if order_row is None:
                return None
            newest = select(resets).where(resets.c.order == order).order_by(resets.c.id.desc())
            rows = tuple(_row(row) for row in connection.execute(newest))
        return ResetStory(order, order_row.card_number, order_row.station, rows)

    @changes_with(Topic.ORDERS)
    def objection(self, order: str, by: Requester) -> Refusal | None:
        """Why `by` could not take the next step: ask for it, or agree to what waits."""
        with self._database.reading.begin() as connection:
            waiting = self._waiting(connection, order)
            return self._objection(connection, order, by, waiting)

    def ask(self, order: str, reason: str, by: Requester) -> ResetRow | Refusal:
        """Keep it for a second person."""
        now = self._clock()
        with self._database.writing.begin() as connection:
            if self._waiting(connection, order) is not None:
                return Refusal.WAITING
            refused = self._objection(connection, order, by, None)
            if refused is not None:
                return refused
            order_row = self._order(connection, order)
            assert order_row is not None, "no objection"
            values = {
                "order": order, "station": order_row.station, "reason": without_numbers(reason.strip()), "by": by.name,
                "asked": now, "decide_by": now + DECIDE, "state": "waiting",
            }  # fmt: skip
            key = connection.execute(insert(resets).values(values)).inserted_primary_key
            assert key is not None
            _tell(connection, now, by, "tries.ask", order, str(values["reason"]))
            row = _one(connection, int(key[0]))
        return self._publish(row)

    def agree(self, order: str, by: Requester) -> ResetRow | Refusal:
        """Agree as the second person: then the verifier is asked."""
        return self._decide(order, by, {"state": "agreed", "second": by.name}, "tries.agree")

    def withdraw(self, order: str, by: Requester) -> ResetRow | Refusal:
        """Withdraw or decline it, only while it waits."""
        return self._decide(order, by, {"state": "withdrawn", "ended": self._clock()}, "tries.withdraw")

    def _decide(self, order: str, by: Requester, values: dict[str, Any], action: str) -> ResetRow | Refusal:
        now = self._clock()
        with self._database.writing.begin() as connection:
            waiting = self._waiting(connection, order)
            if self._order(connection, order) is None:
                return Refusal.UNKNOWN
            if waiting is None:
                return Refusal.NOT_WAITING
            withdraws = values["state"] == "withdrawn" and not by.program
            refused = None if withdraws else self._objection(connection, order, by, waiting)
            if refused is not None:
                return refused
            connection.execute(update(resets).where(resets.c.id == waiting.id).values(values))
            _tell(connection, now, by, action, order, waiting.reason)
            row = _one(connection, waiting.id)
        return self._publish(row)

    def _objection(self, connection: Connection, order: str, by: Requester, waiting: ResetRow | None) -> Refusal | None:
        order_row, now = self._order(connection, order), self._clock()
        if order_row is None:
            return Refusal.UNKNOWN
        if by.program:
            return Refusal.NOT_A_PERSON
        if by.hsa_id == order_row.hsa_id:
            return Refusal.HOLDER
        if waiting is not None and waiting.by == by.name:
            return Refusal.SAME_PERSON
        listed = administrator_at(connection, order_row.station, by.hsa_id)
        if refusal_to_attend(listed, LEVEL, local_day(now)) is not None:
            return Refusal.NOT_LISTED
        first = "" if waiting is None else hsa_id_of(connection, waiting.by, now)
        if waiting is not None and (
            first in ("", by.hsa_id) or may_be_one_person(connection, waiting.by, by.name, now)
        ):
            return Refusal.NOT_ANOTHER_PERSON
        return None if by.stepped_up else Refusal.STEP_UP

    def _order(self, connection: Connection, order: str) -> Any:
        """Station, holder and card of an order within, whose letter can still be used; None where there is none."""
        columns = (orders.c.order, orders.c.station, orders.c.hsa_id, orders.c.card_number)
        fits = (orders.c.order == order, orders.c.envelope_mac.is_not(None), orders.c.state.in_(CURRENT))
        return connection.execute(
            select(*columns).where(*fits, stations_like(self._patterns)(orders.c.station))
        ).first()

    def _waiting(self, connection: Connection, order: str) -> ResetRow | None:
        fits = (resets.c.order == order, resets.c.state == "waiting", resets.c.decide_by > self._clock())
        row = connection.execute(select(resets).where(*fits)).first()
        return None if row is None else _row(row)

    def _publish(self, row: ResetRow) -> ResetRow:
        self._changes.publish(frozenset({Topic.ORDERS}))
        return row


class EnvelopeResetSender:
    """A loop of the server that reaches the verifier."""

    def __init__(self, database: Database, verifier: Verifier, changes: Changes, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._verifier = verifier
        self._changes = changes
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.carry()
            except READ_FAULTS as error:
                _log.error("new tries cannot be read just now: %s", type(error).__name__)
            await asyncio.sleep(EVERY_S)

    async def carry(self) -> None:
        """Ask the verifier for all that two persons have agreed to. Raises SQLAlchemyError."""
        for row, facts in await asyncio.to_thread(self._claim):
            assert row.second is not None, "who agreed"
            try:
                result = await self._verifier.reset_tries(row.order, facts, (row.by, row.second))
            except VerifierAwayError as error:
                _log.error("new tries for order %s wait: %s", row.order, error)
                continue
            await asyncio.to_thread(self._settle, row, result)
            self._changes.publish(frozenset({Topic.ORDERS, Topic.ALERTS}))

    def _claim(self) -> list[tuple[ResetRow, EnvelopeFacts]]:
        """Take the resets that are agreed and that no other server has just taken."""
        now = self._clock()
        free = or_(resets.c.claimed.is_(None), resets.c.claimed < now - CLAIM)
        letters = select(resets, orders.c.card_number, orders.c.envelope_key, orders.c.envelope_mac)
        due = letters.join(orders, orders.c.order == resets.c.order).where(
            resets.c.state == "agreed", orders.c.envelope_mac.is_not(None), free
        )
        with self._database.writing.begin() as connection:
            rows = connection.execute(due.order_by(resets.c.id)).all()
            for row in rows:
                connection.execute(update(resets).where(resets.c.id == row.id).values(claimed=now))
        return [(_row(row), EnvelopeFacts(row.card_number, row.envelope_key, row.envelope_mac)) for row in rows]

    def _settle(self, row: ResetRow, result: str) -> None:
        now = self._clock()
        still = (resets.c.id == row.id, resets.c.state == "agreed")
        with self._database.writing.begin() as connection:
            ended = {"state": "ended", "ended": now, "result": result}
            if connection.execute(update(resets).where(*still).values(ended)).rowcount != 1:
                return
            _tell(connection, now, Requester(SERVER), "tries.reset", row.order, result)
            if result == "reset":
                raise_alarm(connection, Alarm(row.station, TRIES_RESET, row.order), now)


def _tell(connection: Connection, now: datetime, requester: Requester, action: str, order: str, detail: str) -> None:
    audit.append(connection, now, requester.name, requester.address, AuditEvent(action, order, detail))


def _one(connection: Connection, number: int) -> ResetRow:
    return _row(connection.execute(select(resets).where(resets.c.id == number)).one())


def _row(row: Row[Any]) -> ResetRow:
    return ResetRow(
        row.id, row.order, row.station, row.reason, row.by, row.asked, row.decide_by, row.state, row.second, row.ended,
        row.result,
    )  # fmt: skip
