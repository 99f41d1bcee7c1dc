"""Login throttling against brute force: tries counted in the store, per account and per address, before anything is computed.

Rules: a try is counted before it is judged, so that many at once get no more; a window begins with its first try, and one that
begins in the future is of a clock that was set back: it is over. What was counted survives a restart. A sign-in that succeeds
clears its account, never its address.

>>> Limit("account", 10, timedelta(minutes=15)).key("tove")
'account:8fcd040267831fe85852a51a7d4fc4df'
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from fleet.server.accounts.tables import tries
from fleet.server.platform.random_tokens import digest


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries in so long."""

    kind: str
    most: int
    window: timedelta

    def key(self, what: str) -> str:
        """Its row: a hash, since people type passwords into the wrong field."""
        return f"{self.kind}:{digest(what)[:32]}"


CLOCKS_DIFFER = timedelta(minutes=1)
"""Those of several processes, by less."""
ACCOUNT = Limit("account", 10, timedelta(minutes=15))
ADDRESS = Limit("address", 30, timedelta(minutes=15))


def take(connection: Connection, limit: Limit, what: str, now: datetime) -> int:
    """Count one try. Gives how many there are beyond the limit: 0 is allowed, 1 is the first that is not."""
    connection.execute(
        delete(tries).where((tries.c.since < now - limit.window) | (tries.c.since > now + CLOCKS_DIFFER))
    )
    mine = tries.c.key == limit.key(what)
    if connection.execute(update(tries).where(mine).values(count=tries.c.count + 1)).rowcount == 0:
        connection.execute(insert(tries).values(key=limit.key(what), since=now, count=1))
    count: int = connection.execute(select(tries.c.count).where(mine)).scalar_one()
    return max(0, count - limit.most)


def clear(connection: Connection, limit: Limit, what: str) -> None:
    connection.execute(delete(tries).where(tries.c.key == limit.key(what)))
