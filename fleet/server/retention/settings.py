"""Retention periods, in days by class, and which events belong to which class. Periods are data: `retention.toml`, a file.

Rules: what proves a hand-over, a block or the way of a card is kept for ten years at least. Nothing goes before a station's
outbox has forgotten it too (30 days), so that nothing erased comes again by itself. Checkpoints are never erased: they hold no
card and no holder. An event of a kind that this program does not know is kept as long as a hand-over.

>>> load().days.errands
400
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from fleet.messages.errand_catalog import entry_of
from fleet.messages.vocabulary import EventType, Retention, lookup
from fleet.server.ingest.project import NOT_TOLD
from fleet.server.process import default_settings as shipped

TEN_YEARS_DAYS = 3653
OUTBOX_DAYS = 30
Days = Annotated[int, msgspec.Meta(gt=OUTBOX_DAYS, le=36_525)]


class Periods(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days by class."""

    hand_overs: Annotated[int, msgspec.Meta(ge=TEN_YEARS_DAYS, le=36_525)]
    errands: Days
    stations: Days
    orders: Days
    """From when the order has ended; while its card is out it stays."""
    people: Days
    """From the day on which they left."""
    certificates: Days
    """From the last day of each."""
    alerts: Days
    """From when each was closed."""
    spoilt: Days
    """What could not be read, or came twice with other bytes."""
    audit: Days
    """Who looked at or did what."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if getattr(self, name) > self.hand_overs:
                raise ValueError(f"days.{name}: nothing is kept longer than hand_overs ({self.hand_overs} days)")


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An errand that is not erased while this stands, and why: a dispute, an inquiry."""

    errand: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    days: Periods
    hold: tuple[Hold, ...] = ()

    @property
    def held(self) -> frozenset[str]:
        return frozenset(hold.errand for hold in self.hold)

    def cutoff(self, name: str, now: datetime) -> datetime:
        """Return the time before which records of that class go."""
        return now - timedelta(days=getattr(self.days, name))


def load(path: Path | None = None) -> RetentionSettings:
    """The periods that ship, with what the file changes. Raises SettingsError, OSError."""
    periods = shipped.read(Path(__file__).with_name("retention.toml"))
    return shipped.load(periods, path, "days", RetentionSettings)


def class_of(type_: str, errand_kind: str | None, *, in_errand: bool, has_receipt: bool) -> Retention | None:
    """The class of one event; None where it is never erased. `errand_kind` is None where no row tells of the errand."""
    event_type = lookup(EventType, type_)
    class_alone = Retention.HAND_OVERS if event_type is None else event_type.retention
    if class_alone is None or not in_errand:
        return class_alone
    return Retention.HAND_OVERS if has_receipt or errand_kind is None else errand_class(errand_kind)


def errand_class(errand_kind: str) -> Retention:
    """The class of the events of an errand of that kind: by its `errand.toml`; the longest where nobody has told the kind."""
    if errand_kind == NOT_TOLD:
        return Retention.HAND_OVERS
    entry = entry_of(errand_kind)
    return Retention.ERRANDS if entry is None else entry.retention
