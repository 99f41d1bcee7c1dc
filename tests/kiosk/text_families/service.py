"""Texts of service."""

from drivers.cabinet.port import SlotFault
from kiosk.journeys.service_views import CLOSED, MENU, WHY_OPEN

FAMILIES = {
    "service.{}": tuple(MENU),
    "service_why.{}": WHY_OPEN,
    "service_fault.{}": tuple(fault.value for fault in SlotFault),
    "home.closed.{}": CLOSED,
}
