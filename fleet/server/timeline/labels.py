"""Labels of timelines: a moment as level, icon and words, and the page that tells more of it."""

from fleet.server.errands.labels import errand_label
from fleet.server.orders.labels import order_label
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import Level
from fleet.server.pages.rendering import with_query
from fleet.server.timeline.model import TimelineRow

ICONS = {
    "order": "card-account-details-outline",
    "stock": "package-variant-closed",
    "errand": "file-search-outline",
    "receipt": "receipt-text-check-outline",
    "request": "lock-alert-outline",
    "ask": "lock-alert-outline",
    "certificate": "certificate-outline",
    "deadline": "calendar-clock",
    "dropped": "archive-arrow-down-outline",
    "alert": "bell-outline",
    "worklist": "account-check-outline",
}


def timeline_icon(row: TimelineRow) -> str:
    return "eye-off-outline" if (row.kind, row.code) == ("dropped", "by_number") else ICONS[row.kind]


def timeline_level(row: TimelineRow) -> Level:
    """Return the level of a moment: what somebody should look at stands out."""
    match row.kind:
        case "errand":
            return errand_label(row.result or None).level
        case "alert":
            return "wa"
        case "request" | "ask" if row.result == "declined":
            return "wa"
        case "dropped" if row.code == "by_number":
            return "wa"
        case _:
            return "ok"


def timeline_text(row: TimelineRow, texts: Localization) -> str:
    """Return the words for what happened, for somebody who was not there."""
    match row.kind:
        case "order":
            return _order(row, texts)
        case "stock":
            return texts(f"timeline.stock.{row.code}", slot=row.result)
        case "receipt":
            return texts("timeline.receipt", number=row.result)
        case "dropped":
            return texts(f"timeline.dropped.{row.code}")
        case "errand" | "request" | "ask":
            return texts("timeline.result", what=_what(row, texts), result=_result(row, texts).lower())
        case "certificate":
            return texts("timeline.certificate", what=_what(row, texts), day=texts.day(row.detail))
        case "deadline":
            return texts("timeline.deadline", what=_what(row, texts), day=texts.day(row.detail))
        case "alert":
            return texts("timeline.alert", what=_what(row, texts))
        case "worklist":
            person, _, note = row.detail.partition(": ")
            return ": ".join(part for part in (texts(f"worklist_act.{row.code}", who=person), note) if part)


def _order(row: TimelineRow, texts: Localization) -> str:
    if row.code == "made":
        return texts("timeline.ordered", number=row.order)
    return texts("timeline.order", number=row.order, state=order_label(row.code).text(texts).lower())


_FAMILIES = {"errand": "kind", "request": "request_ask", "ask": "request_ask"}
"""Families of texts that do not have the name of their kind."""


def _what(row: TimelineRow, texts: Localization) -> str:
    return texts.code(_FAMILIES.get(row.kind, row.kind), row.code)


def _result(row: TimelineRow, texts: Localization) -> str:
    if row.kind == "errand":
        return errand_label(row.result or None).text(texts)
    return texts.code("request" if row.kind == "request" else "wish", row.result)


def timeline_link(row: TimelineRow) -> str:
    """The page of the errand, order, alert or bin; else that of the station. Empty where there is none."""
    if row.alert is not None:
        return f"/alerts/{row.alert}"
    if row.errand:
        return f"/errands/{row.errand}"
    if row.order:
        return with_query("/orders", q=row.order)
    if row.kind == "dropped":
        return f"/bins/{row.station}"
    if row.kind == "worklist":
        return "/worklist"
    return f"/stations/{row.station}" if row.station else ""
