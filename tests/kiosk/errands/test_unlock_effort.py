"""How much an attended unlock asks of the people at the station, by the documented file and a keystroke-level model.

The seconds are a model of hands and eyes, not a measurement: they hold the journey to few questions.
"""

from fleet.messages.errand_catalog import folder
from kiosk.walk.answers import load

QUESTION_S, DIGIT_S, CARD_S, MACHINE_S = 4.0, 0.6, 5.0, 12.0
"""To read a screen and touch it; a digit of the pad; to read a screen and move a card; all that the machine does meanwhile."""
MOST_S = 120.0
READ_ON_CARD = 2 * CARD_S + QUESTION_S
"""The card comes out, its product code is read and chosen, and the card goes in again."""


def test_an_attended_unlock_takes_two_minutes_of_everybodys_time_at_most() -> None:
    entries = load(folder() / "unblock" / "walk_attended.toml").entries
    moves = [entry for entry in entries if entry.do]
    asked = [entry for entry in entries if entry.value is not None]
    digits = sum(len(entry.value) for entry in asked if entry.value and entry.value.isdigit())
    assert (len(moves), len(asked), digits) == (6, 9, 22), "another question is another cost: count it here"
    seconds = CARD_S * len(moves) + QUESTION_S * len(asked) + DIGIT_S * digits + MACHINE_S
    assert seconds + READ_ON_CARD <= MOST_S
