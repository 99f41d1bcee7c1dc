"""A slice of `make visits`: nobody is sent away without who, where and when, nothing that waits is on no list; and a judge that
finds it where it is so."""

from collections import Counter
from dataclasses import replace

import pytest

from campaigns.visits.__main__ import table, tally_of
from campaigns.visits.judge import broken_rules, end_of
from campaigns.visits.mix import ISSUERS, Issuer, Situation, draw, load
from campaigns.visits.visitors import VISITORS
from campaigns.visits.walk import walk_all
from kiosk.errands.registry import ERRANDS
from kiosk.views import Tell

SEED, VISITORS_DRAWN = 3, 16


def test_every_visitor_of_the_mix_is_known_and_begins_an_errand_that_there_is() -> None:
    mix = load()
    assert mix.weight.keys() == VISITORS.keys()
    assert {visitor.errand for visitor in VISITORS.values()} <= {errand.id for errand in ERRANDS}
    assert set(draw(mix, 10_000, SEED)) >= {Situation(name, "there", True, False) for name in VISITORS}


@pytest.mark.parametrize("issuer", ["api", "portal"])
def test_what_a_few_visitors_leave_with(issuer: Issuer) -> None:
    tally = tally_of(draw(load(), VISITORS_DRAWN, SEED), issuer)
    assert tally.broken == Counter()
    assert tally.ends.total() == VISITORS_DRAWN
    assert tally.ends["works"] > VISITORS_DRAWN / 3
    assert table({issuer: tally}).splitlines()[-1].endswith(" 0 |")


PLANTED = [
    (Situation("attended", "night", True, False), "api", "administrator", "sent away without who, where and when"),
    (Situation("dead_chip", "there", True, False), "api", "works", "on no list: not_seen"),
    (Situation("lost", "busy", True, False), "portal", "waits", "on no list: hold"),
    (Situation("own_card", "there", True, False), "portal", "works", "on no list: handover"),
    (Situation("no_letter_6xx", "busy", True, False), "api", "waits", "on no list: letter"),
]


@pytest.mark.parametrize(("situation", "issuer", "end", "rule"), PLANTED)
def test_the_judge_finds_what_is_left_out(situation: Situation, issuer: Issuer, end: str, rule: str) -> None:
    (walked,) = walk_all([situation], issuer)
    assert (end_of(walked), broken_rules(walked)) == (end, [])
    letters = [told for told in walked.asked if told[0] != "card.letter"]
    last = replace(walked.last, who_helps=None) if isinstance(walked.last, Tell) else walked.last
    bare = replace(walked, last=replace(last, note=None), rows=(), asked=tuple(letters))
    assert rule in broken_rules(bare)


@pytest.mark.parametrize("visitor", ["locked_7xx", "lost", "returns", "returns_locked", "dead_chip"])
def test_whoever_attends_does_it_in_the_portal_while_the_visitor_waits(visitor: str) -> None:
    there, busy = (Situation(visitor, attendance, True, False) for attendance in ("there", "busy"))
    assert [end_of(walked) for walked in walk_all([there, busy], "portal")] == ["works", "waits"]


def test_a_station_that_only_says_that_a_card_is_blocked_is_not_believed() -> None:
    (walked,) = walk_all([Situation("lost", "there", True, False)], "portal")
    told = tuple(each for each in walked.asked if each[1] != "blocked")
    assert end_of(replace(walked, asked=told)) == "waits"


def test_there_is_a_row_of_the_table_for_each_kind_of_issuer() -> None:
    assert ISSUERS == ("api", "portal_est", "portal", "none")
