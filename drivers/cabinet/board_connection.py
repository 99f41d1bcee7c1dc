"""Connection to the cabinet's board with reconnect: finds the port, keeps a session, starts again when that ends.

Rules: while there is no session the port is open only for as long as a greeting takes, so that a technician can flash the
board meanwhile. A question ends with its answer, with its time, or with the session; the last two are None.

    connection = Connection(named("/dev/ttyACM0"), lambda: pairing, told)
    connection.start()
    code = await connection.ask(messages.OPEN_SLOT, 2.0, slot=4)
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from drivers.cabinet.board_session import BoardSession
from drivers.cabinet.connection_events import (
    CommandAnswer,
    ConnectionEvent,
    ConnectionFailed,
    SessionLost,
    SessionStarted,
)
from drivers.cabinet.pairing import Pairing, PairingError
from drivers.cabinet.port import CabinetAbsent, CabinetFault, CabinetMute, NotPaired, PortRefused
from drivers.cabinet.port_discovery import Find
from drivers.cabinet.serial_link import SerialLine, SerialLineError, connect

RETRY_S = 1.0
"""Between two tries to reach a board that may come back by itself."""
MEND_RETRY_S = 5.0
"""The same where a person has to do something first."""

LoadPairing = Callable[[], Pairing | None]
"""Reads the pairing as it is now; None where nothing has been paired. Raises PairingError."""


class BoardConnection:
    """`start` it in the loop that uses it. `on_event` gets every event but answers."""

    def __init__(
        self,
        find: Find,
        pairing: LoadPairing,
        on_event: Callable[[ConnectionEvent], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.joined = False
        """Whether there is a session now."""
        self._find = find
        self._pairing = pairing
        self._on_event = on_event
        self._clock = clock
        self._line: SerialLine | None = None
        self._session: BoardSession | None = None
        self._end: CabinetFault | None = None
        self._wake = asyncio.Event()
        self._answers: dict[int, asyncio.Future[int | None]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for the board."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End the session and free the port."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def ask(self, kind: int, limit_s: float, /, **values: int | bytes | str) -> int | None:
        """Give a command; its result code, or None where none came, as without a session."""
        ticket = self.post(kind, **values)
        if ticket is None:
            return None
        answer: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._answers[ticket] = answer
        try:
            async with asyncio.timeout(limit_s):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._answers[ticket]
            if self._session is not None:
                self._session.forget(ticket, self._clock())
                self._flush()

    def post(self, kind: int, /, **values: int | bytes | str) -> int | None:
        """Give a command and do not wait; its ticket, or None without a session."""
        if self._session is None or not self.joined:
            return None
        ticket = self._session.command(kind, self._clock(), **values)
        self._flush()
        return ticket

    # The keeping

    async def _run(self) -> None:
        while True:
            fault = await self._one_line()
            self._take(ConnectionFailed(fault))
            mends_itself = isinstance(fault, CabinetAbsent | CabinetMute)
            await asyncio.sleep(RETRY_S if mends_itself else MEND_RETRY_S)

    async def _one_line(self) -> CabinetFault:
        """One line from its opening to its end, and why it ended."""
        try:
            port = await asyncio.to_thread(self._find)
            if not isinstance(port, str):
                return port
            pairing = await asyncio.to_thread(self._pairing)
            line = await connect(port, received=self._on_data, lost=self._on_loss)
        except PairingError as error:
            return NotPaired("", str(error))
        except SerialLineError as error:
            return CabinetAbsent() if error.missing else PortRefused(error.port, error.reason)
        except OSError:  # a device that went while the system listed it
            return CabinetAbsent()
        self._line, self._session, self._end = line, BoardSession(pairing, now=self._clock()), None
        try:
            return await self._talk(self._session)
        finally:
            self._session = self._line = None
            self._part()
            await line.close()

    async def _talk(self, session: BoardSession) -> CabinetFault:
        while self._end is None:
            self._flush()
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, session.due - self._clock())):
                    await self._wake.wait()
            for happening in session.tick(self._clock()):
                self._take(happening)
        return self._end

    def _on_data(self, data: bytes) -> None:
        if self._session is not None:
            for happening in self._session.receive(data, self._clock()):
                self._take(happening)
            self._flush()
            self._wake.set()

    def _on_loss(self) -> None:
        if self._end is None:
            self._take(ConnectionFailed(CabinetAbsent()))  # at once: what was known of the cabinet is known no more
        self._wake.set()

    def _take(self, happening: ConnectionEvent) -> None:
        match happening:
            case CommandAnswer(ticket, code):
                self._settle(ticket, code)
                return
            case SessionStarted():
                self.joined = True
            case SessionLost():
                self._part()
            case ConnectionFailed(fault):
                self._part()
                self._end = fault
        self._on_event(happening)

    def _part(self) -> None:
        self.joined = False
        for ticket in tuple(self._answers):
            self._settle(ticket, None)

    def _settle(self, ticket: int, code: int | None) -> None:
        answer = self._answers.get(ticket)
        if answer is not None and not answer.done():
            answer.set_result(code)

    def _flush(self) -> None:
        if self._session is not None and self._line is not None:
            self._line.write(self._session.take_outgoing())
