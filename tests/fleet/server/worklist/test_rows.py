"""Rows of the worklist: each thing that waits stands there until it has really happened, or a person has said so."""

from datetime import timedelta

import pytest

from fleet.messages.asking import (
    BlockAsk,
    BlockedResult,
    DeclinedResult,
    HoldAsk,
    LetterAsk,
    LetterOrderedResult,
    LiftAsk,
    LiftedResult,
)
from fleet.server.database.database import Database
from fleet.server.files.import_files import ImportRefusedError
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.model import RequestKey
from fleet.server.issuers.requests import RequestLog
from fleet.server.orders.model import NOT_HANDED_OVER
from fleet.server.orders.service import apply_step
from fleet.server.worklist.model import KINDS
from fleet.server.worklist.queries import facts_query
from tests.fleet.server.conftest import SealingStation
from tests.fleet.server.worklist.conftest import HERE, KRA, THERE, Desk

CARD, OTHER = "9752269033000001", "9752269033000002"


def test_a_card_reported_lost_waits_until_it_is_blocked(desk: Desk) -> None:
    desk.order("O-1", CARD, name="Alva Test", hsa_id="TEST000000-0001")
    desk.held(CARD)
    row = desk.rows()["hold", CARD]
    assert (row.station, row.cause, row.hsa_id, row.name) == (HERE, "lost", "TEST000000-0001", "Alva Test")
    assert row.due - row.since == timedelta(hours=24)
    desk.later(hours=1)
    log = RequestLog(desk.database)
    log.keep(
        HERE, BlockAsk(id="b" * 32, card_number=CARD, reason="lost", wanted=""), (KRA,), BlockedResult(""), desk.now
    )
    assert desk.rows() == {}


def test_a_hold_that_was_lifted_waits_for_nobody_and_a_new_one_does_again(desk: Desk) -> None:
    desk.held(CARD, "forgotten")
    desk.later(hours=1)
    log = RequestLog(desk.database)
    log.keep(HERE, LiftAsk(id="c" * 32, card_number=CARD), (KRA,), LiftedResult("active"), desk.now)
    assert desk.rows() == {}
    desk.later(hours=1)
    desk.held(CARD, "stolen")
    assert desk.rows()["hold", CARD].since == desk.now


def test_who_reports_again_does_not_put_the_deadline_off(desk: Desk) -> None:
    desk.held(CARD)
    first = desk.rows()["hold", CARD]
    desk.later(hours=20)
    desk.held(CARD)
    assert desk.rows()["hold", CARD] == first


def test_a_hold_that_the_issuer_has_not_heard_of_waits_too(desk: Desk) -> None:
    ask = HoldAsk(id="d" * 32, card_number=CARD, reason="lost", wanted="")
    with desk.database.writing.begin() as connection:
        requesting.enqueue(connection, RequestKey(HERE, ask.id), ask, "", desk.now)
    assert desk.rows()["hold", CARD].cause == "waiting"


def test_a_block_that_the_issuer_has_not_heard_of_waits_too(desk: Desk) -> None:
    ask = BlockAsk(id="e" * 32, card_number=CARD, reason="replaced", wanted="")
    with desk.database.writing.begin() as connection:
        requesting.enqueue(connection, RequestKey(HERE, ask.id), ask, "", desk.now)
    assert desk.rows()["hold", CARD].cause == "waiting"


def test_a_hold_by_a_deadline_is_told_by_its_deadline_alone(desk: Desk) -> None:
    desk.held(CARD, "deadline")
    assert desk.rows() == {}


def test_an_administrators_card_reported_lost_is_urgent(desk: Desk) -> None:
    desk.listed((KRA, ("KRA",)))
    desk.order("O-9", CARD, hsa_id=KRA)
    desk.held(OTHER)
    desk.later(hours=2)
    desk.held(CARD)
    first, second = desk.worklist.rows()
    assert (first.card_number, first.is_urgent, first.due - first.since) == (CARD, True, timedelta(hours=1))
    assert (second.card_number, second.is_urgent) == (OTHER, False)


def test_a_card_returned_by_its_number_alone_waits_to_be_scanned_until_the_bin_is_emptied(desk: Desk) -> None:
    desk.order("O-1", CARD, "returned")
    desk.dropped(1, CARD, by_number=True)
    desk.dropped(1, OTHER, by_number=False)
    assert [(row.kind, row.card_number) for row in desk.worklist.rows()] == [("not_seen", CARD)]
    desk.later(hours=3)
    desk.emptied(1, 2, 2)
    assert desk.rows() == {}


def test_a_hold_that_was_refused_waits_for_a_person_unless_the_card_is_dead_anyway(desk: Desk) -> None:
    desk.held(CARD, result=DeclinedResult("unknown_card"))
    desk.held(OTHER, result=DeclinedResult("card_blocked"))
    assert list(desk.rows()) == [("hold_declined", CARD)]


def test_a_found_card_waits_held_or_noted_and_an_administrators_is_urgent(desk: Desk) -> None:
    desk.listed((KRA, ("KRA",)))
    desk.order("O-9", "9752269033000009", hsa_id=KRA)
    desk.held(CARD, "found")
    desk.held(OTHER, "found", DeclinedResult("over_limit"))
    desk.held("9752269033000009", "found", DeclinedResult("over_limit"))
    rows = {row.card_number: (row.kind, row.cause, row.is_urgent) for row in desk.worklist.rows()}
    assert rows == {
        CARD: ("hold", "found", False),
        OTHER: ("hold_declined", "over_limit", False),
        "9752269033000009": ("hold_declined", "over_limit", True),
    }


def test_a_letter_that_was_refused_waits_until_one_is_on_its_way(desk: Desk) -> None:
    desk.letter_refused(CARD, "reserve_card")
    desk.letter_refused(OTHER, "letter_lately")
    assert list(desk.rows()) == [("letter_declined", CARD)]
    desk.later(hours=1)
    ordered = LetterOrderedResult("2026-12-01", "home")
    RequestLog(desk.database).keep(HERE, LetterAsk(id="e" * 32, card_number=CARD), (KRA,), ordered, desk.now)
    assert desk.rows() == {}


def test_a_receipt_that_could_not_be_mailed_waits_until_somebody_has_dealt_with_it(desk: Desk) -> None:
    desk.receipt_mail("R-1", "waiting")
    desk.receipt_mail("R-2", "sent")
    assert desk.rows() == {}
    desk.receipt_mail("R-3", "refused", "mail_no_address", CARD)
    row = desk.rows()["receipt_mail", "R-3"]
    assert (row.station, row.card_number, row.cause) == ("entre-a", CARD, "mail_no_address")
    assert row.due - row.since == timedelta(hours=72)
    desk.worklist.act(row, KRA, "close", "printed")
    assert desk.rows() == {}


def test_an_unsigned_receipt_has_the_deadline_of_its_rule_and_ends_when_it_is_signed(desk: Desk) -> None:
    desk.order("O-1", CARD, "activated")
    row = desk.rows()["receipt", "O-1"]
    assert timedelta(days=5) <= row.due - row.since <= timedelta(days=6)
    with desk.database.writing.begin() as connection:
        apply_step(connection, "O-1", "collected", desk.now)
    assert desk.rows() == {}


def test_a_card_that_was_not_collected_in_time_is_prolonged_and_never_beyond_the_day_on_which_it_is_void(
    desk: Desk,
) -> None:
    desk.order("O-1", CARD, "waiting", last_day=desk.now.date().isoformat())
    desk.order("O-2", OTHER, slot=4, last_day=desk.now.date().isoformat())
    assert desk.rows() == {}, "today is its last day"
    desk.later(days=1)
    row = desk.rows()["expired", "O-1"]
    assert (row.cause, len(desk.rows())) == (f"{desk.now - timedelta(days=1):%Y-%m-%d}", 1), "O-2 is with its holder"
    assert (row.due - row.since).days == 90, "then it is void"
    desk.worklist.act(row, KRA, "prolong", "")
    assert desk.rows() == {}
    assert desk.last_day("O-1") == f"{desk.now + timedelta(days=14):%Y-%m-%d}"
    desk.later(days=80)
    desk.worklist.act(desk.rows()["expired", "O-1"], KRA, "prolong", "")
    assert desk.last_day("O-1") == f"{desk.now + timedelta(days=9):%Y-%m-%d}"


def test_what_a_leaver_did_not_collect_is_not_prolonged(desk: Desk) -> None:
    desk.order("O-1", CARD, "waiting", hsa_id="TEST000000-0002", last_day=desk.now.date().isoformat())
    desk.has_left("TEST000000-0002", "2026-11-20")
    desk.later(days=1)
    row = desk.rows()["expired", "O-1"]
    with pytest.raises(ImportRefusedError):
        desk.worklist.act(row, KRA, "prolong", "")
    assert desk.rows()["expired", "O-1"].acts == ()
    desk.worklist.act(row, KRA, "cancel", "")
    assert desk.rows() == {}


def test_a_leaver_with_an_active_card_waits_and_one_who_goes_on_does_not(desk: Desk) -> None:
    desk.order("O-1", CARD, hsa_id="TEST000000-0002")
    assert desk.rows() == {}
    desk.has_left("TEST000000-0002", "2026-11-20")
    row = desk.rows()["left", "O-1"]
    assert (row.cause, row.card_number) == ("2026-11-20", CARD)
    assert (row.due - timedelta(seconds=1)).astimezone().date().isoformat() == "2027-02-20", "three months after"
    with desk.database.writing.begin() as connection:
        apply_step(connection, "O-1", "returned", desk.now)
    assert desk.rows() == {}


def test_misplaced_and_quarantined_cards_wait_at_their_station(desk: Desk) -> None:
    desk.order("O-1", CARD, "misplaced", slot=7)
    desk.quarantined(1, 9, OTHER)
    rows = desk.rows()
    assert (rows["misplaced", "O-1"].cause, rows["quarantined", f"{HERE}/9"].card_number) == ("7", OTHER)
    with desk.database.writing.begin() as connection:
        apply_step(connection, "O-1", "stored", desk.now)
    assert list(desk.rows()) == [("quarantined", f"{HERE}/9")]


@pytest.mark.parametrize(("counted", "waits"), [(51, True), (49, True), (50, False)])
def test_a_bin_that_differs_waits_until_somebody_says_why(desk: Desk, counted: int, waits: bool) -> None:
    desk.order("O-1", CARD, "waiting")
    desk.emptied(1, counted, 50)
    rows = desk.worklist.rows()
    assert [(row.kind, row.subject, row.cause) for row in rows] == ([("bin", HERE, f"{counted}:50")] if waits else [])
    for row in rows:
        desk.worklist.act(row, KRA, "close", "one lay beside the bag")
    assert desk.rows() == {}


def test_what_somebody_closed_waits_again_when_it_happens_again(desk: Desk) -> None:
    desk.letter_refused(CARD, "reserve_card")
    (row,) = desk.worklist.rows()
    desk.worklist.act(row, KRA, "close", "told by telephone")
    assert desk.rows() == {}
    desk.later(days=1)
    desk.letter_refused(CARD, "reserve_card")
    (again,) = desk.worklist.rows()
    assert again.id != row.id
    assert again.acts == ()


@pytest.mark.parametrize("state", NOT_HANDED_OVER)
def test_a_card_that_is_used_before_anybody_has_handed_it_over_waits(desk: Desk, state: str) -> None:
    desk.order("O-1", CARD, state, name="Alva Test", delivery="post", slot=0)
    assert ("in_use", "O-1") not in desk.rows()
    desk.later(hours=1)
    desk.used(CARD, "unblock", station=THERE)
    row = desk.rows()["in_use", "O-1"]
    assert (row.station, row.cause, row.card_number, row.name) == (THERE, "unblock", CARD, "Alva Test")
    assert (row.since, row.due - row.since) == (desk.now, timedelta(hours=24))
    desk.later(hours=1)
    desk.used(CARD, "change_pin")
    assert desk.rows()["in_use", "O-1"] == row, "the first use counts"
    with desk.database.writing.begin() as connection:
        apply_step(connection, "O-1", "activated", desk.now)
    assert ("in_use", "O-1") not in desk.rows()


@pytest.mark.parametrize(
    ("kind", "outcome", "tested", "waits"),
    [
        ("unblock", "done", True, True),
        ("change_pin", "done", True, True),
        ("renew_certificate", "done", True, True),
        ("clean_up", "done", True, True),
        ("check_card", "done", True, True),
        ("check_card", "done", False, False),
        ("check_card", "fault", True, False),
        ("unblock", "refused", False, False),
        ("pickup", "done", True, True),
        ("activate", "done", True, True),
        ("return_card", "done", True, False),
    ],
)
def test_what_shows_that_a_card_has_its_holders_code(
    desk: Desk, kind: str, outcome: str, tested: bool, waits: bool
) -> None:
    desk.order("O-1", CARD, "coming", delivery="post", slot=0)
    desk.used(CARD, kind, outcome, tested=tested)
    assert (("in_use", "O-1") in desk.rows()) is waits


def test_a_card_in_use_waits_for_nobody_once_it_is_blocked_or_its_order_is_none(desk: Desk) -> None:
    desk.used(CARD, "unblock")
    desk.later(minutes=1)
    desk.order("O-1", CARD, "coming", delivery="post", slot=0)
    assert desk.rows() == {}, "it was used before it was ordered"
    desk.used(CARD, "unblock")
    assert list(desk.rows()) == [("in_use", "O-1")]
    desk.worklist.act(desk.rows()["in_use", "O-1"], KRA, "cancel", "")
    assert desk.rows() == {}
    desk.order("O-2", OTHER, "taken")
    desk.used(OTHER, "change_pin")
    block = BlockAsk(id="b" * 32, card_number=OTHER, reason="lost", wanted="")
    RequestLog(desk.database).keep(HERE, block, (KRA,), BlockedResult(""), desk.now)
    assert desk.rows() == {}


def test_a_letter_that_was_ordered_for_a_card_that_nobody_has_handed_over_is_no_use_of_it(desk: Desk) -> None:
    desk.order("O-1", CARD, "coming", delivery="post", slot=0)
    letter = LetterAsk(id="a" * 32, card_number=CARD)
    RequestLog(desk.database).keep(HERE, letter, (), LetterOrderedResult("2026-12-09", "home"), desk.now)
    desk.used(CARD, "unblock", tested=False)
    assert desk.rows() == {}


def test_a_card_that_was_handed_over_by_another_order_is_in_use_rightly(desk: Desk) -> None:
    desk.order("O-1", CARD, "collected")
    desk.order("O-2", CARD, "coming", delivery="post", slot=0)
    desk.used(CARD, "unblock")
    assert desk.rows() == {}


def test_who_sees_one_station_sees_its_rows_alone(desk: Desk) -> None:
    desk.held(CARD, station=HERE)
    desk.held(OTHER, station=THERE)
    assert [row.card_number for row in desk.worklist.within(frozenset({THERE})).rows()] == [OTHER]
    assert [row.card_number for row in desk.worklist.rows(station=HERE)] == [CARD]


def test_who_took_it_and_what_was_noted_stay_with_the_row(desk: Desk) -> None:
    desk.held(CARD)
    (row,) = desk.worklist.rows()
    desk.worklist.record(row, "maj.test", "take")
    desk.worklist.record(row, "maj.test", "note", "called, no answer")
    (row,) = desk.worklist.rows()
    assert row.taken is not None
    assert (row.taken.who, [act.note for act in row.acts]) == ("maj.test", ["", "called, no answer"])
    desk.worklist.record(row, "maj.test", "leave")
    assert desk.worklist.rows()[0].taken is None
    assert "worklist" in desk.changes.topics


def test_a_decision_on_its_way_to_the_issuer_is_seen_at_the_row(desk: Desk) -> None:
    desk.held(CARD)
    block = BlockAsk(id="f" * 32, card_number=CARD, reason="lost", wanted="")
    with desk.database.writing.begin() as connection:
        requesting.enqueue(connection, RequestKey(HERE, block.id), block, f"account:{KRA}", desk.now, KRA)
    assert desk.rows()["hold", CARD].is_sent


def test_every_kind_is_found_on_both_databases(either: Database, station: SealingStation) -> None:
    desk = Desk(either)
    desk.order("O-1", CARD, "activated", station=station.name)
    desk.order("O-2", OTHER, "misplaced", station=station.name)
    desk.order("O-3", "9752269033000003", station=station.name, hsa_id="TEST000000-0003")
    desk.has_left("TEST000000-0003", "2026-11-20")
    desk.held(CARD, station=station.name)
    desk.held(OTHER, result=DeclinedResult("unknown_card"), station=station.name)
    desk.letter_refused(OTHER, "reserve_card")
    desk.order("O-4", "9752269033000004", "waiting", station=station.name, slot=4, last_day="2026-01-01")
    desk.quarantined(1, 9, "9752269033000009")
    desk.received("O-3", "9752269033000003", station.name)
    with either.writing.begin() as connection:
        letter = LetterAsk(id="1" * 32, card_number=OTHER)
        requesting.enqueue(connection, RequestKey(HERE, letter.id), letter, "", desk.now)
        for row in requesting.due_requests(connection, desk.now):
            requesting.leave_to_people(connection, row.key)
    desk.order("O-5", "9752269033000005", "coming", station=station.name, delivery="post", slot=0)
    desk.used("9752269033000005", "unblock", station=station.name)
    desk.receipt_mail("R-1", "refused", "mail_refused")
    desk.asked_for_certificate("9752269033000007", station.name)
    desk.emptied(1, 1, 2)
    desk.later(minutes=1)
    desk.dropped(1, "9752269033000008", by_number=True)
    assert {row.kind for row in desk.worklist.rows()} == set(KINDS)
    assert all(row.taken is None for row in desk.worklist.within(frozenset({"*"})).rows())


def test_however_many_cards_there_are_they_are_found_by_index_and_each_by_its_number(desk: Desk) -> None:
    """Every page counts these rows: a look at all blocks for each card would hang it."""
    query = facts_query().params(today="2026-11-25")
    statement = query.compile(desk.database.reading, compile_kwargs={"literal_binds": True})
    with desk.database.reading.begin() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    many = ("orders", "wishes", "requests", "certificate_requests", "people", "worklist_acts")
    assert [step for step in plan if step.startswith("SCAN") and step.split()[1] in many] == []
    of_one_card = [
        step for step in plan if step.split()[:2] in (["SEARCH", name] for name in ("done", "ended", "better"))
    ]
    assert len(of_one_card) >= 4
    assert [step for step in of_one_card if "card_number=?" not in step] == []
