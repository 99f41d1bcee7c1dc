"""Local days: the server's calendar days as points in time, and back."""

from datetime import UTC, date, datetime, time, timedelta


def start_of_day(now: datetime) -> datetime:
    """Local midnight before `now`, in UTC."""
    return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def bounds_of_day(day: date) -> tuple[datetime, datetime]:
    """Local midnight that begins that day and the one that ends it, in UTC. The last day that can be named ends with itself."""
    ends = day if day == date.max else day + timedelta(days=1)
    first, last = (_midnight(bound) for bound in (day, ends))
    return first, last


def _midnight(day: date) -> datetime:
    try:
        return datetime.combine(day, time.min).astimezone().astimezone(UTC)
    except (OverflowError, ValueError):  # a day at the edge of the calendar has no other zone's time
        return datetime.combine(day, time.min, UTC)


def local_day(now: datetime) -> str:
    """The local day of `now`, ISO 8601."""
    return now.astimezone().date().isoformat()
