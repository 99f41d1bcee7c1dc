"""Texts of the errands that set a code."""

CODES = ("identification", "signature", "both")
FAMILIES = {
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
