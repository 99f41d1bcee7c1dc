"""Judge of visits: how each ends for the visitor, and two rules that are never broken.

Rules: nobody is sent away without who helps, where and when; nothing that waits is on no list. The last screen and the server's
worklist are all that is looked at, beside what the issuer was asked.
"""

from typing import Literal, get_args

from campaigns.visits.walk import Walked
from fleet.messages.asking import BlockedResult, HeldResult, LetterOrderedResult, MarkedResult, tag_of
from fleet.messages.vocabulary import AskName, ErrandOutcome
from kiosk.texts import Texts
from kiosk.views import Tell

End = Literal["works", "administrator", "waits", "sent_away"]
ENDS: tuple[End, ...] = get_args(End)
WAITING = (
    "block_queued",
    "hold_queued",
    "mark_queued",
    "marked",
    "not_told",
    "letter_ordered",
    "letter_noted",
    "certificate_noted",
)
"""Reasons of a good end that is not the end of it."""
BLOCKED, HELD, MARKED, ORDERED = (
    tag_of(result) for result in (BlockedResult, HeldResult, MarkedResult, LetterOrderedResult)
)


def end_of(walked: Walked) -> End:
    """Return what the visitor has when leaving."""
    ended = walked.ended
    if ended.reason == "blocked" and (AskName.CARD_BLOCK, BLOCKED) not in [ask[:2] for ask in walked.asked]:
        return "waits"  # whatever the station says
    if ended.outcome == ErrandOutcome.DONE:
        return "waits" if ended.reason in WAITING else "works"
    return "administrator" if "administrat" in _words(walked).lower() else "sent_away"


def broken_rules(walked: Walked) -> list[str]:
    """Return the broken rules on what must never be, each in a word."""
    broken = []
    if end_of(walked) in ("administrator", "sent_away") and not _says_who_where_when(walked):
        broken.append("sent away without who, where and when")
    broken += [f"on no list: {promise}" for promise in _promised(walked) - _listed(walked)]
    return broken


def _says_who_where_when(walked: Walked) -> bool:
    note, who_helps = walked.last.note, walked.last.who_helps if isinstance(walked.last, Tell) else None
    if note is not None and note.title is not None and note.title.key == "stop.office":
        return True
    return who_helps is not None and {"clock-outline", "map-marker-outline"} <= {point.icon for point in who_helps.rows}


def _promised(walked: Walked) -> set[str]:
    """Kinds of rows that this visit leaves to somebody."""
    promised = set()
    is_blocked = any((ask, outcome) == (AskName.CARD_BLOCK, BLOCKED) for ask, outcome, _, _ in walked.asked)
    for ask, outcome, _, refusal in walked.asked:
        if ask == AskName.CARD_HOLD and outcome in (HELD, MARKED, "waiting") and not is_blocked:
            promised.add("hold")
        if ask == AskName.CARD_BLOCK and outcome in (MARKED, "waiting") and not is_blocked:
            promised.add("hold")
        if refusal and ask in (AskName.CARD_HOLD, AskName.CARD_BLOCK):
            promised.add("hold_declined")
    if {"pickup.done", "activate.done"} & set(walked.seen) and walked.issuer != "api":
        promised.add("handover")
    if walked.situation.visitor == "dead_chip" and walked.ended.outcome == ErrandOutcome.DONE:
        promised.add("not_seen")
    if walked.ended.reason in ("letter_ordered", "letter_noted"):
        promised.add("letter")
    if walked.ended.reason == "certificate_noted":
        promised.add("certificate")
    return promised


def _listed(walked: Walked) -> set[str]:
    """Kinds of rows about the visit's card on the worklist; and the letter that the issuer itself has confirmed."""
    confirmed = any(ask == AskName.CARD_LETTER and outcome == ORDERED for ask, outcome, _, _ in walked.asked)
    rows: set[str] = {row.kind for row in walked.rows if row.card_number == walked.card}
    return rows | ({"letter"} if confirmed else set())


def _words(walked: Walked) -> str:
    """Title, lead and points of the last screen."""
    view, texts = walked.last, Texts.load()
    points = [point.text for point in getattr(view, "points", ())]
    return " ".join(texts.plain(text, "en") for text in (view.title, *view.lead, *points))
