"""PIN policy: the rules for a new code, as data and pure functions. The station enforces them even where a card would take less.

>>> policy = PinPolicy(6, 8)
>>> [rule.rule for rule in policy.judge("123456") if rule.state == "bad"]
['sequence']
>>> policy.accepts("204719")
True
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

RuleName = Literal["length", "same", "sequence"]
RuleState = Literal["good", "bad", "open"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One rule and how the digits so far stand to it: `open` means that more digits may still decide."""

    rule: RuleName
    state: RuleState


@dataclass(frozen=True, slots=True)
class PinPolicy:
    """Lengths are in digits, from the card and its product profile."""

    min_length: int = 6
    max_length: int = 8

    def judge(self, digits: Sequence[str]) -> tuple[Judged, ...]:
        """Every rule with its state for the digits typed so far, in the order in which they are shown.

        The digits come one by one, so that a code is never made into a text for this.
        """
        return (
            Judged("length", self._length(digits)),
            Judged("same", _varied(digits)),
            Judged("sequence", _unordered(digits)),
        )

    def accepts(self, digits: str) -> bool:
        """Digits only, and every rule kept."""
        return digits.isascii() and digits.isdigit() and all(rule.state == "good" for rule in self.judge(digits))

    def _length(self, digits: Sequence[str]) -> RuleState:
        if len(digits) < self.min_length:
            return "open"
        return "good" if len(digits) <= self.max_length else "bad"


def _varied(digits: Sequence[str]) -> RuleState:
    if len(digits) < 3:
        return "open"
    return "bad" if len(set(digits)) == 1 else "good"


def _unordered(digits: Sequence[str]) -> RuleState:
    """Up or down by one all the way, 0 after 9 included: 123456, 987654, 789012."""
    if len(digits) < 3 or not all(digit.isdigit() for digit in digits):
        return "open"
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    return "bad" if steps in ({1}, {9}) else "good"
