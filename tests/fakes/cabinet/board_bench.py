"""A made-up board at the end of a virtual cable, and the driver at the other."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from drivers.cabinet import messages
from drivers.cabinet.driver import SerialCabinet
from drivers.cabinet.pairing import Pairing
from drivers.cabinet.port import CabinetState
from drivers.cabinet.port_discovery import configured_port
from sim.cabinet.twin import Cable
from sim.stories.patience import LIMIT_S
from tests.fakes.cabinet.board_peer import PAIRING, BoardPeer


class BoardBench:
    """See the module."""

    def __init__(self, folder: Path) -> None:
        self.peer = BoardPeer()
        self.peer.cards = {1, 2}
        self.pairing: Callable[[], Pairing | None] = lambda: PAIRING
        self.loses: set[int] = set()
        """Kinds of messages after which the line breaks before the answer."""
        self.cable = Cable(folder / "cabinet.tty", self._from_host)
        self.cabinet = SerialCabinet(
            "cabinet", configured_port(str(self.cable.port)), lambda: self.pairing(), drop_limit_s=1
        )

    def _from_host(self, data: bytes) -> None:
        before = len(self.peer.took)
        answer = self.peer.take(data)
        if {kind for kind, _ in self.peer.took[before:]} & self.loses:
            self.cable.pull()
        self.cable.to_host(answer)
        for kind, values in self.peer.took[before:]:
            if kind == messages.OPEN_SLOT and values["slot"] in self.peer.doors:
                self.tell(messages.DOOR, int(str(values["slot"])), messages.DOOR_OPENED)

    def tell(self, event: int, slot: int = 0, value: int = 0) -> None:
        self.cable.to_host(self.peer.tell(event, slot, value))

    async def becomes(self, kind: type[CabinetState]) -> CabinetState:
        """Wait until the cabinet is in such a state."""
        async with asyncio.timeout(LIMIT_S):
            while not isinstance(state := await self.cabinet.state(), kind):
                await self.cabinet.changed()
        return state


async def until(reached: Callable[[], bool]) -> None:
    """Let the loop run until the board has been told so much."""
    async with asyncio.timeout(LIMIT_S):
        while not reached():  # noqa: ASYNC110 - the made-up board has no event of its own
            await asyncio.sleep(0)
