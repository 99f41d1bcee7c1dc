"""Time zones: times of day as points in time, also on the days when daylight saving begins or ends; and the machine's zone.

Rules: a time of day that the clock shows twice begins something at the first and ends it at the second; one that it leaps over
counts as if it had not leapt, so that 02:30 is then called 03:30.

>>> from zoneinfo import ZoneInfo
>>> leap = datetime(2026, 3, 29, 2, 30)
>>> begins(leap, ZoneInfo("Europe/Stockholm")).isoformat()
'2026-03-29T01:30:00+00:00'
"""

from datetime import UTC, datetime, timedelta, tzinfo


class _Here(tzinfo):
    """The machine's own zone with its changes: what `datetime.astimezone()` gives knows the offset of one moment alone."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        shown = moment and moment.replace(tzinfo=None)
        return None if shown is None else shown - shown.astimezone(UTC).replace(tzinfo=None)

    def dst(self, _moment: datetime | None) -> None:
        """Not known, and not needed."""

    def tzname(self, moment: datetime | None) -> str | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        there = moment.replace(tzinfo=UTC)
        shown = there.astimezone().replace(tzinfo=None)
        return shown.replace(tzinfo=self, fold=int(shown.astimezone(UTC) != there))


HERE = _Here()


def begins(shown: datetime, zone: tzinfo) -> datetime:
    """Return when the clock there shows that (without a zone) for the first time, in UTC."""
    return shown.replace(tzinfo=zone, fold=0).astimezone(UTC)


def ends(shown: datetime, zone: tzinfo) -> datetime:
    """Return when the clock there shows that for the last time, in UTC."""
    return max(shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
