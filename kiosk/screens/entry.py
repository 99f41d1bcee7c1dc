"""Entry: the digits of one question while they are typed, and nowhere else.

They are in one list that is emptied when the question is answered or withdrawn; nothing here prints them, and no widget
holds them as text. The screen asks how many there are, and how they stand to the rules.
"""

from drivers.secret import Secret
from kiosk.policy import Judged, PinPolicy


class Entry:
    """Up to `most` digits."""

    def __init__(self, most: int) -> None:
        self._digits: list[str] = []
        self.most = most

    def __len__(self) -> int:
        return len(self._digits)

    def __repr__(self) -> str:
        return f"Entry({len(self)} of {self.most})"

    def add(self, digit: str) -> None:
        """One digit more, as long as there is room."""
        if len(self._digits) < self.most and digit.isascii() and digit.isdigit():
            self._digits.append(digit)

    def erase(self) -> None:
        """The last digit less."""
        if self._digits:
            self._digits.pop()

    def wipe(self) -> None:
        """Nothing is left."""
        self._digits.clear()

    def judge(self, policy: PinPolicy) -> tuple[Judged, ...]:
        """How the digits so far stand to the rules."""
        return policy.judge("".join(self._digits))

    def take(self) -> Secret:
        """The code, wrapped; the entry is empty after."""
        code = Secret("".join(self._digits))
        self.wipe()
        return code

    def shown(self) -> tuple[str, ...]:
        """The digits for the screen: only for a number that is no secret."""
        return tuple(self._digits)
