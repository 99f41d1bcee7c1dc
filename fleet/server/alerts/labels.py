"""Labels of alerts: level and icon by severity, what is wrong, and which one."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from fleet.server.alerts.model import AlertRow
from fleet.server.alerts.rules import ENDING
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import ICON, Level, StatusLabel, TodoItem

_LEVEL: dict[str, tuple[Level, str]] = {
    "critical": ("ba", "alert-octagon"),
    "warning": ("wa", "alert"),
    "notice": ("wa", "bell-outline"),
}
_DEVICES = {"reader": "reader", "printer": "printer", "paper": "printer", "cabinet": "cabinet"}
ALERT_ICON: dict[str, str] = {
    "silent": "wifi-off",
    "slot": "door-open",
    "bin_full": "delete-empty-outline",
    "retired_heard": "archive-arrow-down-outline",
    "handover_unregistered": "tray-arrow-up",
    "card_in_use": "shield-alert-outline",
    "version": "update",
    "update_failed": "tray-arrow-down",
    "letter_key_missing": "email-seal-outline",
    "tries_reset": "restart",
    "too_many_asks": "timer-sand",
    "station_waits_for_approval": "fingerprint",
    "proposal_open": "account-check-outline",
    "not_laid_out": "printer-alert",
    "block_declined": "smart-card-off-outline",
    "command_unanswered": "cog-outline",
    "station_approved": "monitor",
    "retention_many": "delete-empty-outline",
    **dict.fromkeys(("offline", "cut_off", "directory_away"), "cloud-off-outline"),
    **dict.fromkeys(("reader", "reader_failing"), "smart-card-reader-outline"),
    **dict.fromkeys(("printer", "paper"), "printer-alert"),
    **dict.fromkeys(("cabinet", "bin_differs"), "archive-outline"),
    **dict.fromkeys(("return_not_found", "many_lookups", "looked_across"), "file-search-outline"),
    **dict.fromkeys(
        ("returned_open", "guessing", "unsigned_ask", "many_holds", "many_blocks", "requests_many"),
        "lock-alert-outline",
    ),
    **dict.fromkeys(("data_not_encrypted", "recovery_released"), "lock-open-variant-outline"),
    **dict.fromkeys(("settings_refused",), "wrench-outline"),
    **dict.fromkeys(("clock", "clock_leapt"), "clock-outline"),
    **dict.fromkeys(("worklist_late", "deadlines_many", "not_collected", "loa2"), "calendar-clock"),
    **dict.fromkeys(
        ("chain_broken", "store_differs", "duplicate_identity", "chain_begun", "former_life", "too_many_gaps"),
        "link-variant-off",
    ),
    **dict.fromkeys((*ENDING, "certificate", "certificates_twice"), "certificate-outline"),
    **dict.fromkeys(("server_part", "broker_memory"), "harddisk"),
    **dict.fromkeys(("set_aside_full", "outbox_depth"), "inbox-arrow-down-outline"),
    **dict.fromkeys(("directory_many", "left", "name_changed"), "account-outline"),
    **dict.fromkeys(("receipt_unsigned", "receipt_twice", "receipt_unproved"), "receipt-text-outline"),
    **dict.fromkeys(("reserve_old", "product_failing", "card_not_genuine"), "smart-card-outline"),
    **dict.fromkeys(
        ("administrator_left", "administrator_listed", "administrator_reported", "role_granted", "many_puks"),
        "account-tie-outline",
    ),
    **dict.fromkeys(
        ("ask_unreadable", "conflict", "events_damaged", "fact_unproved", "lists_dropped", "quarantined", "unfit"),
        "shield-alert-outline",
    ),
}
"""Of each rule; beside it stands its level by the severity."""
_DECIDED_AT = {"station_waits_for_approval": "/new-stations", "proposal_open": "/proposals"}
"""Alerts that a decision on another page ends."""
_PLACED = ("chain_broken", "conflict")
_SAID_AS_CODE = {
    "clock": "alert_clock",
    "proposal_open": "proposal_kind",
    "duplicate_identity": "alert_duplicate",
    "unsigned_ask": "alert_unsigned",
    "update_failed": "update_fault",
}


def alert_label(row: AlertRow) -> StatusLabel:
    """Return the label of what is wrong; one that is over is no fault any more."""
    if row.closed:
        return StatusLabel("ok", ICON["ok"], "alert", row.code)
    level, icon = _LEVEL[row.severity]
    return StatusLabel(level, icon, "alert", row.code)


def severity_label(row: AlertRow) -> StatusLabel:
    """Return the label of how bad it is, or that it is over."""
    if row.closed:
        return StatusLabel("ok", ICON["ok"], "alerts.state", "closed")
    level, icon = _LEVEL[row.severity]
    return StatusLabel(level, icon, "severity", row.severity)


def alert_todos(
    rows: Iterable[AlertRow], titles: Mapping[str, str], texts: Localization, now: datetime, *, take: bool = True
) -> list[TodoItem]:
    """Alerts that nobody has taken, as lines of the list of what needs somebody. `take`: whether who looks may take them, and
    decide where they lead to."""
    return [_todo(row, titles.get(row.station, row.station), texts, now, take) for row in rows]


def _todo(row: AlertRow, title: str, texts: Localization, now: datetime, take: bool) -> TodoItem:
    label, link, action = alert_label(row), f"/alerts/{row.id}", texts("alerts.take" if take else "orders.show")
    if take and row.code in _DECIDED_AT:
        link, action = _DECIDED_AT[row.code], texts("alerts.decide")
    summary = ": ".join((alert_place(row, title, texts), label.text(texts)))
    detail, since = alert_detail(row, texts), texts.lately(row.first, now)
    return TodoItem(label.level, ALERT_ICON.get(row.code, label.icon), summary, detail, link, action, since)


def alert_place(row: AlertRow, title: str, texts: Localization) -> str:
    """Return the place: a station, the many of an outage, or the fleet. `title`: of the station, where it is known."""
    if row.stations is not None:
        return texts.many("alerts.stations", row.stations)
    return title or row.station or texts("alerts.fleet")


def alert_advice(row: AlertRow, texts: Localization) -> str:
    """Return the advice on an alert: what to do about it, in a sentence."""
    family = "alert_outage" if row.stations is not None and texts.has(f"alert_outage.{row.code}") else "alert_advice"
    return texts(f"{family}.{row.code}")


def alert_detail(row: AlertRow, texts: Localization) -> str:
    """Return the detail of an alert: a device and its state, a slot, how many."""
    if row.stations is not None:
        still = texts.number(row.still or 0)
        return texts("alerts.still", still=still, all=texts.number(row.stations)) if row.closed is None else ""
    text = row.detail
    if row.code in _DEVICES:
        text = texts.code(f"device.{_DEVICES[row.code]}", row.detail)
    elif row.detail.isdigit() and texts.has(f"alert_count.{row.code}.other"):
        text = texts.many(f"alert_count.{row.code}", int(row.detail))
    elif row.code in _PLACED and (number := row.detail.rpartition(":")[2]).isdigit():
        text = texts("alerts.place", number=texts.serial(int(number)))
    elif row.code == "slot":
        return texts(f"alert_slot.{row.detail}", slot=row.subject)
    elif row.code in ENDING:
        return _end(row, texts)
    elif row.code in _SAID_AS_CODE:
        text = texts.code(_SAID_AS_CODE[row.code], row.detail)
    return ": ".join(part for part in (row.subject, text) if part)


def _end(row: AlertRow, texts: Localization) -> str:
    """Return what ends, on which day, and how it is renewed; the command itself stands in the row's detail for programs."""
    kind, _, name = row.subject.partition(" ")
    which = " ".join(part for part in (texts.code("alert_end", kind), name) if part)
    return texts("alerts.ends", which=which, day=row.detail[:10], renewal=texts.code("alert_renewal", kind))
