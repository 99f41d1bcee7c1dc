"""Findings on a card: what is wrong with it, in plain words, and which errand or person mends it."""

from kiosk.findings.known import Args, CardEvidence, CardFinding
from kiosk.findings.rules import RULES, FindingRule

__all__ = ["RULES", "CardEvidence", "CardFinding", "FindingRule", "findings_of", "wrong_with"]

CHANGING = frozenset({"activate", "change_pin", "unblock", "renew_certificate"})
"""Errands that change what is on a card."""


def findings_of(known: CardEvidence) -> tuple[CardFinding, ...]:
    """Everything that is known to be wrong, worst first: the order of the table."""
    return tuple(_finding(rule, args, known) for rule in RULES for args in rule.when(known))


def _finding(rule: FindingRule, args: Args, known: CardEvidence) -> CardFinding:
    """Of a read-only product no errand is offered that would change the card."""
    errand = "unblock" if rule.errand == "activate" and not known.activates else rule.errand
    if known.card.rules.read_only and errand in CHANGING:
        return CardFinding(rule.code, None, "administrator", args, rule.works)
    return CardFinding(rule.code, errand, rule.who, args, rule.works)


def actionable_findings(known: CardEvidence) -> tuple[CardFinding, ...]:
    """Without what only has to be known: on a healthy card there is none."""
    return tuple(finding for finding in findings_of(known) if finding.who != "nobody")
