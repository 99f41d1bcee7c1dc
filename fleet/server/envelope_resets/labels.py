"""Labels of new tries for code letters: how far each has come.

>>> reset_label("waiting", None, waits=False).code
'expired'
"""

from fleet.server.pages.labels import Level, StatusLabel

_LABEL: dict[str, tuple[Level, str]] = {
    "waiting": ("wa", "account-check-outline"),
    "agreed": ("of", "timer-sand"),
    "withdrawn": ("of", "close-circle-outline"),
    "expired": ("of", "calendar-clock"),
    "reset": ("ok", "check-circle"),
    "reset_before": ("wa", "alert"),
    "not_used_up": ("of", "check"),
}


def reset_label(state: str, result: str | None, *, waits: bool) -> StatusLabel:
    """Return the label of a reset; of the verifier's word where it has said it."""
    name = result or ("expired" if state == "waiting" and not waits else state)
    level, icon = _LABEL[name]
    return StatusLabel(level, icon, "tries_state", name)
