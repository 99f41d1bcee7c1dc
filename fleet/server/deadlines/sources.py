"""Queries of what deadlines are about: for each rule its rows, in order of due.

Rules: what is due by `since` is counted exactly by the caller; what has its own day (`due`) is compared here. A card that was
blocked is nobody's deadline any more.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, String, cast, exists, func, literal, not_, null, select

from fleet.messages.vocabulary import AskName
from fleet.server.cards.stock.tables import reserve_cards
from fleet.server.deadlines.settings import Code, DeadlineRule
from fleet.server.issuers.tables import certificates, wishes
from fleet.server.orders.model import IN_HAND, UNCOLLECTED, UNSIGNED
from fleet.server.orders.tables import orders
from fleet.server.people.tables import people
from fleet.server.stations.tables import stations

SHOWN_AFTER = timedelta(days=30)
"""So long a certificate that has ended is still told of."""


@dataclass(frozen=True, slots=True)
class DeadlineQuery:
    """`query` gives `subject`, `card_number`, `hsa_id`, `name`, `station`, `slot`, `state` and `begun`. `since` is a column of
    days as text, or of moments; `due` the day itself, where the row has it."""

    query: Select[Any]
    since: ColumnElement[Any]
    station: ColumnElement[str]
    due: ColumnElement[str] | None = None


def deadline_query(code: Code, rule: DeadlineRule, today: date) -> DeadlineQuery:
    """The rows of that rule."""
    match code:
        case "receipt_unsigned":
            return _orders(orders.c.changed, orders.c.state.in_(UNSIGNED), _not_blocked())
        case "not_collected":
            return _orders(orders.c.made, orders.c.state.in_(UNCOLLECTED))
        case "name_changed":
            older = func.substr(cast(orders.c.changed, String), 1, 10) <= people.c.name_changed
            return _of_people(people.c.name_changed, older)
        case "left":
            return _of_people(people.c.left, ~people.c.continued)
        case "loa2":
            last = rule.last_day.isoformat() if rule.last_day else None
            low = (orders.c.loa == 2, orders.c.state.in_(IN_HAND), literal(last is not None))
            return _orders(orders.c.made, *low, due=literal(last or ""))
        case "certificate":
            return _certificates(today)
        case "reserve_old":
            return _reserve()


def _order_columns(since: ColumnElement[Any], name: ColumnElement[Any]) -> Select[Any]:
    columns = ("card_number", "hsa_id", "station", "slot", "state")
    return select(
        orders.c.order.label("subject"), name.label("name"), since.label("begun"), *(orders.c[each] for each in columns)
    )


def _orders(
    since: ColumnElement[Any], *fits: ColumnElement[bool], due: ColumnElement[str] | None = None
) -> DeadlineQuery:
    return DeadlineQuery(_order_columns(since, orders.c.name).where(*fits), since, orders.c.station, due)


def _of_people(since: ColumnElement[Any], fits: ColumnElement[bool]) -> DeadlineQuery:
    query = _order_columns(since, people.c.name).join(people, people.c.hsa_id == orders.c.hsa_id)
    in_hand = orders.c.state.in_(IN_HAND)
    return DeadlineQuery(query.where(since.is_not(None), in_hand, fits, _not_blocked()), since, orders.c.station)


def _certificates(today: date) -> DeadlineQuery:
    newer = certificates.alias("newer")
    same = (newer.c.card_number == certificates.c.card_number, newer.c.profile == certificates.c.profile)
    stands_in = exists().where(*same, newer.c.last_day > certificates.c.last_day)
    came_back = orders.c.state.in_(("returned", "destroyed"))
    gone = exists().where(orders.c.card_number == certificates.c.card_number, came_back)
    query = select(
        certificates.c.card_number.label("subject"),
        certificates.c.card_number,
        certificates.c.hsa_id,
        null().label("name"),
        certificates.c.station,
        literal(0).label("slot"),
        literal("").label("state"),
        certificates.c.last_day.label("begun"),
    )
    late = certificates.c.last_day >= (today - SHOWN_AFTER).isoformat()
    last = certificates.c.last_day
    return DeadlineQuery(query.where(late, ~stands_in, ~gone).distinct(), last, certificates.c.station, last)


def _reserve() -> DeadlineQuery:
    query = select(
        reserve_cards.c.card_number.label("subject"),
        reserve_cards.c.card_number,
        literal("").label("hsa_id"),
        null().label("name"),
        stations.c.name.label("station"),
        reserve_cards.c.slot,
        literal("").label("state"),
        reserve_cards.c.at.label("begun"),
    )
    query = query.join(stations, stations.c.id == reserve_cards.c.station)
    lies = (reserve_cards.c.lies, reserve_cards.c.card_number != "", not_(reserve_cards.c.quarantined))
    return DeadlineQuery(query.where(*lies), reserve_cards.c.at, stations.c.name)


def _not_blocked() -> ColumnElement[bool]:
    this = wishes.c.card_number == orders.c.card_number
    return ~exists().where(this, wishes.c.ask == AskName.CARD_BLOCK, wishes.c.outcome == "blocked")
