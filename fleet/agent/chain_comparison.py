"""Comparison of the station's chain with what the server holds of it, before the first event of a run goes out.

A station's file may be an older copy (a card restored from an image), or its last writes may be gone (a card that said that they
were on the disk). Then the server holds other events under the numbers that this station would give next. Rules:

- While nothing has been compared nothing is sent: an event under a number that is taken would be kept aside, and never read.
- Where the two differ the station begins a new epoch by itself (`outbox.begin_epoch`), over the newest that the server knows.
  What it wrote under numbers that the server holds otherwise goes out from there, each event once; what both have stays.
- A server that cannot tell (one of an older version) is sent to as it is.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from fleet.agent import outbox
from fleet.agent.keeping import AskTimeout
from fleet.agent.outbox import EpochBegun, EventChain
from fleet.agent.store import StationStore
from fleet.messages.link import MAX_CHAIN_HASHES, Answer, ChainAsk, HeldChain

log = logging.getLogger(__name__)

Hashes = dict[int, str]
"""Of events, by their sequence."""


class ChainComparison:
    """Of one station, for one run of the program."""

    def __init__(
        self,
        store: StationStore,
        chain: EventChain,
        ask: Callable[[ChainAsk], Awaitable[Answer]],
        clock: Callable[[], datetime],
    ) -> None:
        """`ask` raises LinkDown, AskTimeout; `clock` gives aware times."""
        self._store = store
        self._chain = chain
        self._ask = ask
        self._clock = clock
        self.is_due = True
        """Whether it is still to be made: at first, and once the server has turned out to hold more than was written here."""

    async def settle(self) -> None:
        """Compare, if that is due, and begin a new epoch where it is needed. Raises LinkDown, StoreError."""
        while self.is_due:
            try:
                await self._compare()
                self.is_due = False
            except AskTimeout:
                log.info("the server has not said yet what it holds of the chain: no event goes out before")

    async def _compare(self) -> None:
        epoch, last, ours = await self._store.transact(self._read)
        server_chain = await self._held(epoch, last, 1)
        if server_chain is None or server_chain.highest == 0:
            return
        theirs = _by_sequence(server_chain, last)
        compared = [sequence for sequence in theirs if sequence in ours]
        if server_chain.highest <= last and all(theirs[sequence] == ours[sequence] for sequence in compared):
            return
        after = await self._last_common(epoch, last, ours)
        begun = await self._store.transact(lambda cx: self._begin(cx, after, server_chain))
        log.warning(
            "the server holds other events of epoch %d behind %d: this file is an older copy; epoch %d begins, with %d events"
            " that are sent again", begun.before, begun.after, begun.epoch, begun.moved,
        )  # fmt: skip

    def _read(self, cx: outbox.Transaction) -> tuple[int, int, Hashes]:
        epoch = outbox.current_epoch(cx, self._chain)
        last, hash_ = outbox.head(cx, self._chain.station, epoch)
        return epoch, last, outbox.hashes(cx, self._chain.station, epoch) | {last: hash_}

    async def _last_common(self, epoch: int, last: int, ours: Hashes) -> int:
        """The highest sequence under which both have the same event; where nothing that is kept is the same, the one before."""
        lowest = min(ours)
        while last >= lowest:
            server_chain = await self._held(epoch, last, MAX_CHAIN_HASHES)
            theirs = _by_sequence(server_chain, last) if server_chain is not None else {}
            common = [sequence for sequence, hash_ in theirs.items() if ours.get(sequence) == hash_]
            if common:
                return max(common)
            last = min(last, server_chain.highest if server_chain is not None else 0) - MAX_CHAIN_HASHES
        return max(0, lowest - 1)

    async def _held(self, epoch: int, last: int, count: int) -> HeldChain | None:
        answer = await self._ask(ChainAsk(epoch, last, count))
        if answer.chain is None:
            log.warning("the server cannot tell what it holds of the chain (%s)", answer.error)
        return answer.chain

    def _begin(self, cx: outbox.Transaction, after: int, server_chain: HeldChain) -> EpochBegun:
        now = self._clock()
        time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return outbox.begin_epoch(cx, self._chain, time, after=after, above=server_chain.newest, why="older_copy")


def _by_sequence(server_chain: HeldChain, last: int) -> Hashes:
    """Without those that the server could not read."""
    first = min(last, server_chain.highest) - len(server_chain.hashes) + 1
    return {first + at: hash_ for at, hash_ in enumerate(server_chain.hashes) if hash_ is not None}
