"""The bench's cabinet: in the process, or with the real firmware on a board of its own, and what may befall that board.

Rules: a cabinet with a board has to be powered, and its station's end is the real driver; one without is its own.

>>> board_of(VirtualCabinet()) is None
True
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drivers.cabinet.port import Cabinet
from sim.cabinet.mechanics import CabinetMechanics, MechanicsError
from sim.cabinet.twin import BoardTwin
from sim.cabinet.virtual import VirtualCabinet

TROUBLES = ("cable", "silent", "noise", "restart", "case", "bin_door")
"""Cable out, nothing said, noise on the line, power away for a moment, housing open, bin open."""


BenchCabinet = VirtualCabinet | BoardTwin


def make_cabinet(
    folder: Path, slots: int, cards: Mapping[int, str], on_change: Callable[[], None], *, firmware: bool
) -> BenchCabinet:
    """A cabinet with those cards; with `firmware` its board keeps its flash in `folder`."""
    if firmware:
        return BoardTwin(folder, slots, cards=cards, on_change=on_change)
    return VirtualCabinet(slots, cards=cards, on_change=on_change)


def driver_of(cabinet: BenchCabinet) -> Cabinet:
    """The driver through which the station uses the cabinet."""
    return cabinet.driver if isinstance(cabinet, BoardTwin) else cabinet


def board_of(cabinet: CabinetMechanics) -> BoardTwin | None:
    """The board; None where there is none."""
    return cabinet if isinstance(cabinet, BoardTwin) else None


async def start(cabinet: BenchCabinet) -> None:
    """Power its board, where it has one. Raises TwinError."""
    if isinstance(cabinet, BoardTwin):
        await cabinet.start()


async def stop(cabinet: BenchCabinet) -> None:
    """Stop the board's firmware, where the cabinet has a board."""
    if isinstance(cabinet, BoardTwin):
        await cabinet.stop()


def apply_trouble(cabinet: CabinetMechanics, trouble: str, on: bool) -> None:
    """Let it begin, or end; noise and a restart are over at once. Raises MechanicsError."""
    board = board_of(cabinet)
    if board is None:
        raise MechanicsError("this cabinet has no board: its firmware needs micropython")
    match trouble:
        case "cable":
            board.pull_cable(on)
        case "silent":
            board.silence(on)
        case "noise":
            board.make_noise()
        case "restart":
            board.restart()
        case "case":
            board.open_case(on)
        case "bin_door":
            board.open_bin(on)
        case _:
            raise MechanicsError(f"nothing of the kind befalls a board: {trouble!r} is none of {', '.join(TROUBLES)}")


def picture(cabinet: BenchCabinet) -> dict[str, Any]:
    """Slots, drop slot and board as they are, for a window; the board is None where there is none."""
    drop = cabinet.drop
    return {
        "slots": {str(n): cabinet.cards.get(n) for n in range(1, cabinet.slot_count + 1)},
        "open_slot": cabinet.open_slot_number,
        "jammed": sorted(cabinet.jammed),
        "flap_open": not drop.locked,
        "at_flap": drop.at_flap,
        "bin": drop.count,
        "in_bin": list(drop.binned),
        "board": _board_picture(board_of(cabinet)),
    }


def _board_picture(board: BoardTwin | None) -> dict[str, Any] | None:
    if board is None:
        return None
    return {
        "firmware": board.driver.board.firmware if board.driver.board is not None else "",
        "starts": board.driver.restarts,
        "cable": board.cable_out,
        "silent": board.silent,
        "case": board.case_open,
        "bin_door": board.bin_open,
    }
