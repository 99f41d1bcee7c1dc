"""Calibration of a touch panel against Kivy's own provider: what comes out lies where the finger is."""

import asyncio
import errno
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from drivers.touchscreen.discovery import TouchscreenMissing, TouchscreenReady, TouchscreenState
from kiosk.screens import kivy_environment
from kiosk.screens.touch_input import RETRY_S, Calibration, TouchInput
from sim.stories.patience import LIMIT_S
from tests.fakes.screens.touch_panel import MadeUpPanel

UNITS = 1000
CLOCKWISE = ("upper left", "upper right", "lower right", "lower left")
ON_PANEL = dict(zip(CLOCKWISE, ((0, 0), (UNITS, 0), (UNITS, UNITS), (0, UNITS)), strict=True))
ON_PICTURE = dict(zip(CLOCKWISE, ((0, 1), (1, 1), (1, 0), (0, 0)), strict=True))
"""As Kivy counts: of 1, from the lower left."""


@pytest.fixture(scope="module")
def provider_module() -> Iterator[Any]:
    kivy_environment.prepare()
    import kivy.input.providers.mtdev as module

    kept = module.Device
    yield module
    module.Device = kept


def place_of(module: Any, calibration: Calibration, at: tuple[int, int]) -> tuple[float, float]:
    """Where Kivy's provider says that a finger at that place of the panel is: from the lower left, of 1."""
    panel = module.Device = MadeUpPanel(UNITS, UNITS)
    provider = module.MTDMotionEventProvider("panel", f"/dev/input/event9,{calibration.provider_options()}")
    provider.start()
    panel.tap(*at)
    seen: list[tuple[float, float]] = []
    pause = threading.Event()
    for _ in range(int(LIMIT_S * 100)):
        provider.update(lambda kind, touch: seen.append((touch.sx, touch.sy)))
        if seen:
            break
        pause.wait(0.01)
    panel.end()
    return seen[0]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_panel_that_is_mounted_turned_is_turned_and_not_mirrored(provider_module: Any, rotation: Any) -> None:
    turns = rotation // 90
    for at, corner in enumerate(CLOCKWISE):
        expected = ON_PICTURE[CLOCKWISE[(at + turns) % 4]]
        assert place_of(provider_module, Calibration(rotation), ON_PANEL[corner]) == pytest.approx(expected), corner


@pytest.mark.parametrize(
    ("calibration", "expected"),
    [
        (Calibration(invert_x=True), (0.75, 0.5)),
        (Calibration(invert_y=True), (0.25, 0.5)),
        (Calibration(range_x=(0, 500), range_y=(250, 750)), (0.5, 0.5)),
        (Calibration(range_x=(200, 300), invert_x=True), (0.5, 0.5)),
        (Calibration(rotation=90, invert_x=True), (0.5, 0.25)),
    ],
    ids=str,
)
def test_axes_are_inverted_and_kept_within_their_range(
    provider_module: Any, calibration: Calibration, expected: tuple[float, float]
) -> None:
    assert place_of(provider_module, calibration, (250, 500)) == pytest.approx(expected)


PANEL = TouchscreenReady("/dev/input/by-path/x", "Made-up panel")


async def test_a_panel_that_comes_late_is_waited_for_and_which_it_is_stands_in_the_log(
    provider_module: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from kivy.base import EventLoop

    states: list[TouchscreenState] = [TouchscreenMissing(), TouchscreenMissing(), PANEL]
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        if not states:
            await asyncio.get_running_loop().create_future()
        waits.append(seconds)

    problems: list[str] = []
    before = list(EventLoop.input_providers)
    reading = asyncio.create_task(
        TouchInput(lambda: states.pop(0), Calibration(90), problems.append, on_touch=lambda: None, sleep=sleep).run()
    )
    await asyncio.sleep(0)
    assert (waits, problems) == ([RETRY_S, RETRY_S], [])
    assert len(EventLoop.input_providers) == len(before) + 1, "once, and no more"
    assert caplog.text.count("no touches yet: TouchscreenMissing()") == 1
    assert "touches are read from /dev/input/by-path/x (Made-up panel): rotation=90" in caplog.text
    reading.cancel()
    await asyncio.wait({reading})
    assert EventLoop.input_providers == before


class Panels:
    """Panels that Kivy's provider opens, by path; one that may not be opened yet is refused as the kernel does."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.refused = 0
        self.panel = MadeUpPanel(UNITS, UNITS)

    def __call__(self, path: str) -> MadeUpPanel:
        self.opened.append(path)
        if len(self.opened) <= self.refused:
            raise PermissionError(errno.EACCES, "not yet", path)
        return self.panel


@pytest.mark.parametrize(
    ("paths", "refused"),
    [
        (["/dev/input/event3", "/dev/input/event7"], 0),
        (["/dev/input/event3", "/dev/input/event3"], 1),
    ],
    ids=["it came back under another number", "udev had not opened it yet"],
)
async def test_a_panel_that_the_provider_has_lost_is_read_again(
    provider_module: Any, monkeypatch: pytest.MonkeyPatch, paths: list[str], refused: int
) -> None:
    from kivy.base import EventLoop

    panels = provider_module.Device = Panels()
    panels.refused = refused
    monkeypatch.setattr(EventLoop, "status", "started")
    before = list(EventLoop.input_providers)
    looks = iter([paths[0]])
    steps: asyncio.Queue[None] = asyncio.Queue()

    def find() -> TouchscreenState:
        return TouchscreenReady(next(looks, paths[1]), "Made-up panel")

    async def sleep(seconds: float) -> None:
        await steps.get()

    reading = asyncio.create_task(TouchInput(find, Calibration(), print, on_touch=lambda: None, sleep=sleep).run())
    for _ in range(int(LIMIT_S * 100)):
        if len(panels.opened) == len(paths):
            break
        steps.put_nowait(None)
        await asyncio.sleep(0.01)
    assert panels.opened == paths
    assert len(EventLoop.input_providers) == len(before) + 1, "the one that is lost reports nothing more"
    panels.panel.end()
    panels.panel.end()
    reading.cancel()
    await asyncio.wait({reading})
    assert EventLoop.input_providers == before


async def test_without_the_library_the_station_says_what_to_install(
    provider_module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, provider_module.__name__, None)
    problems: list[str] = []
    await TouchInput(lambda: PANEL, Calibration(), problems.append, on_touch=lambda: None).run()
    assert len(problems) == 1
    assert problems[0].endswith("install libmtdev1t64")
