"""Findings on a card: what is wrong with it, in plain words, and which errand or person mends it."""

from fleet.messages.vocabulary import FindingCode
from kiosk.findings.known import Args, CardEvidence, CardFinding
from kiosk.findings.rules import RULES, FindingRule

__all__ = ["RULES", "CardEvidence", "CardFinding", "FindingRule", "findings_of", "wrong_with"]

CHANGING = frozenset({"activate", "change_pin", "unblock", "renew_certificate"})
"""Errands that change what is on a card."""

_AFTER_HAND_OVER = frozenset(
    rule.code for rule in RULES if rule.errand in ("change_pin", "unblock") or rule.code is FindingCode.NOT_ACTIVATED
)
"""What no errand mends before the card is handed over."""


def findings_of(evidence: CardEvidence) -> tuple[CardFinding, ...]:
    """Everything that is known to be wrong, worst first: the order of the table."""
    rules = (rule for rule in RULES if evidence.pending is None or rule.code not in _AFTER_HAND_OVER)
    return tuple(_finding(rule, args, evidence) for rule in rules for args in rule.when(evidence))


def _finding(rule: FindingRule, args: Args, evidence: CardEvidence) -> CardFinding:
    """Of a read-only product no errand is offered that would change the card."""
    errand = rule.errand
    if errand == "activate" and evidence.pending is not None:
        errand = evidence.hands_over
    elif errand == "activate" and not evidence.activates:
        errand = "unblock"
    if evidence.card.rules.read_only and errand in CHANGING:
        return CardFinding(rule.code, None, "administrator", args, rule.works)
    helped = rule.errand is not None and errand is None
    return CardFinding(rule.code, errand, "administrator" if helped else rule.who, args, rule.works)


def actionable_findings(evidence: CardEvidence) -> tuple[CardFinding, ...]:
    """Without what only has to be known: on a healthy card there is none."""
    return tuple(finding for finding in findings_of(evidence) if finding.who != "nobody")
