"""Read models of people: of the directory, and ID administrators."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from fleet.messages.link import Administrator
from fleet.server.web.roles import Scope


@dataclass(frozen=True, slots=True)
class ListedAdministrator:
    """A row of the list. `scope`: names of stations, or beginnings of names followed by `*`. `decision`: of the responsible
    issuer, that the row rests on."""

    administrator: Administrator
    scope: tuple[str, ...]
    decision: str = ""

    def covers(self, station: str, holders: Collection[str] = ()) -> bool:
        """Return whether that station is within their scope, and one of these holders (HSA-ids; none: whoever it is) of
        their own organisation, where the scope is not everywhere."""
        scope, own = Scope(frozenset(self.scope)), self.administrator.hsa_id.partition("-")[0]
        theirs = not holders or any(hsa_id.partition("-")[0] == own for hsa_id in holders)
        return scope.allows(station) and (theirs or scope.everywhere)

    def gives_more_than(self, other: "ListedAdministrator | None") -> bool:
        """Return whether this row lets somebody do what the other does not; a new name may be a new person."""
        if other is None:
            return True
        mine, before = self.administrator, other.administrator
        return (
            mine.name != before.name
            or not set(mine.roles) <= set(before.roles)
            or mine.level > before.level
            or not all(map(Scope(frozenset(other.scope)).covers, self.scope))
            or (mine.valid_until or "9999") > (before.valid_until or "9999")
            or (mine.valid_from or "") < (before.valid_from or "")
        )


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
    mail: str | None = None
    """For letters of the server to them; it is in no event and reaches no station."""
    organisation: str | None = None


Fact = Literal["left", "continued", "name", "protected", "name_changed", "mail", "organisation"]
Source = Literal["import", "ldap", "issuer"]
"""`import` is the office's own word, by file or API."""


@dataclass(frozen=True, slots=True)
class FactWord:
    """Value that one source gives for one fact. `value` is None where it takes back what it said; yes and no are `yes`
    and None. `seen`: when it first said this."""

    fact: Fact
    source: Source
    value: str | None
    seen: datetime


Facts = Mapping[Fact, str | None]
"""What a source says of a person now."""


@dataclass(frozen=True, slots=True)
class DirectoryPage:
    """The whole of a directory as one search gave it."""

    people: Mapping[str, Facts]
    """By HSA-id."""
    certificates: Mapping[str, tuple[bytes, ...]]
    """DER, by HSA-id."""
    unreadable: int = 0
    """Entries whose dates cannot be read: their people are there, and nothing is taken of them."""


class DirectoryAwayError(Exception):
    """The directory does not answer, or what it answers cannot be used. The text says why, without content."""


class PeopleSource(Protocol):
    """A directory that is read as a whole."""

    def people(self) -> DirectoryPage:
        """Everybody in it. It blocks. Raises DirectoryAwayError."""
