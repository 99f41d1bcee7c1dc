"""MQTT topics of the link, derived from a station's name and from nothing else (docs/rules.md).

A station writes `events`, `state`, `presence`, `ask` and `commands/result` below its own name and reads `answer`, `acked` and
`commands`. The server answers on the topic it derives from the name, never on one that the asker chose.

>>> Topics("entre-a").acked
'kortkiosk/v1/entre-a/acked'
>>> station_of("kortkiosk/v1/entre-a/events")
'entre-a'
"""

import re
from dataclasses import dataclass
from functools import lru_cache

PREFIX = "kortkiosk/v1"
STATION_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")

EVENTS = f"{PREFIX}/+/events"
STATE = f"{PREFIX}/+/state"
PRESENCE = f"{PREFIX}/+/presence"
ASK = f"{PREFIX}/+/ask"
RESULTS = f"{PREFIX}/+/commands/result"


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one station. Raises ValueError for a name that could reach out of its place (`+`, `#`, `/`)."""

    station: str

    def __post_init__(self) -> None:
        if not STATION_NAME.match(self.station):
            raise ValueError(f"station name {self.station!r}: use 1 to 40 of a-z, 0-9 and hyphens, not at either end")

    @property
    def events(self) -> str:
        return f"{PREFIX}/{self.station}/events"

    @property
    def state(self) -> str:
        return f"{PREFIX}/{self.station}/state"

    @property
    def presence(self) -> str:
        return f"{PREFIX}/{self.station}/presence"

    @property
    def ask(self) -> str:
        return f"{PREFIX}/{self.station}/ask"

    @property
    def answer(self) -> str:
        return f"{PREFIX}/{self.station}/answer"

    @property
    def acked(self) -> str:
        return f"{PREFIX}/{self.station}/acked"

    @property
    def commands(self) -> str:
        return f"{PREFIX}/{self.station}/commands"

    @property
    def results(self) -> str:
        return f"{PREFIX}/{self.station}/commands/result"


@lru_cache(maxsize=65_536)
def station_of(topic: str) -> str | None:
    """The station that a topic belongs to, or None where the topic is none of ours."""
    parts = topic.split("/")
    if len(parts) < 4 or "/".join(parts[:2]) != PREFIX or not STATION_NAME.match(parts[2]):
        return None
    return parts[2]
