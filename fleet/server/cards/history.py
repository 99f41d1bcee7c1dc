"""History of a card: its orders, errands and events, as far as the reader may see.

Rules: what belongs to no station, or to one that the reader may not see, is left out.
"""

from typing import Any

from sqlalchemy import Connection, or_, select

from fleet.server.cards.model import CardStory, CertificateRow, IssuerAskRow
from fleet.server.cards.stock.tables import bin_cards
from fleet.server.database.station_scope import StationCondition, all_stations
from fleet.server.deadlines import queries as deadlining
from fleet.server.errands.queries import errand_row, errand_rows
from fleet.server.errands.tables import errands
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.tables import certificates, requests, wishes
from fleet.server.orders.queries import order_row, order_rows
from fleet.server.orders.tables import orders
from fleet.server.stations.tables import stations

MOST = 100


def story(connection: Connection, number: str, today: str, seen: StationCondition = all_stations) -> CardStory:
    """Everything about it, the newest first, at most a hundred of each."""
    mine = order_rows().where(orders.c.card_number == number, seen(orders.c.station))
    card_orders = [
        order_row(row, today) for row in connection.execute(mine.order_by(orders.c.changed.desc()).limit(MOST))
    ]
    about = or_(errands.c.card_number == number, errands.c.order.in_([order.order for order in card_orders]))
    theirs = errand_rows().where(about, seen(stations.c.name)).order_by(errands.c.started.desc()).limit(MOST)
    issuer_requests, _ = requesting.list_requests(
        connection, card_number=number, within=seen(requests.c.station), limit=MOST
    )
    return CardStory(
        number,
        tuple(card_orders),
        tuple(errand_row(row) for row in connection.execute(theirs)),
        tuple(issuer_requests),
        tuple(_wishes(connection, number, seen)),
        tuple(_certificates(connection, number, seen)),
        tuple(action for action in deadlining.actions_about_card(connection, number, seen)),
        tuple(_fell(connection, number, seen)),
    )


def _wishes(connection: Connection, number: str, seen: StationCondition) -> list[IssuerAskRow]:
    this = select(wishes).where(wishes.c.card_number == number, seen(wishes.c.station))
    rows = connection.execute(this.order_by(wishes.c.at.desc()).limit(MOST))
    return [IssuerAskRow(row.station, row.ask, row.outcome, row.reason, row.at) for row in rows]


def _certificates(connection: Connection, number: str, seen: StationCondition) -> list[CertificateRow]:
    this = select(certificates).where(certificates.c.card_number == number, seen(certificates.c.station))
    rows = connection.execute(this.order_by(certificates.c.at.desc()).limit(MOST))
    names = CertificateRow.__dataclass_fields__
    return [CertificateRow(**{name: row._mapping[name] for name in names}) for row in rows]


def _fell(connection: Connection, number: str, seen: StationCondition) -> list[tuple[str, Any]]:
    query = select(stations.c.name, bin_cards.c.dropped).join(stations, stations.c.id == bin_cards.c.station)
    this = query.where(bin_cards.c.card_number == number, seen(stations.c.name))
    return [(row[0], row[1]) for row in connection.execute(this.order_by(bin_cards.c.dropped.desc()).limit(MOST))]
