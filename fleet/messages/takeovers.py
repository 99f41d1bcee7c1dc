"""Session take-overs: how often of late a connection with the same client id pushed one's own out (MQTT 5, 3.14.2.1).

A client id is the name in a certificate, and the broker keeps one session for each: a take-over says that somebody else holds
the same certificate and key, or that the client itself came back before the broker had noticed that it was gone. So one is no
alarm, and three in ten minutes are.

>>> mine = TakeOvers()
>>> [mine.note(second) for second in (0.0, 30.0, 60.0, 900.0)]
[1, 2, 3, 1]
>>> mine.recent(2000.0)
0
"""

from collections import deque

SESSION_TAKEN_OVER = 0x8E
"""Reason code of the DISCONNECT that the older connection gets."""
MANY = 3
WINDOW_S = 600.0
ELSEWHERE, AGAIN = "elsewhere", "again"
"""What the alarm says: the session was taken over from another address, or `MANY` times."""


class TakeOvers:
    """A sliding window over those of one client, by a monotonic clock. Counts no further than `MANY`."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=MANY)

    def note(self, now_s: float) -> int:
        """Count one. Gives how many there were of late."""
        self._at.append(now_s)
        return self.recent(now_s)

    def recent(self, now_s: float) -> int:
        """Count the takeovers within the last `WINDOW_S` seconds."""
        return sum(now_s - at < WINDOW_S for at in self._at)
