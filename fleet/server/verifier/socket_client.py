"""Unix socket client of the verifier, reconnected whenever the connection is lost.

Rules: the verifier must be the user who owns the socket's folder (or root), so that nobody who squats the path gives verdicts;
questions are answered in turn; one that gets no answer in time raises `VerifierAwayError`, and is never sent twice: each counts.
"""

import asyncio
import contextlib
import itertools
import logging
from pathlib import Path
from typing import Self

import msgspec
from sqlalchemy import URL

from fleet.messages.link import EnvelopeAsk, ReleaseAsk
from fleet.server.verifier.child_process import ANSWER_TIMEOUT_S, VerifierPart, VerifierProcess, check_of
from fleet.server.verifier.model import (
    MAX_LINE_BYTES,
    READY,
    Answer,
    Check,
    EnvelopeFacts,
    EnvelopeVerdict,
    ResetResult,
    TryReset,
    TryResetVerdict,
    VerifierAwayError,
)
from fleet.server.verifier.peer_credentials import peer_uid, user_name

FIRST_RETRY_S, LAST_RETRY_S = 0.05, 2.0

_log = logging.getLogger(__name__)


class _Lines(asyncio.Protocol):
    """One connection, of which one line at a time is awaited."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.transport = asyncio.Transport()
        self._buffer = bytearray()
        self._waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_LINE_BYTES:
            self.transport.abort()
        elif b"\n" in data and not self._waiting.done():
            self._waiting.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        if not self._waiting.done():
            self._waiting.set_result(None)

    async def line(self) -> bytes:
        """The next line. Raises BrokenPipeError where the connection ends before."""
        while b"\n" not in self._buffer:
            if self.closed.is_set():
                raise BrokenPipeError(32, "it has closed the connection")
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer[:] = rest
        return line + b"\n"


class VerifierConnection:
    """Implements `Verifier`. While the context lasts it connects, and comes back by itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids = itertools.count(1)
        self._turn = asyncio.Lock()
        self._lines: _Lines | None = None
        self.reached = asyncio.Event()
        """Set while there is a connection."""
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Does not wait for a verifier that is away: the server starts without, and its health says so."""
        with contextlib.suppress(VerifierAwayError):
            await self._connect()
        self._keeper = asyncio.create_task(self._keep(), name="verifier-connection")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._lines is not None:
            self._lines.transport.abort()

    @property
    def runs(self) -> bool:
        """True while there is a connection."""
        return self._lines is not None and not self._lines.closed.is_set()

    async def ask(self, station: str, ask: EnvelopeAsk | ReleaseAsk, envelope: EnvelopeFacts | None) -> EnvelopeVerdict:
        """Ask in turn. Raises VerifierAwayError."""
        return await self._exchange(check_of(next(self._ids), station, ask, envelope), EnvelopeVerdict)

    async def reset_tries(self, order: str, envelope: EnvelopeFacts, persons: tuple[str, str]) -> ResetResult:
        """The same for new tries."""
        question = TryReset(next(self._ids), order, envelope, persons)
        return (await self._exchange(question, TryResetVerdict)).result

    async def _exchange(self, question: Check | TryReset, kind: type[Answer]) -> Answer:
        async with self._turn:
            lines = await self._connect()
            try:
                lines.transport.write(msgspec.json.encode(question) + b"\n")
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    return _verdict(await lines.line(), question.id, kind)
            except BaseException as error:
                lines.transport.abort()  # what still came would answer another question
                if isinstance(error, (OSError, TimeoutError, ValueError)):
                    raise VerifierAwayError(f"{self._path}: no answer ({type(error).__name__})") from error
                raise

    async def reach(self) -> None:
        """Connect where there is no connection. Raises VerifierAwayError."""
        async with self._turn:
            await self._connect()

    async def _connect(self) -> _Lines:
        """The connection, made anew where it is lost. Raises VerifierAwayError."""
        if self._lines is not None and not self._lines.closed.is_set():
            return self._lines
        self._lines = None
        self.reached.clear()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                transport, lines = await loop.create_unix_connection(_Lines, str(self._path))
                try:
                    self._check_peer(peer_uid(transport.get_extra_info("socket")))
                    if await lines.line() != READY:
                        raise BrokenPipeError(32, "it does not say that it is ready")
                except BaseException:
                    transport.abort()
                    raise
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise VerifierAwayError(f"{self._path}: {why}") from error
        self._lines = lines
        self.reached.set()
        return lines

    def _check_peer(self, listener: int) -> None:
        """Raises VerifierAwayError where somebody else listens at the path, OSError."""
        owner = self._path.parent.stat().st_uid
        if listener not in (owner, 0):
            raise VerifierAwayError(
                f"{self._path}: {user_name(listener)} listens there, and the folder is {user_name(owner)}'s"
            )

    async def _keep(self) -> None:
        """Connect again whenever the connection ends: at once, then later each time. Until cancelled."""
        delay_s, is_logged = 0.0, False
        while True:
            try:
                async with self._turn:
                    lines = await self._connect()
                delay_s, is_logged = 0.0, False
                await lines.closed.wait()
            except VerifierAwayError as error:
                if not is_logged:
                    _log.error("the verifier is away: %s", error)
                is_logged = True
                delay_s = min(LAST_RETRY_S, delay_s * 2 + FIRST_RETRY_S)
            await asyncio.sleep(delay_s)


def verifier_of(path: Path | None, keys: Path, counters: Path, shared: URL | None) -> VerifierPart:
    """The verifier that listens at `path`; where there is none, a child with keys and counters of its own."""
    return VerifierConnection(path) if path is not None else VerifierProcess(keys, counters, shared)


def _verdict(line: bytes, number: int, kind: type[Answer]) -> Answer:
    """Raises ValueError (msgspec's too) for what is no answer to that question."""
    verdict = msgspec.json.decode(line, type=kind)
    if verdict.id != number:
        raise ValueError("an answer to another question")
    return verdict
