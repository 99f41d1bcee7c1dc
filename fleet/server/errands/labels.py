"""Labels of errands and of the events that stations tell: how an errand ended, and what an event says in plain words.

>>> errand_label(None).level
'of'
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.messages.errand_catalog import catalog
from fleet.messages.vocabulary import ErrandOutcome, EventType, Outcome, lookup, short_type
from fleet.server.commands.labels import COMMAND_EVENTS, describe_command_event
from fleet.server.errands.model import GOING_ON, EventRow
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import Level, StatusLabel

_OUTCOME: dict[ErrandOutcome, tuple[Level, str]] = {
    ErrandOutcome.DONE: ("ok", "check-circle"),
    ErrandOutcome.CANCELLED: ("of", "close-circle-outline"),
    ErrandOutcome.TIMED_OUT: ("of", "timer-sand"),
    ErrandOutcome.REFUSED: ("wa", "alert"),
    ErrandOutcome.FAULT: ("ba", "close-circle"),
    ErrandOutcome.UNKNOWN: ("ba", "help-circle-outline"),
    ErrandOutcome.INTERRUPTED: ("ba", "power"),
}


OUTCOMES = (GOING_ON, *_OUTCOME)
ERRAND_KINDS = tuple(entry.id for entry in catalog())


def errand_label(outcome: str | None) -> StatusLabel:
    """Return the label of an errand's end, or that it goes on."""
    if outcome is None:
        return StatusLabel("of", "clock-outline", "outcome", GOING_ON)
    errand_outcome = lookup(ErrandOutcome, outcome)
    if errand_outcome is None:
        return StatusLabel("of", "help-circle-outline", "outcome", outcome)
    level, icon = _OUTCOME[errand_outcome]
    return StatusLabel(level, icon, "outcome", outcome)


_EVENT_ICON: dict[EventType, str] = {
    EventType.STATION_STARTED: "power",
    EventType.STATION_RESET: "restart",
    EventType.CHAIN_CHECKPOINT: "shield-check-outline",
    EventType.DOOR_OPENED: "door-open",
    EventType.DOOR_SHUT: "door-closed",
    EventType.CARD_LEFT_IN: "smart-card-reader-outline",
    EventType.CARD_LEFT_IN_TAKEN: "check",
    EventType.LISTS_DROPPED: "alert-outline",
    EventType.ASK_UNREADABLE: "alert-outline",
    EventType.UPDATE_STEP: "tray-arrow-down",
    EventType.SETTINGS_APPLIED: "wrench-outline",
    EventType.SETTINGS_REFUSED: "alert-outline",
    EventType.CHAIN_BEGUN: "link-variant-off",
    EventType.EVENTS_DAMAGED: "alert-outline",
    EventType.CARD_NOT_GENUINE: "alert-outline",
    EventType.COMMAND_TAKEN: "cog-outline",
    EventType.COMMAND_ENDED: "cog-outline",
    EventType.ERRAND_STARTED: "account-outline",
    EventType.EFFECT_DONE: "check",
    EventType.EFFECT_UNKNOWN: "help-circle-outline",
    EventType.CARD_STORED: "door-closed",
    EventType.CARD_TAKEN_OUT: "door-open",
    EventType.STOCK_COUNTED: "check-bold",
    EventType.BIN_EMPTIED: "check-bold",
    EventType.ADMINISTRATOR_LOGGED_IN: "account-check-outline",
    EventType.IDENTITY_ATTESTED: "account-check-outline",
    EventType.CARD_ACTIVATED: "smart-card-outline",
    EventType.RECEIPT_ISSUED: "receipt-text-check-outline",
    EventType.RECEIPT_MAIL_WANTED: "email-outline",
    EventType.ERRAND_ENDED: "check-bold",
}
_EFFECT_ICON = {
    "slot": "door-open",
    "card": "smart-card-outline",
    "receipt": "printer-outline",
    "drop": "inbox-arrow-down-outline",
}


_WENT_WELL = frozenset(
    {
        Outcome.ACCEPTED,
        Outcome.WRITTEN,
        Outcome.GENERATED,
        Outcome.MADE_AGAIN,
        Outcome.BOUND,
        Outcome.ISSUED,
        Outcome.DELETED,
        Outcome.OPENED,
        Outcome.CLOSED,
        Outcome.LOOKED_AT,
        Outcome.TAKEN,
        Outcome.DROPPED,
        Outcome.CLEARED,
        Outcome.PRINTED,
        Outcome.BLOCKED,
        Outcome.HELD,
        Outcome.MARKED,
        Outcome.LIFTED,
        Outcome.RELEASED,
        Outcome.LETTER_ORDERED,
        Outcome.LETTER_NOTED,
        Outcome.ASKED,
        Outcome.WELL,
        Outcome.PAIRED,
    }
)
"""Outcomes of which nothing is said beside the effect; each of the others has a text of its own."""


@dataclass(frozen=True, slots=True)
class EventDescription:
    """An event in plain words."""

    level: Level
    icon: str
    text: str


def describe_event(event: EventRow, texts: Localization) -> EventDescription:
    """Describe an event to somebody who has never seen its type."""
    key = short_type(event.type)
    content = event.content
    effect = str(content.get("effect", ""))
    outcome = str(content.get("outcome", ""))
    event_type = lookup(EventType, event.type)
    icon = "information-outline" if event_type is None else _EVENT_ICON[event_type]
    if event.type in (EventType.EFFECT_DONE, EventType.EFFECT_UNKNOWN):
        effect_text = _effect_said(effect, content.get("slot"), texts)
        return _told_effect(event.type, _EFFECT_ICON.get(effect.partition(".")[0], icon), effect_text, outcome, texts)
    if event.type == EventType.ERRAND_STARTED:
        return EventDescription(
            "ok", icon, texts("event.errand.started", kind=texts.code("kind", str(content.get("kind", ""))))
        )
    if event.type == EventType.ERRAND_ENDED:
        label = errand_label(outcome)
        return EventDescription(label.level, label.icon, texts("event.errand.ended", outcome=label.text(texts).lower()))
    if event.type in COMMAND_EVENTS:
        return EventDescription(*describe_command_event(event, texts))
    if event.type == EventType.RECEIPT_ISSUED:
        signed = texts.code("signed", str(content.get("signed", "")))
        return EventDescription(
            "ok", icon, texts("event.receipt.issued", number=content.get("number", ""), signed=signed.lower())
        )
    if event.type == EventType.UPDATE_STEP:
        return _told_update(content, icon, texts)
    return EventDescription("ok", icon, texts.code("event", key))


def _told_update(content: Mapping[str, object], icon: str, texts: Localization) -> EventDescription:
    """Describe how far an update has come, and why it failed."""
    step, reason = texts.code("update_step", str(content.get("step", ""))), str(content.get("reason", ""))
    text = texts("event.update.step", version=content.get("version", ""), step=step)
    if content.get("step") != "failed":
        return EventDescription("ok", icon, text)
    return EventDescription("ba", icon, f"{text} {texts.code('update_fault', reason)}")


def _effect_said(effect: str, slot: object, texts: Localization) -> str:
    if isinstance(slot, int) and texts.has(f"effect_at.{effect}"):
        return texts(f"effect_at.{effect}", slot=slot)
    return texts.code("effect", effect)


def _told_effect(kind: str, icon: str, effect_text: str, outcome: str, texts: Localization) -> EventDescription:
    if kind == EventType.EFFECT_UNKNOWN:
        return EventDescription("ba", "help-circle-outline", texts("event.effect.unknown", effect=effect_text))
    if not outcome or outcome in _WENT_WELL:
        return EventDescription("ok", icon, effect_text)
    return EventDescription(
        "wa",
        icon,
        texts("event.effect.done", effect=effect_text, outcome=texts.code("effect_outcome", outcome).lower()),
    )
