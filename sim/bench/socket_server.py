"""Server of the bench's Unix socket: one JSON object a line, for the bench window, `demo` and tests.

    {"do": "insert", "card": "1:old", "reader": "holder"}   ->   {"ok": true}
    {"do": "look"}                                          ->   {"ok": true, "world": {...}}
    {"do": "watch"}                                         ->   a line with the world now, and after each move

Moves: insert, remove, open_door, take, put, close_door, jam, drop, hold_flap, fish, reach_in, empty_bin, board, printer,
network, and what the station adds. One that hands cannot make answers {"ok": false, "why": "..."}. The socket lies in the
bench's folder and only its owner may open it; a station that runs on real devices has none.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim.bench.virtual_bench import BenchMoveError, VirtualBench

logger = logging.getLogger(__name__)

MAX_LINE = 1024 * 1024
Move = Callable[[dict[str, Any]], None]


class BenchControl:
    """Server of the bench's socket while the station runs."""

    def __init__(self, world: VirtualBench, path: Path) -> None:
        self.path = path
        self._world = world
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()
        self._watchers: set[asyncio.Event] = set()
        self.extra: dict[str, Move] = {}
        """Moves of others."""
        self.looks: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        """What else can be seen from here, with the answer: the station's screen."""
        world.on_move = self._wake

    async def start(self) -> None:
        """Start to listen on the Unix socket. Raises OSError."""
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=MAX_LINE)
        self.path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening and end the watchers."""
        if self._server is not None:
            self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    def _wake(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError, ValueError):
                while line := await reader.readline():
                    await self._answer(line, reader, writer)
        finally:
            self._handlers.discard(task)
            writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(line)
            if request.get("do") == "watch":
                await self._watch(reader, writer)
                return
            _send(writer, self._do(request))
        except KeyError as error:
            _send(writer, {"ok": False, "why": f"the move needs {error}"})
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            _send(writer, {"ok": False, "why": str(error)})
        await writer.drain()

    async def _watch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        changed = asyncio.Event()
        self._watchers.add(changed)
        gone = asyncio.ensure_future(reader.read())
        try:
            while not gone.done():
                changed.clear()
                _send(writer, {"ok": True, "world": self._world.picture()})
                await writer.drain()
                await _either(changed, gone)
        finally:
            gone.cancel()
            self._watchers.discard(changed)

    def _do(self, request: dict[str, Any]) -> dict[str, Any]:
        do = request.get("do")
        if do == "look":
            return {"ok": True, "world": self._world.picture()}
        if str(do) in self.looks:
            return {"ok": True, **self.looks[str(do)](request)}
        move = self._moves().get(str(do)) or self.extra.get(str(do))
        if move is None:
            raise BenchMoveError(f"there is no move {do!r}")
        move(request)
        return {"ok": True}

    def _moves(self) -> dict[str, Move]:
        world = self._world
        return {
            "insert": lambda r: world.insert(r["card"], r["reader"], upside_down=bool(r.get("upside_down"))),
            "remove": lambda r: _ignore(world.remove(r["reader"])),
            "open_door": lambda r: world.open_door(int(r["slot"])),
            "take": lambda r: _ignore(world.take(int(r["slot"]))),
            "put": lambda r: world.put(int(r["slot"]), r["card"]),
            "close_door": lambda r: world.close_door(int(r["slot"])),
            "drop": lambda r: world.drop(r["card"]),
            "hold_flap": lambda r: world.hold_flap(bool(r.get("held", True))),
            "fish": lambda r: _ignore(world.fish()),
            "reach_in": lambda r: world.reach_in(),
            "board": lambda r: world.befall(r["what"], bool(r.get("on", True))),
            "empty_bin": lambda r: _ignore(world.empty_bin()),
            "jam": lambda r: world.jam(int(r["slot"]), bool(r["jammed"])),
            "printer": lambda r: world.break_printer(**{k: bool(v) for k, v in r["faults"].items()}),
            "network": lambda r: world.cut_network(bool(r["cut"])),
        }


async def _either(changed: asyncio.Event, gone: asyncio.Future[bytes]) -> None:
    waiting: asyncio.Future[Any] = asyncio.ensure_future(changed.wait())
    try:
        await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


def _ignore(_: object) -> None:
    return None


def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")


async def move(path: Path, **request: Any) -> dict[str, Any]:
    """Make one move from outside: `await move(socket, do="insert", card="1:old", reader="holder")`.

    Raises BenchMoveError where hands cannot make it, OSError where nobody listens, ConnectionError where the station went away.
    """
    reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE)
    try:
        _send(writer, request)
        await writer.drain()
        line = await reader.readline()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    if not line.endswith(b"\n"):
        raise ConnectionResetError("the station went away before it answered")
    answer: dict[str, Any] = json.loads(line)
    if not answer["ok"]:
        raise BenchMoveError(answer["why"])
    return answer
