"""Labels of orders: where an order's card is.

>>> order_label("collected").level
'ok'
"""

from fleet.server.pages.labels import Level, StatusLabel

_ORDER: dict[str, tuple[Level, str]] = {
    "coming": ("of", "clock-outline"),
    "waiting": ("of", "door-closed"),
    "taken": ("wa", "door-open"),
    "misplaced": ("ba", "alert"),
    "taken_out": ("of", "tray-arrow-up"),
    "activated": ("wa", "receipt-text-outline"),
    "collected": ("ok", "check-circle"),
    "unregistered": ("wa", "tray-arrow-up"),
    "cancelled": ("of", "close-circle-outline"),
    "voided": ("of", "timer-sand"),
    "returned": ("of", "archive-arrow-down-outline"),
    "destroyed": ("of", "delete-empty-outline"),
    "expired": ("ba", "calendar-clock"),
}
ORDER_STATES = tuple(_ORDER)


def order_label(state: str) -> StatusLabel:
    """Return the label of an order's state: where its card is."""
    level, icon = _ORDER.get(state, ("of", "help-circle-outline"))
    return StatusLabel(level, icon, "order", state)
