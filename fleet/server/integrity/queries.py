"""Queries of the nightly check: how far each chain was seen, and what came of the last check."""

from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, insert, select

from fleet.server.database.bulk import Put, put_all
from fleet.server.database.database import Database
from fleet.server.events.model import Difference
from fleet.server.integrity.chain_check import Watermark
from fleet.server.integrity.model import LastCheck
from fleet.server.integrity.service import StoreCheck, Watermarks
from fleet.server.integrity.tables import store_checks, verified_chains

MOST_KEPT = 200
"""Differences that are kept with the last check."""


def last_check(connection: Connection) -> LastCheck | None:
    """None where there was none yet."""
    row = connection.execute(select(store_checks)).first()
    if row is None:
        return None
    differences = msgspec.json.decode(row.differences, type=tuple[Difference, ...])
    return LastCheck(row.at, row.whole_at, row.events, row.total, differences)


def read_last_check(database: Database) -> LastCheck | None:
    """The same, in a transaction of its own. Raises sqlalchemy.exc.SQLAlchemyError."""
    with database.reading.begin() as connection:
        return last_check(connection)


def last_watermarks(connection: Connection) -> Watermarks:
    """Return the watermark up to which each chain was seen; a chain without a watermark has not been seen."""
    rows = connection.execute(select(verified_chains))
    return {(row.station, row.epoch): Watermark(row.through, row.head) for row in rows}


def keep_check(connection: Connection, check: StoreCheck, now: datetime, last: LastCheck | None) -> None:
    """Store the result of this check and, where it found no difference, how far each chain was seen."""
    listed = msgspec.json.encode(check.differences[:MOST_KEPT]).decode()
    whole_at = now if check.whole else last.whole_at if last is not None else None
    values = {"at": now, "whole_at": whole_at, "events": check.events, "total": check.count, "differences": listed}
    connection.execute(delete(store_checks))
    connection.execute(insert(store_checks).values(one=1, **values))
    if check.count:
        return
    rows = [
        {"station": station, "epoch": epoch, "through": watermark.through, "head": watermark.head}
        for (station, epoch), watermark in check.watermarks.items()
    ]
    put_all(connection, [Put(verified_chains, rows, ("through", "head"))])
