"""An observer list: something has changed, and those who asked for it are told.

>>> changed = Signal()
>>> told = []
>>> changed.subscribe(lambda: told.append("drawn anew"))
>>> changed()
>>> told
['drawn anew']
"""

from collections.abc import Callable


class Signal:
    """Calls its subscribers, in the order in which they subscribed."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[], None]] = []

    def subscribe(self, subscriber: Callable[[], None]) -> None:
        """Have `subscriber` called from here on."""
        self._subscribers.append(subscriber)

    def __call__(self) -> None:
        for subscriber in self._subscribers:
            subscriber()
