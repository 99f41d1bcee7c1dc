"""GPIO driver: debounced contacts, and a lamp that never flashes too fast. Implements `port.Pins`.

Rules: a contact counts once it is the same `SETTLE_S` after an edge, so noise changes nothing; an edge that was missed is
found by the next `state`. The lamp's level changes at most once in `SHORTEST_S`, whatever is asked how often. Pins that were
not to be had are tried again at each `state`. Belongs to one event loop; time is passed in.

    pins = GpioPins(reference(), pi_factory)
    pins.set_lamp(STEADY)
    async for contacts in pins.changes(): ...
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from drivers.cabinet.gpio.gpiozero_board import GpioBoard, GpioError
from drivers.cabinet.gpio.lamp_pattern import OFF, SHORTEST_S, Pattern
from drivers.cabinet.gpio.pin_wiring import OUTPUTS, Role, Wiring, validate_wiring
from drivers.cabinet.gpio.port import PinsReady, PinsState, PinsStuck, PinsUnavailable

SETTLE_S = 0.05
"""How long a contact may bounce."""
TOLERANCE = 0.05
"""How far an output may read from what it was told, as a share."""


class GpioPins:
    """The pins of one station. `factory` gives gpiozero's pin factory, or raises GpioError."""

    virtual = False

    def __init__(
        self,
        wiring: Wiring,
        factory: Callable[[], Any],
        *,
        name: str = "pins",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`clock` and `sleep` count seconds of the same time. Raises GpioWiringError."""
        self.name = name
        self._wiring = validate_wiring(wiring)
        self._factory = factory
        self._clock = clock
        self._sleep = sleep
        self._board: GpioBoard | None = None
        self._levels: dict[Role, bool] = {}
        self._settling: dict[Role, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._lamp = OFF
        self._lamp_changed = asyncio.Event()
        self._lit: float = 0.0
        self._lit_at = -math.inf
        self._playing: asyncio.Task[None] | None = None
        self._backlight = 1.0

    # The port

    async def state(self) -> PinsState:
        try:
            board = self._open()
            for role in self._inputs():
                if role not in self._settling:
                    self._settle(role, board.read(role) > 0.5)
            stuck = tuple(role for role in self._wiring if role in OUTPUTS and self._is_stuck(board, role))
        except GpioError as error:
            self._let_go()
            return PinsUnavailable(str(error))
        return PinsStuck(stuck) if stuck else self._contacts()

    async def changes(self) -> AsyncIterator[PinsReady]:
        """The contacts now, and after each change that has settled."""
        await self.state()
        last: PinsReady | None = None
        while True:
            changed, now = self._changed, self._contacts()
            if now != last:
                last = now
                yield now
            await changed.wait()

    def set_lamp(self, pattern: Pattern) -> None:
        """Light the lamp so from now on."""
        if pattern != self._lamp:
            self._lamp = pattern
            self._lamp_changed.set()

    def set_backlight(self, share: float) -> None:
        """Light the panel so from now on."""
        self._backlight = min(1.0, max(0.0, share))
        self._drive("backlight", self._backlight)

    async def close(self) -> None:
        self.set_backlight(1.0)
        tasks = [*self._settling.values(), *([self._playing] if self._playing else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._drive("lamp", 0.0)
        self._let_go()

    # The inside

    def _open(self) -> GpioBoard:
        if self._board is None:
            board = self._board = GpioBoard(self._wiring, self._factory())
            loop = asyncio.get_running_loop()
            board.on_edge(lambda role: _tell(loop, self._edge, role))
            for role in self._inputs():
                self._settle(role, board.read(role) > 0.5)
            self._drive("backlight", self._backlight)
            if "lamp" in self._wiring:
                self._playing = asyncio.ensure_future(self._play())
        return self._board

    def _let_go(self) -> None:
        board, self._board = self._board, None
        if self._playing is not None:
            self._playing.cancel()
        if board is not None:
            with contextlib.suppress(GpioError):
                board.close()

    def _inputs(self) -> list[Role]:
        return [role for role in self._wiring if role not in OUTPUTS]

    def _contacts(self) -> PinsReady:
        door = self._levels.get("door")
        return PinsReady(
            None if door is None else "open" if door else "closed",
            self._levels.get("headphones"),
            self._levels.get("presence"),
        )

    def _is_stuck(self, board: GpioBoard, role: Role) -> bool:
        expected = self._backlight if role == "backlight" else self._lit
        expected = expected if board.dims else float(expected > 0)
        return abs(board.read(role) - expected) > TOLERANCE

    def _edge(self, role: Role) -> None:
        if role not in self._settling:
            task = self._settling[role] = asyncio.ensure_future(self._look_again(role))
            task.add_done_callback(lambda _: self._settling.pop(role, None))

    async def _look_again(self, role: Role) -> None:
        """Look at the contact when it has had time to settle; a later edge brings another look."""
        await self._sleep(SETTLE_S)
        if self._board is not None:
            with contextlib.suppress(GpioError):
                self._settle(role, self._board.read(role) > 0.5)

    def _settle(self, role: Role, level: bool) -> None:
        if self._levels.get(role) != level:
            self._levels[role] = level
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    def _drive(self, role: Role, share: float) -> None:
        """Drive an output. What cannot be driven shows in the next `state`."""
        if self._board is not None and role in self._wiring:
            with contextlib.suppress(GpioError):
                self._board.drive(role, share)

    async def _play(self) -> None:
        """Light the lamp by its pattern until cancelled."""
        self._light(False)
        while True:
            pattern = self._lamp
            for phase in pattern.phases:
                await self._sleep(max(0.0, self._lit_at + SHORTEST_S - self._clock()))
                if self._lamp is not pattern:
                    break
                self._light(phase.lit)
                if await self._called_off(phase.seconds):
                    break

    def _light(self, lit: bool) -> None:
        if float(lit) != self._lit:
            self._lit, self._lit_at = float(lit), self._clock()
        self._drive("lamp", self._lit)

    async def _called_off(self, seconds: float) -> bool:
        """Wait so long, or until another pattern is wanted; whether it is."""
        waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._lamp_changed.wait())}
        if math.isfinite(seconds):
            waiting.add(asyncio.ensure_future(self._sleep(seconds)))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        called_off = self._lamp_changed.is_set()
        self._lamp_changed.clear()
        return called_off


def _tell(loop: asyncio.AbstractEventLoop, edge: Callable[[Role], None], role: Role) -> None:
    """From the pin library's thread into the loop; an edge after the loop has ended is nobody's."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(edge, role)
