"""Texts of returning and reporting a card."""

WHAT = ("blocked", "held", "marked", "block_queued", "hold_queued", "mark_queued")
DECLINED = ("was_blocked", "not_told")
SURE = ("block", "hold", "hold_first", "mark")
MARKED = ("mark_first",)
"""Who blocks it stands in the place of a sentence."""
RETURNED = ("left", "replaced", "damaged", "own_wish")
FOUND = ("held", "marked", "hold_queued", "mark_queued", "was_blocked", "not_told")
AFTER = ("blocks", "holds", "marks", "not_ours", "found_held", "found_marked", "found_noted")
REPORTED = ("forgotten", "lost", "stolen", "code_known")
FAMILIES = {
    "return_why.{}": (*RETURNED, "found"),
    "return_confirm.{}": AFTER,
    "return_confirm.{}.detail": AFTER,
    "return_done.{}": (*WHAT, *DECLINED, *(f"found_{one}" for one in FOUND)),
    "return_done.receipt.{}": ("paper", "mail", "phone"),
    "know_code.{}": ("yes", "asked"),
    "know_code.{}.detail": ("yes", "asked"),
    "sure.{}.title": SURE + MARKED,
    "sure.{}.now": SURE + MARKED,
    "sure.{}.now.detail": SURE + MARKED,
    "sure.{}.then": SURE,
    "sure.{}.then.detail": SURE,
    "sure.{}.go": SURE + MARKED,
    "lost_done.{}.title": WHAT,
    "lost_done.{}.lead": WHAT,
    "receipt.remark.{}": (*WHAT, *DECLINED, "lifted", "not_seen", *(f"reason_{one}" for one in RETURNED + REPORTED)),
}
