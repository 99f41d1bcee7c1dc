"""Authorization of blocks, holds and lifts: who may ask for them, and limits of an anonymous hold.

Rules (docs/rules.md, "Who may"): a block is the holder's, with the card, or an administrator's; that it was made in a portal
is an administrator's word alone; anybody may hold a card by its number, within `AnonymousLimits`: what is beyond them waits on
the worklist. Such a hold is never grave, whatever was claimed, and an administrator's card is not held so: the answer is the
same, and an alarm asks for a person. A hold for theft or a known code is lifted by an administrator alone, and no later hold
makes it lighter.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from fleet.messages.asking import BlockAsk, DeclinedResult, HeldResult, HoldAsk, LiftAsk, MarkedResult, Result
from fleet.messages.issuing import GRAVE_HOLDS, CardRecord
from fleet.server.issuers.model import CardChange
from fleet.server.issuers.ports import CardRegister
from fleet.server.issuers.proofs.authorization import Asker, Rights, by_holder
from fleet.server.issuers.requests import RequestLog
from fleet.server.stations.alarms import ADMINISTRATOR_REPORTED, MANY_HOLDS, Alarm, AlarmRecorder

MANY = 3
"""Holds by number at one station within the hour that are an alarm."""
HOUR = timedelta(hours=1)
DEAD = ("blocked", "returned", "voided")


class CardChanges:
    """Asks the issuer's register for one change at a time."""

    def __init__(
        self,
        register: CardRegister,
        rights: Rights,
        wishes: RequestLog,
        alarms: AlarmRecorder,
        clock: Callable[[], datetime],
        *,
        holds: bool = True,
    ) -> None:
        """`holds`: whether the issuer's system has a hold; without, its register marks cards."""
        self._register = register
        self._rights = rights
        self._wishes = wishes
        self._alarms = alarms
        self._clock = clock
        self._holds = holds

    async def change(self, station: str, ask: CardChange, asker: Asker) -> Result:
        """Make the change where the asker may ask for it; return the outcome. Raises IssuerAwayError,
        sqlalchemy.exc.SQLAlchemyError."""
        card = await self._rights.card(ask.card_number, asker.by)
        if card is None:
            return DeclinedResult("unknown_card")
        record = card[1]
        anonymous = isinstance(ask, HoldAsk) and not asker.by and not asker.own
        if isinstance(ask, HoldAsk) and ask.note_only is not msgspec.UNSET and record.state not in DEAD:
            return DeclinedResult("over_limit")
        if (
            isinstance(ask, HoldAsk)
            and anonymous
            and (outcome := await self._by_number(station, ask, record)) is not None
        ):
            return outcome
        if not asker.own and not anonymous and not await self._may(station, ask, asker, record):
            return DeclinedResult("not_allowed")
        match ask:
            case BlockAsk():
                return await self._register.block(ask, asker.by)
            case HoldAsk():
                grave = record.state == "held" and record.hold_reason in GRAVE_HOLDS
                claimed = "lost" if anonymous and ask.reason in GRAVE_HOLDS else ask.reason
                kept = msgspec.structs.replace(ask, reason=record.hold_reason if grave else claimed)
                return await self._register.hold(kept, asker.by)
            case LiftAsk():
                return await self._register.lift(ask, asker.by)

    async def _may(self, station: str, ask: CardChange, asker: Asker, record: CardRecord) -> bool:
        """By proofs; or, of what waited for the issuer, by the HSA-id whose proof was verified when it came."""
        if asker.people:
            holder = by_holder(asker.people, record)
            administrator = bool(await self._rights.attending(asker, station, record))
        else:
            holder = bool(asker.by) and asker.by == record.hsa_id
            administrator = not holder and bool(asker.by) and await self._rights.still_attends(asker.by, station)
        grave = isinstance(ask, LiftAsk) and record.hold_reason in GRAVE_HOLDS
        by_word = isinstance(ask, BlockAsk) and ask.in_portal is not msgspec.UNSET
        return administrator or (holder and not grave and not by_word)

    async def _by_number(
        self, station: str, ask: HoldAsk, record: CardRecord
    ) -> HeldResult | MarkedResult | DeclinedResult | None:
        """Alarms of a hold in nobody's name; and an answer without a hold, beyond the limits and for an administrator's card."""
        now = self._clock()
        lately = await asyncio.to_thread(self._wishes.anonymous_holds, station, now - HOUR)
        if lately + 1 >= MANY:
            detail = f"{lately + 1} within the hour"
            await asyncio.to_thread(self._alarms.record, Alarm(station, MANY_HOLDS, detail), now)
        if record.state in DEAD:
            return None
        if (full := await asyncio.to_thread(self._wishes.take_place, station, ask, now)) is not None:
            if full == "region":
                await asyncio.to_thread(self._alarms.record, Alarm("", MANY_HOLDS, "over_limit"), now)
            return DeclinedResult("over_limit")
        if not await self._rights.is_administrators(record):
            return None
        alarm = Alarm(station, ADMINISTRATOR_REPORTED, record.card_number)
        await asyncio.to_thread(self._alarms.record, alarm, now)
        return HeldResult(record.held_from or record.state) if self._holds else MarkedResult()
