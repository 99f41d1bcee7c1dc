"""Texts of the administrator's side."""

from typing import get_args

from kiosk.administration_ports import SlotLook
from kiosk.errands.administrate.views import ACTIONS, ICONS
from kiosk.steps.administration_views import STATES

FAMILIES = {
    "admin.do.{}": (*(errand for errand, _ in ACTIONS), "attend"),
    "admin.part.{}": tuple(ICONS),
    "admin.state.{}": (*STATES, "other"),
    "admin.receipts.{}": ("unsigned", "unprinted"),
    "admin.look.{}": tuple(look for look in get_args(SlotLook) if look != "empty"),
}
