"""Cabinet states in words: a stable code for dashboard and log, and advice for the technician.

>>> cabinet_state_code(SwappedBoard("e6614c311b5a8f2c", "e6614c311b7f4e21")).value
'swapped_board'
"""

from typing import assert_never

from drivers.cabinet.port import (
    Cabinet,
    CabinetAbsent,
    CabinetFault,
    CabinetFinding,
    CabinetMute,
    CabinetReady,
    CabinetState,
    Findings,
    NotPaired,
    PortRefused,
    SwappedBoard,
    TwoBoards,
    WrongFirmware,
)
from fleet.messages.vocabulary import DeviceStatus

FLASH = "kortkiosk-provision flash"
"""The command that puts the firmware on a board and pairs it."""


_FOUND = {
    CabinetFinding.DOOR_OPEN: "a slot stands open: close it",
    CabinetFinding.CASE_OPEN: "the cabinet's case is open: close it; until then nothing opens",
    CabinetFinding.BIN_OPEN: "the door of the bin is open: close it",
    CabinetFinding.COUNTERS_LOST: "the board has lost its counters: count the bin and empty it",
    CabinetFinding.FLASH_FAILED: "the board cannot keep its counters: replace it",
    CabinetFinding.JAMMED: "a slot did not open when it was last asked to: look at its lock and door",
    CabinetFinding.DROP_SENSOR: "a sensor of the drop slot sees something: look for a card or dirt in it",
}


def name_findings(findings: Findings) -> tuple[str, str]:
    """Return the stable name of a self test's first finding, and what to do about each. Raises ValueError for nothing."""
    wrong = [finding for finding in CabinetFinding if finding in findings]
    if not wrong:
        raise ValueError("nothing was found")
    return wrong[0].value, "; ".join(_FOUND[finding] for finding in wrong)


def cabinet_state_code(state: CabinetState) -> str:
    match state:
        case CabinetReady():
            return DeviceStatus.READY
        case CabinetAbsent():
            return DeviceStatus.MISSING
        case CabinetMute():
            return DeviceStatus.MUTE
        case WrongFirmware():
            return DeviceStatus.WRONG_FIRMWARE
        case NotPaired():
            return DeviceStatus.NOT_PAIRED
        case SwappedBoard():
            return DeviceStatus.SWAPPED_BOARD
        case TwoBoards():
            return DeviceStatus.TWO_BOARDS
        case PortRefused():
            return DeviceStatus.PORT_REFUSED
        case other:
            assert_never(other)


def firmware_version(cabinet: Cabinet, state: CabinetState) -> str | None:
    """Version of the firmware on the board, also where it is another one than this station speaks."""
    if isinstance(state, WrongFirmware) and state.found[:1].isdigit():
        return state.found
    return cabinet.firmware


def cabinet_advice(fault: CabinetFault, key: str = "FILE") -> str:
    """Return what is wrong, and what the technician does; `key` is the pairing file that `cabinet.key` names."""
    flash = f"{FLASH} --key {key}"
    match fault:
        case CabinetAbsent():
            return "the cabinet's board is not connected: plug its USB cable in"
        case CabinetMute():
            return "the cabinet's board does not answer: unplug its USB cable and plug it in again"
        case WrongFirmware(actual, needed):
            return f"the cabinet's firmware is {actual}, this station needs {needed}: run `{flash}`"
        case NotPaired(reason=reason) if reason:
            return f"the cabinet's key cannot be used: {reason}"
        case NotPaired(board):
            return f"the cabinet's board {board or 'there'} is not paired with this station: run `{flash}`"
        case SwappedBoard(actual, paired):
            return f"the cabinet's board is {actual}, paired is {paired}: connect that one, or run `{flash}`"
        case TwoBoards(ports):
            return f"two boards are connected, {' and '.join(ports)}: unplug one, or name its port as cabinet.port"
        case PortRefused(port, reason):
            return f"the cabinet's port {port} cannot be opened: {reason}"
        case other:
            assert_never(other)
