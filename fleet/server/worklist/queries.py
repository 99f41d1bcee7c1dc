"""Queries of the worklist: a source for each kind of row, all read as one, and what people did about them.

Rules: a row stands for as long as its facts do. It is ended by what really happened (a block, a receipt, a card put in again),
or, where nothing can show that, by a person's word that is younger than its facts. Of a card that was reported twice the first
report counts, so that no later one puts the deadline off. What retention has made a pseudonym waits for nobody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    Subquery,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    union_all,
)

from fleet.messages.asking import (
    BlockedResult,
    DeclinedResult,
    HeldResult,
    LetterNotedResult,
    LetterOrderedResult,
    LiftedResult,
    MarkedResult,
    tag_of,
)
from fleet.messages.vocabulary import AskName, ErrandOutcome, EventType
from fleet.server.alerts.queries import station_titles
from fleet.server.cards.stock.tables import bin_cards, bins, reserve_cards
from fleet.server.database.bulk import insert_new
from fleet.server.database.station_scope import StationCondition, all_stations
from fleet.server.errands.tables import errands
from fleet.server.events.tables import events
from fleet.server.issuers.tables import HANDED_OVER, certificate_requests, requests, wishes
from fleet.server.orders.model import IN_HAND, OPEN
from fleet.server.orders.queries import is_not_handed_over
from fleet.server.orders.tables import orders
from fleet.server.people.tables import administrators, people
from fleet.server.receipts.tables import receipt_mails
from fleet.server.stations.tables import stations
from fleet.server.worklist.model import Act, Kind
from fleet.server.worklist.tables import worklist_acts, worklist_mails

MOST = 2000
"""Facts that are read at once, the oldest first."""
CHUNK = 500
TODAY = bindparam("today", type_=String)
BLOCKED, HELD, MARKED, LIFTED, DECLINED = (
    tag_of(result) for result in (BlockedResult, HeldResult, MarkedResult, LiftedResult, DeclinedResult)
)
ORDERED, NOTED = tag_of(LetterOrderedResult), tag_of(LetterNotedResult)
NOTHING_TO_DO = ("card_blocked", "card_returned", "card_voided", "letter_lately")
"""Refusals after which nothing waits for anybody."""
HANDS_OVER = ("pickup", "activate", "attend")
"""Errands that hand a card over: where nobody has proved that, the card is not handed over."""
TAKE_THE_CODE = ("unblock", "change_pin", "renew_certificate", "clean_up")
"""Errands whose good end shows that the holder has the code of the card."""
OVER_LIMIT = "over_limit"
"""Refusal of a hold in nobody's name, beyond the limit of such holds: the card is noted."""
Item = tuple[Kind, str]
"""Kind and subject of a row."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Fact that a row is made of. `day`: of a leaver, ISO 8601."""

    kind: Kind
    subject: str
    card_number: str
    hsa_id: str
    name: str | None
    station: str
    cause: str
    since: datetime
    is_urgent: bool
    is_sent: bool


@dataclass(frozen=True, slots=True)
class FoundCard:
    """A card that somebody else handed in at a station, of that title. `kind`: of its row; `hsa_id`: by its newest order."""

    kind: Kind
    card_number: str
    hsa_id: str
    station: str
    at: datetime


def untold_found_cards(connection: Connection, since: datetime) -> list[FoundCard]:
    """Found since then, of a known holder who was not told; neither blocked nor lifted meanwhile."""
    is_told = exists().where(
        worklist_acts.c.subject == wishes.c.card_number, worklist_acts.c.act.in_(("mailed", "unmailed")),
        worklist_acts.c.at >= wishes.c.at,
    )  # fmt: skip
    newest = select(orders.c.hsa_id).where(orders.c.card_number == wishes.c.card_number)
    holder = newest.order_by(orders.c.changed.desc()).limit(1).scalar_subquery()
    noted = and_(wishes.c.outcome == DECLINED, wishes.c.reason == OVER_LIMIT)
    query = select(wishes.c.card_number, wishes.c.outcome, wishes.c.station, wishes.c.at, holder.label("hsa_id")).where(
        wishes.c.hold_reason == "found", wishes.c.at > since, or_(wishes.c.outcome.in_((HELD, MARKED)), noted), ~is_told,
        ~_is_ended(), holder.is_not(None),
    )  # fmt: skip
    rows = connection.execute(query.order_by(wishes.c.at)).all()
    titles = station_titles(connection, {row.station for row in rows})
    return [
        FoundCard(
            "hold_declined" if row.outcome == DECLINED else "hold",
            row.card_number, row.hsa_id, titles.get(row.station, row.station), row.at,
        )
        for row in {row.card_number: row for row in rows}.values()
    ]  # fmt: skip


def count_acts_since(connection: Connection, act: str, since: datetime) -> int:
    these = and_(worklist_acts.c.act == act, worklist_acts.c.at > since)
    return connection.execute(select(func.count()).select_from(worklist_acts).where(these)).scalar_one()


def open_facts(connection: Connection, today: str, seen: StationCondition = all_stations) -> list[Fact]:
    """Return the facts that wait, one for each kind and subject, the oldest first. `today` is ISO 8601."""
    first: dict[Item, Fact] = {}
    for row in connection.execute(facts_query(seen), {"today": today}):
        first.setdefault((row.kind, row.subject), Fact(**{**row._mapping, "name": row.name or None}))
    return list(first.values())


def facts_query(seen: StationCondition = all_stations) -> Select[Any]:
    """All sources as one, the oldest first. It is executed with `today`."""
    facts = _sources()
    alive = and_(seen(facts.c.station), not_(facts.c.card_number.startswith("p-")), not_(_is_closed(facts)))
    return select(facts).where(alive).order_by(facts.c.since, facts.c.subject).limit(MOST)


@cache
def _sources() -> Subquery:
    """Made once: each page of the dashboard asks, and making it takes longer than reading it."""
    sources = (
        _holds(),
        _waiting_holds(),
        _declined("hold_declined", (AskName.CARD_HOLD, AskName.CARD_BLOCK), BLOCKED, HELD, MARKED),
        _declined("letter_declined", (AskName.CARD_LETTER,), ORDERED, NOTED),
        _letters(),
        _receipt_mails(),
        _certificates(),
        _orders(
            "expired", orders.c.state.in_(OPEN), orders.c.last_day < TODAY, cause=orders.c.last_day, since=orders.c.made
        ),
        _handovers(),
        _orders("receipt", orders.c.state == "activated", not_(_is_blocked(orders.c.card_number))),
        _orders("misplaced", orders.c.state == "misplaced"),
        _leavers(),
        _in_use(),
        _bins(),
        _quarantined(),
        _not_seen(),
    )
    facts = union_all(*sources).subquery()
    facts.c.keys()  # made by one thread, before any other reads them
    return facts


def acts_about(connection: Connection, items: Iterable[Item]) -> dict[Item, tuple[Act, ...]]:
    """Return the acts of people about these items, in order."""
    item_set = set(items)
    subjects = sorted({subject for _, subject in item_set})
    done: dict[Item, list[Act]] = {}
    for start in range(0, len(subjects), CHUNK):
        these = worklist_acts.c.subject.in_(subjects[start : start + CHUNK])
        for row in connection.execute(select(worklist_acts).where(these).order_by(worklist_acts.c.id)):
            if (row.kind, row.subject) in item_set:
                done.setdefault((row.kind, row.subject), []).append(Act(row.at, row.who, row.act, row.note))
    return {item: tuple(acts) for item, acts in done.items()}


def record_act(connection: Connection, item: Item, act: Act) -> None:
    kind, subject = item
    values = {"kind": kind, "subject": subject, "at": act.at, "who": act.who[:80], "act": act.act, "note": act.note}
    connection.execute(insert(worklist_acts).values(values))


def mailed_on(connection: Connection, day: str) -> frozenset[str]:
    """Channels whose e-mail of that day went out."""
    these = select(worklist_mails.c.channel).where(worklist_mails.c.day == day)
    return frozenset(connection.execute(these).scalars())


def note_mail(connection: Connection, channel: str, day: str) -> None:
    """Remember it, and forget the days before."""
    connection.execute(delete(worklist_mails).where(worklist_mails.c.day < day))
    insert_new(connection, worklist_mails, {"channel": channel, "day": day})


def _source(
    kind: Kind,
    subject: ColumnElement[str],
    card: ColumnElement[str],
    station: ColumnElement[str],
    cause: ColumnElement[Any],
    since: ColumnElement[datetime],
    holder: ColumnElement[str] | None = None,
) -> Select[Any]:
    """With whose card it is: by its newest order, where nobody has proved it (`holder`)."""
    newest = orders.alias("newest")
    theirs = select(newest.c.hsa_id).where(newest.c.card_number == card).order_by(newest.c.changed.desc()).limit(1)
    named = select(newest.c.name).where(newest.c.card_number == card).order_by(newest.c.changed.desc()).limit(1)
    if holder is None:
        holder = func.coalesce(theirs.correlate_except(newest).scalar_subquery(), "")
    columns: list[ColumnElement[Any]] = [
        literal(kind, String).label("kind"),
        subject.label("subject"),
        card.label("card_number"),
        holder.label("hsa_id"),
        func.coalesce(named.correlate_except(newest).scalar_subquery(), "").label("name"),
        station.label("station"),
        cast(cause, String).label("cause"),
        since.label("since"),
        exists().where(administrators.c.hsa_id == holder).label("is_urgent"),
        _is_sent(card).label("is_sent"),
    ]
    return select(*columns)


def _is_closed(facts: Any) -> ColumnElement[bool]:
    """Somebody has said so, after what the row is about."""
    this = (worklist_acts.c.kind == facts.c.kind, worklist_acts.c.subject == facts.c.subject)
    return exists().where(*this, worklist_acts.c.act == "close", worklist_acts.c.at >= facts.c.since)


def _is_sent(card: ColumnElement[str]) -> ColumnElement[bool]:
    on_its_way = requests.alias("on_its_way")
    asks = on_its_way.c.ask.in_((AskName.CARD_BLOCK, AskName.CARD_LIFT))
    return exists().where(on_its_way.c.card_number == card, asks, on_its_way.c.due.is_not(None))


def _is_blocked(card: ColumnElement[str]) -> ColumnElement[bool]:
    done = wishes.alias("done")
    return exists().where(done.c.card_number == card, done.c.ask == AskName.CARD_BLOCK, done.c.outcome == BLOCKED)


def _holds() -> Select[Any]:
    """Holds and marks that stand: neither blocked nor lifted since. Those of deadlines are told there."""
    reason = func.coalesce(wishes.c.hold_reason, "lost")
    query = _source("hold", wishes.c.card_number, wishes.c.card_number, wishes.c.station, reason, wishes.c.at)
    return query.where(
        wishes.c.ask.in_((AskName.CARD_HOLD, AskName.CARD_BLOCK)),
        wishes.c.outcome.in_((HELD, MARKED)),
        reason != "deadline",
        ~_is_ended(),
    )


def _is_ended() -> ColumnElement[bool]:
    """The card of the wish was blocked or given free since."""
    ended = wishes.alias("ended")
    later = (ended.c.card_number == wishes.c.card_number, ended.c.at >= wishes.c.at)
    return exists().where(*later, ended.c.outcome.in_((BLOCKED, LIFTED)))


def _waiting_holds() -> Select[Any]:
    """Holds and blocks that the issuer has not heard of yet: where it has no interface, a person tells it."""
    query = _source(
        "hold", requests.c.card_number, requests.c.card_number, requests.c.station, literal("waiting"), requests.c.made
    )
    by_rule = requests.c.who.startswith("rule:")
    asks = requests.c.ask.in_((AskName.CARD_HOLD, AskName.CARD_BLOCK))
    return query.where(asks, requests.c.state == "waiting", not_(by_rule))


def _declined(kind: Kind, asks: Sequence[AskName], *granted: str) -> Select[Any]:
    """Refusals that nothing better has followed."""
    better = wishes.alias("better")
    later = (better.c.card_number == wishes.c.card_number, better.c.at >= wishes.c.at)
    stands = ~exists().where(*later, better.c.ask.in_(asks), better.c.outcome.in_(granted))
    query = _source(
        kind, wishes.c.card_number, wishes.c.card_number, wishes.c.station, wishes.c.reason, wishes.c.at
    )  # fmt: skip
    refused = (wishes.c.ask.in_(asks), wishes.c.outcome == DECLINED, wishes.c.reason.not_in(NOTHING_TO_DO))
    return query.where(*refused, stands, wishes.c.card_number != "")


def _handovers() -> Select[Any]:
    """Hand-overs that were told in vain, were refused, or are left to people."""
    tried = or_(requests.c.tries > 0, requests.c.due.is_(None))
    cause = func.coalesce(requests.c.error, "waiting")
    query = _source("handover", requests.c.id, requests.c.card_number, requests.c.station, cause, requests.c.made)
    return query.where(requests.c.ask == HANDED_OVER, requests.c.state.in_(("waiting", "declined")), tried)


def _letters() -> Select[Any]:
    """Letters that somebody orders in the issuer's portal. A card that was blocked meanwhile needs none."""
    card, station = requests.c.card_number, requests.c.station
    query = _source("letter", card, card, station, requests.c.error, requests.c.made)
    waiting = (requests.c.ask == AskName.CARD_LETTER, requests.c.state == "waiting", not_(_is_blocked(card)))
    return query.where(*waiting)


def _receipt_mails() -> Select[Any]:
    """Receipts that were promised by e-mail, and could not be sent."""
    card = func.coalesce(errands.c.card_number, "")
    since, why = receipt_mails.c.wanted, receipt_mails.c.error
    query = _source("receipt_mail", receipt_mails.c.number, card, stations.c.name, why, since)
    same = and_(errands.c.errand == receipt_mails.c.errand, errands.c.station == receipt_mails.c.station)
    rows = receipt_mails.join(stations).outerjoin(errands, same)
    return query.select_from(rows).where(receipt_mails.c.state == "refused")


def _certificates() -> Select[Any]:
    """Certificates that somebody makes in the issuer's portal. A card that was blocked meanwhile needs none."""
    columns = certificate_requests.c
    cause = func.coalesce(columns.cause, columns.profile)
    query = _source(
        "certificate", columns.id, columns.card_number, columns.station, cause, columns.made, holder=columns.hsa_id
    )
    return query.where(columns.given.is_(None), columns.ended.is_(None), not_(_is_blocked(columns.card_number)))


def _orders(
    kind: Kind,
    *fits: ColumnElement[bool],
    cause: ColumnElement[Any] = orders.c.slot,
    since: ColumnElement[datetime] = orders.c.changed,
) -> Select[Any]:
    return _source(kind, orders.c.order, orders.c.card_number, orders.c.station, cause, since).where(*fits)


def _leavers() -> Select[Any]:
    """By the few who have left, and not by the many cards in use: so the state is kept from its index."""
    gone = select(people.c.hsa_id).where(people.c.left <= TODAY, not_(people.c.continued))
    day = select(people.c.left).where(people.c.hsa_id == orders.c.hsa_id).scalar_subquery()
    active = (func.coalesce(orders.c.state, "").in_(IN_HAND), not_(_is_blocked(orders.c.card_number)))
    query = _source("left", orders.c.order, orders.c.card_number, orders.c.station, day, orders.c.changed)
    return query.where(orders.c.hsa_id.in_(gone), *active)


def _in_use() -> Select[Any]:
    """Cards that are not handed over, and have their holder's code: the errands that took it, or that tell of a hand-over which
    nobody has proved. A test is told of such cards alone,
    and a code letter takes none."""
    letter = wishes.alias("letter")
    ordered = exists().where(
        letter.c.card_number == orders.c.card_number, letter.c.ask == AskName.CARD_LETTER, letter.c.at >= errands.c.started,
        letter.c.at <= errands.c.ended,
    )  # fmt: skip
    tested = exists().where(
        events.c.errand == errands.c.errand,
        events.c.station == errands.c.station,
        events.c.type == EventType.EFFECT_DONE,
    )
    takes = and_(errands.c.kind.in_((*TAKE_THE_CODE, *HANDS_OVER)), not_(ordered))
    used = or_(takes, and_(errands.c.kind == "check_card", tested))
    query = _source(
        "in_use", orders.c.order, orders.c.card_number, stations.c.name, errands.c.kind, errands.c.started
    )  # fmt: skip
    rows = orders.join(errands, errands.c.card_number == orders.c.card_number).join(stations)
    began = and_(errands.c.outcome == ErrandOutcome.DONE, errands.c.started >= orders.c.made)
    free = not_(_is_blocked(orders.c.card_number))
    return query.select_from(rows).where(is_not_handed_over(), began, used, free)


def _bins() -> Select[Any]:
    """Bins that were emptied last with other cards, or another number of them, than their station's list said."""
    counts = cast(bins.c.counted, String) + ":" + cast(bins.c.expected, String)
    query = _source("bin", stations.c.name, literal(""), stations.c.name, counts, bins.c.emptied)
    return query.select_from(bins.join(stations)).where(bins.c.differs)


def _not_seen() -> Select[Any]:
    """Cards in a bin that were given back by their number alone: whoever empties it scans them."""
    number, fell = bin_cards.c.card_number, bin_cards.c.dropped
    query = _source("not_seen", number, number, stations.c.name, literal("not_seen"), fell)
    emptied = exists().where(bins.c.station == bin_cards.c.station, bins.c.emptied >= fell)
    return query.select_from(bin_cards.join(stations)).where(bin_cards.c.by_number, not_(emptied))


def _quarantined() -> Select[Any]:
    slot, number = cast(reserve_cards.c.slot, String), reserve_cards.c.card_number
    query = _source("quarantined", stations.c.name + "/" + slot, number, stations.c.name, slot, reserve_cards.c.at)
    return query.select_from(reserve_cards.join(stations)).where(reserve_cards.c.quarantined, reserve_cards.c.lies)
