"""Texts of the errands that set a code."""

from typing import get_args

from kiosk.steps.pin.card_test_views import Untested

CODES = ("identification", "signature", "both")
UNTESTED = get_args(Untested)
FAMILIES = {
    "cannot_test.{}.title": UNTESTED,
    "cannot_test.{}.lead": UNTESTED,
    "untested.{}": UNTESTED,
    "new_card.{}": UNTESTED,
    "new_pin.{}": CODES,
    "locked.{}.title": CODES,
    "locked.{}.lead": CODES,
    "code.{}.title": ("identification", "signature"),
    "new_code.{}.title": ("same_as_old", "too_easy"),
    "new_code.{}.lead": ("same_as_old", "too_easy"),
    "new_code.{}.do": ("same_as_old", "too_easy"),
    "receipt.remark.{}": ("code_kept",),
    "letter.done.{}": ("home", "office"),
}
