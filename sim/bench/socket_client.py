"""Client of the bench's socket: watches the bench, makes moves, and outlives the station.

client = BenchClient(Path("demo/bench.sock"))
await client.move(do="insert", card="1:old", reader="holder")
async for seen in client.watch():       # a BenchView after each move; None when the station has no power
    print(seen)
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from sim.bench.socket_server import MAX_LINE, move
from sim.bench.view_model import BenchView
from sim.bench.virtual_bench import BenchMoveError

RETRY_S = 0.3
ANSWER_S = 20.0


class BenchGoneError(Exception):
    """Nobody listens behind the socket: the station has no power, or has not started yet."""


class BenchClient:
    """Client of one bench's socket. `sleep` waits so many seconds between two tries to reach it."""

    def __init__(self, path: Path, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.path = path
        self._sleep = sleep

    async def move(self, **request: Any) -> None:
        """Make one move. Raises BenchMoveError where hands cannot make it, BenchGoneError where there is no station."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await move(self.path, **request)
        except TimeoutError as error:
            raise BenchGoneError(f"no answer from {self.path.name} within {ANSWER_S:.0f} s") from error
        except (OSError, json.JSONDecodeError) as error:
            raise BenchGoneError(f"nobody listens at {self.path.name}") from error

    async def watch(self) -> AsyncGenerator[BenchView | None, None]:
        """The world now and after each move, for ever; None once each time the station is gone.

        Close it with `aclose` (or `contextlib.aclosing`) to stop looking. Raises BenchMoveError, KeyError or ValueError
        where what answers is no bench.
        """
        reported_gone = False
        while True:
            async with contextlib.aclosing(self._once()) as pictures:
                async for picture in pictures:
                    reported_gone = False
                    yield picture
            if not reported_gone:
                reported_gone = True
                yield None
            await self._sleep(RETRY_S)

    async def _once(self) -> AsyncGenerator[BenchView, None]:
        try:
            reader, writer = await asyncio.open_unix_connection(self.path, limit=MAX_LINE)
        except OSError:
            return
        try:
            writer.write(b'{"do": "watch"}\n')
            while (line := await _line(reader)).endswith(b"\n"):
                answer = json.loads(line)
                if not answer["ok"]:
                    raise BenchMoveError(answer["why"])
                yield BenchView.read(answer["world"])
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line; what is left without its end, or nothing, when the station has gone."""
    try:
        return await reader.readline()
    except ConnectionError:
        return b""
