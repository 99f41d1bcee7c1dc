"""What is wrong with a card, in plain words, and which errand or person mends it: a table of rules, and what they look at."""

from kiosk.findings.known import Finding, Known
from kiosk.findings.rules import RULES, Rule

__all__ = ["RULES", "Finding", "Known", "Rule", "findings_of", "wrong_with"]


def findings_of(known: Known) -> tuple[Finding, ...]:
    """Everything that is known to be wrong, worst first: the order of the table."""
    return tuple(Finding(rule.code, rule.errand, rule.who, args) for rule in RULES for args in rule.when(known))


def wrong_with(known: Known) -> tuple[Finding, ...]:
    """Without what only has to be known: on a healthy card there is none."""
    return tuple(finding for finding in findings_of(known) if finding.who != "nobody")
