"""Acknowledgement of events to stations: at once when quiet; under load, some times a second for all that came meanwhile.

Rules: of one chain the latest word counts, so an older one that waits is dropped; no word waits longer than `EVERY_S`. While a
backlog drains this spares the broker a message for each event. What goes out together is signed together, once.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from fleet.messages.link import Acked
from fleet.messages.signed import Sign, sign_acked
from fleet.messages.topics import Topics

EVERY_S = 0.05

Told = tuple[str, Acked]
"""A station, and what it is told."""

Later = Callable[[float, Callable[[], None]], object]
"""Call something after so many seconds."""


class Acknowledger:
    """Publishes `acked` of many stations. Not for several threads."""

    def __init__(
        self,
        publish: Callable[[str, bytes], None],
        later: Later,
        sign: Sign,
        clock: Callable[[], datetime],
        every_s: float = EVERY_S,
    ) -> None:
        self._publish, self._later, self._sign, self._clock = publish, later, sign, clock
        self._every_s = every_s
        self._told: set[tuple[str, int]] = set()
        """Chains that were told something since the timer began."""
        self._waiting: dict[tuple[str, int], Acked] = {}

    def say(self, words: Sequence[Told]) -> None:
        """What one commit has made true: now, or with the next turn where a chain has just been told something."""
        now: dict[tuple[str, int], Acked] = {}
        for station, acked in words:
            chain = (station, acked.epoch)
            (self._waiting if chain in self._told else now)[chain] = acked
        if now and not self._told:
            self._later(self._every_s, self._turn)
        self._told.update(now)
        self._send([(station, acked) for (station, _), acked in now.items()])

    def _turn(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._told = set(waiting)
        if waiting:
            self._later(self._every_s, self._turn)
        self._send([(station, acked) for (station, _), acked in waiting.items()])

    def _send(self, words: Sequence[Told]) -> None:
        payloads = sign_acked(words, self._clock().astimezone(UTC), self._sign)
        for (station, _), payload in zip(words, payloads, strict=True):
            self._publish(Topics(station).acked, payload)
