"""Card service for pages and programs, over the store: implements `fleet.server.cards.model.Cards`."""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from fleet.messages.asking import BlockAsk, HoldAsk, LiftAsk
from fleet.messages.issuing import BlockReason, HoldReason
from fleet.server.audit_log.log import AuditEvent, append
from fleet.server.cards.history import story
from fleet.server.cards.model import (
    CardAction,
    CardStory,
    Delivery,
    DroppedCard,
    StationBinRow,
    StationStockRow,
    StockRow,
)
from fleet.server.cards.stock import queries as stock_queries
from fleet.server.cards.stock.model import Emptied
from fleet.server.clock.local_days import local_day
from fleet.server.database.bulk import insert_new
from fleet.server.database.database import Database
from fleet.server.database.station_scope import StationCondition, stations_like
from fleet.server.files.csv_files import FileProblem
from fleet.server.files.import_files import ImportRefusedError, ImportResult
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import Queueable, RequestKey, RequestRow
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.orders.model import OrderEvent, OrderLine, OrderRecord, OrderRow
from fleet.server.orders.queries import find_order, record_of
from fleet.server.orders.service import StepResult, apply_step, import_orders
from fleet.server.orders.tables import deliveries, orders
from fleet.server.people import queries
from fleet.server.people import service as people_service
from fleet.server.people.leaving import LeaveWaitsError, guard_leaves
from fleet.server.people.model import Facts, FactWord, ListedAdministrator, PersonRow
from fleet.server.people.queries import all_administrators

DELIVERIES_KEPT = timedelta(days=7)


class CardService:
    """From any thread. `by`: the HSA-id in whose name cards are blocked where the account itself has none."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        clock: Callable[[], datetime],
        by: str = "",
        patterns: frozenset[str] = frozenset("*"),
    ) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._by = by
        self._patterns = patterns
        self._seen: StationCondition = stations_like(patterns)

    def within(self, patterns: frozenset[str]) -> "CardService":
        """The same for these stations only."""
        return CardService(self._database, self._changes, self._clock, self._by, patterns)

    def stock(
        self, *, station: str = "", kind: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[StockRow], int]:
        """Cards in slots, the oldest first, and how many there are."""
        with self._database.reading.begin() as connection:
            return stock_queries.stock(
                connection, station=station, kind=kind, seen=self._seen, limit=limit, offset=offset
            )

    def places(self) -> list[StationStockRow]:
        """Stations that have cards, by name."""
        with self._database.reading.begin() as connection:
            return stock_queries.stations_with_stock(connection, self._seen)

    def bins(
        self, *, search: str = "", show: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[StationBinRow], int]:
        """Bins of all stations, the fullest first."""
        with self._database.reading.begin() as connection:
            return stock_queries.station_bins(
                connection, search=search, show=show, seen=self._seen, limit=limit, offset=offset
            )

    def fallen(self, station: str, *, limit: int = 100, offset: int = 0) -> tuple[list[DroppedCard], int]:
        """List the cards in a bin, the newest first."""
        with self._database.reading.begin() as connection:
            return stock_queries.dropped_cards(connection, station, limit=limit, offset=offset)

    def emptyings(self, station: str) -> list[Emptied]:
        """List how the bin was emptied, the newest first."""
        with self._database.reading.begin() as connection:
            return stock_queries.emptyings(connection, station)

    def card(self, number: str) -> CardStory:
        """Everything about it, as far as one may see."""
        with self._database.reading.begin() as connection:
            return story(connection, number, local_day(self._clock()), self._seen)

    def stations_of(self, number: str) -> frozenset[str]:
        """Stations of all orders of that card, whoever asks."""
        theirs = select(orders.c.station).where(orders.c.card_number == number).distinct()
        with self._database.reading.begin() as connection:
            return frozenset(connection.execute(theirs).scalars())

    def requests(self, *, state: str = "", limit: int = 100, offset: int = 0) -> tuple[list[RequestRow], int]:
        """The queue to the issuer."""
        within = requesting.stations_in(self._patterns)
        with self._database.reading.begin() as connection:
            return requesting.list_requests(connection, state=state, within=within, limit=limit, offset=offset)

    def request(self, key: RequestKey) -> RequestRow | None:
        """Find a request by its key, at the stations of this scope."""
        with self._database.reading.begin() as connection:
            return requesting.find_request(connection, key, requesting.stations_in(self._patterns))

    def retry(self, key: RequestKey) -> bool:
        with self._database.writing.begin() as connection:
            done = requesting.retry_now(connection, key, self._clock(), requesting.stations_in(self._patterns))
        self._changes.publish(frozenset({Topic.REQUESTS}))
        return done

    def wish(
        self, number: str, action: CardAction, reason: HoldReason | BlockReason | None, account: str, hsa_id: str = ""
    ) -> RequestRow | None:
        """Put it into the queue, at the station of the card's newest order."""
        now, by = self._clock(), hsa_id or self._by
        if action != "hold" and not by:
            return None
        ask = _ask(number, action, reason, now)
        with self._database.writing.begin() as connection:
            newest = select(orders.c.station).where(orders.c.card_number == number, self._seen(orders.c.station))
            station = connection.execute(newest.order_by(orders.c.changed.desc()).limit(1)).scalar() or ""
            key = RequestKey(station, ask.id)
            requesting.enqueue(connection, key, ask, f"account:{account}"[:64], now, by)
            row = requesting.find_request(connection, key)
        self._changes.publish(frozenset({Topic.REQUESTS}))
        return row

    def may_block(self, hsa_id: str) -> bool:
        """Return whether there is an HSA-id to ask in the name of."""
        return bool(hsa_id or self._by)

    def order(self, order: str) -> OrderRow | None:
        """Find an order, at the stations of this scope."""
        with self._database.reading.begin() as connection:
            return find_order(connection, order, local_day(self._clock()), self._seen)

    def take_orders(self, rows: Sequence[OrderLine]) -> ImportResult:
        """As an import. Raises ImportRefusedError."""
        with self._database.writing.begin() as connection:
            done = import_orders(connection, rows, self._clock())
        self._changes.publish(frozenset({Topic.ORDERS, Topic.DEADLINES}))
        return done

    def step(self, order: str, event: OrderEvent) -> StepResult | None:
        """Cancel an order, or tell that its card is destroyed."""
        with self._database.writing.begin() as connection:
            done = apply_step(connection, order, event, self._clock())
        self._changes.publish(frozenset({Topic.ORDERS, Topic.DEADLINES}))
        return done

    def person(self, hsa_id: str) -> PersonRow | None:
        with self._database.reading.begin() as connection:
            return queries.find_person(connection, hsa_id)

    def people(self, *, search: str = "", limit: int = 100, offset: int = 0) -> tuple[list[PersonRow], int]:
        """Of the directory, by HSA-id."""
        with self._database.reading.begin() as connection:
            return queries.find_people(connection, search=search, limit=limit, offset=offset)

    def administrators(self) -> list[ListedAdministrator]:
        """The whole list of ID administrators, by HSA-id."""
        with self._database.reading.begin() as connection:
            return all_administrators(connection)

    def put_administrator(self, listed: ListedAdministrator) -> None:
        """Put them on the list, or change their row."""
        with self._database.writing.begin() as connection:
            queries.put_administrator(connection, listed)

    def remove_administrator(self, hsa_id: str) -> None:
        """Take them off the list."""
        with self._database.writing.begin() as connection:
            queries.remove_administrator(connection, hsa_id)

    def take_person(self, row: PersonRow, *, by_person: bool) -> None:
        """Take what a person, or else a program, says of somebody. Raises LeaveWaitsError."""
        self._say({row.hsa_id: people_service.facts_of(row)}, by_person=by_person, takes_back=False)

    def change_person(self, hsa_id: str, facts: Facts, *, by_person: bool) -> None:
        """The same; None takes back what anybody said. Raises LeaveWaitsError."""
        self._say({hsa_id: facts}, by_person=by_person, takes_back=True)

    def _say(self, facts: Mapping[str, Facts], *, by_person: bool, takes_back: bool) -> None:
        now = self._clock()
        with self._database.writing.begin() as connection:
            why = guard_leaves(connection, facts, now, by_person=by_person, takes_back=takes_back)
            if not why:
                people_service.record_facts(connection, "import", facts, now, takes_back=takes_back)
        self._changes.publish(frozenset({Topic.DEADLINES}))
        if why:
            raise LeaveWaitsError(why)

    def leavers(self, hsa_ids: Sequence[str]) -> Collection[str]:
        """Return those of these people who have left."""
        with self._database.reading.begin() as connection:
            return people_service.leavers_among(connection, hsa_ids, local_day(self._clock()))

    def person_words(self, hsa_id: str) -> list[FactWord]:
        """List what each source says of that person, by fact."""
        with self._database.reading.begin() as connection:
            words = people_service.stored_words(connection, [hsa_id])[hsa_id]
        return sorted(words, key=lambda word: (word.fact, word.source))

    def record(self, order: str) -> OrderRecord | None:
        """An order as it was imported."""
        with self._database.reading.begin() as connection:
            return record_of(connection, order)

    def deliver(
        self,
        message: Delivery,
        rows: Sequence[OrderLine],
        cancel: Sequence[str],
        audit_entry: tuple[str, str, AuditEvent],
    ) -> bool | None:
        """Take a message of an order system; those of more than a week ago are forgotten. Raises ImportRefusedError."""
        now = self._clock()
        with self._database.writing.begin() as connection:
            connection.execute(delete(deliveries).where(deliveries.c.received < now - DELIVERIES_KEPT))
            if not insert_new(connection, deliveries, {**asdict(message), "received": now}):
                digest = connection.execute(select(deliveries.c.digest).where(deliveries.c.id == message.id)).scalar()
                return False if digest == message.digest else None
            actor, address, event = audit_entry
            append(connection, now, actor, address, event)
            import_orders(connection, rows, now)
            _cancel(connection, cancel, now)
        self._changes.publish(frozenset({Topic.ORDERS, Topic.DEADLINES}))
        return True


def _cancel(connection: Connection, names: Sequence[str], now: datetime) -> None:
    """All of them. Raises ImportRefusedError."""
    problems = []
    for line, name in enumerate(names, 1):
        done = apply_step(connection, name, "cancelled", now)
        if done is None or (done.now is None and done.was != "cancelled"):
            problems.append(FileProblem(line, "cancel", f"{name} is {done.was if done else 'not known'}"))
    if problems:
        raise ImportRefusedError(problems)


def _ask(number: str, action: CardAction, reason: HoldReason | BlockReason | None, now: datetime) -> Queueable:
    requested_at, new_id = now.isoformat(timespec="seconds").replace("+00:00", "Z"), secrets.token_hex(16)
    match action:
        case "hold":
            return HoldAsk(id=new_id, card_number=number, reason=reason, wanted=requested_at)  # type: ignore[arg-type]
        case "block":
            return BlockAsk(id=new_id, card_number=number, reason=reason, wanted=requested_at)  # type: ignore[arg-type]
        case "lift":
            return LiftAsk(id=new_id, card_number=number)
