"""Sender of the request queue to the issuer: a loop of the server.

Rules: a request is tried until the issuer has said yes or no: after half a minute, then twice as late each time, up to an hour.
It is done once for its id, also where two processes or the station itself try beside each other. An issuer that is away, or a
database, stops the loop no more than a moment. Why requests wait is logged when that changes, not with each of them and each
try.
A hand-over that people register in the issuer's portal is not tried at all, nor one that an earlier version took from events.
Holds and blocks that a rule asked for, or a station without a proof, are a
batch: they wait for a person where they are more than a share of the cards within a day, those of rules also while the clock is
not believed (`fleet.server.guards`).
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from fleet.messages.asking import DeclinedResult, LetterAsk, Result
from fleet.messages.vocabulary import AskName
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.guards.model import BLOCKS, HOLDS
from fleet.server.guards.service import clock_is_believed, share_of, within_share
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import HandoverReport, RequestRow
from fleet.server.issuers.ports import IssuerAwayError
from fleet.server.issuers.requests import ReusedError
from fleet.server.issuers.service import IssuerAnswers
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.stations.alarms import REQUESTS_MANY, Alarm, raise_alarm

EVERY_S = 5.0
CLAIM = timedelta(minutes=5)
LEFT = "rule:left"
"""Who asks for a leaver's card: the rule. One that is another employer's too stays in use."""

_log = logging.getLogger(__name__)


class RequestSender:
    """One for a server. `answers` is None where no issuer is set up: requests wait, and say so."""

    def __init__(
        self,
        database: Database,
        answers: IssuerAnswers | None,
        changes: Changes,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._answers = answers
        self._changes = changes
        self._clock = clock
        self._waits_for = ""
        """Why the last request could not be done; empty where it was answered."""

    async def run(self) -> None:
        while True:
            try:
                if await self.carry():
                    self._changes.publish(frozenset({Topic.REQUESTS}))
            except READ_FAULTS as error:
                _log.error("holds and blocks cannot be read just now: %s", type(error).__name__)
            await asyncio.sleep(EVERY_S)

    async def carry(self) -> bool:
        """Try all that is due, one after the other. Whether there was any. Raises SQLAlchemyError."""
        due = await asyncio.to_thread(self._due)
        for row in due:
            why = await asyncio.to_thread(self._held_back, row)
            if isinstance(row.content, HandoverReport) and (self._portal or row.content.attested_by is None):
                await asyncio.to_thread(self._leave_to_people, row)
            elif why is not None:
                await asyncio.to_thread(self._put_off, row, why)
            elif await asyncio.to_thread(self._claim, row):
                await self._try(row)
        return bool(due)

    async def _try(self, row: RequestRow) -> None:
        try:
            result = await self._ask(row)
        except (IssuerAwayError, ReusedError) as error:
            self._note(str(error))
            await asyncio.to_thread(self._put_off, row, str(error))
        else:
            self._note("")
            await asyncio.to_thread(self._settle, row, result)

    def _note(self, why: str) -> None:
        if why and why != self._waits_for:
            _log.warning("requests to the issuer wait: %s", why)
        elif self._waits_for and not why:
            _log.info("the issuer answers requests again")
        self._waits_for = why

    async def _ask(self, row: RequestRow) -> Result | None:
        if self._answers is None:
            raise IssuerAwayError("no issuer is set up")
        if isinstance(row.content, HandoverReport):
            return await self._answers.parts.register.received(row.content)
        assert not isinstance(row.content, LetterAsk), "letters in the queue wait for people"
        if row.who == LEFT and await self._answers.is_still_used(row.content.card_number):
            return DeclinedResult("still_used")
        return await self._answers.carry_out(row.station, row.content, by=row.by, own=row.own)

    def _due(self) -> list[RequestRow]:
        with self._database.reading.begin() as connection:
            return requesting.due_requests(connection, self._clock())

    def _held_back(self, row: RequestRow) -> str | None:
        """Why it waits for a person, in words. What somebody has proved to be theirs is no batch, and goes on."""
        batch = HOLDS if row.ask == AskName.CARD_HOLD else BLOCKS
        if row.ask not in (AskName.CARD_HOLD, AskName.CARD_BLOCK) or not (row.by_rule or not row.by):
            return None
        now = self._clock()
        with self._database.reading.begin() as connection:
            if row.by_rule and not clock_is_believed(connection, now):
                return "the server's clock waits for a person to confirm it"
            many, cards = requesting.count_day(connection, row.ask, now)
            if many <= share_of(cards):
                return None
        with self._database.writing.begin() as connection:
            if within_share(connection, batch, many, cards, now):
                return None
            raise_alarm(connection, Alarm("", REQUESTS_MANY, str(many)), now)
        return f"{many} {batch} within a day wait for a person to allow them"

    def _claim(self, row: RequestRow) -> bool:
        with self._database.writing.begin() as connection:
            return requesting.claim(connection, row, self._clock() + CLAIM)

    @property
    def _portal(self) -> bool:
        """True where people register hand-overs, in the issuer's portal."""
        return self._answers is not None and self._answers.parts.handovers == "portal"

    def _leave_to_people(self, row: RequestRow) -> None:
        with self._database.writing.begin() as connection:
            requesting.leave_to_people(connection, row.key)

    def _put_off(self, row: RequestRow, why: str) -> None:
        with self._database.writing.begin() as connection:
            requesting.postpone(connection, row, why, self._clock())

    def _settle(self, row: RequestRow, result: Result | None) -> None:
        with self._database.writing.begin() as connection:
            requesting.record_result(connection, row.key, result, self._clock())
