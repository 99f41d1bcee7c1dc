"""Topics of the live feed: what a change is about, and which reads of pages it concerns.

Rules:
- A page names the topics that it shows (`Web.render`); when one of them changes, it reads itself again.
- A read model says beside each read, once, with which topics its answer changes: `changes_with`. A test renders every page,
  sees what it reads, and fails where the page does not follow one of these topics.
- `station/NAME` is told with everything that a station says: who follows it needs no other topic for reads of that station.

>>> @changes_with(Topic.ORDERS)
... def orders() -> list[str]: ...
>>> topics_of(orders)
frozenset({<Topic.ORDERS: 'orders'>})
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol, TypeVar

Read = TypeVar("Read", bound=Callable[..., Any])


class Topic(StrEnum):
    """All topics; `STATION` and `ERRAND` stand before the name of one: `station/NAME`."""

    STATIONS = "stations"
    STATION = "station"
    ERRANDS = "errands"
    ERRAND = "errand"
    ORDERS = "orders"
    ALERTS = "alerts"
    COMMANDS = "commands"
    REQUESTS = "requests"
    DEADLINES = "deadlines"
    WORKLIST = "worklist"
    PROPOSALS = "proposals"

    def of(self, name: str) -> str:
        """The topic of one station or errand: `station/NAME`."""
        return f"{self}/{name}"


COVERED_BY_STATION = frozenset({Topic.STATIONS, Topic.STATION, Topic.ERRANDS, Topic.ERRAND})
"""What `station/NAME` is told with too, for that station."""


def changes_with(*topics: Topic) -> Callable[[Read], Read]:
    """Mark a read of a read model: its answer changes with each of these topics; with none, it never does."""

    def mark(read: Read) -> Read:
        read.topics = frozenset(topics)  # type: ignore[attr-defined]
        return read

    return mark


def topics_of(read: Callable[..., Any]) -> frozenset[Topic] | None:
    """Return the topics that a read was marked with; None where it was not."""
    topics: frozenset[Topic] | None = getattr(read, "topics", None)
    return topics


class Changes(Protocol):
    """Receiver to which the store says, after its commit, that something that pages show has changed."""

    def publish(self, topics: frozenset[str]) -> None:
        """Tell open pages that these topics (`platform.live_feed.topics`) have changed. Thread-safe, never blocks."""
