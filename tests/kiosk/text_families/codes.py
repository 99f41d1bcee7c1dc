"""Texts of the errands that set a code."""

from typing import get_args

from drivers.reader.keys import ChallengeDigits
from kiosk.steps.pin.card_test_views import CannotTest
from kiosk.steps.pin.letter_views import CardPlace

CODES = ("identification", "signature", "both")
CANNOT_TEST = get_args(CannotTest)
FAMILIES = {
    "portal.response.{}": get_args(ChallengeDigits),
    "cannot_test.{}.title": CANNOT_TEST,
    "cannot_test.{}.lead": CANNOT_TEST,
    "untested.{}": (*CANNOT_TEST, "other_code"),
    "new_card.{}": (*CANNOT_TEST, "other_code"),
    "new_pin.{}": CODES,
    "code.{}.title": ("identification", "signature"),
    "new_code.{}.title": ("same_as_old", "too_easy"),
    "new_code.{}.lead": ("same_as_old", "too_easy"),
    "new_code.{}.do": ("same_as_old", "too_easy"),
    "receipt.remark.{}": ("code_kept", "without_letter"),
    "letter.done.{}": ("home", "office"),
    "letter.{}": get_args(CardPlace),
    "letter.{}.detail": get_args(CardPlace),
}
