"""Queue of holds, blocks, lifts, hand-overs and letters on their way to the issuer, as rows.

Rules: a request is put once for each (station, id); it waits until the issuer has said yes or no, however long that takes, and
then stays as what came of it. Of several processes one tries at a time: who tries claims the row for some minutes.
"""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true, update

from fleet.messages.asking import DeclinedResult, MarkedResult, PersonAsk, Result, tag_of
from fleet.messages.link import decode, encode
from fleet.messages.vocabulary import AskName
from fleet.server.database.bulk import insert_new
from fleet.server.database.station_scope import stations_like
from fleet.server.issuers.model import Queueable, RequestKey, RequestRow
from fleet.server.issuers.tables import requests
from fleet.server.orders.tables import orders

QUEUED = frozenset({AskName.CARD_BLOCK, AskName.CARD_HOLD, AskName.CARD_LIFT})
CHUNK = 500
_AT_ONCE = 20
FIRST_S, LAST_S = 30.0, 3600.0
PORTAL = "register it in the issuer's portal"
"""Why a hand-over, a letter or a block waits where the issuer has no interface for it."""


def enqueue(
    connection: Connection, key: RequestKey, ask: Queueable, requester: str, now: datetime, by: str = ""
) -> bool:
    """Put it into the queue, due now. False where it was there. `by`: the HSA-id in whose name it is done; proofs do not wait
    with it, since they have been judged."""
    row: dict[str, Any] = {
        **key._asdict(),
        "ask": tag_of(ask),
        "content": _content(ask, by),
        "card_number": ask.card_number,
        "who": requester,
        "made": now,
        "state": "waiting",
        "tries": 0,
        "due": now,
    }
    return insert_new(connection, requests, row)


def leave_to_people(connection: Connection, key: RequestKey) -> None:
    """The issuer has no interface for it: no more tries, it waits for somebody who does it in the issuer's portal."""
    waiting = and_(_this(key), requests.c.state == "waiting")
    connection.execute(update(requests).where(waiting).values(due=None, error=PORTAL))


def settle(connection: Connection, key: RequestKey, now: datetime) -> bool:
    """A person has done it in the issuer's portal. False where it was done already."""
    undone = and_(_this(key), requests.c.state != "done")
    values = {"state": "done", "due": None, "error": None, "tried": now}
    return connection.execute(update(requests).where(undone).values(values)).rowcount == 1


def settle_about(connection: Connection, card_number: str, asks: Collection[str], now: datetime) -> None:
    """The same of all that waits about a card: what two asked for is done once."""
    waiting = and_(
        requests.c.card_number == card_number, requests.c.ask.in_(sorted(asks)), requests.c.state == "waiting"
    )
    values = {"state": "done", "due": None, "error": None, "tried": now}
    connection.execute(update(requests).where(waiting).values(values))


def due_requests(connection: Connection, now: datetime) -> list[RequestRow]:
    """Return the requests to be tried next, the longest due first."""
    waiting = select(requests).where(requests.c.due <= now).order_by(requests.c.due, requests.c.id).limit(_AT_ONCE)
    return [_row(row) for row in connection.execute(waiting)]


def count_day(connection: Connection, ask: str, now: datetime) -> tuple[int, int]:
    """Requests of that kind that wait or were done within a day, and how many cards there are."""
    recent = or_(
        requests.c.state == "waiting", and_(requests.c.state == "done", requests.c.tried > now - timedelta(days=1))
    )
    many = connection.execute(
        select(func.count()).select_from(requests).where(requests.c.ask == ask, recent)
    ).scalar_one()
    cards = connection.execute(select(func.count(orders.c.card_number.distinct()))).scalar_one()
    return int(many), int(cards)


def claim(connection: Connection, row: RequestRow, until: datetime) -> bool:
    """Claim the request until `until`; return whether nobody else tries it now."""
    this = and_(_this(row.key), requests.c.state == "waiting", requests.c.due == row.due)
    return connection.execute(update(requests).where(this).values(due=until)).rowcount == 1


def record_result(connection: Connection, key: RequestKey, result: Result | None, now: datetime) -> None:
    """Record what the issuer has said of a request. A block that only marked the card waits for people, who do it in
    the portal."""
    waits = _this(key), requests.c.ask == AskName.CARD_BLOCK
    if isinstance(result, MarkedResult) and connection.execute(select(requests.c.id).where(*waits)).first() is not None:
        leave_to_people(connection, key)
    else:
        record_answer(connection, key, result.reason if isinstance(result, DeclinedResult) else None, now)


def record_answer(connection: Connection, key: RequestKey, reason: str | None, now: datetime) -> None:
    """The issuer has answered: done, or declined for that reason. Nothing where it is not in the queue."""
    values = {"state": "done" if reason is None else "declined", "due": None, "error": reason, "tried": now}
    waiting = and_(_this(key), requests.c.state == "waiting")
    connection.execute(update(requests).where(waiting).values(**values, tries=requests.c.tries + 1))


def postpone(connection: Connection, row: RequestRow, why: str, now: datetime) -> None:
    """A try came to nothing: again later, twice as late each time, up to an hour."""
    values = {"due": now + wait_after(row.tries + 1), "error": why[:200], "tried": now}
    waiting = and_(_this(row.key), requests.c.state == "waiting")
    connection.execute(update(requests).where(waiting).values(**values, tries=requests.c.tries + 1))


def retry_now(connection: Connection, key: RequestKey, now: datetime, within: ColumnElement[bool]) -> bool:
    """Make it due now. False where it does not wait, or not within."""
    waiting = and_(_this(key), requests.c.state == "waiting", within)
    return connection.execute(update(requests).where(waiting).values(due=now)).rowcount == 1


def wait_after(tries: int) -> timedelta:
    """Return the time to wait until the next try, after so many tries."""
    return timedelta(seconds=min(LAST_S, FIRST_S * 2.0 ** min(tries - 1, 10)))


def list_requests(
    connection: Connection,
    *,
    state: str = "",
    card_number: str = "",
    within: ColumnElement[bool] | None = None,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[RequestRow], int]:
    """Requests that fit and are not forgotten: those that wait first, then the newest; and how many there are in all."""
    wishes = ((requests.c.state, state), (requests.c.card_number, card_number))
    remembered = and_(true() if within is None else within, requests.c.content != "{}")
    fits = and_(remembered, *(column == value for column, value in wishes if value))
    total = connection.execute(select(func.count()).select_from(requests).where(fits)).scalar_one()
    newest = select(requests).where(fits).order_by(requests.c.state != "waiting", requests.c.made.desc(), requests.c.id)
    return [_row(row) for row in connection.execute(newest.limit(limit).offset(offset))], total


def find_request(
    connection: Connection, key: RequestKey, within: ColumnElement[bool] | None = None
) -> RequestRow | None:
    row = connection.execute(select(requests).where(_this(key), true() if within is None else within)).first()
    return None if row is None else _row(row)


def stations_in(patterns: Collection[str]) -> ColumnElement[bool]:
    """Requests of these stations: names, or beginnings of names with `*`."""
    return stations_like(frozenset(patterns))(requests.c.station)


def _this(key: RequestKey) -> ColumnElement[bool]:
    return and_(requests.c.station == key.station, requests.c.id == key.id)


def _row(row: Any) -> RequestRow:
    names = [name for name in RequestRow.__dataclass_fields__ if name != "by"]
    values = {name: row._mapping[name] for name in names}
    content: dict[str, Any] = json.loads(row.content)
    by = str(content.pop("by", ""))
    return RequestRow(**{**values, "content": decode(Queueable, json.dumps(content).encode()), "by": by})


def _content(ask: Queueable, by: str) -> str:
    """The ask, and in whose name: one JSON object, as it was when asks named that themselves."""
    bare = msgspec.structs.replace(ask, proofs=()) if isinstance(ask, PersonAsk) else ask
    return json.dumps({**json.loads(encode(bare)), "by": by})
