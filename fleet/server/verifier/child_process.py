"""Child process of the verifier, for demonstrations and tests: started, asked, and started again where it has died.

Rules: this process never opens the verifier's keys; questions are answered in turn; one that gets no answer in time,
or meets a verifier that is away, raises `VerifierAwayError`.
"""

import asyncio
import itertools
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import msgspec
from sqlalchemy import URL

from fleet.messages.link import EnvelopeAsk, ReleaseAsk
from fleet.server.verifier.model import (
    READY,
    SHARED,
    Check,
    EnvelopeFacts,
    EnvelopeVerdict,
    Verifier,
    VerifierAwayError,
)

ANSWER_TIMEOUT_S = 5.0
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 1.0

_log = logging.getLogger(__name__)


class VerifierPart(Verifier, Protocol):
    """A verifier as a part of the server, from its beginning to its end."""

    @property
    def runs(self) -> bool: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class VerifierProcess:
    """Implements `Verifier` by a child process."""

    def __init__(self, keys: Path, counters: Path, shared: URL | None = None) -> None:
        """`shared`: the PostgreSQL store in which all verifiers count, instead of the file `counters`."""
        self._command = (sys.executable, "-m", "fleet.server.verifier", str(keys), str(counters))
        counted = {} if shared is None else {SHARED: shared.render_as_string(hide_password=False)}
        self._environment = os.environ | counted
        self._ids = itertools.count(1)
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._said = ""

    async def __aenter__(self) -> Self:
        try:
            await self._started()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process else None

    @property
    def runs(self) -> bool:
        """Whether the process is there; where it has died, the next question starts another."""
        return self._process is not None and self._process.returncode is None

    async def ask(self, station: str, ask: EnvelopeAsk | ReleaseAsk, envelope: EnvelopeFacts | None) -> EnvelopeVerdict:
        """Ask in turn. Raises VerifierAwayError; the next question then meets a new process."""
        async with self._turn:
            check = check_of(next(self._ids), station, ask, envelope)
            try:
                process = await self._started()
                assert process.stdin is not None
                process.stdin.write(msgspec.json.encode(check) + b"\n")
                await process.stdin.drain()
                return await self._answer_to(check.id, process)
            except (OSError, TimeoutError, msgspec.MsgspecError, UnicodeDecodeError) as error:
                await self._end()
                raise VerifierAwayError(self._said or type(error).__name__) from error

    async def _answer_to(self, number: int, process: Process) -> EnvelopeVerdict:
        line = await _line(process, ANSWER_TIMEOUT_S)
        if not line:
            raise BrokenPipeError
        verdict = msgspec.json.decode(line, type=EnvelopeVerdict)
        if verdict.id != number:
            raise TimeoutError
        return verdict

    async def _started(self) -> Process:
        """The running process; a new one where the last has ended. Raises VerifierAwayError."""
        if self._process is not None and self._process.returncode is None:
            return self._process
        await self._end()
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self._environment
        )
        self._process = process
        self._listener = asyncio.create_task(self._listen(process))
        try:
            is_ready = await _line(process, START_TIMEOUT_S) == READY
        except TimeoutError:
            process.kill()
            is_ready = False
        if not is_ready:
            await self._listener
            raise VerifierAwayError(self._said or "the verifier did not start")
        return process

    async def _listen(self, process: Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._said = line.decode("utf-8", "replace").strip()
            _log.warning("verifier: %s", self._said)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._listener is not None:
            await self._listener


def check_of(number: int, station: str, ask: EnvelopeAsk | ReleaseAsk, envelope: EnvelopeFacts | None) -> Check:
    """The question as the verifier takes it."""
    what: Literal["puk", "release"] = "release" if isinstance(ask, ReleaseAsk) else "puk"
    return Check(number, station, ask.order, ask.nonce, ask.sealed, envelope, what)


async def _line(process: Process, timeout_s: float) -> bytes:
    assert process.stdout is not None
    return await asyncio.wait_for(process.stdout.readline(), timeout_s)
