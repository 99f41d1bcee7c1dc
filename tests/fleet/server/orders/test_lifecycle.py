"""The life of an order: every state with every happening, and what is forbidden."""

import itertools

import pytest

from fleet.server.orders.model import (
    CAUSE,
    ENDED_EARLY,
    HAPPENINGS,
    IN_HAND,
    NEW,
    OPEN,
    STATES,
    TABLE,
    UNCOLLECTED,
    UNSIGNED,
    OrderEvent,
    State,
    state_after,
)

HAPPENS = """
coming: given_slot>waiting given_no_slot>coming stored>waiting taken_out>taken_out missing>misplaced taken>taken
coming: activated>activated collected>collected cancelled>cancelled voided>voided
waiting: given_slot>waiting given_no_slot>waiting stored>waiting taken_out>taken_out missing>misplaced taken>taken
waiting: wrong_card>misplaced activated>activated collected>collected cancelled>cancelled voided>voided
taken: wrong_card>misplaced activated>activated collected>collected
misplaced: given_slot>waiting given_no_slot>coming stored>waiting taken_out>taken_out missing>misplaced
misplaced: activated>activated collected>collected cancelled>cancelled voided>voided
taken_out: given_slot>waiting given_no_slot>coming stored>waiting taken_out>taken_out missing>misplaced
taken_out: activated>activated collected>collected cancelled>cancelled voided>voided destroyed>destroyed
activated: collected>collected returned>returned
collected: returned>returned
cancelled: given_slot>waiting given_no_slot>coming taken>taken activated>activated collected>collected
cancelled: destroyed>destroyed taken_out>cancelled missing>cancelled
voided: given_slot>waiting given_no_slot>coming taken>taken activated>activated collected>collected
voided: destroyed>destroyed taken_out>voided missing>voided
returned: destroyed>destroyed
"""
EXPECTED = {
    (state, what): follows
    for state, _, steps in (line.partition(": ") for line in HAPPENS.split("\n") if line)
    for what, _, follows in (step.partition(">") for step in steps.split())
}


@pytest.mark.parametrize(("state", "what"), list(itertools.product(STATES, HAPPENINGS)))
def test_what_follows_from_every_state_and_happening_and_that_nothing_else_does(state: State, what: OrderEvent) -> None:
    assert state_after(state, what) == EXPECTED.get((state, what))


def test_an_order_begins_with_a_row_of_the_office_and_in_no_other_way() -> None:
    begun = {what: state_after(None, what) for what in HAPPENINGS if state_after(None, what)}
    assert begun == {"given_slot": "waiting", "given_no_slot": "coming"} == NEW


def test_the_table_names_every_state_and_every_happening_has_its_cause() -> None:
    assert set(TABLE) == set(STATES)
    assert set(CAUSE) == set(HAPPENINGS) == {what for steps in (*TABLE.values(), NEW) for what in steps}


def test_every_state_is_reached_and_every_life_can_end() -> None:
    reached, todo = set(NEW.values()), list(NEW.values())
    while todo:
        fresh = set(TABLE[todo.pop()].values()) - reached
        reached |= fresh
        todo += fresh
    assert reached == set(STATES)
    for state in STATES:
        ends, seen = {state}, {state}
        while ends := {one for each in ends for one in TABLE[each].values()} - seen:
            seen |= ends
        assert "destroyed" in seen, state


def test_a_card_that_was_handed_over_is_offered_to_nobody_again() -> None:
    for state in (*IN_HAND, "returned", "destroyed"):
        seen, todo = {state}, {state}
        while todo := {one for each in todo for one in TABLE[each].values()} - seen:  # type: ignore[index]
            seen |= todo
        assert not seen & set(OPEN), state


def test_the_groups_of_states_do_not_overlap_where_deadlines_ask_by_them() -> None:
    assert not set(UNCOLLECTED) & set(UNSIGNED)
    assert not set(ENDED_EARLY) & set(OPEN)


def test_a_state_that_nobody_knows_leads_nowhere() -> None:
    assert state_after("from.next.year", "taken") is None
