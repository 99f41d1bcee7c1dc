"""Values of the receipt page: the keys with which stations sign receipts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StationKey:
    """Key of one certificate of a station. `key` is the point of P-256, uncompressed (SEC 1, 2.3.3)."""

    station: str
    place: str
    """Where the station stands, in its own words; empty where it has not said."""
    key: bytes
    since: datetime
    until: datetime
    revoked: bool


class StationKeys(Protocol):
    """All keys that stations have signed with, as far as they were believed."""

    def list_keys(self) -> tuple[StationKey, ...]: ...
