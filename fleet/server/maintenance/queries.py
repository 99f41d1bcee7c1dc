"""Queries of maintenance windows."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from fleet.server.maintenance.model import Window, WindowRow
from fleet.server.maintenance.tables import maintenance


def begin_window(connection: Connection, window: Window, by: str, now: datetime) -> WindowRow:
    row = {"content": msgspec.json.encode(window).decode(), "by": by, "made": now}
    key = connection.execute(insert(maintenance).values(row)).inserted_primary_key
    assert key is not None
    return WindowRow(key[0], window, by, now)


def list_windows(connection: Connection, *, ended: bool = False) -> list[WindowRow]:
    """Return the windows that have not been ended, newest first; with `ended` all of them."""
    query = select(maintenance).order_by(maintenance.c.id.desc())
    rows = connection.execute(query if ended else query.where(maintenance.c.ended.is_(None)))
    return [_row(row) for row in rows]


def find_window(connection: Connection, number: int) -> WindowRow | None:
    row = connection.execute(select(maintenance).where(maintenance.c.id == number)).first()
    return None if row is None else _row(row)


def end_window(connection: Connection, number: int, now: datetime) -> None:
    """It counts no more. Ended before, it stays as it was."""
    fits = (maintenance.c.id == number, maintenance.c.ended.is_(None))
    connection.execute(update(maintenance).where(*fits).values(ended=now))


def _row(row: Any) -> WindowRow:
    return WindowRow(row.id, msgspec.json.decode(row.content, type=Window), row.by, row.made, row.ended)
