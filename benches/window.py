"""The station's window: from start to the idle screen, from a touch to another picture, and what idling costs.

On a virtual screen of 1280x800, drawn in software. The picture is looked at in the screen's own memory. Beside it the
floor: a window of the same toolkit that shows one colour and changes it when it is touched.
"""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benches.figures import CannotMeasureError, Figure, against
from benches.screen import HEIGHT, WIDTH, Screen
from kiosk.demo import seed
from tests.fakes.kivy_driver import KivyDriver

TOUCHES = 5
IDLE_S = 4.0
BARE = (sys.executable, "-m", "benches.bare_window")
SAMPLE, KEY = "04-envelope-puk", "key:5"


def measure(folder: Path) -> list[Figure]:
    """Milliseconds and per cent of one core. Raises CannotMeasureError without a virtual screen."""
    places = seed.seed(folder / "region", datetime.now(UTC))
    station = (sys.executable, "-m", "kiosk.commands", "run", "--config", str(places.config))
    with Screen.open(folder) as screen:
        bare_start, bare_touch, bare_idle = _run(screen, BARE, _bare_touches)
        start, _, idle = _run(screen, station, lambda _: 0.0)
        touch = _station_touches(screen)
    floors = (
        Figure("bare window: start to picture", bare_start, "ms"),
        Figure("bare window: touch to picture", bare_touch, "ms", "the program that clicks included"),
        Figure("bare window: idle", bare_idle, "% of a core"),
    )
    return [
        *floors,
        against(floors[0], "station: start to idle screen", start, "the whole program, devices and journal included"),
        against(floors[1], "station: touch on a key to picture", touch, f"median of {TOUCHES}"),
        against(floors[2], "station: idle", idle),
    ]


def _run(screen: Screen, words: Sequence[str], touch: Callable[[Screen], float]) -> tuple[float, float, float]:
    """Start a program; milliseconds to its resting picture, what `touch` finds, per cent while it idles."""
    before, began = screen.picture(), time.perf_counter()
    with _program(screen, words) as process:
        screen.first_change(before)
        start = 1000 * (screen.still_since() - began)
        touched = touch(screen)
        screen.still_since()
        idle = psutil.Process(process.pid).cpu_percent(IDLE_S)
    return start, touched, idle


@contextlib.contextmanager
def _program(screen: Screen, words: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(words, env=screen.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
        if process.poll() is not None:
            raise CannotMeasureError(f"the window ended by itself with {process.returncode}")
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _bare_touches(screen: Screen) -> float:
    return _touches(screen, WIDTH // 2, HEIGHT // 2, lambda: None)


def _station_touches(screen: Screen) -> float:
    """A key of the code pad: the window alone, in the process that the tests drive, knows where it is."""
    with KivyDriver(screen.display) as driver:
        driver.show(SAMPLE)
        x, y = driver.targets()[KEY]
        return _touches(screen, x, y, lambda: driver.show(SAMPLE))


def _touches(screen: Screen, x: int, y: int, again: Callable[[], None]) -> float:
    times = []
    for _ in range(TOUCHES):
        again()
        screen.still_since()
        before = screen.picture()
        began = screen.click(x, y)
        times.append(1000 * (screen.first_change(before) - began))
    return statistics.median(times)
