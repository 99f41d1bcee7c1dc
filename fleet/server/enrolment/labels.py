"""Labels of claims and join keys: what each is good for just now."""

from fleet.server.enrolment.join_keys import JoinKeyState
from fleet.server.enrolment.model import ClaimState
from fleet.server.pages.labels import ICON, Level, StatusLabel

_LOOK: dict[ClaimState, tuple[Level, str]] = {
    "open": ("of", "clock-outline"),
    "waiting": ("wa", ICON["wa"]),
    "approved": ("wa", "timer-sand"),
    "issued": ("ok", ICON["ok"]),
    "refused": ("ba", ICON["ba"]),
    "expired": ("of", "clock-outline"),
    "void": ("ba", "lock-alert-outline"),
}


_KEYS: dict[JoinKeyState, tuple[Level, str]] = {
    "open": ("wa", "clock-outline"),
    "used_up": ("of", "check"),
    "expired": ("of", "clock-outline"),
    "ended": ("of", "close"),
}


def join_key_label(state: JoinKeyState) -> StatusLabel:
    return StatusLabel(*_KEYS[state], "join_key", state)


def claim_label(state: ClaimState) -> StatusLabel:
    return StatusLabel(*_LOOK[state], "claim", state)
