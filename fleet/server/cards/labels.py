"""Cards, deadlines and requests in words: level, icon, and what will happen or has.

>>> request_mark("waiting").level
'of'
"""

from datetime import date

from fleet.messages.vocabulary import AskName
from fleet.server.deadlines.model import Deadline, Lane, Shown
from fleet.server.issuers.request_queue import RequestRow
from fleet.server.platform.pages.i18n import Texts
from fleet.server.stations.labels import Level, Mark

_REQUEST: dict[str, tuple[Level, str]] = {
    "waiting": ("of", "clock-outline"),
    "done": ("ok", "check-circle"),
    "declined": ("ba", "close-circle"),
}
_PHASE: dict[str, Level] = {"over": "ba", "near": "wa", "far": "ok"}
CARD_DEEDS: dict[str, tuple[Level, str]] = {
    "people.card": ("of", "card-search-outline"),
    "people.deadlines": ("of", "calendar-clock"),
    "people.directory": ("of", "magnify"),
    "people.administrators": ("of", "magnify"),
    "people.stock": ("of", "magnify"),
    "people.requests": ("of", "magnify"),
    "request.retry": ("of", "restart"),
    AskName.CARD_HOLD: ("wa", "timer-sand"),
    AskName.CARD_BLOCK: ("ba", "lock-outline"),
    AskName.CARD_LIFT: ("ok", "lock-open-variant-outline"),
    "deadline.remind": ("of", "calendar-clock"),
    "deadline.void": ("wa", "calendar-clock"),
    "deadline.hold": ("wa", "calendar-clock"),
    "deadline.block": ("ba", "calendar-clock"),
    "order.place": ("ok", "card-account-details-outline"),
    "order.cancel": ("wa", "close-circle-outline"),
    "order.destroy": ("wa", "delete-empty-outline"),
    "person.change": ("of", "account-outline"),
}
"""What the audit tells of them."""
_ICON: dict[Level, str] = {"ba": "alert-octagon", "wa": "clock-outline", "of": "check-circle", "ok": "clock-outline"}


def request_mark(state: str) -> Mark:
    """How a request to the issuer stands."""
    level, icon = _REQUEST.get(state, ("of", "help-circle-outline"))
    return Mark(level, icon, "request", state)


def request_error(row: RequestRow, texts: Texts) -> str:
    """Why the last try came to nothing, or why it was declined."""
    if row.error is None:
        return "–"
    return texts.code("declined", row.error) if row.state == "declined" else row.error


def request_who(row: RequestRow, texts: Texts) -> str:
    """Who asked: a rule or an account by name; a station's people stay on the card's own page."""
    kind, _, name = row.who.partition(":")
    if not name:
        return texts("request_who.station")
    return texts(f"request_who.{kind}", name=texts(f"deadline.{name}") if kind == "rule" else name)


def level(one: Shown) -> Level:
    """Worst while it is over and nothing was done; what was done rests."""
    return "of" if one.done is not None else _PHASE[one.phase]


def icon(one: Shown) -> str:
    """Beside what happens by itself."""
    return _ICON[level(one)]


def left(one: Shown, today: date, texts: Texts) -> str:
    """How long there is still."""
    days = (one.deadline.due - today).days
    if days < 0:
        return texts("deadline.over")
    return texts("deadline.today") if days == 0 else texts.many("deadline.days", days)


def share(one: Shown, today: date) -> float:
    """How much of the time is gone, 0 to 1."""
    whole = (one.deadline.due - one.deadline.since).days
    gone = (today - one.deadline.since).days
    return 1.0 if whole <= 0 else min(1.0, max(0.0, gone / whole))


def will(one: Shown, texts: Texts) -> str:
    """What happens by itself and when; or what has happened."""
    if one.done is not None:
        return texts(f"deadline_did.{one.done.did}", when=texts.moment(one.done.at))
    said = texts(f"deadline_will.{one.act}", day=texts.day(one.deadline.due.isoformat(), year=False))
    return f"{said} {texts('deadline.warned', when=texts.moment(one.warned))}" if one.warned else said


def in_slot(one: Deadline) -> bool:
    """Whether the card still lies there."""
    return one.slot > 0 and one.state in ("", "waiting", "misplaced")


def about(lane: Lane, texts: Texts) -> str:
    """What happens by itself, after how long."""
    act = texts(f"deadline_act.{lane.act}")
    if lane.months:
        return texts("deadline.after", act=act, long=texts.many("deadline.months", lane.months))
    return texts("deadline.after", act=act, long=texts.many("deadline.days", lane.days)) if lane.days else act
