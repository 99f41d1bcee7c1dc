"""Texts of service."""

from drivers.cabinet.port import SlotFault
from kiosk.errands.service.event_labels import EFFECTS, OTHER, OUTCOMES, TYPES, key_of
from kiosk.errands.service.views import CLOSED, MENU, WHY_OPEN

FAMILIES = {
    "service.{}": tuple(MENU),
    "service_why.{}": WHY_OPEN,
    "service_fault.{}": tuple(fault.value for fault in SlotFault),
    "home.closed.{}": CLOSED,
    "service_event.{}": (*map(key_of, TYPES), OTHER),
    "service_effect.{}": (*map(key_of, EFFECTS), OTHER),
    "service_outcome.{}": (*OUTCOMES, OTHER),
}
