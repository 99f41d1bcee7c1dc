"""Labels of the worklist: level and icon by the time that is left, what waits and why, and the story of a row.

>>> initials("maj.test"), initials("SE2321000999-7K03")
('MT', '7K03')
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fleet.server.cards.model import CardStory
from fleet.server.deadlines.due_dates import local
from fleet.server.issuers.request_queue import PORTAL
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import Level
from fleet.server.pages.rendering import last_eight
from fleet.server.worklist.model import Action, Kind, WorklistRow

SOON = timedelta(days=2)
MOST_STEPS = 14
MOST_LINES = 100
_ICON: dict[Kind, str] = {
    "hold": "lock-alert-outline",
    "not_seen": "tray-arrow-down",
    "hold_declined": "alert-octagon",
    "handover": "tray-arrow-up",
    "receipt": "receipt-text-outline",
    "bin": "archive-outline",
    "misplaced": "inbox-arrow-down-outline",
    "quarantined": "shield-alert-outline",
    "left": "account-outline",
    "in_use": "shield-alert-outline",
    "letter_declined": "email-outline",
    "letter": "email-outline",
    "receipt_mail": "email-outline",
    "certificate": "certificate-outline",
    "expired": "calendar-clock",
}
_DO: dict[Action, str] = {
    "block": "smart-card-off-outline",
    "lift": "lock-open-variant-outline",
    "blocked": "smart-card-off-outline",
    "register": "check",
    "prolong": "calendar-clock",
    "remind": "bell-outline",
    "cancel": "close-circle-outline",
    "open_slot": "door-open",
    "empty": "delete-empty-outline",
    "give": "tray-arrow-up",
    "close": "check",
}
_ACT: dict[str, str] = {
    "take": "account-check-outline",
    "leave": "account-outline",
    "note": "information-outline",
    "fetch": "tray-arrow-down",
    "give": "tray-arrow-up",
    "mailed": "email-outline",
    "unmailed": "email-outline",
}
_HSA_ID = re.compile(r"[A-Z]{2}[0-9A-Z]+-([0-9A-Z]+)\Z")


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One line of the timeline."""

    at: datetime
    icon: str
    text: str
    detail: str = ""


def row_level(row: WorklistRow, now: datetime) -> Level:
    """Worst on its last day and after it."""
    if row.due <= now or local(row.due - timedelta(seconds=1)) == local(now):
        return "ba"
    return "wa" if row.due - now <= SOON else "of"


def row_icon(row: WorklistRow) -> str:
    return _ICON[row.kind]


def action_icon(action: Action) -> str:
    return _DO[action]


def action_code(row: WorklistRow, action: Action) -> str:
    """Its words: a block is confirmed where a hold stands, and new elsewhere; a letter is ordered."""
    if row.kind == "letter" and action == "register":
        return "ordered"
    return "revoke" if action == "block" and row.kind != "hold" else action


def initials(account: str) -> str:
    """Of an account in a ring: the end of an HSA-id, or the first letters of a name."""
    if (hsa_id_match := _HSA_ID.match(account)) is not None:
        return hsa_id_match[1][-4:]
    return "".join(part[0] for part in re.split(r"[^\w]+", account) if part)[:2].upper()


def row_title(row: WorklistRow, texts: Localization) -> str:
    """Return the title of a row: what waits, and whose or which."""
    counted, _, expected = row.cause.partition(":")
    day = texts.day(row.cause, year=False) if row.kind in ("left", "expired") else ""
    values = {"card": last_eight(row.card_number), "who": row.name or row.hsa_id or last_eight(row.card_number)}
    return texts(f"worklist_kind.{row.kind}", counted=counted, expected=expected, day=day, slot=row.cause, **values)


def row_cause(row: WorklistRow, texts: Localization) -> str:
    """Why it waits, in a few words."""
    if row.is_sent:
        return texts("worklist.sent")
    if row.is_urgent:
        return texts("worklist_cause.administrator")
    match row.kind:
        case "hold" | "receipt_mail":
            return texts.code("worklist_cause", row.cause)
        case "hold_declined" | "letter_declined":
            return texts.code("declined", row.cause)
        case "handover" | "letter":
            return _handover_cause(row.cause, texts)
        case "certificate":
            return texts.code("worklist_certificate", row.cause)
        case "in_use":
            return texts("worklist_cause.in_use", errand=texts.code("kind", row.cause))
        case "left" | "expired":
            return last_eight(row.card_number)
    return texts(f"worklist_cause.{row.kind}", slot=row.cause)


def _handover_cause(cause: str, texts: Localization) -> str:
    if cause == PORTAL:
        return texts("worklist_cause.portal")
    is_reason = texts.has(f"declined.{cause}")
    return texts(f"declined.{cause}") if is_reason else texts("worklist_cause.away", why=cause)


def due_label(row: WorklistRow, now: datetime, texts: Localization) -> str:
    """The time of day on its last day, else how many days; or that it is late."""
    if row.due <= now:
        return texts("worklist.late")
    last = row.due - timedelta(seconds=1)
    if local(last) == local(now):
        return texts("worklist.today", time=texts.clock(last))
    return texts.many("worklist.days", (local(last) - local(now)).days)


def due_by(row: WorklistRow, texts: Localization) -> str:
    """The last moment."""
    return texts("worklist.by", when=texts.moment(row.due - timedelta(seconds=1)))


def row_story(row: WorklistRow, story: CardStory | None, texts: Localization) -> list[StoryStep]:
    """Return the steps of a row's story, the oldest first: what happened to the card and what people did; the newest of
    them where they are many."""
    steps = [
        StoryStep(act.at, _ACT.get(act.act, "check"), *_act_words(act.act, act.who, act.note, texts))
        for act in row.acts
    ]
    if story is not None:
        steps += _of_card(story, texts)
    else:
        steps.append(StoryStep(row.since, row_icon(row), row_cause(row, texts)))
    return sorted(steps, key=lambda step: step.at)[-MOST_STEPS:]


def mail_words(rows: Sequence[WorklistRow], texts: Localization, now: datetime, address: str) -> tuple[str, str]:
    """Subject and text of the morning's e-mail, without a name."""
    late = sum(row_level(row, now) == "ba" for row in rows)
    subject = texts("worklist.mail_subject", count=texts.number(len(rows)), late=texts.number(late))
    lines = [_mail_line(row, texts) for row in rows[:MOST_LINES]]
    if rest := len(rows) - len(lines):
        lines.append(texts.many("worklist.rest", rest))
    return subject, "\n".join([*lines, *([address] if address else [])]) + "\n"


def _mail_line(row: WorklistRow, texts: Localization) -> str:
    nameless = replace(row, name=None, hsa_id="")
    return texts("worklist.mail_line", what=row_title(nameless, texts), where=row.station, when=due_by(row, texts))


def _act_words(act: str, account: str, note: str, texts: Localization) -> tuple[str, str]:
    return texts(f"worklist_act.{act}", who=account), note


def _of_card(story: CardStory, texts: Localization) -> Iterable[StoryStep]:
    for card_wish in story.wishes:
        request_text, answer = texts.code("request_ask", card_wish.ask), texts.code("wish", card_wish.outcome)
        why = texts.code("declined", card_wish.reason) if card_wish.reason else ""
        yield StoryStep(card_wish.at, "lock-alert-outline", f"{request_text}: {answer}", why)
    for request in story.requests:
        request_text, state = texts.code("request_ask", request.ask), texts.code("request", request.state)
        yield StoryStep(request.tried or request.made, "swap-horizontal", f"{request_text}: {state}")
    for errand in story.errands:
        yield StoryStep(errand.started, "file-search-outline", texts.code("kind", errand.kind), errand.station)
    for action in story.deadline_actions:
        deadline_text = texts(f"deadline_did.{action.did}", when=texts.moment(action.at))
        yield StoryStep(action.at, "calendar-clock", deadline_text)
    for station, at in story.fell:
        yield StoryStep(at, "archive-arrow-down-outline", texts("card.fell"), station)
