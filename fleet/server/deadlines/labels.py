"""Labels of deadlines: level and icon, how long there is still, and what happens by itself or has."""

from datetime import date

from fleet.server.deadlines.model import BoardEntry, Deadline, Lane
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import Level

_PHASE: dict[str, Level] = {"over": "ba", "near": "wa", "far": "ok"}
_ICON: dict[Level, str] = {"ba": "alert-octagon", "wa": "clock-outline", "of": "check-circle", "ok": "clock-outline"}


def deadline_level(shown: BoardEntry) -> Level:
    """Worst while it is over and nothing was done; what was done rests."""
    return "of" if shown.done is not None else _PHASE[shown.phase]


def deadline_icon(shown: BoardEntry) -> str:
    """Beside what happens by itself."""
    return _ICON[deadline_level(shown)]


def time_left(shown: BoardEntry, today: date, texts: Localization) -> str:
    """Return how much time there still is, in words."""
    days = (shown.deadline.due - today).days
    if days < 0:
        return texts("deadline.over")
    return texts("deadline.today") if days == 0 else texts.many("deadline.days", days)


def elapsed_share(shown: BoardEntry, today: date) -> float:
    """Return the share of the time that is gone, 0 to 1."""
    whole = (shown.deadline.due - shown.deadline.since).days
    gone = (today - shown.deadline.since).days
    return 1.0 if whole <= 0 else min(1.0, max(0.0, gone / whole))


def planned_action(shown: BoardEntry, texts: Localization) -> str:
    """Describe what happens by itself and when; or what has happened."""
    if shown.done is not None:
        return texts(f"deadline_did.{shown.done.did}", when=texts.moment(shown.done.at))
    if shown.waits:
        return texts("deadline.waits")
    text = texts(f"deadline_will.{shown.act}", day=texts.day(shown.deadline.due.isoformat(), year=False))
    return f"{text} {texts('deadline.warned', when=texts.moment(shown.warned))}" if shown.warned else text


def is_in_slot(deadline: Deadline) -> bool:
    """Return whether the card still lies there."""
    return deadline.slot > 0 and deadline.state in ("", "waiting", "misplaced")


def rule_summary(lane: Lane, texts: Localization) -> str:
    """Describe what happens by itself, after how long."""
    act = texts(f"deadline_act.{lane.act}")
    if lane.months:
        return texts("deadline.after", act=act, long=texts.many("deadline.months", lane.months))
    return texts("deadline.after", act=act, long=texts.many("deadline.days", lane.days)) if lane.days else act
