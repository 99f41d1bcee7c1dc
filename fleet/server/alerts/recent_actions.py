"""Queries of what people did of late that others are told of, and of the mailboxes that are theirs.

Rules: it is read of what is written anyway, the audit and the requests of stations, so that no way to do it is left out. Of the
audit the newest `MOST` entries are read.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from fleet.messages.asking import BlockedResult, FoundResult, MarkedResult, NotFoundResult, ReleasedResult, tag_of
from fleet.messages.vocabulary import AskName
from fleet.server.accounts.tables import users
from fleet.server.alerts.model import AlertRow
from fleet.server.alerts.rules import DONE_BY, DONE_TO, RecentAction
from fleet.server.audit_log.tables import audit, audit_head
from fleet.server.issuers.tables import certificates, wishes
from fleet.server.people.service import stored_people
from fleet.server.stations.alarms import LOOKED_ACROSS

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MOST = 5000
_DONE_TO = {
    "administrator.put": "administrator_listed",
    "user.add": "role_granted",
    "user.roles": "role_granted",
    "enrolment.approve": "station_approved",
}
_HARMLESS = "viewer"
_DONE_BY = {
    AskName.CARD_PUK: ("many_puks", (tag_of(ReleasedResult),)),
    AskName.CARD_BLOCK: ("many_blocks", (tag_of(BlockedResult), tag_of(MarkedResult))),
    AskName.DIRECTORY_FIND: ("many_lookups", (tag_of(FoundResult), tag_of(NotFoundResult))),
}


def recent_actions(connection: Connection, now: datetime) -> tuple[RecentAction, ...]:
    """Of the last day, and what was done often within the last hour."""
    looked: defaultdict[str, set[str]] = defaultdict(set)
    actions = [*_of_audit(connection, now, looked), *_twice(connection, now)]
    counts = Counter({("many_lookups", looker): len(targets) for looker, targets in looked.items()})
    for code, actor, times in _of_requests(connection, now):
        counts[code, actor] += times
    often = (RecentAction(code, person, person, now, times) for (code, person), times in counts.items())
    return (*actions, *often)


def own_addresses(connection: Connection, alert: AlertRow) -> frozenset[str]:
    """The mail addresses, in small letters, of who did what the alert is about: they are not told by it."""
    named = alert.code in DONE_TO or alert.code == LOOKED_ACROSS
    actor = alert.detail if named else alert.subject if alert.code in DONE_BY else ""
    if not actor:
        return frozenset()
    bound = connection.execute(select(users.c.hsa_id).where(users.c.name == actor)).scalar()
    mail = (person.mail for person in stored_people(connection, [bound or actor]).values())
    return frozenset(address.lower() for address in (actor, *mail) if address and "@" in address)


def _of_audit(connection: Connection, now: datetime, looked: defaultdict[str, set[str]]) -> Iterable[RecentAction]:
    """Read from the audit what was done to whom; look-ups are put into `looked`, by who looked."""
    head = select(audit_head.c.sequence).scalar_subquery()
    late = select(audit.c.entry).where(audit.c.sequence > head - MOST, audit.c.at > now - DAY, audit.c.entry != "")
    actions: dict[tuple[str, str], RecentAction] = {}
    for raw in connection.execute(late.order_by(audit.c.sequence)).scalars():
        entry = json.loads(raw)
        actor, action, target, at = entry["who"], entry["action"], entry["target"], datetime.fromisoformat(entry["at"])
        code = _DONE_TO.get(action, "")
        if action.startswith("people.") and target and at > now - HOUR:
            looked[actor].add(f"{action} {target}")
        elif code and not (code == "role_granted" and set(entry["detail"].split()[::2]) <= {_HARMLESS}):
            before = actions.get((code, target))
            actions[code, target] = RecentAction(code, target, actor, at, 1 if before is None else before.times + 1)
    return actions.values()


def _of_requests(connection: Connection, now: datetime) -> Iterator[tuple[str, str, int]]:
    """Yield what administrators did at stations within the hour: code, HSA-id and how often."""
    columns = wishes.c.ask, wishes.c.people, wishes.c.outcome
    these = select(*columns, func.count().label("times")).where(wishes.c.at > now - HOUR, wishes.c.ask.in_(_DONE_BY))
    for row in connection.execute(these.group_by(*columns)):
        code, outcomes = _DONE_BY[AskName(row.ask)]
        people = json.loads(row.people)
        acting = people[1:] if row.ask == AskName.CARD_PUK else people[:1]  # of a PUK the holder stands first
        if row.outcome in outcomes:
            yield from ((code, hsa_id, row.times) for hsa_id in acting)


def _twice(connection: Connection, now: datetime) -> Iterator[RecentAction]:
    """Cards that were given certificates within a day, and how many."""
    of_card = certificates.c.card_number, certificates.c.hsa_id
    last, station = func.max(certificates.c.at).label("last"), func.max(certificates.c.station).label("station")
    query = select(*of_card, last, station, func.count().label("times")).where(certificates.c.at > now - DAY)
    for row in connection.execute(query.group_by(*of_card)):
        yield RecentAction("certificates_twice", row.card_number, row.hsa_id, row.last, row.times, row.station)
