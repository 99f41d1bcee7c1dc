"""The restart of the program: at once by a command of the fleet, or between errands when an administrator asks for it.

>>> import asyncio
>>> restart = Restart(lambda: print("restarts"))
>>> restart.request(), asyncio.run(restart.when_idle())
restarts
(True, None)
>>> Restart(None).request()
False
"""

from collections.abc import Awaitable, Callable


async def nothing() -> None:
    """There is nothing to do."""


class Restart:
    """`end_program` ends the program so that it starts anew; None where nobody would start it."""

    def __init__(self, end_program: Callable[[], None] | None) -> None:
        self._end_program = end_program
        self._requested = False
        self._first: Callable[[], Awaitable[None]] = nothing

    @property
    def possible(self) -> bool:
        """True where somebody would start the program again."""
        return self._end_program is not None

    def request(self, first: Callable[[], Awaitable[None]] = nothing) -> bool:
        """Restart once no errand runs any more, and `first` is done; False where nobody would start the program."""
        self._requested, self._first = self._end_program is not None, first
        return self._requested

    async def when_idle(self) -> None:
        """Restart now if it was requested. Called between errands."""
        if self._requested:
            await self._first()
            self.now()

    def now(self) -> bool:
        """Restart; False where nobody would start the program."""
        if self._end_program is None:
            return False
        self._end_program()
        return True
