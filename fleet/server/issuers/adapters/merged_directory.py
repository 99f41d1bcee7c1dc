"""Directory adapter with the fleet's own directory: the issuer's word on a person is one source among several.

Rules: each fact counts as the rules of merging say (`fleet.server.people.merging`). A leave, a name change or its taking back by
the issuer is kept with its time; of who is merely there nothing is kept.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from fleet.messages.issuing import DirectoryPerson
from fleet.server.issuers.ports import DirectoryEntry, DirectoryService
from fleet.server.people.merging import YES, merge_words
from fleet.server.people.model import Facts, FactWord, PersonRow, Source
from fleet.server.people.service import record_facts, stored_words, with_words
from fleet.server.platform.database.database import Database

ISSUER: Source = "issuer"


class MergedDirectory:
    """Implements `DirectoryService` over another one."""

    def __init__(self, directory: DirectoryService, database: Database, clock: Callable[[], datetime]) -> None:
        self._directory = directory
        self._database = database
        self._clock = clock

    async def find(self, hsa_id: str, card_number: str) -> DirectoryEntry | None:
        """As the other. Raises IssuerAwayError, sqlalchemy.exc.SQLAlchemyError."""
        known = await self._directory.find(hsa_id, card_number)
        if known is None:
            return None
        holders = {card.hsa_id for card in known.cards} if known.person is None else {known.person.hsa_id}
        if len(holders) != 1:
            return known
        return DirectoryEntry(await asyncio.to_thread(self._merge, holders.pop(), known.person), known.cards)

    def _merge(self, hsa_id: str, person: DirectoryPerson | None) -> DirectoryPerson | None:
        with self._database.reading.begin() as connection:
            words = stored_words(connection, [hsa_id])[hsa_id]
        said, now = {} if person is None else _facts(person), self._clock()
        before = {word.fact: word.value for word in words if word.source == ISSUER}
        news = [FactWord(fact, ISSUER, value, now) for fact, value in said.items() if before.get(fact) != value]
        if any(word.fact in before or word.fact in ("left", "continued", "name_changed") for word in news):
            with self._database.writing.begin() as connection:
                record_facts(connection, ISSUER, {hsa_id: said}, now)
        merged = with_words(words, news)
        return _person(merge_words(hsa_id, merged), person) if merged else person


def _facts(person: DirectoryPerson) -> Facts:
    return {
        "left": person.left,
        "continued": YES if person.continued else None,
        "name": person.name,
        "protected": YES if person.protected else None,
        "name_changed": person.name_changed,
    }


def _person(row: PersonRow, person: DirectoryPerson | None) -> DirectoryPerson:
    until = None if person is None else person.employed_until
    return DirectoryPerson(row.hsa_id, row.name, row.protected, until, row.left, row.continued, row.name_changed)
