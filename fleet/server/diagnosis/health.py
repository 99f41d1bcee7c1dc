"""Health checks of a server's parts, one by one, for whoever starts, stops and watches it.

Rules: a part is asked by a function that gives None where it works, or why not, in a word; what it raises is a fault of that part
alone. `ready` is for a balancer: all parts work. That the process answers at all is `live`.

>>> health = Health({"broker": lambda: "away"})
>>> health.look()
{'broker': 'away'}
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select

from fleet.server.platform.database.database import Database, migrations
from fleet.server.platform.expiry import End

OK = "ok"
Probe = Callable[[], str | None]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Health:
    """The parts of one process by name. Parts add themselves while it starts."""

    probes: dict[str, Probe] = field(default_factory=dict)
    ends: Callable[[], tuple[End, ...]] = tuple
    """What ends when: `fleet.server.platform.expiry`."""

    def look(self) -> dict[str, str]:
        """What each says just now: `ok`, or why not."""
        return {name: _asked(name, probe) for name, probe in self.probes.items()}


def watch_store(health: Health, database: Database) -> None:
    """The database, and whether its tables are those of this version."""
    newest = ScriptDirectory.from_config(migrations()).get_current_head()

    def answers() -> None:
        with database.reading.begin() as connection:
            connection.execute(select(1))

    def is_new() -> str | None:
        with database.reading.begin() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
        return None if revision == newest else f"at {revision}, not {newest}"

    health.probes.update(database=answers, migrations=is_new)


def _asked(name: str, probe: Probe) -> str:
    try:
        return probe() or OK
    except Exception:
        _log.exception("%s cannot be asked how it is", name)
        return "failed"
