"""Child process of the verifier, for demonstrations and tests: started, asked, and started again at once where it has died.

Rules: this process never opens the verifier's keys; questions are answered in turn; one that gets no answer in time,
or meets a verifier that is away, raises `VerifierAwayError`. Where it cannot be started again it is tried later each time. One
that refuses to count in a damaged file ends no server: `runs` says that it is away.
"""

import asyncio
import itertools
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Literal, Protocol, Self

import msgspec
from sqlalchemy import URL

from fleet.messages.link import EnvelopeAsk, ReleaseAsk
from fleet.server.verifier.model import (
    READY,
    SHARED,
    TRIES_DAMAGED,
    Answer,
    Check,
    EnvelopeFacts,
    EnvelopeVerdict,
    ResetResult,
    TryReset,
    TryResetVerdict,
    Verifier,
    VerifierAwayError,
)

ANSWER_TIMEOUT_S = 5.0
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 1.0
FIRST_RETRY_S, LAST_RETRY_S = 0.2, 30.0
CALM_S = 60.0
"""One that ran this long is started again at once when it dies."""

_log = logging.getLogger(__name__)


class VerifierPart(Verifier, Protocol):
    """A verifier as a part of the server, from its beginning to its end."""

    @property
    def runs(self) -> bool: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


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
        self._keeper: asyncio.Task[None] | None = None
        self._said = ""
        self._ready = False

    async def __aenter__(self) -> Self:
        try:
            await self._started()
        except VerifierAwayError as error:
            if self._process is None or self._process.returncode != TRIES_DAMAGED:
                await self._end()
                raise
            _log.error("the verifier does not start: %s", error)
        except BaseException:
            await self._end()
            raise
        self._keeper = asyncio.create_task(self._keep(), name="verifier-keeper")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._end()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process else None

    @property
    def runs(self) -> bool:
        """True while the process is there, and can answer."""
        return self._ready and self._process is not None and self._process.returncode is None

    async def ask(self, station: str, ask: EnvelopeAsk | ReleaseAsk, envelope: EnvelopeFacts | None) -> EnvelopeVerdict:
        """Ask in turn. Raises VerifierAwayError; the next question then meets a new process."""
        return await self._exchange(check_of(next(self._ids), station, ask, envelope), EnvelopeVerdict)

    async def reset_tries(self, order: str, envelope: EnvelopeFacts, persons: tuple[str, str]) -> ResetResult:
        """The same for new tries."""
        question = TryReset(next(self._ids), order, envelope, persons)
        return (await self._exchange(question, TryResetVerdict)).result

    async def _exchange(self, question: Check | TryReset, kind: type[Answer]) -> Answer:
        async with self._turn:
            try:
                process = await self._started()
                assert process.stdin is not None
                process.stdin.write(msgspec.json.encode(question) + b"\n")
                await process.stdin.drain()
                return await self._answer_to(question.id, process, kind)
            except (OSError, TimeoutError, msgspec.MsgspecError, UnicodeDecodeError) as error:
                await self._end()
                raise VerifierAwayError(self._said or type(error).__name__) from error

    async def _answer_to(self, number: int, process: Process, kind: type[Answer]) -> Answer:
        line = await _line(process, ANSWER_TIMEOUT_S)
        if not line:
            raise BrokenPipeError
        verdict = msgspec.json.decode(line, type=kind)
        if verdict.id != number:
            raise TimeoutError
        return verdict

    async def _keep(self) -> None:
        """Start it again whenever it dies, at once, and later each time where it does not stay, until cancelled."""
        delay_s, loop = 0.0, asyncio.get_running_loop()
        while True:
            began = loop.time()
            if self._process is not None:
                await self._process.wait()
            delay_s = 0.0 if loop.time() - began > CALM_S else delay_s
            await asyncio.sleep(delay_s)
            delay_s = min(LAST_RETRY_S, delay_s * 2 + FIRST_RETRY_S)
            async with self._turn:
                if self.runs:
                    continue
                _log.error("the verifier has ended and is started again")
                try:
                    await self._started()
                except VerifierAwayError as error:
                    _log.error("the verifier does not start: %s", error)

    async def _started(self) -> Process:
        """The running process; a new one where the last has ended. Raises VerifierAwayError."""
        if self._process is not None and self.runs:
            return self._process
        await self._end()
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self._environment
        )
        self._process = process
        self._listener = asyncio.create_task(self._listen(process))
        try:
            self._ready = await _line(process, START_TIMEOUT_S) == READY
        except TimeoutError:
            process.kill()
        if not self._ready:
            await self._listener
            await process.wait()
            raise VerifierAwayError(self._said or "the verifier did not start")
        return process

    async def _listen(self, process: Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._said = line.decode("utf-8", "replace").strip()
            _log.warning("verifier: %s", self._said)

    async def _end(self) -> None:
        process, self._process, self._ready = self._process, None, False
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
    code: Literal["puk", "release"] = "release" if isinstance(ask, ReleaseAsk) else "puk"
    return Check(number, station, ask.order, ask.nonce, ask.sealed, envelope, code)


async def _line(process: Process, timeout_s: float) -> bytes:
    assert process.stdout is not None
    return await asyncio.wait_for(process.stdout.readline(), timeout_s)
