"""Proposal service: what gives trust is proposed by one person, confirmed by another, and takes effect after a delay.

Rules: the second person has stepped up, is not the first (`accounts.separation_of_duties`), and neither of them is who gets it,
compared by HSA-id. The delay counts from the proposal, when those who can object are told; a list's row that an ID administrator
confirms with the own card works at once. The proposer withdraws; the proposed, an ID administrator and who could confirm stop it.
Whose account is closed meanwhile gives nothing. In a region's first hour nothing is delayed, and who is alone gives alone. Each
step is told to the audit in its own transaction; what is due is done by `ProposalJob`, also after a restart.

To propose exactly what another person has proposed is to confirm it.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from fleet.messages.commands import UpdateOrder
from fleet.messages.vocabulary import CommandName
from fleet.server.accounts.queries import named
from fleet.server.accounts.separation_of_duties import (
    Requester,
    close_first_hour,
    first_hour_closers,
    is_first_hour,
    objection_to_second,
    takes_two,
)
from fleet.server.accounts.service import put_link
from fleet.server.accounts.tables import users
from fleet.server.audit_log.log import AuditEvent, append, without_numbers
from fleet.server.clock.local_days import local_day
from fleet.server.commands.model import CommandRequest
from fleet.server.commands.tables import commands
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.files.import_files import ImportResult
from fleet.server.guards.service import clock_is_believed, shown_by
from fleet.server.keys.random_tokens import digest
from fleet.server.live_feed.topics import Changes, Topic, changes_with
from fleet.server.people.model import ListedAdministrator
from fleet.server.people.queries import all_administrators, is_listed, listed_since, replace_administrators
from fleet.server.proposals import queries
from fleet.server.proposals.effects import FAULTS, carry_out, listed_content
from fleet.server.proposals.model import (
    CODED,
    LEVEL,
    MOST_REASON,
    OF_ACCOUNTS,
    Checks,
    Kind,
    Notice,
    ProposalRefusedError,
    ProposalRow,
    Refusal,
    Wish,
)
from fleet.server.proposals.tables import proposals
from fleet.server.stations.tables import stations

DECIDE = timedelta(days=7)
LISTED_FOR = timedelta(hours=24)
"""An ID administrator confirms another one at once who has been listed for so long."""
CODE_FOR = timedelta(hours=24)
HALF_BYTES = 10
EVERY_S = 10.0
MOST_OF_FLEET = 0.5
"""An order of more stations than this share within a day is one for the whole fleet."""
TOPICS = frozenset({Topic.PROPOSALS, Topic.STATIONS, Topic.COMMANDS, Topic.DEADLINES})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proposed:
    """Result of a wish. `link`: the value of a set-up link, where one person alone sets a region up."""

    row: ProposalRow
    link: str = ""


class ProposalService:
    """See the module. From any thread. `mails`: whether set-up links can be mailed."""

    def __init__(
        self, database: Database, changes: Changes, clock: Callable[[], datetime], *, mails: bool = False
    ) -> None:
        self._database, self._changes, self._clock = database, changes, clock
        self.mails = mails

    @changes_with(Topic.PROPOSALS)
    def listed(
        self, *, states: Collection[str] = (), limit: int = 100, offset: int = 0
    ) -> tuple[list[ProposalRow], int]:
        """Return the proposals in one of these states (none named: in any), the newest first, and how many there are."""
        with self._database.reading.begin() as connection:
            return queries.list_proposals(connection, states=states, limit=limit, offset=offset)

    @changes_with(Topic.PROPOSALS)
    def one(self, number: int) -> ProposalRow | None:
        with self._database.reading.begin() as connection:
            return queries.find_proposal(connection, number)

    @changes_with(Topic.PROPOSALS)
    def notices(self, number: int) -> list[Notice]:
        """Return the persons who are told of the proposal."""
        with self._database.reading.begin() as connection:
            return queries.notices_of(connection, number)

    @changes_with(Topic.PROPOSALS)
    def objection(self, row: ProposalRow, by: Requester) -> Refusal | None:
        """Why `by` could not confirm it now; None where they could."""
        with self._database.reading.begin() as connection:
            return _objection(connection, row, by, self._clock())

    @changes_with(Topic.PROPOSALS)
    def checks(self, row: ProposalRow, by: str) -> Checks:
        """Return the facts that the server knows of the proposal, and of who looks at it."""
        with self._database.reading.begin() as connection:
            return queries.checks(connection, row, by, self._clock())

    @changes_with(Topic.PROPOSALS)
    def before(self, row: ProposalRow) -> Mapping[str, Any] | None:
        """Return the content that stands now, before the proposal takes effect; None for nothing."""
        with self._database.reading.begin() as connection:
            if row.kind is Kind.ADMINISTRATOR:
                rows = (entry for entry in all_administrators(connection) if entry.administrator.hsa_id == row.target)
                return next(map(listed_content, rows), None)
            if row.kind is Kind.SETTINGS:
                return {"changes": []}
            if row.kind is not Kind.ROLES:
                return None
            return {"roles": [[role.value, where] for role, where in named(connection, row.target).grants]}

    @changes_with()
    def is_administrator(self, hsa_id: str) -> bool:
        """Return whether that HSA-id is an ID administrator's."""
        with self._database.reading.begin() as connection:
            return bool(hsa_id) and is_listed(connection, hsa_id)

    @changes_with(Topic.PROPOSALS)
    def is_proposed(self, row: ProposalRow, by: Requester) -> bool:
        """Return whether the proposal gives something to `by`."""
        with self._database.reading.begin() as connection:
            return _is_for(connection, row.kind, row.target, by, self._clock())

    @changes_with(Topic.PROPOSALS)
    def first_hour(self) -> list[str] | None:
        """Return who has closed the region's first hour so far; None where it is over."""
        with self._database.reading.begin() as connection:
            return first_hour_closers(connection) if is_first_hour(connection) else None

    def close_first_hour(self, by: Requester) -> None:
        """One person's word that the region is set up; the second one's ends it."""
        _require_step_up(by)
        with self._database.writing.begin() as connection:
            close_first_hour(connection, by.name, self._clock())
            append(connection, self._clock(), by.name, by.address, AuditEvent("first-hour.close"))
        self._changes.publish(TOPICS)

    def is_for_fleet(self, wishes: Sequence[CommandRequest]) -> bool:
        """Return whether these updates take two persons."""
        order = wishes[0].update_order
        with self._database.reading.begin() as connection:
            names = [wish.station for wish in wishes]
            return order is not None and is_for_fleet(connection, names, order, self._clock())

    def propose(self, wish: Wish, by: Requester) -> Proposed:
        """Keep it for a second person, or do it where one is enough. Raises ProposalRefusedError, and what its effect raises."""
        now = self._clock()
        with self._database.writing.begin() as connection:
            row, number = self._new(connection, wish, by, now)
        if number is not None:
            return Proposed(self.confirm(number, by))
        link = self._apply(row.id)
        self._changes.publish(TOPICS)
        return Proposed(self._known(row.id), link)

    def confirm(self, number: int, by: Requester) -> ProposalRow:
        """As the second person. Raises ProposalRefusedError."""
        now = self._clock()
        with self._database.writing.begin() as connection:
            row = queries.find_proposal(connection, number)
            if row is None:
                raise ProposalRefusedError(Refusal.NOT_OPEN)
            if (refusal := _objection(connection, row, by, now)) is not None:
                raise ProposalRefusedError(refusal)
            at_once = is_first_hour(connection) or _by_own_card(connection, row, by, now)
            due = now if at_once else max(now, row.earliest)
            queries.set_state(connection, number, state="confirmed", second=by.name, confirmed=now, due=due)
            _tell(connection, row, "proposal.confirm", by, now)
        self.apply(number)
        return self._known(number)

    def withdraw(self, number: int, by: Requester) -> ProposalRow:
        """By who proposed it, until it takes effect. Raises ProposalRefusedError."""
        return self._stop(number, by, "withdrawn", "", lambda row: row.by == by.name)

    def object(self, number: int, reason: str, by: Requester) -> ProposalRow:
        """Stop it, by anybody else who may; routes judge who. Raises ProposalRefusedError."""
        return self._stop(number, by, "objected", reason.strip(), lambda row: row.by != by.name)

    def half(self, number: int, by: Requester) -> str:
        """One's half of the set-up code of an account, which is shown now and never again; a new one ends the one before.
        Raises ProposalRefusedError."""
        _require_step_up(by)
        now, value = self._clock(), secrets.token_hex(HALF_BYTES).upper()
        with self._database.writing.begin() as connection:
            row = queries.find_proposal(connection, number)
            if row is None or not self._is_coded(connection, row, now):
                raise ProposalRefusedError(Refusal.NOT_OPEN)
            mine = {row.by: proposals.c.first_half, row.second: proposals.c.second_half}.get(by.name)
            if mine is None:
                raise ProposalRefusedError(Refusal.NOT_YOURS)
            this = proposals.c.id == number
            connection.execute(update(proposals).where(this).values({mine: digest(value)}))
            first, second = connection.execute(
                select(proposals.c.first_half, proposals.c.second_half).where(this)
            ).one()
            if first and second:
                put_link(connection, row.target, first + second, now)
            _tell(connection, row, "proposal.half", by, now)
        return value

    @changes_with(Topic.PROPOSALS)
    def gives_code(self, row: ProposalRow) -> bool:
        """Return whether the proposal's two persons can see a half each of a set-up code."""
        with self._database.reading.begin() as connection:
            return self._is_coded(connection, row, self._clock())

    def apply_due(self) -> int:
        """Do what is due, end what nobody confirmed, and say how many. Nothing while the clock is not believed."""
        now = self._clock()
        with self._database.writing.begin() as connection:
            if not clock_is_believed(connection, now):
                return 0
            over = proposals.c.state == "waiting", proposals.c.decide_by <= now
            ended = connection.execute(update(proposals).where(*over).values(state="expired", ended=now)).rowcount
            due = proposals.c.state == "confirmed", proposals.c.due <= now
            numbers = list(connection.execute(select(proposals.c.id).where(*due)).scalars())
        return ended + sum(self.apply(number) for number in numbers)

    def apply(self, number: int) -> bool:
        """Do it if it is due; False where it could not take effect, which the row says."""
        try:
            self._apply(number)
        except FAULTS as error:
            _log.warning("proposal %d could not take effect: %s", number, type(error).__name__)
            return False
        finally:
            self._changes.publish(TOPICS)
        return True

    def _new(self, connection: Connection, wish: Wish, by: Requester, now: datetime) -> tuple[ProposalRow, int | None]:
        """The new row; and the number of the one that this confirms, if there is one. Raises ProposalRefusedError, and what its
        effect raises."""
        _refuse_to_begin(connection, wish, by, now)
        same = queries.same_proposal(connection, wish.kind, wish.target, _text(wish))
        if same is not None:
            if same.by == by.name or same.state != "waiting":
                raise ProposalRefusedError(Refusal.SAME)
            return same, same.id
        alone = not takes_two(connection) or (wish.kind is Kind.SET_UP and self._is_mailed(connection, wish.target))
        if not (alone or wish.reason.strip()):
            raise ProposalRefusedError(Refusal.NO_REASON)
        row = _add(connection, wish, by, now, alone=alone)
        rehearsal = connection.begin_nested()
        carry_out(connection, row, now, mails=self.mails, shown=shown_by(self._clock))
        rehearsal.rollback()
        return row, None

    def _apply(self, number: int) -> str:
        """Do it if it is due. Raises one of FAULTS, once the row says so."""
        now = self._clock()
        by = Requester("server")
        try:
            with self._database.writing.begin() as connection:
                row = queries.find_proposal(connection, number)
                if row is None or row.state != "confirmed" or row.due is None or row.due > now:
                    return ""
                link = carry_out(connection, row, now, mails=self.mails, shown=shown_by(self._clock))
                queries.set_state(connection, number, state="done", ended=now)
                _tell(connection, row, "proposal.done", by, now)
                return link
        except FAULTS as error:
            with self._database.writing.begin() as connection:
                why = str(error)[:MOST_REASON]
                queries.set_state(connection, number, state="failed", ended=now, outcome=why)
                append(connection, now, by.name, "", AuditEvent("proposal.failed", f"#{number}", why))
            raise

    def _stop(
        self, number: int, by: Requester, state: str, reason: str, fits: Callable[[ProposalRow], bool]
    ) -> ProposalRow:
        now = self._clock()
        with self._database.writing.begin() as connection:
            row = queries.find_proposal(connection, number)
            if row is None or not row.is_open:
                raise ProposalRefusedError(Refusal.NOT_OPEN)
            if by.program or not fits(row):
                raise ProposalRefusedError(Refusal.NOT_YOURS)
            if state == "objected" and not reason:
                raise ProposalRefusedError(Refusal.NO_REASON)
            outcome = without_numbers(reason[:MOST_REASON]) or None
            queries.set_state(connection, number, state=state, ended=now, ended_by=by.name, outcome=outcome)
            _tell(connection, row, f"proposal.{state}", by, now)
        self._changes.publish(TOPICS)
        return self._known(number)

    def _is_mailed(self, connection: Connection, account: str) -> bool:
        return self.mails and bool(named(connection, account).mail)

    def _is_coded(self, connection: Connection, row: ProposalRow, now: datetime) -> bool:
        if row.kind not in CODED or row.state != "done" or row.second is None or row.ended is None:
            return False
        account = named(connection, row.target)
        return not account.ready and now < row.ended + CODE_FOR and not self._is_mailed(connection, row.target)

    def _known(self, number: int) -> ProposalRow:
        row = self.one(number)
        assert row is not None
        return row


class ProposalJob:
    """One for a server: does what is due, every few seconds."""

    def __init__(self, service: ProposalService) -> None:
        self._service = service

    async def run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._service.apply_due)
            except READ_FAULTS as error:
                _log.error("proposals cannot be looked at just now: %s", type(error).__name__)
            await asyncio.sleep(EVERY_S)


def import_administrators(
    connection: Connection, people: Sequence[ListedAdministrator], by: Requester, now: datetime
) -> ImportResult:
    """Make the list that of a file: what is less at once, what is more as proposals, unless it is a region's first hour."""
    before = {row.administrator.hsa_id: row for row in all_administrators(connection)}
    more = [] if is_first_hour(connection) else [
        row for row in people if row.gives_more_than(before.get(row.administrator.hsa_id))
    ]  # fmt: skip
    names = {row.administrator.hsa_id for row in more}
    kept = [before[name] for name in names & before.keys()]
    rest = [row for row in people if row.administrator.hsa_id not in names]
    done = replace_administrators(connection, [*kept, *rest], now)
    for row in more:
        wish = Wish(Kind.ADMINISTRATOR, row.administrator.hsa_id, listed_content(row), row.decision)
        if queries.same_proposal(connection, wish.kind, wish.target, _text(wish)) is None:
            _add(connection, wish, by, now)
    return ImportResult(done.added, done.changed, done.unchanged - len(kept), done.removed, len(more))


def is_for_fleet(connection: Connection, names: Collection[str], order: UpdateOrder, now: datetime) -> bool:
    """Return whether an order of an update takes two persons: an older image, or one for most of the fleet, counted
    with what was ordered of it within a day. Who sets a region up alone needs none."""
    if not takes_two(connection):
        return False
    if order.older:
        return True
    lately = commands.c.command == CommandName.UPDATE.value, commands.c.asked > now - timedelta(days=1)
    same = commands.c.update_order.contains(order.sha256, autoescape=True)
    ordered = {*names, *connection.execute(select(commands.c.station).where(*lately, same)).scalars()}
    fleet = select(func.count()).select_from(stations).where(stations.c.retired.is_(None))
    return len(ordered) > max(1, connection.execute(fleet).scalar_one() * MOST_OF_FLEET)


def _add(connection: Connection, wish: Wish, by: Requester, now: datetime, *, alone: bool = False) -> ProposalRow:
    values = {
        "kind": wish.kind.value, "target": wish.target, "content": _text(wish), "by": by.name, "asked": now,
        "reason": without_numbers(wish.reason.strip()[:MOST_REASON]), "decide_by": now + DECIDE,
        "state": "confirmed" if alone else "waiting", "due": now if alone else None,
    }  # fmt: skip
    row = queries.find_proposal(connection, queries.add(connection, values))
    assert row is not None
    _tell(connection, row, "proposal.make", by, now)
    if not alone:
        queries.add_notices(connection, row, now)
    return row


def _text(wish: Wish) -> str:
    return json.dumps(wish.content, ensure_ascii=False, sort_keys=True)


def _refuse_to_begin(connection: Connection, wish: Wish, by: Requester, now: datetime) -> None:
    """Raises ProposalRefusedError."""
    if by.program:
        raise ProposalRefusedError(Refusal.NOT_A_PERSON)
    if _is_for(connection, wish.kind, wish.target, by, now):
        raise ProposalRefusedError(Refusal.SELF)
    _require_step_up(by)


def _require_step_up(by: Requester) -> None:
    if not by.stepped_up:
        raise ProposalRefusedError(Refusal.STEP_UP)


def _objection(connection: Connection, row: ProposalRow, by: Requester, now: datetime) -> Refusal | None:
    if row.state != "waiting" or now >= row.decide_by:
        return Refusal.NOT_OPEN
    if _is_for(connection, row.kind, row.target, by, now):
        return Refusal.SELF
    objection = objection_to_second(connection, row.by, by, now, sets_up=True)
    return None if objection is None else Refusal(objection.value)


def _is_for(connection: Connection, kind: Kind, target: str, by: Requester, now: datetime) -> bool:
    """Return whether `by` would get something, by account or by any HSA-id that is theirs or asked for."""
    own = queries.hsa_ids_of(connection, by.name, now) | {by.hsa_id} - {""}
    is_account = kind in OF_ACCOUNTS - {Kind.ACCOUNT} and target == by.name
    return is_account or bool(own & queries.proposed_hsa_ids(connection, kind, target, now))


def _by_own_card(connection: Connection, row: ProposalRow, by: Requester, now: datetime) -> bool:
    """Return whether an ID administrator, listed at level 3 for long enough, confirms the list's row with the own card,
    at the region's sign-in."""
    if row.kind is not Kind.ADMINISTRATOR or not by.hsa_id:
        return False
    issuers = users.c.subject.is_not(None), users.c.hsa_until.is_(None), users.c.hsa_id == by.hsa_id
    if connection.execute(select(users.c.id).where(users.c.name == by.name, *issuers)).first() is None:
        return False
    since = listed_since(connection, by.hsa_id, LEVEL, local_day(now))
    return since is not None and since <= now - LISTED_FOR


def _tell(connection: Connection, row: ProposalRow, action: str, by: Requester, now: datetime) -> None:
    append(connection, now, by.name, by.address, AuditEvent(action, f"{row.kind} {row.target} #{row.id}", row.reason))
