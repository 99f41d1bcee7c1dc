"""The last events in words: every type of event, every effect and what came of it, without whom it was about.

A type, effect or outcome that these tables do not know (the station is older than its file) is told as such, never as a code.

>>> event_label(EventOverview("10.52", "effect.done", effect="slot.open", outcome="opened", slot=7)).key
'service_events.effect_at'
"""

from fleet.messages.errand_catalog import entry_of
from fleet.messages.vocabulary import EVENT_PREFIX, Effect, ErrandOutcome, EventType, Outcome, lookup
from kiosk.administration_ports import EventOverview
from kiosk.views import Say, say

_WITH_DETAILS = {EventType.EFFECT_DONE, EventType.EFFECT_UNKNOWN, EventType.ERRAND_STARTED, EventType.ERRAND_ENDED}
TYPES = tuple(event_type.short for event_type in EventType if event_type not in _WITH_DETAILS)
"""Types of events that stand for themselves."""
EFFECTS = tuple(Effect)
OUTCOMES = tuple(sorted({*Outcome, *ErrandOutcome}))
OTHER = "other"


def event_label(happened: EventOverview) -> Say:
    """One event as a sentence."""
    match lookup(EventType, EVENT_PREFIX + happened.type):
        case EventType.EFFECT_DONE | EventType.EFFECT_UNKNOWN:
            return _effect(happened)
        case EventType.ERRAND_STARTED:
            return say("service_events.started", errand=_errand(happened.errand))
        case EventType.ERRAND_ENDED:
            return say("service_events.ended", errand=_errand(happened.errand), outcome=_outcome(happened.outcome))
        case None:
            return say(f"service_event.{OTHER}")
        case event_type:
            return say(f"service_event.{text_key(event_type.short)}")


def text_key(code: str) -> str:
    """A code as the end of a text's key."""
    return code.replace(".", "_")


def _effect(happened: EventOverview) -> Say:
    name = text_key(happened.effect) if happened.effect in EFFECTS else OTHER
    outcome = _outcome(Outcome.UNKNOWN if happened.type == EventType.EFFECT_UNKNOWN.short else happened.outcome)
    if happened.slot is not None:
        return say(
            "service_events.effect_at", effect=say(f"service_effect.{name}"), slot=happened.slot, outcome=outcome
        )
    return say("service_events.effect", effect=say(f"service_effect.{name}"), outcome=outcome)


def _outcome(outcome: str) -> Say:
    return say(f"service_outcome.{outcome if outcome in OUTCOMES else OTHER}")


def _errand(errand: str) -> Say:
    return say(f"errand.{errand}") if entry_of(errand) is not None else say("service_events.errand")
