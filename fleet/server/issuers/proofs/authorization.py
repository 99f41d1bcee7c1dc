"""Authorization of what is asked in a person's name: by the register's word on their card, and by who they are to the card that
it is about. Proofs have been verified before (`proofs`).

Rules (docs/rules.md, "Who may"): a card that is held, blocked or back proves nobody, but for its own hold and block; who has left
is given nothing; a holder acts on the card that signed; an administrator is never the holder.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fleet.messages.asking import (
    BlockAsk,
    CertificateAsk,
    DeclinedResult,
    DirectoryAsk,
    HoldAsk,
    LiftAsk,
    LoggedInResult,
    PersonAsk,
    ReceivedAsk,
)
from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.server.clock.local_days import local_day
from fleet.server.issuers.ports import DirectoryService
from fleet.server.issuers.proofs.administrators import Administrators
from fleet.server.issuers.proofs.verification import Proven

IN_USE = ("active", "handed_out")
BEFORE_USE = ("ordered", "waiting", "handed_out")
HeldCard = tuple[DirectoryPerson | None, CardRecord]
"""A card, and its holder as the directory knows them."""


@dataclass(frozen=True, slots=True)
class Asker:
    """In whose name something is asked. `by`: an HSA-id, empty where nobody has shown who they are; `own`: the server itself
    wants it, and was allowed to before."""

    by: str = ""
    people: tuple[Proven, ...] = ()
    own: bool = False

    @classmethod
    def of(cls, people: tuple[Proven, ...]) -> "Asker":
        """Return the asker behind these proofs, which came with the ask: the first person wants it."""
        return cls(people[0].hsa_id if people else "", people)


class Rights:
    """Asks register, directory and the list of administrators. Methods raise IssuerAwayError, sqlalchemy.exc.SQLAlchemyError."""

    def __init__(
        self, directory: DirectoryService, administrators: Administrators, clock: Callable[[], datetime]
    ) -> None:
        self._directory = directory
        self._administrators = administrators
        self._clock = clock

    async def card(self, number: str, *hsa_ids: str) -> HeldCard | None:
        """The card of that number, as it stands for the first of these HSA-ids that is one of its holder's; without such a one,
        for one whose holder has not left, where there is any."""
        card_entry = await self._directory.find("", number)
        record = next((card for card in card_entry.cards if card.card_number == number), None) if card_entry else None
        if card_entry is None or record is None:
            return None
        holders = [hsa_id for hsa_id in hsa_ids if hsa_id in record.hsa_ids][:1]
        for hsa_id in holders or record.hsa_ids:
            entry = card_entry if hsa_id == record.hsa_id else await self._directory.find(hsa_id, "")
            person = entry.person if entry is not None else None
            if holders or not has_left(person, local_day(self._clock())):
                return person, record.as_of(hsa_id)
        return card_entry.person, record

    async def admit(self, person: Proven, ask: PersonAsk) -> Proven | DeclinedResult:
        """The person with all HSA-ids of their card; or why it proves nobody now, by the register."""
        card = await self.card(person.card_number, person.hsa_id)
        if card is None:
            return DeclinedResult("unknown_card")
        holder, record = card
        if record.hsa_id != person.hsa_id:
            return DeclinedResult("other_person")
        putting_away = isinstance(ask, BlockAsk | HoldAsk)
        own = isinstance(ask, BlockAsk | HoldAsk | LiftAsk) and ask.card_number == person.card_number
        new = isinstance(ask, ReceivedAsk) and ask.card_number == person.card_number and record.state in BEFORE_USE
        if record.state not in IN_USE and not new and not (own and record.state == "held"):
            return DeclinedResult(f"card_{record.state}")
        if has_left(holder, local_day(self._clock())) and not putting_away and not isinstance(ask, DirectoryAsk):
            return DeclinedResult("holder_left")
        if not person.numbered and await self._has_another(record):
            return DeclinedResult("other_card")
        return replace(person, hsa_ids=record.hsa_ids)

    async def _has_another(self, record: CardRecord) -> bool:
        """Return whether a certificate without a number may be on another card of the same person."""
        entry = await self._directory.find(record.hsa_id, "")
        cards = entry.cards if entry is not None else ()
        others = {
            card.card_number for card in cards if card.state in (*IN_USE, "held") and record.hsa_id in card.hsa_ids
        }
        return bool(others - {record.card_number})

    async def attending(
        self, asker: Asker, station: str, record: CardRecord | None, *, holder: str = "", of: Collection[str] = ()
    ) -> tuple[str, ...]:
        """HSA-ids of the administrators among them, none of whom is the holder of that card, or `holder`, and each another
        person: several HSA-ids of one card are one person's. Each acts for the organisation of the holder, or of somebody `of`
        these HSA-ids."""
        of = {*of, holder, *(record.hsa_ids if record is not None else ())} - {""}
        counted = {holder} - {""} | ({record.card_number, *record.hsa_ids} if record is not None else set())
        attending: list[str] = []
        for person in asker.people:
            theirs = {person.card_number, person.hsa_id, *person.hsa_ids}
            if not counted.isdisjoint(theirs):
                continue
            why = await asyncio.to_thread(self._administrators.may_attend, person, station, self._clock(), of)
            if why is None:
                attending.append(person.hsa_id)
                counted |= theirs
        return tuple(attending)

    async def still_attends(self, hsa_id: str, station: str) -> bool:
        """Return whether an administrator whose proof was verified before may still attend."""
        return await asyncio.to_thread(self._administrators.still, hsa_id, station, self._clock())

    async def is_administrators(self, record: CardRecord) -> bool:
        """Return whether one of the card's HSA-ids is an administrator's, anywhere."""
        return any([await asyncio.to_thread(self._administrators.is_listed, hsa_id) for hsa_id in record.hsa_ids])

    async def may_attend_for(self, station: str, holder: DirectoryPerson | None, attending: Sequence[str]) -> bool:
        """Two attend for a protected identity, or for somebody of whom nobody knows that, by the role for it alone."""
        if holder is not None and not holder.protected:
            return True
        return await asyncio.to_thread(self._administrators.for_protected, station, attending)

    async def log_in(self, person: Proven, station: str) -> LoggedInResult | DeclinedResult:
        """The administrator, or why they are none here."""
        return await asyncio.to_thread(self._administrators.log_in, person, station, self._clock())


def has_left(holder: DirectoryPerson | None, today: str) -> bool:
    """Return whether the directory does not know the holder, or their last assignment has ended and no other follows.
    `today`: ISO 8601; a day that is still to come is no leave yet."""
    return holder is None or (holder.left is not None and holder.left <= today and not holder.continued)


def by_holder(people: Sequence[Proven], record: CardRecord) -> bool:
    """Return whether the card itself signed, for a holder whom the register knows."""
    return any(person.card_number == record.card_number and person.hsa_id in record.hsa_ids for person in people)


def of_holder(people: Sequence[Proven], record: CardRecord) -> bool:
    """Return whether the holder signed, with whichever card."""
    return any(person.hsa_id in record.hsa_ids for person in people)


def is_renewal(ask: CertificateAsk) -> bool:
    """A certificate in the place of one of the same card."""
    return ask.profile != "reserve"
