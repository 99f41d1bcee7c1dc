"""Issuer wiring of a running server, made from `issuer.toml`: adapters, answers, and the watch over what stations should know.

Rules: each fact counts as the rules of merging say (`fleet.server.people.merging`). A leave, a name change or its taking back by
the issuer is kept with its time; of who is merely there nothing is kept.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from fleet.messages.issuing import DirectoryPerson
from fleet.server.database.database import Database
from fleet.server.issuer_adapters.directory_with_handovers import WithHandovers
from fleet.server.issuer_adapters.est import EstIssuer
from fleet.server.issuer_adapters.holds_kept_here import HoldsKeptHere, WithMarks
from fleet.server.issuer_adapters.rest import RestRegister
from fleet.server.issuer_adapters.revocation_status import PublishedStatus
from fleet.server.issuers.card_keys import CardKeys
from fleet.server.issuers.certificates_by_hand import CertificatesByHand
from fleet.server.issuers.http_client import IssuerHttp
from fleet.server.issuers.ports import (
    CardRegister,
    DirectoryEntry,
    DirectoryService,
    IssuerAwayError,
    OrderSource,
    StatusSource,
)
from fleet.server.issuers.proofs.administrators import Administrators
from fleet.server.issuers.proofs.nonces import Nonces
from fleet.server.issuers.proofs.verification import ProofJudge, Trusted
from fleet.server.issuers.region_data import RegionData, RegionError
from fleet.server.issuers.requests import RequestLog
from fleet.server.issuers.service import IssuerAnswers, IssuerParts
from fleet.server.issuers.settings import IssuerSettings
from fleet.server.issuers.stopped_cards import WithStops
from fleet.server.keys.signing import Signer
from fleet.server.people.merging import YES, merge_words
from fleet.server.people.model import Facts, FactWord, PersonRow, Source
from fleet.server.people.service import record_facts, stored_words, with_words
from fleet.server.stations.alarms import AlarmRecorder

WATCH_S = 300.0
"""So often lists are fetched and the region's folder is read."""
AGAIN_S = 15.0
"""So soon again where the issuer was away."""

_log = logging.getLogger(__name__)


ISSUER: Source = "issuer"


class MergedDirectory:
    """Implements `DirectoryService` over another one."""

    def __init__(self, directory: DirectoryService, database: Database, clock: Callable[[], datetime]) -> None:
        self._directory = directory
        self._database = database
        self._clock = clock

    async def find(self, hsa_id: str, card_number: str) -> DirectoryEntry | None:
        """As the other. Raises IssuerAwayError, sqlalchemy.exc.SQLAlchemyError."""
        entry = await self._directory.find(hsa_id, card_number)
        if entry is None:
            return None
        holders = {card.hsa_id for card in entry.cards} if entry.person is None else {entry.person.hsa_id}
        if len(holders) != 1:
            return entry
        return DirectoryEntry(await asyncio.to_thread(self._merge, holders.pop(), entry.person), entry.cards)

    def _merge(self, hsa_id: str, person: DirectoryPerson | None) -> DirectoryPerson | None:
        with self._database.reading.begin() as connection:
            words = stored_words(connection, [hsa_id])[hsa_id]
        facts, now = {} if person is None else _facts(person), self._clock()
        before = {word.fact: word.value for word in words if word.source == ISSUER}
        news = [FactWord(fact, ISSUER, value, now) for fact, value in facts.items() if before.get(fact) != value]
        if any(word.fact in before or word.fact in ("left", "continued", "name_changed") for word in news):
            with self._database.writing.begin() as connection:
                record_facts(connection, ISSUER, {hsa_id: facts}, now)
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


@asynccontextmanager
async def connected(
    settings: IssuerSettings,
    database: Database,
    signer: Signer,
    alarms: AlarmRecorder,
    clock: Callable[[], datetime],
) -> AsyncIterator[tuple[IssuerAnswers, RegionData]]:
    """Both, for as long as the context lasts. Raises SettingsError, RegionError, CardKeysError."""
    issuers = settings.trusted_issuers()
    anchors, authorities = issuers.anchors, issuers.authorities
    region = RegionData.load(settings.base / settings.region) if settings.region else RegionData()
    keys = CardKeys.load(settings.base / settings.card_keys) if settings.card_keys else CardKeys({})
    async with IssuerHttp(settings.link.secure, settings.tls()) as secure, IssuerHttp(settings.link.public) as public:
        status = PublishedStatus(public, settings.trust.lists, settings.trust.ocsp, (*authorities, *anchors))
        trusted = Trusted(anchors, authorities, lambda: region.lists)
        administrators = Administrators(database, settings.level_table())
        judge = ProofJudge(Nonces(database), trusted, status)
        rest = RestRegister(secure)
        directory: DirectoryService = MergedDirectory(WithHandovers(rest, database), database, clock)
        register: CardRegister = rest
        if not settings.holds:
            directory = WithMarks(directory, database)
            register = HoldsKeptHere(rest, directory, clock, settings.blocks)
        directory = WithStops(directory, database, clock)
        by_hand = CertificatesByHand(database, clock, issuers) if settings.certificates == "portal" else None
        parts = IssuerParts(
            by_hand or EstIssuer(secure, labels=settings.labels),
            register,
            directory,
            keys,
            settings.offer_rules(),
            status,
            settings.handovers,
            settings.letters,
            settings.unlocks,
            settings.holds,
            by_hand,
        )
        changed = asyncio.Event()
        watching = asyncio.create_task(_watch(settings, region, status, changed), name="region-watch")
        wishes = RequestLog(database, settings.anonymous_limits())
        answers = IssuerAnswers(parts, wishes, judge, administrators, signer, alarms, clock)
        answers.changed = changed.set
        try:
            yield answers, region
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def fetched_orders(settings: IssuerSettings) -> bytes:
    """The issuer's orders, as the CSV of an import. Raises SettingsError, IssuerAwayError."""
    async with IssuerHttp(settings.link.secure, settings.tls()) as secure:
        source: OrderSource = RestRegister(secure)
        return await source.orders()


async def _watch(settings: IssuerSettings, region: RegionData, status: StatusSource, changed: asyncio.Event) -> None:
    """At once where a card was blocked, held or lifted; sooner again where the issuer was away."""
    while True:
        changed.clear()
        fetched = await _look(settings, region, status)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WATCH_S if fetched else AGAIN_S):
                await changed.wait()


async def _look(settings: IssuerSettings, region: RegionData, status: StatusSource) -> bool:
    try:
        if settings.region:
            await asyncio.to_thread(region.reload, settings.base / settings.region)
    except RegionError as error:
        _log.error("the region's data stays as it was: %s", error)
    try:
        region.set_lists(await status.lists())
    except IssuerAwayError as error:
        _log.error("no new lists of revoked certificates: %s", error)
        return False
    return True
