"""Pin assignment of the cabinet's board: data of a file, validated here and given to a board that is paired with this station.

rewired = await rewire(Path("wiring.json"), Path("cabinet.json"), only_one())
"""

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path

from drivers.cabinet.driver import SerialCabinet
from drivers.cabinet.firmware.wiring import Wiring, WiringError
from drivers.cabinet.pairing import Pairing
from drivers.cabinet.port import CabinetFault, CabinetReady
from drivers.cabinet.port_discovery import Find
from drivers.cabinet.protocol import MAX_WIRING

AGAIN_S = 10.0
"""How long a board may take from its new wiring to its next session."""
LOOK_EVERY_S = 0.1


class RewiringError(Exception):
    """The data do not fit (`ours`), or the board has not taken them; the text says which and what to do."""

    def __init__(self, text: str, *, ours: bool = False) -> None:
        super().__init__(text)
        self.ours = ours


@dataclass(frozen=True, slots=True)
class RewiredBoard:
    """The board runs with the new data."""

    board: str
    slots: int


async def rewire(file: Path, key: Path, find: Find) -> RewiredBoard:
    """Check the file, give it to the board, and see it come back. Raises RewiringError, PairingError."""
    content = read_wiring(file)
    pairing = Pairing.load(key)
    cabinet = SerialCabinet("cabinet", find, lambda: pairing)
    cabinet.start()
    try:
        state = await cabinet.state()
        if not isinstance(state, CabinetReady):
            raise RewiringError(f"the board cannot be used: {_words(state)}")
        restarts = cabinet.restarts
        if not await cabinet.rewire(content):
            raise RewiringError("the board has not taken the data; it goes on with what it had")
        return await _back(cabinet, restarts)
    finally:
        await cabinet.close()


def read_wiring(file: Path) -> bytes:
    """The data as the board gets them. Raises RewiringError with the name of the entry that does not fit."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RewiringError(f"{file}: {error.strerror}", ours=True) from None
    except ValueError as error:
        raise RewiringError(f"{file}: is not JSON in UTF-8: {error}", ours=True) from None
    if not isinstance(data, dict):
        raise RewiringError(f"{file}: holds no object", ours=True)
    try:
        Wiring(data)
    except (WiringError, TypeError) as error:
        raise RewiringError(f"{file}: {error}", ours=True) from None
    content = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    if len(content) > MAX_WIRING:
        raise RewiringError(f"{file}: {len(content)} bytes; a board takes {MAX_WIRING}", ours=True)
    return content


async def _back(cabinet: SerialCabinet, restarts: int) -> RewiredBoard:
    """Wait for the session after the restart."""
    for _ in range(round(AGAIN_S / LOOK_EVERY_S)):
        board = cabinet.board
        state = await cabinet.state()
        if cabinet.restarts > restarts and board is not None and isinstance(state, CabinetReady):
            return RewiredBoard(board.board_id, len(state.slots))
        await asyncio.sleep(LOOK_EVERY_S)
    raise RewiringError("the board took the data and has not come back; look at its lamps, and unplug it once")


def _words(fault: CabinetFault) -> str:
    """The fault's name in words: `not paired`, `wrong firmware`; docs/operations-reference.md says what mends each."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(fault).__name__).lower()
