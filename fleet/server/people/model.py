"""Read models of people: of the directory, and ID administrators."""

from dataclasses import dataclass

from fleet.messages.link import Administrator
from fleet.server.platform.roles import Scope


@dataclass(frozen=True, slots=True)
class ListedAdministrator:
    """A row of the list. `scope`: names of stations, or beginnings of names followed by `*`."""

    administrator: Administrator
    scope: tuple[str, ...]

    def covers(self, station: str) -> bool:
        """Whether that station is of their organisation."""
        return Scope(frozenset(self.scope)).allows(station)


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person. Days are ISO 8601. `left`: the last assignment ended; `continued`: another one in the region follows, and the
    card may be kept."""

    hsa_id: str
    name: str | None
    protected: bool = False
    left: str | None = None
    continued: bool = False
    name_changed: str | None = None
