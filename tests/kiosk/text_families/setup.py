"""Texts of the setup assistant at the touch screen."""

from fleet.messages.vocabulary import DeviceKind
from kiosk.first_boot.views import FAULT_WORDS, KEPT, KEYPAD, LOSSES, PAIRING_WORDS, TYPED
from kiosk.steps.reader_role_views import WHICH
from kiosk.texts import LANGUAGES

ASKED = ("disk", "network", "interface", "which_printer", "cabinet")
BUSY = ("installing", "opening", "moving", "joining", "pairing", "testing", "comparing_time")
FAMILIES = {
    "setup.{}": (*ASKED, *BUSY, *TYPED),
    "setup.{}.hint": TYPED,
    "setup.{}.now": BUSY,
    "setup.language.{}": LANGUAGES,
    "setup.fault.{}": FAULT_WORDS,
    "setup.fault.{}.do": FAULT_WORDS,
    "setup.not_paired.{}": PAIRING_WORDS,
    "setup.not_paired.{}.do": PAIRING_WORDS,
    "setup.kept.{}": KEPT,
    "setup.data_loss.{}": LOSSES,
    "setup.data_fault.{}": LANGUAGES,
    "setup.reader.{}": WHICH,
    "admin.part.{}": (*DeviceKind, KEYPAD),
}
