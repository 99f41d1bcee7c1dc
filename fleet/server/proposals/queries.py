"""Queries of proposals. Every function works in a transaction that the caller holds."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, true, update

from fleet.server.accounts.queries import everybody, hsa_id_of
from fleet.server.accounts.tables import hsa_bindings, users
from fleet.server.people.queries import all_administrators, find_person
from fleet.server.people.service import mail_address
from fleet.server.proposals.model import OF_ACCOUNTS, OPEN, Checks, Kind, Notice, ProposalRow
from fleet.server.proposals.tables import proposal_notices, proposals
from fleet.server.web.roles import EVERYWHERE, Role

WEEK = timedelta(days=7)
FIELDS = tuple(ProposalRow.__dataclass_fields__)


def find_proposal(connection: Connection, number: int) -> ProposalRow | None:
    row = connection.execute(select(proposals).where(proposals.c.id == number)).first()
    return None if row is None else _row(row)


def list_proposals(
    connection: Connection, *, states: Collection[str] = (), limit: int = 100, offset: int = 0
) -> tuple[list[ProposalRow], int]:
    """Return the proposals in one of these states (none named: in any), the newest first, and how many there are."""
    fits = proposals.c.state.in_(sorted(states)) if states else true()
    total = connection.execute(select(func.count()).select_from(proposals).where(fits)).scalar_one()
    newest = select(proposals).where(fits).order_by(proposals.c.id.desc()).limit(limit).offset(offset)
    return [_row(row) for row in connection.execute(newest)], total


def same_proposal(connection: Connection, kind: Kind, target: str, content: str) -> ProposalRow | None:
    """The open one that proposes exactly that."""
    fits = (
        proposals.c.kind == kind.value, proposals.c.target == target, proposals.c.content == content,
        proposals.c.state.in_(OPEN),
    )  # fmt: skip
    row = connection.execute(select(proposals).where(*fits)).first()
    return None if row is None else _row(row)


def add(connection: Connection, values: dict[str, Any]) -> int:
    """A new row; gives its number."""
    key = connection.execute(insert(proposals).values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def set_state(connection: Connection, number: int, **values: Any) -> bool:
    """Change a row that is open; False where it is not."""
    still = and_(proposals.c.id == number, proposals.c.state.in_(OPEN))
    return connection.execute(update(proposals).where(still).values(values)).rowcount == 1


def proposed_hsa_ids(connection: Connection, kind: Kind, target: str, now: datetime) -> set[str]:
    """Return the HSA-ids that get something: the listed one's, or those that the account has or asks for."""
    if kind is Kind.ADMINISTRATOR:
        return {target}
    if kind not in OF_ACCOUNTS:
        return set()
    return hsa_ids_of(connection, target, now)


def hsa_ids_of(connection: Connection, name: str, now: datetime) -> set[str]:
    """The HSA-id that an account is bound to, and the one that waits for a second person."""
    bound = select(hsa_bindings.c.hsa_id).join(users, users.c.id == hsa_bindings.c.user).where(users.c.name == name)
    return {*connection.execute(bound).scalars(), hsa_id_of(connection, name, now)} - {""}


def checks(connection: Connection, row: ProposalRow, reader: str, now: datetime) -> Checks:
    """Return the facts known of a proposal, for who reads it."""
    mine = proposals.c.by == row.by, proposals.c.asked > row.asked - WEEK, proposals.c.asked <= row.asked
    person = find_person(connection, row.target) if row.kind is Kind.ADMINISTRATOR else None
    return Checks(
        bool(hsa_ids_of(connection, row.by, now)),
        _days(connection, row.by, now),
        _days(connection, reader, now),
        connection.execute(select(func.count()).select_from(proposals).where(*mine)).scalar_one(),
        (person is not None and person.left is None) if row.kind is Kind.ADMINISTRATOR else None,
    )


def _days(connection: Connection, name: str, now: datetime) -> int | None:
    made: datetime | None = connection.execute(select(users.c.made).where(users.c.name == name)).scalar()
    return None if made is None else (now - made).days


def notices_of(connection: Connection, number: int) -> list[Notice]:
    query = select(proposal_notices).where(proposal_notices.c.proposal == number).order_by(proposal_notices.c.id)
    return [Notice(row.who, row.why, row.sent, row.result or "") for row in connection.execute(query)]


def add_notices(connection: Connection, row: ProposalRow, now: datetime) -> None:
    """Everybody who could object and has an address that the proposer does not own."""
    own = hsa_ids_of(connection, row.by, now)
    proposed = proposed_hsa_ids(connection, row.kind, row.target, now)
    listed = (
        {entry.administrator.hsa_id for entry in all_administrators(connection)}
        if row.kind is Kind.ADMINISTRATOR
        else set()
    )
    recipients = {
        hsa_id: ("proposed" if hsa_id in proposed else "administrator")
        for hsa_id in sorted(proposed | listed)
        if hsa_id not in own
    }
    addresses = {hsa_id: mail_address(connection, hsa_id) or "" for hsa_id in recipients}
    for account in everybody(connection):
        is_proposed = row.kind in OF_ACCOUNTS and account.name == row.target
        decides = (Role.ADMIN, EVERYWHERE) in account.grants and not account.disabled
        if account.name != row.by and (is_proposed or decides):
            recipients[account.name] = "proposed" if is_proposed else "decides"
            hsa_id = hsa_id_of(connection, account.name, now)
            addresses[account.name] = account.mail or mail_address(connection, hsa_id) or ""
    values = [
        {"proposal": row.id, "who": recipient, "why": why, "address": addresses[recipient]}
        for recipient, why in recipients.items()
        if addresses[recipient]
    ]
    if values:
        connection.execute(insert(proposal_notices), values)


def _row(row: Any) -> ProposalRow:
    values = {name: row._mapping[name] for name in FIELDS}
    return ProposalRow(**{**values, "kind": Kind(row.kind), "content": json.loads(row.content)})
