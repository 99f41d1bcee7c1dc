"""Texts of what may be wrong with a card."""

from kiosk.findings import RULES

CODES = (*(rule.code for rule in RULES), "unknown_card")
FAMILIES = {
    "finding.{}.title": (*CODES, "none"),
    "finding.{}.means": CODES,
    "finding.{}.do": CODES,
}
