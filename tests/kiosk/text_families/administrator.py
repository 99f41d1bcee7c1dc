"""Texts of the administrator's side."""

from typing import get_args

from fleet.messages.errand_catalog import catalog
from kiosk.administration_ports import SlotLook
from kiosk.errands.administrate.views import ICONS
from kiosk.steps.administration_views import STATES
from kiosk.steps.reader_role_views import WHICH

FAMILIES = {
    "admin.do.{}": tuple(entry.id for entry in catalog() if entry.place == "administrator"),
    "reader_roles.insert.{}": WHICH,
    "reader_roles.becomes.{}": WHICH,
    "admin.part.{}": tuple(ICONS),
    "admin.state.{}": (*STATES, "other"),
    "admin.receipts.{}": ("unsigned", "unprinted"),
    "admin.look.{}": tuple(look for look in get_args(SlotLook) if look != "empty"),
}
