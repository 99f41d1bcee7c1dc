"""Touch input without a desktop: Kivy's `mtdev` provider on the touchscreen, since Kivy hands on no touch of SDL's there.

Under X or Wayland the desktop brings the touches, and the provider would report each a second time. The provider's thread hears
the panel; each touch wakes the loop that draws, which looks seldom while nobody is there.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from drivers.touchscreen.discovery import TouchscreenReady, TouchscreenState

Rotation = Literal[0, 90, 180, 270]
"""Degrees, clockwise."""
RETRY_S = 2.0
"""A panel on USB may come after the station."""
CAME = "came_s"
"""Attribute of a touch from the panel: when it came, by Kivy's clock."""

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)  # which device was taken is asked for after every installation


@dataclass(frozen=True, slots=True)
class Calibration:
    """Mapping of a panel's coordinates to its picture.

    Each axis is inverted where it says so, within its range; then both are turned clockwise. A range is in the panel's own
    units, without one it is what the panel says of itself.
    """

    rotation: Rotation = 0
    invert_x: bool = False
    invert_y: bool = False
    range_x: tuple[int, int] | None = None
    range_y: tuple[int, int] | None = None

    def provider_options(self) -> str:
        """As options of Kivy's provider. It mirrors the picture at 90 and 270 degrees: x is inverted once more there.

        >>> Calibration(rotation=90, range_x=(0, 4095)).provider_options()
        'rotation=90,invert_x=1,invert_y=0,min_position_x=0,max_position_x=4095'
        """
        invert_x = self.invert_x != (self.rotation in (90, 270))
        options = {"rotation": self.rotation, "invert_x": int(invert_x), "invert_y": int(self.invert_y)}
        for axis, limits in (("x", self.range_x), ("y", self.range_y)):
            if limits is not None:
                options |= {f"min_position_{axis}": limits[0], f"max_position_{axis}": limits[1]}
        return ",".join(f"{name}={value}" for name, value in options.items())


class TouchInput:
    """Reads the touchscreen once there is one. `find` looks for it; `on_problem` is told, once, why it cannot be read; `on_touch`
    is told that there is something to look at."""

    def __init__(
        self,
        find: Callable[[], TouchscreenState],
        calibration: Calibration,
        on_problem: Callable[[str], None],
        *,
        on_touch: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._on_touch = on_touch
        self._find = find
        self._calibration = calibration
        self._on_problem = on_problem
        self._sleep = sleep

    async def run(self) -> None:
        """Wait for the touchscreen, and have Kivy read it; anew where it came back as another device, or the provider ended."""
        options = self._calibration.provider_options()
        while True:
            panel = await self._wait_for_panel()
            try:
                provider = _add_provider(f"{panel.path},{options}", self._wake(asyncio.get_running_loop()))
            except ImportError as error:
                self._on_problem(f"no touch: {error}; install libmtdev1t64")
                return
            log.info("touches are read from %s (%s): %s", panel.path, panel.name, options)
            try:
                await self._wait_until_lost(provider, panel)
            finally:
                _remove_provider(provider)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Return the function that the provider's thread calls."""

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._on_touch)

        return wake

    async def _wait_for_panel(self) -> TouchscreenReady:
        touchscreen = self._find()
        if not isinstance(touchscreen, TouchscreenReady):
            log.warning("no touches yet: %s", touchscreen)
        while not isinstance(touchscreen, TouchscreenReady):
            await self._sleep(RETRY_S)
            touchscreen = self._find()
        return touchscreen

    async def _wait_until_lost(self, provider: Any, panel: TouchscreenReady) -> None:
        """A panel that is merely gone is waited for by the provider, at its path."""
        while True:
            await self._sleep(RETRY_S)
            touchscreen = self._find()
            moved = isinstance(touchscreen, TouchscreenReady) and touchscreen.path != panel.path
            reader = getattr(provider, "thread", None)  # there once Kivy's loop has started the provider
            if moved or (reader is not None and not reader.is_alive()):
                return


@dataclass(frozen=True, slots=True)
class _WakingQueue:
    """The queue of a provider's thread, which notes when a touch came, and tells of what was put in."""

    queue: deque[Any]
    wake: Callable[[], None]
    clock: Callable[[], float]

    def append(self, event: tuple[str, Any]) -> None:
        action, touch = event
        if action == "begin":
            setattr(touch, CAME, self.clock())
        self.queue.append(event)
        self.wake()


def _add_provider(arguments: str, wake: Callable[[], None]) -> Any:
    """The provider, at work. Raises ImportError where its library is missing."""
    from kivy.base import EventLoop
    from kivy.clock import Clock
    from kivy.input.factory import MotionEventFactory

    try:
        import kivy.input.providers.mtdev  # noqa: F401 - it registers itself
    except OSError as error:  # ctypes, of the library
        raise ImportError(str(error)) from None

    class Panel(MotionEventFactory.get("mtdev")):  # type: ignore[misc]  # Kivy has no types
        def _thread_run(self, queue: deque[Any], **settings: Any) -> None:
            super()._thread_run(queue=_WakingQueue(queue, wake, Clock.time), **settings)

    provider = Panel("panel", arguments)
    EventLoop.add_input_provider(provider)
    if EventLoop.status == "started":
        provider.start()
    return provider


def _remove_provider(provider: Any) -> None:
    from kivy.base import EventLoop

    EventLoop.remove_input_provider(provider)
