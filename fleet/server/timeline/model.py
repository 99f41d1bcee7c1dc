"""Timeline of a card or a person: everything that the register holds of them in one list, the newest first.

>>> from datetime import UTC, datetime
>>> row = TimelineRow(datetime(2026, 6, 1, tzinfo=UTC), "dropped", "by_number", "entre-a", "9999")
>>> Timeline("card", "9999", ("9999",), (row,)).rows[0].code
'by_number'
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from fleet.server.cards.model import CardStory
from fleet.server.errands.model import ErrandRow
from fleet.server.live_feed.topics import Topic, changes_with
from fleet.server.orders.model import OrderRow

About = Literal["card", "person"]
TimelineKind = Literal[
    "order", "stock", "errand", "receipt", "request", "ask", "certificate", "deadline", "dropped", "alert", "worklist"
]


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One moment. `code` and `result` are codes of that kind; `order`, `errand`, `receipt` and `alert` say where more is told, as
    far as there is more."""

    at: datetime
    kind: TimelineKind
    code: str
    station: str
    card_number: str
    result: str = ""
    detail: str = ""
    order: str = ""
    errand: str = ""
    receipt: str = ""
    alert: int | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole story of a card number or an HSA-id (`value`). `cards` are the numbers that it is about."""

    about: About
    value: str
    cards: tuple[str, ...]
    rows: tuple[TimelineRow, ...]


class Timelines(Protocol):
    """Each call is one look at the store. Nothing here asks who may."""

    def within(self, patterns: frozenset[str]) -> "Timelines":
        """The same for these stations only: names, or beginnings of names with `*`."""

    @changes_with(Topic.ORDERS, Topic.ERRANDS, Topic.REQUESTS, Topic.DEADLINES, Topic.ALERTS, Topic.WORKLIST)
    def card(self, number: str) -> Timeline: ...

    @changes_with(Topic.ORDERS, Topic.ERRANDS, Topic.REQUESTS, Topic.DEADLINES, Topic.ALERTS, Topic.WORKLIST)
    def person(self, hsa_id: str) -> Timeline:
        """All cards that were ordered for, renewed by or used by that person, and the errands that were about none."""


def newest_first(rows: Iterable[TimelineRow]) -> tuple[TimelineRow, ...]:
    """Each once: an errand may be told with two cards."""
    return tuple(sorted(dict.fromkeys(rows), key=lambda row: row.at, reverse=True))


def card_rows(story: CardStory) -> Iterator[TimelineRow]:
    """Rows of what the card's own page shows."""
    card = story.card_number
    for order in story.orders:
        yield from _order_rows(order)
    for errand in story.errands:
        yield from errand_rows(errand)
    for request in story.requests:
        yield TimelineRow(request.made, "request", request.ask, request.station, card, request.state)
    for ask in story.wishes:
        yield TimelineRow(ask.at, "ask", ask.ask, ask.station, card, ask.outcome, ask.reason or "")
    for certificate in story.certificates:
        yield TimelineRow(
            certificate.at, "certificate", certificate.profile, certificate.station, card, detail=certificate.last_day
        )
    for action in story.deadline_actions:
        yield TimelineRow(action.at, "deadline", action.code, action.station, card, action.did, action.due)


def _order_rows(order: OrderRow) -> Iterator[TimelineRow]:
    """Yield the order's rows: when it was made, and how it stands since."""
    if order.made is not None:
        yield TimelineRow(order.made, "order", "made", order.station, order.card_number, order=order.order)
    if order.changed != order.made:
        yield TimelineRow(order.changed, "order", order.state, order.station, order.card_number, order=order.order)


def errand_rows(errand: ErrandRow) -> Iterator[TimelineRow]:
    """The errand, and the receipt that came of it."""
    card, outcome = errand.card_number or "", errand.outcome or ""
    yield TimelineRow(errand.started, "errand", errand.kind, errand.station, card, outcome, errand=errand.errand)
    if errand.receipt:
        at = errand.ended or errand.started
        yield TimelineRow(
            at, "receipt", errand.kind, errand.station, card, errand.receipt,
            errand=errand.errand, receipt=errand.receipt,
        )  # fmt: skip
