"""The reader of a station that has none: nothing is in it, and nothing will be."""

import asyncio
from collections.abc import AsyncIterator

from drivers.reader.errors import NoReaderError
from drivers.reader.port import Presence, StationVisit


class NoReader:
    """Implements `drivers.reader.port.Reader`."""

    name = ""

    async def presence(self) -> Presence:
        return Presence.NO_READER

    async def changes(self) -> AsyncIterator[Presence]:
        yield Presence.NO_READER
        await asyncio.get_running_loop().create_future()

    async def visit(self) -> StationVisit:
        raise NoReaderError("this station has no reader", reader=self.name)

    async def close(self) -> None:
        """There is nothing to let go."""
