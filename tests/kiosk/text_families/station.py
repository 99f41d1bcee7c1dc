"""Texts of the frame, the home screen, the pick-up and the receipt."""

from typing import get_args

from fleet.messages.link import Lack
from kiosk.errands.registry import ERRANDS
from kiosk.receipts.facts import IdentifiedBy, Signed
from kiosk.steps.identity.identification_views import DOCUMENTS
from kiosk.steps.receipt_views import NO_PAPER

ERRAND_IDS = tuple(errand.id for errand in ERRANDS)
FAMILIES = {
    "strange.{}": ("mute", "unknown", "secured", "unread", "busy"),
    "strange.{}.title": ("mute", "unknown", "secured", "unread", "busy"),
    "document.{}": DOCUMENTS,
    "closing.pulled.{}": ("safe", "new", "unknown"),
    "closing.pulled.{}.title": ("safe", "new", "unknown"),
    "closing.pulled.{}.do": ("safe", "new", "unknown"),
    "closing.code.{}": ("new", "unknown"),
    "closing.{}.title": ("reader", "card", "store", "crash"),
    "closing.{}.lead": ("reader", "card", "store", "crash"),
    "closing.take_card.{}": ("holder", "administrator"),
    "frame.{}": ("larger", "contrast", "listen", "help"),
    "listen.rate.{}": tuple("12345"),
    "keypad.more.{}": tuple("12345678"),
    "identity_check.left.{}": tuple("12345678"),
    "frame.reader.{}": ("holder", "administrator"),
    "no_paper.{}": NO_PAPER,
    "errand.{}": ERRAND_IDS,
    "home.{}": ERRAND_IDS,
    "home.{}.detail": ERRAND_IDS,
    "home.closed.{}": ("reader", "pilot", "unready"),
    "home.lacks.{}": get_args(Lack),
    "home.card.why.{}": (
        "unblock",
        "helped",
        "renew_certificate",
        "return_card",
        "change_pin",
        "activate",
        "report_lost",
    ),
    "home.no.{}": (
        "reader",
        "cabinet",
        "orders",
        "store",
        "switched_off",
        "not_in_region",
        "door",
        "closed",
        "not_here",
    ),
    "receipt.title.{}": ("pickup", "change_pin", "unblock", "return_card", "report_lost"),
    "receipt.identified.{}": get_args(IdentifiedBy),
    "receipt.signed.{}": get_args(Signed),
    "receipt.month.{}": tuple(str(month) for month in range(1, 13)),
}
