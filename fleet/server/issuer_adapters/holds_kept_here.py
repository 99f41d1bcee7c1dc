"""Adapters for an issuer whose system has no hold: a hold is a mark of ours, which the fleet's stations obey.

Rules: what is asked for and granted stands in the requests of stations (`wishes`): a card is marked from its first mark after the
last lift or block; its reason is the gravest since. The issuer hears of no hold and no lift; everything else goes to it, but
for blocks where its portal takes them from people alone: until somebody has blocked the card there it is marked, and then it is
blocked, whatever the register says.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import get_args

import msgspec
from sqlalchemy import select

from fleet.messages.asking import (
    AnsweredResult,
    BlockAsk,
    BlockedResult,
    ChallengeAsk,
    DeclinedResult,
    HoldAsk,
    LetterAsk,
    LetterOrderedResult,
    LiftAsk,
    LiftedResult,
    MarkedResult,
    PukAsk,
    ReleasedResult,
    tag_of,
)
from fleet.messages.issuing import GRAVE_HOLDS, CardRecord, HoldReason
from fleet.server.database.database import Database
from fleet.server.issuers.model import Channel, HandoverReport
from fleet.server.issuers.ports import CardRegister, DirectoryEntry, DirectoryService
from fleet.server.issuers.tables import wishes
from fleet.server.people.tables import administrators

MARKED, LIFTED, BLOCKED = (tag_of(result) for result in (MarkedResult, LiftedResult, BlockedResult))
NOBODY = "[]"
"""People of a request in nobody's name. An ID administrator's card is not marked by it (docs/rules.md, "Who may")."""
DEAD = ("blocked", "returned", "voided")


class WithMarks:
    """Implements `DirectoryService` over another one: a marked card is on hold, and one that a person has blocked is blocked."""

    def __init__(self, directory: DirectoryService, database: Database) -> None:
        self._directory = directory
        self._database = database

    async def find(self, hsa_id: str, card_number: str) -> DirectoryEntry | None:
        """As the other. Raises IssuerAwayError, sqlalchemy.exc.SQLAlchemyError."""
        entry = await self._directory.find(hsa_id, card_number)
        if entry is None:
            return None
        reasons = await asyncio.to_thread(self._marks, entry.cards)
        cards = (_on_hold(card, reasons.get(card.card_number)) for card in entry.cards)
        return DirectoryEntry(entry.person, tuple(cards))

    def _marks(self, cards: Sequence[CardRecord]) -> dict[str, str]:
        """Why each of these cards that is marked is; `BLOCKED` for one that was blocked."""
        query = select(wishes.c.card_number, wishes.c.outcome, wishes.c.hold_reason, wishes.c.people == NOBODY)
        fits = (
            wishes.c.card_number.in_([card.card_number for card in cards]),
            wishes.c.outcome.in_((MARKED, LIFTED, BLOCKED)),
        )
        theirs = select(administrators.c.hsa_id).where(
            administrators.c.hsa_id.in_({hsa_id for card in cards for hsa_id in card.hsa_ids})
        )
        with self._database.reading.begin() as connection:
            rows = connection.execute(query.where(*fits).order_by(wishes.c.at)).all()
            listed = set(connection.execute(theirs).scalars()) if rows else set()
        spared = {card.card_number for card in cards if not listed.isdisjoint(card.hsa_ids)}
        reasons: dict[str, str] = {}
        for number, outcome, reason, is_anonymous in rows:
            if outcome == BLOCKED or reasons.get(number) == BLOCKED:
                reasons[number] = BLOCKED
            elif outcome == LIFTED:
                reasons.pop(number, None)
            elif not (is_anonymous and number in spared) and reasons.get(number) not in GRAVE_HOLDS:
                claimed = reason in get_args(HoldReason) and not (is_anonymous and reason in GRAVE_HOLDS)
                reasons[number] = reason if claimed else "lost"
        return reasons


class HoldsKeptHere:
    """Implements `CardRegister` over another one. `marked` is the directory that has the marks."""

    def __init__(
        self,
        register: CardRegister,
        marked: DirectoryService,
        clock: Callable[[], datetime],
        blocks: Channel = "interface",
    ) -> None:
        self._register = register
        self._marked = marked
        self._clock = clock
        self._blocks = blocks

    async def hold(self, ask: HoldAsk, by: str) -> MarkedResult | DeclinedResult:
        """The mark is the row that is written of this answer."""
        return await self._mark(ask.card_number)

    async def lift(self, ask: LiftAsk, by: str) -> LiftedResult | DeclinedResult:
        """So is its end."""
        card = await self._card(ask.card_number)
        if card is None or card.state != "held":
            return DeclinedResult("unknown_card" if card is None else "not_held")
        return LiftedResult(card.held_from or "active")

    async def block(self, ask: BlockAsk, by: str) -> BlockedResult | MarkedResult | DeclinedResult:
        """By people, where they have a portal: until one of them says so it is marked."""
        if self._blocks == "interface":
            return await self._register.block(ask, by)
        marked = await self._mark(ask.card_number)
        if isinstance(marked, DeclinedResult) or ask.in_portal is msgspec.UNSET:
            return marked
        return BlockedResult(self._clock().isoformat(timespec="seconds").replace("+00:00", "Z"))

    async def release_puk(self, ask: PukAsk, station: str, people: tuple[str, ...]) -> ReleasedResult | DeclinedResult:
        return await self._register.release_puk(ask, station, people)

    async def received(self, report: HandoverReport) -> DeclinedResult | None:
        return await self._register.received(report)

    async def answer_challenge(self, ask: ChallengeAsk, people: tuple[str, ...]) -> AnsweredResult | DeclinedResult:
        return await self._register.answer_challenge(ask, people)

    async def order_letter(self, ask: LetterAsk, holder: str) -> LetterOrderedResult | DeclinedResult:
        return await self._register.order_letter(ask, holder)

    async def _mark(self, number: str) -> MarkedResult | DeclinedResult:
        card = await self._card(number)
        if card is None:
            return DeclinedResult("unknown_card")
        return DeclinedResult(f"card_{card.state}") if card.state in DEAD else MarkedResult()

    async def _card(self, number: str) -> CardRecord | None:
        entry = await self._marked.find("", number)
        return next((card for card in entry.cards if card.card_number == number), None) if entry else None


def _on_hold(card: CardRecord, reason: str | None) -> CardRecord:
    if reason is None or card.state in (*DEAD, "held"):
        return card
    if reason == BLOCKED:
        return msgspec.structs.replace(card, state="blocked")
    return msgspec.structs.replace(card, state="held", held_from=card.state, hold_reason=reason)
