"""Binding of a local account to a person's HSA-id by two administrators, where the region has no sign-in that says it.

Rules: both are persons with a step-up, neither is the account's, and they are two: neither has made, reset or granted the
other's account for 30 days, nor has the second had the bound one in hand; to bind it is to have it in hand. The account has
a security key, and the HSA-id is on the list of ID administrators and at no other account. The second has a day; the binding
lasts a year, and ends with a reset or a closing of the account. A name that equals an HSA-id binds nothing. Every function
works in a transaction that the caller holds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, update

from fleet.server.accounts import separation_of_duties as duties
from fleet.server.accounts.queries import AccountError, AccountRow, hsa_id_at, hsa_id_of, named
from fleet.server.accounts.tables import hsa_bindings, users, webauthn_keys
from fleet.server.audit_log.log import without_numbers
from fleet.server.people.queries import is_listed

DECIDE = timedelta(days=1)
LASTS = timedelta(days=365)
MOST_REASON = 200


@dataclass(frozen=True, slots=True)
class HsaBinding:
    """HSA-id that counts for an account, and the one that waits for a second person. Times are UTC."""

    hsa_id: str = ""
    until: datetime | None = None
    """None where the region's sign-in said it, or where there is none."""
    asked: str = ""
    """The HSA-id that waits for a second person."""
    by: str = ""
    reason: str = ""
    decide_by: datetime | None = None


def binding_of(connection: Connection, person: AccountRow, now: datetime) -> HsaBinding:
    """Read the HSA-id that counts now, and the one that waits."""
    until = connection.execute(select(users.c.hsa_until).where(users.c.id == person.id)).scalar()
    bound = hsa_id_of(connection, person.name, now)
    waiting = _waiting(connection, person.id, now)
    if waiting is None:
        return HsaBinding(bound, until if bound else None)
    return HsaBinding(bound, until if bound else None, waiting.hsa_id, waiting.by, waiting.reason, waiting.decide_by)


def ask(connection: Connection, name: str, hsa_id: str, reason: str, by: str, now: datetime) -> None:
    """Ask for it; a second person's word makes it. Raises AccountError."""
    person = _bindable(connection, name, hsa_id, by, now)
    if _waiting(connection, person.id, now) is not None:
        raise AccountError(f"{name}: a binding waits for a second person already")
    if not reason.strip() or len(reason) > MOST_REASON:
        raise AccountError(f"say why, in at most {MOST_REASON} characters")
    connection.execute(delete(hsa_bindings).where(hsa_bindings.c.user == person.id))
    row = {"user": person.id, "hsa_id": hsa_id, "by": by, "reason": without_numbers(reason.strip())}
    connection.execute(insert(hsa_bindings).values(**row, asked=now, decide_by=now + DECIDE))


def agree(connection: Connection, name: str, by: str, now: datetime) -> str:
    """The second person's word: it counts from now on. Gives the HSA-id. Raises AccountError."""
    waiting = _waiting(connection, named(connection, name).id, now)
    if waiting is None:
        raise AccountError(f"{name}: no binding waits for a second person")
    person = _bindable(connection, name, waiting.hsa_id, by, now)
    if duties.may_be_one_person(connection, waiting.by, by, now):
        raise AccountError(
            "it takes two persons: the one who asked, or who has had the other account in hand, is no second one"
        )
    if duties.may_be_one_person(connection, name, by, now):
        raise AccountError(f"{name}: whoever made, reset or granted it in the last 30 days is no second person")
    bound = {"hsa_id": waiting.hsa_id, "hsa_until": now + LASTS}
    connection.execute(update(users).where(users.c.id == person.id).values(bound))
    connection.execute(delete(hsa_bindings).where(hsa_bindings.c.user == person.id))
    for granter in (waiting.by, by):
        duties.record(connection, person.id, granter, "granted", now)
    return str(waiting.hsa_id)


def _bindable(connection: Connection, name: str, hsa_id: str, by: str, now: datetime) -> AccountRow:
    """The local account that may be bound to that HSA-id by that person. Raises AccountError."""
    person = named(connection, name)
    if not person.local:
        raise AccountError(f"{name}: is of the region's own sign-in, which says whose it is")
    if person.name == by:
        raise AccountError(f"{name}: nobody says of their own account whose it is")
    if not person.ready or person.disabled:
        raise AccountError(f"{name}: is not set up, or is closed")
    if connection.execute(select(webauthn_keys.c.id).where(webauthn_keys.c.user == person.id)).first() is None:
        raise AccountError(f"{name}: has no security key")
    if not is_listed(connection, hsa_id):
        raise AccountError("that HSA-id is not on the list of ID administrators")
    others = exists().where(users.c.id != person.id, hsa_id_at(now) == hsa_id)
    if connection.execute(select(others)).scalar():
        raise AccountError("another account has that HSA-id")
    return person


def _waiting(connection: Connection, user: int, now: datetime) -> Any:
    fits = (hsa_bindings.c.user == user, hsa_bindings.c.decide_by > now)
    return connection.execute(select(hsa_bindings).where(*fits)).first()
