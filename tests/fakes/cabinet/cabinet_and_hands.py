"""A cabinet and the hands at it: in the process, or the real firmware on MicroPython's Unix port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from drivers.cabinet.port import Cabinet, CabinetState
from sim.cabinet.mechanics import CabinetMechanics
from sim.cabinet.twin import BoardTwin
from sim.cabinet.virtual import VirtualCabinet
from sim.stories.patience import LIMIT_S

Kind = Literal["in-process", "firmware"]


@dataclass(frozen=True, slots=True)
class Fitted:
    """`cabinet` is the station's side, `body` that of hands."""

    cabinet: Cabinet
    body: CabinetMechanics

    async def sees(self, reached: Callable[[CabinetState], bool]) -> CabinetState:
        """Wait until the station sees it so."""
        return await until(self.cabinet, reached)


async def until(cabinet: Cabinet, reached: Callable[[CabinetState], bool]) -> CabinetState:
    """Wait until that cabinet is so."""
    async with asyncio.timeout(LIMIT_S):
        while not reached(state := await cabinet.state()):  # noqa: ASYNC110 - one of the two has no event of its own
            await asyncio.sleep(0.005)
    return state


@contextlib.asynccontextmanager
async def twin_of(folder: Path, slots: int = 3, **more: Any) -> AsyncIterator[BoardTwin]:
    """A running twin whose driver has met the board."""
    twin = BoardTwin(folder, slots, **more)
    await twin.start()
    twin.driver.start()
    try:
        await twin.driver.state()
        yield twin
    finally:
        await twin.driver.close()
        await twin.stop()


@contextlib.asynccontextmanager
async def fitted(kind: Kind, folder: Path, slots: int = 3, **more: Any) -> AsyncIterator[Fitted]:
    """One of the two."""
    if kind == "firmware":
        async with twin_of(folder, slots, **more) as twin:
            yield Fitted(twin.driver, twin)
    else:
        cabinet = VirtualCabinet(slots, **more)
        yield Fitted(cabinet, cabinet)
