"""Serial port discovery: the configured port, or the only board that is connected.

>>> only_port(lambda: ())()
CabinetAbsent()
>>> configured_port("/dev/ttyACM0")()
'/dev/ttyACM0'
"""

from collections.abc import Callable

from drivers.cabinet.port import CabinetAbsent, CabinetFault, TwoBoards
from drivers.cabinet.serial_link import FoundBoard, boards

Find = Callable[[], str | CabinetFault]
"""Gives a port, or why there is none. It may look at the system's devices: call it in a thread."""


def configured_port(port: str) -> Find:
    """This port and no other."""
    return lambda: port


def only_port(list_boards: Callable[[], tuple[FoundBoard, ...]] = boards) -> Find:
    """The port of the one board; with two of them a person has to say which."""

    def find() -> str | CabinetFault:
        boards = list_boards()
        if len(boards) > 1:
            return TwoBoards(tuple(board.port for board in boards))
        return boards[0].port if boards else CabinetAbsent()

    return find
