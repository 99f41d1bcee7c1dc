"""Opening hours: spans of local time by weekday, with exceptions by date, and what follows from them at a moment.

Moments are naive, by the wall clock of the place. A span that ends at 24:00 goes on where the next day begins at 00:00.

>>> hours = OpeningHours(monday=("07:30-16:00",), exceptions={"2026-12-28": ()})
>>> hours.open_until(datetime(2026, 11, 30, 8, 0))
datetime.datetime(2026, 11, 30, 16, 0)
>>> hours.next_span(datetime(2026, 12, 21, 17, 0))
(datetime.datetime(2027, 1, 4, 7, 30), datetime.datetime(2027, 1, 4, 16, 0))
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

AHEAD_DAYS = 31
"""So far the next opening is looked for."""
AROUND_THE_CLOCK = timedelta(days=7)
"""Who is open for so long on end is not said to close."""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

OpenSpan = tuple[datetime, datetime]


def _forward(span: str) -> str:
    start, end = span.split("-")
    if start >= end:
        raise ValueError(f"{span} ends before it begins; what goes on past midnight is two spans")
    return span


Hours = Annotated[
    str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"), AfterValidator(_forward)
]
"""A span of a day, such as `07:30-16:00`."""


class OpeningHours(BaseModel):
    """Opening hours of a place. A day that is not given has no hours; a date of `exceptions` has its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    monday: tuple[Hours, ...] = ()
    tuesday: tuple[Hours, ...] = ()
    wednesday: tuple[Hours, ...] = ()
    thursday: tuple[Hours, ...] = ()
    friday: tuple[Hours, ...] = ()
    saturday: tuple[Hours, ...] = ()
    sunday: tuple[Hours, ...] = ()
    exceptions: dict[date, tuple[Hours, ...]] = {}

    def open_until(self, now: datetime) -> datetime | None:
        """Return the next closing time; None while it is closed. At least a week on where it never closes."""
        until: datetime | None = None
        for start, end in self._spans(now.date(), AROUND_THE_CLOCK.days + 1):
            if start <= (until or now) < end:
                until = end
        return until

    def next_span(self, now: datetime) -> OpenSpan | None:
        """The next hours after now, or None where there are none for a month."""
        return next((span for span in self._spans(now.date(), AHEAD_DAYS) if span[0] > now), None)

    def _spans(self, first: date, days: int) -> Iterator[OpenSpan]:
        """Yield the open spans of so many days, in order."""
        for day in (first + timedelta(days=ahead) for ahead in range(days)):
            for span in sorted(self.exceptions.get(day, getattr(self, DAYS[day.weekday()]))):
                start, end = span.split("-")
                yield _moment(day, start), _moment(day, end)


def _moment(day: date, clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return datetime.combine(day, time()) + timedelta(hours=int(hours), minutes=int(minutes))
