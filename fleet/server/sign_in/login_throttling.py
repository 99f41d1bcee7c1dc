"""Login throttling against brute force: tries counted in the store, before anything is computed.

Rules: the few are those of one account at one address; an account, and an address, behind which may be a hospital, have more. A
try is counted before it is judged, so that many at once get no more, and given back once it has succeeded. A window begins with
its first try, and one that begins in the future is of a clock that was set back: it is over. What was counted survives a restart.

>>> Limit("account", 10, timedelta(minutes=15)).key("tove")
'account:8fcd040267831fe85852a51a7d4fc4df'
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from fleet.server.accounts.tables import tries
from fleet.server.keys.random_tokens import digest


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries in so long."""

    kind: str
    most: int
    window: timedelta

    def key(self, subject: str) -> str:
        """Its row: a hash, since people type passwords into the wrong field."""
        return f"{self.kind}:{digest(subject)[:32]}"


CLOCKS_DIFFER = timedelta(minutes=1)
"""Those of several processes, by less."""
PAIR = Limit("pair", 10, timedelta(minutes=15))
"""Of one account at one address."""
ACCOUNT = Limit("account", 30, timedelta(minutes=15))
ADDRESS = Limit("address", 100, timedelta(minutes=15))


def take(connection: Connection, limit: Limit, subject: str, now: datetime) -> int:
    """Count one try. Gives how many there are beyond the limit: 0 is allowed, 1 is the first that is not."""
    connection.execute(
        delete(tries).where((tries.c.since < now - limit.window) | (tries.c.since > now + CLOCKS_DIFFER))
    )
    mine = tries.c.key == limit.key(subject)
    if connection.execute(update(tries).where(mine).values(count=tries.c.count + 1)).rowcount == 0:
        connection.execute(insert(tries).values(key=limit.key(subject), since=now, count=1))
    count: int = connection.execute(select(tries.c.count).where(mine)).scalar_one()
    return max(0, count - limit.most)


def limits_of(name: str, address: str) -> tuple[tuple[Limit, str], ...]:
    """The limits of a try, each with what it counts by."""
    return (ADDRESS, address), (ACCOUNT, name), (PAIR, f"{address} {name}")


def give_back(connection: Connection, name: str, address: str) -> None:
    """One try has succeeded: it does not count, and nothing of that account does any more."""
    for limit, subject in limits_of(name, address):
        mine = tries.c.key == limit.key(subject)
        if limit is ADDRESS:
            connection.execute(update(tries).where(mine, tries.c.count > 0).values(count=tries.c.count - 1))
        else:
            connection.execute(delete(tries).where(mine))
