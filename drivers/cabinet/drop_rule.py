"""The one rule of the drop slot, for station and firmware: flap, first sensor, second sensor, bin. Pure.

Rules: runs on CPython and on MicroPython 1.25 alike; events, stages and outcomes are the numbers of the cabinet's line
(docs/cabinet-protocol.md). The flap may open more than once before a card has been let in; any other order is somebody
fishing, ends the watch and counts nothing.

>>> stage = WAITING
>>> for event in (FLAP, FIRST, SECOND, BIN):
...     stage = after(stage, event)
>>> stage == COUNTED
True
"""

FLAP, FIRST, SECOND, BIN = 1, 2, 3, 4
NO_WATCH, WAITING, FLAP_OPENED, AT_FIRST, AT_SECOND, COUNTED, WRONG_ORDER = 0, 1, 2, 3, 4, 5, 6
ENDED_COUNTED, ENDED_NOTHING, ENDED_JAM, ENDED_FISHING = 0, 1, 2, 3

_NEXT = {
    (WAITING, FLAP): FLAP_OPENED,
    (FLAP_OPENED, FLAP): FLAP_OPENED,
    (FLAP_OPENED, FIRST): AT_FIRST,
    (AT_FIRST, SECOND): AT_SECOND,
    (AT_SECOND, BIN): COUNTED,
}


def ended(stage: int) -> bool:
    """Return whether nothing more changes it."""
    return stage in (COUNTED, WRONG_ORDER)


def after(stage: int, event: int) -> int:
    """The stage after one more event."""
    return stage if ended(stage) or stage == NO_WATCH else _NEXT.get((stage, event), WRONG_ORDER)


def outcome(stage: int) -> int:
    """Return what has come of a watch that ends at this stage."""
    if stage == COUNTED:
        return ENDED_COUNTED
    if stage == WRONG_ORDER:
        return ENDED_FISHING
    return ENDED_JAM if stage in (AT_FIRST, AT_SECOND) else ENDED_NOTHING
