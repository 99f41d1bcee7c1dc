"""Labels of claims: what each is good for just now."""

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


def claim_label(state: ClaimState) -> StatusLabel:
    return StatusLabel(*_LOOK[state], "claim", state)
