"""Input buffer for digits and codes: the digits of one question while they are typed, and nowhere else.

They are in one buffer that is wiped when the question is answered or withdrawn; nothing here prints them, and no widget
holds them as text. The screen asks how many there are, and how they stand to the rules.
"""

from drivers.reader.secret import CodeBuffer, Secret
from kiosk.policy import Judged, PinPolicy
from kiosk.views import DIGITS


class DigitEntry:
    """Buffer of at most `most` digits, or of other `signs` of ASCII."""

    def __init__(self, most: int, signs: str = DIGITS) -> None:
        self._digits = CodeBuffer(most)
        self.most, self._signs = most, signs

    def __len__(self) -> int:
        return len(self._digits)

    def __repr__(self) -> str:
        return f"Entry({len(self)} of {self.most})"

    def add(self, digit: str) -> None:
        """Append a digit, as long as there is room."""
        if len(self._digits) < self.most and len(digit) == 1 and digit in self._signs:
            self._digits.append(ord(digit))

    def erase(self) -> None:
        if len(self._digits):
            self._digits.pop()

    def wipe(self) -> None:
        """Clear and overwrite the buffer."""
        self._digits.wipe()

    def judge(self, policy: PinPolicy) -> tuple[Judged, ...]:
        """Judge the digits so far by the rules."""
        return policy.judge(self.shown())

    def take(self) -> Secret:
        """Hand the code over as a `Secret`; the buffer is empty after."""
        code, self._digits = Secret.of(self._digits), CodeBuffer(self.most)
        return code

    def shown(self) -> tuple[str, ...]:
        """The digits, each by itself: for rules, and for the screen where the number is no secret."""
        return tuple(map(chr, self._digits.view()))
