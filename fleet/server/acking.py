"""When stations hear what is held: at once where it is quiet; where much comes, some times a second for all that came meanwhile.

Rules: of one chain the latest word counts, so an older one that waits is dropped; no word waits longer than `EVERY_S`. While a
backlog drains this spares the broker a message for each event.

>>> acking = Acking(transport.publish, asyncio.get_running_loop().call_later)  # doctest: +SKIP
>>> acking.say("entre-a", Acked(epoch=1, through=7))  # doctest: +SKIP
"""

from collections.abc import Callable

from fleet.messages.link import Acked, encode
from fleet.messages.topics import Topics

EVERY_S = 0.05

Later = Callable[[float, Callable[[], None]], object]
"""Call something after so many seconds."""


class Acking:
    """Publishes `acked` of many stations. Not for several threads."""

    def __init__(self, publish: Callable[[str, bytes], None], later: Later, every_s: float = EVERY_S) -> None:
        self._publish = publish
        self._later = later
        self._every_s = every_s
        self._told: set[tuple[str, int]] = set()
        """Chains that were told something since the timer began."""
        self._waiting: dict[tuple[str, int], Acked] = {}

    def say(self, station: str, acked: Acked) -> None:
        """Now, or with the next turn where this chain has just been told something."""
        chain = (station, acked.epoch)
        if chain in self._told:
            self._waiting[chain] = acked
            return
        if not self._told:
            self._later(self._every_s, self._turn)
        self._told.add(chain)
        self._send(station, acked)

    def _turn(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._told = set(waiting)
        if waiting:
            self._later(self._every_s, self._turn)
        for (station, _), acked in waiting.items():
            self._send(station, acked)

    def _send(self, station: str, acked: Acked) -> None:
        self._publish(Topics(station).acked, encode(acked))
