"""Worklist service for pages and programs, over the store: implements `fleet.server.worklist.model.Worklist`.

Rules: a receipt and a leaver have the deadline of their rule, anything else so many hours; an administrator's own card that
somebody reported is urgent.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection

from fleet.messages.asking import BlockAsk, BlockedResult, WorklistLine, WorklistResult
from fleet.messages.attending import LEVEL, refusal_to_attend
from fleet.messages.vocabulary import AskName
from fleet.server.audit_log.log import AuditEvent, append
from fleet.server.cards.model import Cards, CardStory
from fleet.server.clock.local_days import local_day
from fleet.server.clock.time_zones import HERE, ends
from fleet.server.database.database import Database
from fleet.server.database.station_scope import StationCondition, all_stations, stations_like
from fleet.server.deadlines.due_dates import due_day, local
from fleet.server.deadlines.settings import Code, DeadlineSettings
from fleet.server.files.csv_files import FileProblem
from fleet.server.files.import_files import ImportRefusedError
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.certificates_by_hand import CertificatesByHand, RequestFile, end_request
from fleet.server.issuers.model import RequestKey
from fleet.server.issuers.requests import keep_result
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.orders.model import OrderLine
from fleet.server.people.queries import administrator_at
from fleet.server.worklist import queries
from fleet.server.worklist.model import Act, Action, WorklistRow, block_reason
from fleet.server.worklist.queries import Fact
from fleet.server.worklist.settings import WorklistSettings

RULES: dict[str, Code] = {"receipt": "receipt_unsigned", "left": "left", "expired": "not_collected"}
"""Kinds whose deadline is that of a rule."""
URGENT = ("hold", "hold_declined")
MOST_LINES = 40
"""Rows that a station is told of at once: an answer has its limit."""


class WorklistService:
    """From any thread."""

    def __init__(
        self,
        database: Database,
        cards: Cards,
        changes: Changes,
        clock: Callable[[], datetime],
        settings: WorklistSettings,
        deadlines: DeadlineSettings,
        seen: StationCondition = all_stations,
        certificates: CertificatesByHand | None = None,
    ) -> None:
        """`certificates`: with whose authorities they are judged; None: this server takes none."""
        self._database = database
        self._cards = cards
        self._changes = changes
        self._clock = clock
        self._settings = settings
        self._deadlines = deadlines
        self._seen = seen
        self._certificates = certificates or CertificatesByHand(database, clock)

    def within(self, patterns: frozenset[str]) -> "WorklistService":
        """The same for these stations only."""
        seen, cards = stations_like(patterns), self._cards.within(patterns)
        return WorklistService(
            self._database, cards, self._changes, self._clock, self._settings, self._deadlines, seen, self._certificates
        )  # fmt: skip

    def rows(self, *, station: str = "") -> list[WorklistRow]:
        """All that waits, the shortest time first."""
        with self._database.reading.begin() as connection:
            facts = queries.open_facts(connection, local_day(self._clock()), self._seen)
            here = [fact for fact in facts if not station or fact.station == station]
            acts = queries.acts_about(connection, [(fact.kind, fact.subject) for fact in here])
        rows = [self._row(fact, acts.get((fact.kind, fact.subject), ())) for fact in here]
        return sorted(rows, key=lambda row: (row.due, row.since, row.id))

    def row(self, id: str) -> WorklistRow | None:
        """Return that row, while it waits."""
        return next((row for row in self.rows() if row.id == id), None)

    def story(self, row: WorklistRow) -> CardStory | None:
        """Return the story of the row's card; None where the row is about none."""
        return self._cards.card(row.card_number) if row.card_number else None

    def may_decide(self, hsa_id: str, station: str) -> bool:
        """Return whether that person is an ID administrator (KRA) of that station, by the region's list."""
        with self._database.reading.begin() as connection:
            listed = administrator_at(connection, station, hsa_id)
        return refusal_to_attend(listed, LEVEL, local_day(self._clock())) is None

    def at_station(self, station: str, hsa_id: str, take: str) -> WorklistResult:
        """Return the rows that wait there, without a name, for an administrator at the station, who may take a row. The
        take is audited."""
        mine = self.within(frozenset({station}))
        if take and (row := mine.row(take)) is not None:
            with self._database.writing.begin() as connection:
                entry = AuditEvent("worklist.take", row.card_number or row.subject, row.kind)
                append(connection, self._clock(), hsa_id, f"station:{station}", entry)
                queries.record_act(connection, (row.kind, row.subject), Act(self._clock(), hsa_id, "take", ""))
            self._changes.publish(frozenset({Topic.WORKLIST}))
        rows = mine.rows()
        return WorklistResult(tuple(_line(row, hsa_id) for row in rows[:MOST_LINES]), len(rows))

    def record(self, row: WorklistRow, actor: str, act: str, note: str = "") -> None:
        """Write down what somebody did."""
        with self._database.writing.begin() as connection:
            queries.record_act(connection, (row.kind, row.subject), Act(self._clock(), actor, act, note))
        self._changes.publish(frozenset({Topic.WORKLIST}))

    def request_file(self, row: WorklistRow, actor: str) -> RequestFile | None:
        """The request of a row of certificates, which that person fetches. It may be fetched again."""
        file = self._certificates.file(row.subject) if row.kind == "certificate" else None
        if file is not None:
            self.record(row, actor, "fetch")
        return file

    def give_certificate(self, row: WorklistRow, actor: str, raw: bytes) -> None:
        """The portal's file, as the answer to that request. Raises FileRefusedError."""
        self._certificates.give(row.subject, raw)
        self.record(row, actor, "give")

    def act(self, row: WorklistRow, actor: str, action: Action, note: str) -> None:
        """Do what needs no issuer, and write it down."""
        now, topics = self._clock(), {Topic.WORKLIST}
        if action == "prolong":
            self._prolong(row)
        with self._database.writing.begin() as connection:
            if action in ("register", "blocked"):
                _settle(connection, row, actor, now)
                topics |= {Topic.REQUESTS, Topic.ORDERS}
            if row.kind == "certificate":
                end_request(connection, row.subject, now)
            queries.record_act(connection, (row.kind, row.subject), Act(now, actor, action, note))
        if action == "cancel":
            self._cards.step(row.subject, "cancelled")
        self._changes.publish(frozenset(topics))

    def _prolong(self, row: WorklistRow) -> None:
        """From today on, and never beyond the day on which it is void."""
        record = self._cards.record(row.subject)
        if record is None:
            raise ImportRefusedError([FileProblem(1, "order", "no such order")])
        last_day = local(self._clock()) + timedelta(days=self._settings.prolong_days)
        void = due_day(self._deadlines.rule["not_collected"], local(row.since))
        self._cards.take_orders([OrderLine(1, replace(record, last_day=min(last_day, void).isoformat()))])

    def _row(self, fact: Fact, acts: tuple[Act, ...]) -> WorklistRow:
        since = [act for act in acts if act.at >= fact.since]
        is_urgent = fact.is_urgent and fact.kind in URGENT
        return WorklistRow(
            row_id(fact), fact.kind, fact.subject, fact.card_number, fact.hsa_id, fact.name, fact.station, fact.cause,
            fact.since, self._due(fact, is_urgent=is_urgent), is_urgent, fact.is_sent, tuple(since),
        )  # fmt: skip

    def _due(self, fact: Fact, *, is_urgent: bool) -> datetime:
        code = RULES.get(fact.kind)
        if code is None:
            return fact.since + timedelta(hours=self._settings.hours["urgent" if is_urgent else fact.kind])
        begun = date.fromisoformat(fact.cause) if code == "left" else local(fact.since)
        last = due_day(self._deadlines.rule[code], begun)
        return ends(datetime.combine(last + timedelta(days=1), time()), HERE).astimezone(UTC)


def _settle(connection: Connection, row: WorklistRow, actor: str, now: datetime) -> None:
    """A person has done it in the issuer's portal. A block there is written down as one that was asked for and granted."""
    match row.kind:
        case "handover":
            requesting.settle(connection, RequestKey(row.station, row.subject), now)
        case "letter":
            requesting.settle_about(connection, row.card_number, (AskName.CARD_LETTER,), now)
        case _:
            at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
            ask = BlockAsk(id=row.id, card_number=row.card_number, reason=block_reason(row), wanted=at)
            keep_result(connection, row.station, ask, (actor,), BlockedResult(at), now)
            requesting.settle_about(connection, row.card_number, requesting.QUEUED, now)


def _line(row: WorklistRow, hsa_id: str) -> WorklistLine:
    due = row.due.isoformat(timespec="seconds").replace("+00:00", "Z")
    taken = "" if row.taken is None else "you" if row.taken.who == hsa_id else "other"
    return WorklistLine(row.id, row.kind, due, row.card_number[-8:], taken)  # type: ignore[arg-type]  # one of the three


def row_id(fact: Fact) -> str:
    """Of a row and of nothing else that waits, before or after it: in addresses."""
    identity = "\0".join((fact.kind, fact.subject, fact.since.isoformat()))
    return hashlib.sha256(identity.encode()).hexdigest()[:32]
