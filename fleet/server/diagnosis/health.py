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

from fleet.server.database.database import Database, migrations
from fleet.server.integrity.model import LastCheck
from fleet.server.keys.expiry import End

OK = "ok"
FAILED = "failed"
ATTENTION = frozenset({"clock", "directory"})
"""Parts that wait for a person: they are told, and take no page out of service, where the person is to see to them."""
ALARMED = frozenset({"clock"})
"""Parts that raise an alarm by themselves."""
Probe = Callable[[], str | None]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Health:
    """The parts of one process by name. Parts add themselves while it starts."""

    probes: dict[str, Probe] = field(default_factory=dict)
    ends: Callable[[], tuple[End, ...]] = tuple
    """What ends when: `fleet.server.keys.expiry`."""
    last_check: Callable[[], LastCheck | None] = lambda: None
    """What came of the nightly check of the store. It is told and turns no readiness: a balancer can mend nothing of it."""

    def troubled(self) -> dict[str, str]:
        """The parts that do not work just now, and why not, but for those that raise an alarm by themselves."""
        return {name: state for name, state in self.look().items() if state != OK and name not in ALARMED}

    def look(self) -> dict[str, str]:
        """Return what each part says just now: `ok`, or why not."""
        return {name: _asked(name, probe) for name, probe in self.probes.items()}

    def store_verified(self) -> str:
        """Return when the store was last checked, and `ok` or `differs`; `never`; `failed` where that cannot be read."""
        try:
            last = self.last_check()
        except Exception:
            _log.exception("the store's last check cannot be read")
            return FAILED
        return "never" if last is None else f"{last.at:%Y-%m-%dT%H:%M:%SZ} {'differs' if last.count else OK}"


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
        return FAILED
