"""How much an attended unlock asks of the people at the station, by the documented file and a keystroke-level model."""

from fleet.messages.errand_catalog import folder
from kiosk.walk.answers import load
from tests.fakes.screens.efforts import CARD_S, QUESTION_S, model_seconds

MOST_S = 120.0
READ_ON_CARD = 2 * CARD_S + QUESTION_S
"""The card comes out, its product code is read and chosen, and the card goes in again."""


def test_an_attended_unlock_takes_two_minutes_of_everybodys_time_at_most() -> None:
    entries = load(folder() / "unblock" / "walk_attended.toml").entries
    moves = [entry for entry in entries if entry.do]
    asked = [entry for entry in entries if entry.value is not None]
    digits = sum(len(entry.value) for entry in asked if entry.value and entry.value.isdigit())
    assert (len(moves), len(asked), digits) == (6, 9, 22), "another question is another cost: count it here"
    assert model_seconds(len(asked), digits, len(moves)) + READ_ON_CARD <= MOST_S
