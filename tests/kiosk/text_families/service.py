"""Texts of service."""

from drivers.cabinet.port import SlotFault
from kiosk.journeys.event_words import EFFECTS, OTHER, OUTCOMES, TYPES, key_of
from kiosk.journeys.service_views import CLOSED, MENU, WHY_OPEN

FAMILIES = {
    "service.{}": tuple(MENU),
    "service_why.{}": WHY_OPEN,
    "service_fault.{}": tuple(fault.value for fault in SlotFault),
    "home.closed.{}": CLOSED,
    "service_event.{}": (*map(key_of, TYPES), OTHER),
    "service_effect.{}": (*map(key_of, EFFECTS), OTHER),
    "service_outcome.{}": (*OUTCOMES, OTHER),
}
