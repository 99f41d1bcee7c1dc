"""The views of looking after a station that several errands share: a device's state in a word, and nobody to do it."""

from fleet.messages.vocabulary import DeviceStatus
from kiosk.administration_ports import BIN_FULL, DeviceOverview
from kiosk.views import Say, say

STATES = (
    DeviceStatus.NO_READER,
    DeviceStatus.OUT_OF_PAPER,
    DeviceStatus.COVER_OPEN,
    DeviceStatus.CUTTER,
    DeviceStatus.OFFLINE,
    DeviceStatus.MUTE,
    BIN_FULL,
)
"""States that have a word of their own on the board."""


def state_of(device: DeviceOverview) -> Say:
    """Say in a word how a device is."""
    if device.count is not None and device.full:
        return say("admin.count", count=device.count, of=device.full)
    if device.ok:
        return say("admin.good")
    return say(f"admin.state.{device.state if device.state in STATES else 'other'}")
