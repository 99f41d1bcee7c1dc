"""Roles, what each may, and for which stations.

Rules: a route names one right; a role is a set of rights. A grant is a role for some stations: a station's name, or the
beginning of names followed by `*`. What concerns all stations at once (the audit, other people) takes a grant for `*`.

>>> caller = Caller("tove", "key", ((Role.OPERATOR, "lasarettet-*"),))
>>> caller.may(Right.VIEW), caller.may(Right.AUDIT), caller.scope(Right.VIEW).allows("lasarettet-a")
(True, False, True)
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

EVERYWHERE = "*"
STATIONS = re.compile(r"(\*|[a-z0-9][a-z0-9-]{0,39}\*?)\Z")


class Right(StrEnum):
    """Right that a route can need."""

    PUBLIC = "public"
    """Nothing: signing in, health, files of the pages."""
    SIGNED_IN = "signed-in"
    VIEW = "view"
    """Stations, errands and figures without people."""
    PEOPLE = "people"
    """Orders, one errand, receipts: names, HSA-ids, whole card numbers. Each look-up is recorded."""
    COMMAND = "command"
    """Tell a station to do something."""
    CARDS = "cards"
    """Tell a station to do what touches cards, with a second person; and be that person for somebody else."""
    ORDERS = "orders"
    """Change orders and people of the directory; hold and block cards; try again what waits for the issuer."""
    HOOK = "hook"
    """Nothing but a good signature, which the route itself checks: messages of an order system. No role has it."""
    AUDIT = "audit"
    MANAGE = "manage"
    """Other people's accounts, and tokens."""


class Role(StrEnum):
    """Roles of accounts and tokens: what each may see and do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ID_ADMINISTRATOR = "id-administrator"
    AUDITOR = "auditor"
    ADMIN = "admin"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.VIEW}),
    Role.OPERATOR: frozenset({Right.VIEW, Right.PEOPLE, Right.COMMAND, Right.CARDS}),
    Role.ID_ADMINISTRATOR: frozenset({Right.VIEW, Right.PEOPLE, Right.CARDS, Right.ORDERS}),
    Role.AUDITOR: frozenset({Right.VIEW, Right.PEOPLE, Right.AUDIT}),
    Role.ADMIN: frozenset(Right) - {Right.PUBLIC, Right.SIGNED_IN, Right.HOOK},
}

OF_ALL = frozenset({Right.AUDIT, Right.MANAGE})
"""Rights that only a grant for all stations gives."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Stations by name or beginning of name."""

    patterns: frozenset[str]

    @property
    def everywhere(self) -> bool:
        """True where the scope is all stations."""
        return EVERYWHERE in self.patterns

    def allows(self, station: str) -> bool:
        """Return whether that station is in the scope."""
        return any(
            station.startswith(pattern[:-1]) if pattern.endswith("*") else station == pattern
            for pattern in self.patterns
        )

    def covers(self, name: str) -> bool:
        """Return whether all stations that `name` stands for are in the scope: a name, or the beginning of names and `*`."""
        return any(
            pattern == name or (pattern.endswith("*") and name.startswith(pattern[:-1])) for pattern in self.patterns
        )

    def touches(self, name: str) -> bool:
        """Return whether some of the stations that `name` stands for may be in the scope."""
        return self.covers(name) or any(Scope(frozenset({name})).covers(pattern) for pattern in self.patterns)


STEP_UP_LASTS = timedelta(minutes=5)
"""So long a step-up is good for."""
_CLOCKS_DIFFER = timedelta(minutes=1)
"""Those of several processes, by less."""

Grants = tuple[tuple[Role, str], ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """Person or program that asks. `key` names the session or token (a hash), so that its streams can be ended; never
    the secret itself."""

    name: str
    key: str
    grants: Grants
    program: bool = False
    """Came with a token and not with a session."""
    stepped_up: datetime | None = None
    """When this session last had a fresh proof of who is there (step-up authentication)."""
    hsa_id: str = ""
    """The person's, as the issuer of identities said when they signed in; empty where none was said. No name stands in."""

    organisations: frozenset[str] = frozenset()
    """Those whose people a program may ask of and change, as their HSA-ids begin; none: all."""

    def reaches(self, hsa_id: str) -> bool:
        """Return whether that person is of one of these organisations."""
        return not self.organisations or hsa_id.partition("-")[0] in self.organisations

    def has_stepped_up(self, now: datetime) -> bool:
        """Return whether the session's last proof of who is there is fresh enough for what touches cards."""
        return self.stepped_up is not None and -_CLOCKS_DIFFER <= now - self.stepped_up <= STEP_UP_LASTS

    def may(self, right: Right) -> bool:
        """Return whether any grant gives that right."""
        if right in (Right.PUBLIC, Right.SIGNED_IN):
            return True
        return any(
            right in RIGHTS[role] and (right not in OF_ALL or where == EVERYWHERE) for role, where in self.grants
        )

    def sees_people(self, station: str) -> bool:
        """Return whether the caller may see names, HSA-ids and whole card numbers of that station."""
        return self.scope(Right.PEOPLE).allows(station)

    def scope(self, right: Right) -> Scope:
        """The stations for which it does."""
        return Scope(frozenset(where for role, where in self.grants if right in RIGHTS[role]))
