"""Queue of notices about alerts, and the id of a notice."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert

from fleet.server.alerts.tables import notices

OPENED, CLOSED = "opened", "closed"


def new_uid() -> str:
    """The id of a notice for its receivers: it stays the same when it is sent again, and is no other's, also after a restore."""
    return str(uuid.uuid4())


def queue_notices(
    connection: Connection, words: Sequence[tuple[int, str]], kind: str, now: datetime, due: datetime
) -> None:
    """Tell of each of these alerts this channel, not before `due`."""
    values = {"what": kind, "made": now, "due": due, "tries": 0}
    rows = [{**values, "alert": alert, "channel": channel, "uid": new_uid()} for alert, channel in words]
    if rows:
        connection.execute(insert(notices), rows)
