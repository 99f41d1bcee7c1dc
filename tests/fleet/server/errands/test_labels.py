"""Labels of the dashboard over the whole vocabulary: what a station may tell is shown in words, never as its code."""

from collections.abc import Iterable
from typing import get_args

import pytest

from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome
from fleet.server.errands.labels import ERRAND_KINDS, OUTCOMES, describe_event, errand_label
from fleet.server.errands.model import EventRow
from fleet.server.orders.labels import ORDER_STATES
from fleet.server.orders.model import State
from fleet.server.pages.i18n import load
from kiosk.errands.registry import ERRANDS

TEXTS = load()["sv"]


def event(event_type: str, **content: object) -> EventRow:
    """An event with that data, of no station in particular."""
    return EventRow("station", 1, 1, event_type, "2026-11-25T10:42:18Z", None, content)


@pytest.mark.parametrize("event_type", EventType)
def test_every_type_of_event_has_a_label_and_an_icon(event_type: EventType) -> None:
    assert TEXTS.has(f"event.{event_type.short}")
    assert event_type.short not in describe_event(event(event_type), TEXTS).text


def test_a_type_of_event_that_this_server_does_not_know_is_shown_as_it_is() -> None:
    assert "of.tomorrow" in describe_event(event("se.kortkiosk.of.tomorrow"), TEXTS).text


@pytest.mark.parametrize("effect", Effect)
def test_every_effect_has_a_label(effect: Effect) -> None:
    assert TEXTS.has(f"effect.{effect}")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_of_an_effect_went_well_or_has_a_label(outcome: Outcome) -> None:
    told = describe_event(event(EventType.EFFECT_DONE, effect=Effect.CARD_HOLD, outcome=outcome), TEXTS)
    assert (told.level == "ok") != TEXTS.has(f"effect_outcome.{outcome}")


def test_every_outcome_of_an_errand_has_a_label_and_can_be_filtered_by() -> None:
    assert set(ErrandOutcome) <= set(OUTCOMES)
    assert all(TEXTS.has(f"outcome.{outcome}") and errand_label(outcome).icon for outcome in ErrandOutcome)


def test_every_errand_has_a_label_and_can_be_filtered_by() -> None:
    assert set(ERRAND_KINDS) == {errand.id for errand in ERRANDS}
    assert all(TEXTS.has(f"kind.{kind}") for kind in ERRAND_KINDS)


def test_every_state_of_an_order_has_a_label_and_can_be_filtered_by() -> None:
    assert {*get_args(State), "expired", "unregistered"} == set(ORDER_STATES)


@pytest.mark.parametrize(("family", "vocabulary"), [("effect", Effect), ("effect_outcome", Outcome)])
def test_no_label_is_of_a_word_that_no_station_says(family: str, vocabulary: Iterable[str]) -> None:
    said = {key.removeprefix(f"{family}.") for key in TEXTS.catalogue if key.startswith(f"{family}.")}
    assert said <= {*vocabulary, "other"}


def test_no_label_is_of_a_type_of_event_that_no_station_tells() -> None:
    said = {key.removeprefix("event.") for key in TEXTS.catalogue if key.startswith("event.")}
    assert said == {*(event_type.short for event_type in EventType), "other"}
