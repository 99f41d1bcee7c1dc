"""Texts of returning and reporting a card."""

WHAT = ("blocked", "held", "block_queued", "hold_queued")
DECLINED = ("was_blocked", "not_told")
SURE = ("block", "hold", "hold_first")
RETURNED = ("left", "replaced", "damaged", "own_wish")
REPORTED = ("forgotten", "lost", "stolen", "code_known")
FAMILIES = {
    "return_why.{}": RETURNED,
    "return_confirm.{}": ("blocks", "holds", "not_ours"),
    "return_confirm.{}.detail": ("blocks", "holds", "not_ours"),
    "return_done.{}": (*WHAT, *DECLINED),
    "sure.{}.title": SURE,
    "sure.{}.now": SURE,
    "sure.{}.now.detail": SURE,
    "sure.{}.then": SURE,
    "sure.{}.then.detail": SURE,
    "sure.{}.go": SURE,
    "lost_done.{}.title": WHAT,
    "lost_done.{}.lead": WHAT,
    "receipt.remark.{}": (*WHAT, *DECLINED, "lifted", "not_seen", *(f"reason_{one}" for one in RETURNED + REPORTED)),
}
