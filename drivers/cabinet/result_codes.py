"""Mapping of the board's result codes and drop values to outcomes of the port. Pure and closed: every code has its meaning here.

>>> slot_fault_of(messages.OTHER_OPEN)
<SlotFault.OTHER_OPEN: 'other_open'>
>>> slot_fault_of(messages.OK) is None
True
"""

from drivers.cabinet import messages
from drivers.cabinet.port import CabinetFinding, Findings, NotDropped, SlotFault

OPENED = (messages.OK, messages.ALREADY_OPEN)
_REFUSALS = {
    messages.NO_SUCH_SLOT: SlotFault.NO_SUCH_SLOT,
    messages.NOT_FITTED: SlotFault.NO_SUCH_SLOT,
    messages.OTHER_OPEN: SlotFault.OTHER_OPEN,
    messages.BUSY: SlotFault.OTHER_OPEN,
    messages.BIN_FULL: SlotFault.BIN_FULL,
    messages.BIN_OPEN: SlotFault.BIN_OPEN,
    messages.TAMPERED: SlotFault.TAMPERED,
}


def slot_fault_of(code: int) -> SlotFault | None:
    """Why the board did not carry an opening out; None where it did. A code of no other meaning is that of a board
    that does not do what it is asked, as a mute one."""
    return None if code in OPENED else _REFUSALS.get(code, SlotFault.MUTE)


COUNTED = 0
"""Value of DROP_ENDED: the card has fallen into the bin."""
_NOT_DROPPED = {1: NotDropped("nothing"), 2: NotDropped("jam"), 3: NotDropped("fishing")}


def drop_failure_of(value: int) -> NotDropped | None:
    """Why a watch over the drop slot ended without a card; None where one was counted. A value of no meaning counts nothing."""
    return None if value == COUNTED else _NOT_DROPPED.get(value, NotDropped("nothing"))


_FINDINGS = {
    messages.FOUND_DOOR_OPEN: CabinetFinding.DOOR_OPEN,
    messages.FOUND_TAMPER: CabinetFinding.CASE_OPEN,
    messages.FOUND_BIN_OPEN: CabinetFinding.BIN_OPEN,
    messages.FOUND_COUNTERS_LOST: CabinetFinding.COUNTERS_LOST,
    messages.FOUND_FLASH_FAILED: CabinetFinding.FLASH_FAILED,
    messages.FOUND_JAMMED: CabinetFinding.JAMMED,
    messages.FOUND_DROP_SENSOR_ON: CabinetFinding.DROP_SENSOR,
}


def self_test_findings(bits: int) -> Findings:
    """What a self test has found."""
    return frozenset(finding for bit, finding in _FINDINGS.items() if bits & bit)
