"""Read models of cards: in slots, in bins, and one card's history; and the interface that pages and programs use.

>>> "since" in StockRow.__dataclass_fields__
True
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from fleet.messages.issuing import BlockReason, HoldReason
from fleet.server.audit_log.log import AuditEvent
from fleet.server.cards.stock.model import Emptied
from fleet.server.deadlines.model import DeadlineActionRow
from fleet.server.errands.model import ErrandRow
from fleet.server.files.import_files import ImportResult
from fleet.server.issuers.model import RequestKey, RequestRow
from fleet.server.live_feed.topics import Topic, changes_with
from fleet.server.orders.model import OrderEvent, OrderLine, OrderRecord, OrderRow
from fleet.server.orders.service import StepResult
from fleet.server.people.model import Facts, FactWord, ListedAdministrator, PersonRow

StockKind = Literal["order", "reserve", "quarantined"]
CardAction = Literal["hold", "block", "lift"]


@dataclass(frozen=True, slots=True)
class StockRow:
    """A card in a slot. `order` and `product` are empty for a reserve card, `last_day` too."""

    station: str
    slot: int
    card_number: str
    order: str
    product: str
    last_day: str
    since: datetime
    quarantined: bool = False
    """It could not show that it is genuine: an administrator is to take it out."""

    @property
    def kind(self) -> StockKind:
        """For somebody by name, for whoever needs one, or for nobody."""
        if self.quarantined:
            return "quarantined"
        return "order" if self.order else "reserve"


@dataclass(frozen=True, slots=True)
class StationStockRow:
    """Cards in the cabinet of one station, by what it has told."""

    station: str
    waiting: int
    reserve: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class StationBinRow:
    """The bin of one station: cards that fell since it was last emptied, the first and the last of them, and that emptying."""

    station: str
    cards: int
    first: datetime | None
    emptied: Emptied | None
    by_number: int = 0
    """Cards among them that were returned by their number alone: nobody has seen them."""

    @property
    def differs(self) -> bool:
        """True where the last count was not what the station's list said."""
        return self.emptied is not None and self.emptied.differs


@dataclass(frozen=True, slots=True)
class DroppedCard:
    """A card that fell into a bin; the number is empty where the station did not say. `by_number`: nobody has seen it."""

    card_number: str
    at: datetime
    by_number: bool = False


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate that was issued through this server."""

    serial: str
    profile: str
    loa: int
    last_day: str
    station: str
    at: datetime


@dataclass(frozen=True, slots=True)
class IssuerAskRow:
    """Question of a station to the issuer about a card, and what came of it."""

    station: str
    ask: str
    outcome: str
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class CardStory:
    """Everything about one card number, the newest first."""

    card_number: str
    orders: tuple[OrderRow, ...] = ()
    errands: tuple[ErrandRow, ...] = ()
    requests: tuple[RequestRow, ...] = ()
    wishes: tuple[IssuerAskRow, ...] = ()
    certificates: tuple[CertificateRow, ...] = ()
    deadline_actions: tuple[DeadlineActionRow, ...] = ()
    fell: tuple[tuple[str, datetime], ...] = field(default=())
    """Station and when, for each time it fell into a bin."""

    @property
    def known(self) -> bool:
        """True where anything at all is known of the card."""
        return any((self.orders, self.errands, self.requests, self.wishes, self.certificates, self.fell))


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of an order system: its id, and SHA-256 of its body as hex."""

    id: str
    digest: str


class Cards(Protocol):
    """Cards as pages and the API read and change them. Each call is one transaction. Nothing here asks who may."""

    def within(self, patterns: frozenset[str]) -> "Cards":
        """The same for these stations only: names, or beginnings of names with `*`."""

    @changes_with(Topic.ORDERS, Topic.STATIONS)
    def stock(
        self, *, station: str = "", kind: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[StockRow], int]:
        """Cards in slots, the oldest first, and how many there are."""

    @changes_with(Topic.ORDERS, Topic.STATIONS)
    def places(self) -> list[StationStockRow]:
        """Stations that have cards, by name."""

    @changes_with(Topic.ERRANDS)
    def bins(
        self, *, search: str = "", show: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[StationBinRow], int]:
        """Bins of all stations, the fullest first. `show`: `differs`, `cards`, or all."""

    @changes_with(Topic.ERRANDS)
    def fallen(self, station: str, *, limit: int = 100, offset: int = 0) -> tuple[list[DroppedCard], int]:
        """List the cards in a bin, the newest first."""

    @changes_with(Topic.ERRANDS)
    def emptyings(self, station: str) -> list[Emptied]:
        """List how the bin was emptied, the newest first, the last twenty."""

    @changes_with(Topic.ORDERS, Topic.ERRANDS, Topic.REQUESTS, Topic.DEADLINES)
    def card(self, number: str) -> CardStory:
        """Everything about it, as far as one may see."""

    def stations_of(self, number: str) -> frozenset[str]:
        """Stations of all orders of that card, whoever asks: for who decides about the card."""

    @changes_with(Topic.REQUESTS)
    def requests(self, *, state: str = "", limit: int = 100, offset: int = 0) -> tuple[list[RequestRow], int]:
        """The queue to the issuer: what waits first, then the newest."""

    @changes_with(Topic.REQUESTS)
    def request(self, key: RequestKey) -> RequestRow | None: ...

    def retry(self, key: RequestKey) -> bool:
        """Try it now. False where it does not wait."""

    def wish(
        self, number: str, action: CardAction, reason: HoldReason | BlockReason | None, account: str, hsa_id: str = ""
    ) -> RequestRow | None:
        """Put a hold, block or lift into the queue for that account, in the name of the HSA-id that its sign-in proved. None
        where a block or lift has no HSA-id to be asked in the name of."""

    @changes_with()
    def may_block(self, hsa_id: str) -> bool:
        """Return whether there is such an HSA-id: the one that the sign-in proved, or the one of the settings."""

    @changes_with(Topic.ORDERS)
    def order(self, order: str) -> OrderRow | None: ...

    def take_orders(self, rows: Sequence[OrderLine]) -> ImportResult:
        """As an import. Raises ImportRefusedError."""

    def step(self, order: str, event: OrderEvent) -> StepResult | None:
        """Cancel an order, or tell that its card is destroyed. None where there is no such order."""

    def person(self, hsa_id: str) -> PersonRow | None: ...

    def people(self, *, search: str = "", limit: int = 100, offset: int = 0) -> tuple[list[PersonRow], int]: ...

    def administrators(self) -> list[ListedAdministrator]:
        """The whole list of ID administrators, by HSA-id."""

    def put_administrator(self, listed: ListedAdministrator) -> None: ...

    def remove_administrator(self, hsa_id: str) -> None: ...

    def take_person(self, row: PersonRow, *, by_person: bool) -> None: ...

    def change_person(self, hsa_id: str, facts: Facts, *, by_person: bool) -> None: ...

    def leavers(self, hsa_ids: Sequence[str]) -> Collection[str]:
        """Return those of these people who have left."""

    def person_words(self, hsa_id: str) -> list[FactWord]: ...

    @changes_with(Topic.ORDERS)
    def record(self, order: str) -> OrderRecord | None:
        """An order as it was imported."""

    def deliver(
        self,
        message: Delivery,
        rows: Sequence[OrderLine],
        cancel: Sequence[str],
        audit_entry: tuple[str, str, AuditEvent],
    ) -> bool | None:
        """Take a message of an order system, all or none: True where it is new, False where it came before, None where its id
        stood for another. `audit_entry`: who, from where and what, for the audit. Raises ImportRefusedError."""
