"""Families of views: what is drawn beside a view that has no drawing of its own, by what it is about.

A part of the machine is shown where it stands; all else is a card and the thing that has to do with it.

>>> from kiosk.views.parts import say
>>> family_drawing(Tell(name="stock.full", title=say("stock.full.title"), badge="warning"))
MachineDrawing(lit=('slots',))
"""

from typing import Any

from kiosk.views.drawings import AboutDrawing, MachineDrawing
from kiosk.views.shapes import Tell, View

Family = AboutDrawing | MachineDrawing

_PRINTER, _SLOTS, _DROP, _READER = (MachineDrawing((part,)) for part in ("printer", "slots", "drop", "reader"))
_SCREEN, _ADMINISTRATOR = MachineDrawing(("screen",)), MachineDrawing(("administrator",))
_CODE, _LOCK, _CARD = (
    AboutDrawing(icon) for icon in ("form-textbox-password", "lock-alert-outline", "smart-card-outline")
)
_KEPT, _DOOR = AboutDrawing("check-circle-outline"), AboutDrawing("door-open")
_BY_ICON: dict[str, Family] = {
    "printer-alert": _PRINTER,
    "door-closed-lock": _SLOTS,
    "archive-arrow-down-outline": _DROP,
    "wrench-outline": _SCREEN,
    "logout": _ADMINISTRATOR,
    "timer-sand": _ADMINISTRATOR,
}
_UNTOLD = ("", "alert", "alert-outline", "check-bold")
"""Icons of a badge that say nothing of what it is about."""
_BY_NAME: dict[str, Family] = {
    "setup.tested": AboutDrawing("stethoscope", "station"),
    "setup.ready": AboutDrawing("check-circle-outline", "station"),
}
_BY_LAST: dict[str, Family] = {
    "look_at_paper": _PRINTER,
    "printed": _PRINTER,
    "not_printed": _PRINTER,
    "no_printer": _PRINTER,
    "no_receipts": _PRINTER,
    "receipt_mailed": AboutDrawing("receipt-text-outline"),
    "no_cabinet": _SLOTS,
    "not_opened": _SLOTS,
    "pair": _SLOTS,
    "paired": _SLOTS,
    "not_paired": _SLOTS,
    "slots": _SLOTS,
    "printed_page": _PRINTER,
    "one_reader": _READER,
    "no_readers": _READER,
    "readers_named": _READER,
    "readers_told": _READER,
    "readers_not_told": _READER,
    "tries_told": _LOCK,
    "not_written": _CODE,
    "know_code": _CODE,
    "pin_old_last": _CODE,
    "start_pin_last": _CODE,
    "release_wrong": AboutDrawing("email-outline"),
    "wrong_card": AboutDrawing("card-search-outline"),
    "not_an_administrator": _ADMINISTRATOR,
    "not_level_3": _ADMINISTRATOR,
    "not_kra": _ADMINISTRATOR,
    "not_kur": _ADMINISTRATOR,
    "not_the_same": _ADMINISTRATOR,
    "keep": _KEPT,
    "kept": _KEPT,
    "place": _DOOR,
    "not_there": _DOOR,
    "unlisted": _DOOR,
    "no_order": AboutDrawing("card-search-outline"),
    "not_ours": AboutDrawing("card-search-outline"),
    "unbroken": AboutDrawing("email-seal-outline"),
    "order_letter": AboutDrawing("email-outline"),
    "letter_ordered": AboutDrawing("email-outline"),
    "printed_differs": AboutDrawing("card-account-details-outline"),
}
_BY_ERRAND: dict[str, Family] = {
    "stock": _SLOTS,
    "empty_bin": _DROP,
    "return_card": _DROP,
    "service": _SCREEN,
    "administrate": _SCREEN,
    "setup": _SCREEN,
    "change_pin": _CODE,
    "unblock": _LOCK,
    "report_lost": AboutDrawing("smart-card-off-outline"),
    "renew_certificate": AboutDrawing("calendar-clock"),
    "reserve_certificate": AboutDrawing("certificate-outline"),
    "clean_up": AboutDrawing("certificate-outline"),
    "check_card": AboutDrawing("shield-check-outline"),
    "information": AboutDrawing("information-outline"),
}


def family_drawing(view: View[Any]) -> Family:
    """By the kind that its badge shows, else by its name or the last part of it, else by its errand."""
    icon = view.badge_icon if isinstance(view, Tell) else ""
    if icon not in _UNTOLD:
        return _BY_ICON.get(icon, AboutDrawing(icon, "station" if view.name.startswith("setup.") else "card"))
    errand, _, last = view.name.partition(".")
    return _BY_NAME.get(view.name) or _BY_LAST.get(last.rpartition(".")[2]) or _BY_ERRAND.get(errand, _CARD)
