"""Due dates: the last day of a deadline, and its phase today. Pure.

Rules: a deadline is a day, the last one of grace, in the server's own zone; what follows from it happens on a later day. A month
later is the same day of that month, or its last.

>>> months_later(date(2026, 11, 30), 3)
datetime.date(2027, 2, 28)
"""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from fleet.server.deadlines.settings import DeadlineRule

Phase = Literal["far", "near", "over"]
SLACK = timedelta(days=4)
"""Months differ by so much: what is looked up by a bound is counted exactly afterwards."""


def due_day(rule: DeadlineRule, since: date) -> date:
    """The last day of grace of what began then."""
    return months_later(since, rule.months) + timedelta(days=rule.days)


def phase(rule: DeadlineRule, due: date, today: date) -> Phase:
    """Return the phase of a deadline: `near` once somebody is to be reminded."""
    if today > due:
        return "over"
    return "near" if today >= due - timedelta(days=rule.warn_days) else "far"


def begun_by(rule: DeadlineRule, today: date) -> date:
    """Nothing that began after this day is near or over."""
    return months_later(today + timedelta(days=rule.warn_days - rule.days), -rule.months) + SLACK


def months_later(day: date, months: int) -> date:
    """So many months later, or earlier where it is negative."""
    if months == 0:
        return day
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def local(moment: datetime) -> date:
    """The day of a moment, as people here have it."""
    return moment.astimezone().date()


def day_after(day: date) -> datetime:
    """The end of that day, in whatever zone."""
    return datetime.combine(day + timedelta(days=2), time(), UTC)
