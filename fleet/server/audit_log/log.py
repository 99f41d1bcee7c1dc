"""Audit log: who did or looked at what, when and from where, as an append-only chain in the store.

Rules: an entry is JSON whose exact bytes are kept and hashed (SHA-256), with the hash of the entry before; it is written in
the transaction of what it tells, so neither is there without the other. The head is kept apart: entries that are cut off at
the end are missed. No personal identity number enters: what looks like one is replaced. When their time is over, entries are
emptied from the oldest on; their hashes stay, and an empty one behind one that is not is found.

>>> without_numbers("search 19121212-1212 or 1212121212")
'search [number] or [number]'
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, true, update

from fleet.server.audit_log.tables import audit, audit_head

_PERSONAL = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9]{2})?[0-9]{2}(?:0[1-9]|1[0-2])(?:[06][1-9]|[1278][0-9]|[39][01])[-+ ]?[0-9]{4}(?![0-9A-Za-z])"
)
"""Ten or twelve digits that begin with a day; 60 is added to it in a coordination number."""

_MOST = 200
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Event to tell the audit. `action` is a stable code; `target` what it was done to; `detail` more of it."""

    action: str
    target: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One link of the chain."""

    sequence: int
    at: datetime
    who: str
    action: str
    target: str
    detail: str
    address: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Result of a check. `broken` is the first sequence that is not as it was written; None: all are."""

    entries: int
    head: str
    broken: int | None


def without_numbers(text: str) -> str:
    """The text with personal identity numbers taken out, cut to a length that a list can show."""
    return mask_numbers(text)[:_MOST]


def mask_numbers(text: str) -> str:
    """The whole text without them."""
    return _PERSONAL.sub("[number]", text)


def append(connection: Connection, at: datetime, actor: str, address: str, event: AuditEvent) -> None:
    """Add an entry to the chain, in the transaction under way; others wait for its end."""
    connection.execute(update(audit_head).values(sequence=audit_head.c.sequence + 1))
    head = connection.execute(select(audit_head)).one()
    content = {
        "sequence": head.sequence,
        "at": at.astimezone(UTC).isoformat(),
        "who": without_numbers(actor)[:64],
        "action": event.action,
        "target": without_numbers(event.target),
        "detail": without_numbers(event.detail),
        "address": address[:64],
        "prev": head.hash,
    }
    entry = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(entry.encode()).hexdigest()
    row = {"sequence": head.sequence, "at": at, "who": content["who"], "action": event.action}
    connection.execute(insert(audit).values(**row, entry=entry, hash=digest))
    connection.execute(update(audit_head).values(hash=digest))


def entries(
    connection: Connection, *, actor: str = "", action: str = "", limit: int = 100, offset: int = 0
) -> tuple[list[AuditRow], int]:
    """Newest first, and how many fit in all."""
    wishes = ((audit.c.who, actor), (audit.c.action, action))
    fits = and_(true(), *(column == expected for column, expected in wishes if expected))
    total = connection.execute(select(func.count()).select_from(audit).where(fits)).scalar_one()
    query = select(audit).where(fits).order_by(audit.c.sequence.desc()).limit(limit).offset(offset)
    return [_entry(row) for row in connection.execute(query)], total


def verify(connection: Connection) -> AuditVerdict:
    """Compute the whole chain again."""
    head = connection.execute(select(audit_head)).one()
    prev, count, emptied = "", 0, True
    for row in _rows(connection):
        count += 1
        emptied = emptied and row.entry == ""
        if row.sequence != count if emptied else not _follows(row, count, prev):
            return AuditVerdict(head.sequence, head.hash, count)
        prev = row.hash
    if emptied and count:  # the newest is never emptied
        return AuditVerdict(head.sequence, head.hash, count)
    whole = (count, prev) == (head.sequence, head.hash)
    return AuditVerdict(head.sequence, head.hash, None if whole else count + 1)


def forget(connection: Connection, before: datetime, *, dry: bool = False) -> int:
    """Empty the entries up to the first that is not older; never the newest. Gives how many. Their hashes stay."""
    head = connection.execute(select(audit_head.c.sequence)).scalar_one()
    newer = connection.execute(select(func.min(audit.c.sequence)).where(audit.c.at >= before)).scalar_one()
    old = and_(audit.c.sequence < (head if newer is None else newer), audit.c.entry != "")
    if dry:
        return int(connection.execute(select(func.count()).select_from(audit).where(old)).scalar_one())
    return connection.execute(update(audit).where(old).values(entry="", who="")).rowcount


def _rows(connection: Connection) -> Iterator[Any]:
    last = 0
    while rows := list(
        connection.execute(select(audit).where(audit.c.sequence > last).order_by(audit.c.sequence).limit(_BATCH))
    ):
        yield from rows
        last = rows[-1].sequence


def _follows(row: Any, sequence: int, prev: str) -> bool:
    if row.sequence != sequence or row.hash != hashlib.sha256(row.entry.encode()).hexdigest():
        return False
    try:
        entry = _entry(row)
        before = json.loads(row.entry)["prev"]
    except (ValueError, KeyError, TypeError):
        return False
    columns = (row.sequence, row.at, row.who, row.action)
    return before == prev and columns == (entry.sequence, entry.at, entry.who, entry.action)


def _entry(row: Any) -> AuditRow:
    if row.entry == "":
        return AuditRow(row.sequence, row.at, row.who, row.action, "", "", "", row.hash)
    entry = json.loads(row.entry)
    return AuditRow(
        entry["sequence"],
        datetime.fromisoformat(entry["at"]),
        entry["who"],
        entry["action"],
        entry["target"],
        entry["detail"],
        entry["address"],
        row.hash,
    )
