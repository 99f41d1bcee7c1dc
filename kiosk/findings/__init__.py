"""Findings on a card: what is wrong with it, in plain words, and which errand or person mends it."""

from kiosk.findings.known import CardEvidence, CardFinding
from kiosk.findings.rules import RULES, FindingRule

__all__ = ["RULES", "CardEvidence", "CardFinding", "FindingRule", "findings_of", "wrong_with"]


def findings_of(known: CardEvidence) -> tuple[CardFinding, ...]:
    """Everything that is known to be wrong, worst first: the order of the table."""
    return tuple(
        CardFinding(rule.code, rule.errand, rule.who, args, rule.works) for rule in RULES for args in rule.when(known)
    )


def actionable_findings(known: CardEvidence) -> tuple[CardFinding, ...]:
    """Without what only has to be known: on a healthy card there is none."""
    return tuple(finding for finding in findings_of(known) if finding.who != "nobody")
