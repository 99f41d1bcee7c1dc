"""Flow control of the outbox: window and resend interval, with back-off where broker or server are behind.

Rules: at most a window of events goes ahead. Silence may mean that something was lost, and may mean that others are slow; to send
all again would make the second worse. So after a silence the window is one event, the oldest, which the server answers also
where it has it; each word doubles the window until it is whole. Each silence in a row doubles the patience, to at most
`MOST_FOLD` times. What the broker has not acknowledged is on its way still: it does not count as silence before that either.

>>> pacing = Pacing(window=100, patience_s=30.0, now=0.0)
>>> pacing.is_silent(30.0, under_way=False), pacing.window, pacing.look_in_s(30.0)
(True, 1, 60.0)
>>> pacing.heard(31.0)
>>> pacing.window, pacing.look_in_s(31.0)
(2, 30.0)
"""

MOST_FOLD = 8
ASK_BURST, ASKS_PER_S = 100, 20.0
"""Of each station, as the server takes them. A station keeps a quarter below, so that what came late together is not refused."""


class Pacing:
    """Of one connection. `now` is a monotonic clock in seconds. `window`: how many events may be ahead of the word now."""

    def __init__(self, window: int, patience_s: float, now: float) -> None:
        self.window = window
        self._whole = window
        self._patience_s = self._first_s = patience_s
        self._quiet_since = now
        self._look_at = now + patience_s

    def idle(self, now: float) -> None:
        """Nothing is owed by the server: silence counts from here on."""
        self._quiet_since = now
        self._look_at = now + self._patience_s

    def heard(self, now: float) -> None:
        """The server has taken something, or has asked for it."""
        self.window = min(self._whole, 2 * self.window)
        self._patience_s = self._first_s
        self.idle(now)

    def look_in_s(self, now: float) -> float:
        return max(0.0, self._look_at - now)

    def is_silent(self, now: float, *, under_way: bool) -> bool:
        """Return whether to send again, the oldest first. `under_way`: the broker has not acknowledged all that was sent."""
        if now < self._look_at:
            return False
        if under_way and now - self._quiet_since < MOST_FOLD * self._first_s:
            self._look_at = now + self._first_s
            return False
        self.window = 1
        self._patience_s = min(2 * self._patience_s, MOST_FOLD * self._first_s)
        self.idle(now)
        return True


class TokenBucket:
    """Rate limiting: `burst` at once, and `per_s` a second after that. `now` is a monotonic clock in seconds.

    >>> bucket = TokenBucket(burst=2, per_s=5.0, now=0.0)
    >>> [bucket.take(0.0), bucket.take(0.0), bucket.take(0.0), bucket.take(0.25)], bucket.wait_s(0.25)
    ([True, True, False, True], 0.15)
    """

    def __init__(self, burst: int, per_s: float, now: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._tokens = float(burst)
        self._counted_at = now

    def take(self, now: float) -> bool:
        """Take one, where there is one."""
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait_s(self, now: float) -> float:
        self._fill(now)
        return max(0.0, (1 - self._tokens) / self._per_s)

    def _fill(self, now: float) -> None:
        self._tokens = min(float(self._burst), self._tokens + max(0.0, now - self._counted_at) * self._per_s)
        self._counted_at = max(now, self._counted_at)
