"""Texts of what may be wrong with a card."""

from kiosk.findings import RULES
from kiosk.steps.own_card import HANDS_OVER

CODES = (*(rule.code for rule in RULES), "unknown_card", "unread_card")
FAMILIES = {
    "finding.{}.title": (*CODES, "none"),
    "finding.{}.means": CODES,
    "finding.{}.do": CODES,
    "not_handed_over.{}": (*HANDS_OVER.values(), "administrator"),
}
