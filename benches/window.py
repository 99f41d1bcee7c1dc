"""The station's window: from start to the idle screen, from a touch to another picture, what idling costs, and captions.

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

from benches.figures import CannotMeasureError, Figure, compared_with
from benches.screen import HEIGHT, WIDTH, Screen
from sim.demo import seed
from tests.fakes.screens.kivy_driver import KivyDriver

TOUCHES = 9
STARTS = 3
IDLES, IDLE_S = 5, 2.0
START_LIMIT_MS, TOUCH_LIMIT_MS, IDLE_LIMIT = 2_000, 100, 3
BARE = (sys.executable, "-m", "benches.bare_window")
SAMPLE, KEY = "04-envelope-puk", "key:5"
CHOICE, OPTION = "01-idle", "pickup"


def measure(folder: Path) -> list[Figure]:
    """Milliseconds and per cent of one core. Raises CannotMeasureError without a virtual screen."""
    places = seed.seed(folder / "region", datetime.now(UTC))
    station = (sys.executable, "-m", "kiosk.cli", "run", "--config", str(places.config))
    with Screen.open(folder) as screen:
        bare_start, bare_touch, bare_idle = _run(screen, BARE, _bare_touches)
        runs = [_run(screen, station, lambda _: 0.0) for _ in range(STARTS)]
        start, idle = statistics.median(run[0] for run in runs), statistics.median(run[2] for run in runs)
        touch, next_one = _station_touches(screen)
        caption = _captions(screen)
    floors = (
        Figure("bare window: start to picture", bare_start, "ms"),
        Figure("bare window: touch to picture", bare_touch, "ms"),
        Figure("bare window: idle", bare_idle, "% of a core"),
    )
    return [
        *floors,
        compared_with(
            floors[0], "station: start to idle screen", start, f"median of {STARTS}; limit {START_LIMIT_MS:,}"
        ),
        compared_with(
            floors[1], "station: touch on a key to picture", touch, f"median of {TOUCHES}; limit {TOUCH_LIMIT_MS}"
        ),
        compared_with(
            floors[1],
            "station: touch on a choice to the next question",
            next_one,
            f"median of {TOUCHES}, to the last changed pixel; limit {TOUCH_LIMIT_MS}",
        ),
        compared_with(floors[2], "station: idle", idle, f"median of {STARTS}; limit {IDLE_LIMIT}"),
        Figure("station: a caption of speech drawn", caption, "ms of work", f"mean of {TOUCHES} sentences"),
    ]


def _run(screen: Screen, words: Sequence[str], touch: Callable[[Screen], float]) -> tuple[float, float, float]:
    """Start a program; milliseconds to its resting picture, what `touch` finds, per cent while it idles."""
    screen.still_since(0.5)  # the window of before is gone
    before, began = screen.picture(), time.perf_counter()
    with _program(screen, words) as process:
        screen.first_change(before)
        start = 1000 * (screen.still_since() - began)
        touched = touch(screen)
        screen.still_since()
        idle = statistics.median(psutil.Process(process.pid).cpu_percent(IDLE_S) for _ in range(IDLES))
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


def _station_touches(screen: Screen) -> tuple[float, float]:
    """A key of the code pad, and a choice that brings the next question: the window alone, in the process that the tests
    drive, knows where they are."""
    with KivyDriver(screen.display) as driver:
        driver.show(SAMPLE)
        x, y = driver.targets()[KEY]
        key = _touches(screen, x, y, lambda: driver.show(SAMPLE))
        driver.call("show", sample=CHOICE, then=SAMPLE)
        x, y = driver.targets()[OPTION]
        return key, _touches(screen, x, y, lambda: driver.call("show", sample=CHOICE, then=SAMPLE), whole=True)


def _captions(screen: Screen) -> float:
    """Milliseconds of the window's work for each sentence that a caption repeats, the focus ring with it."""
    with KivyDriver(screen.display) as driver:
        driver.call("plug_headphones", plugged=True)
        driver.show(CHOICE)
        driver.call("press", key="down")
        screen.still_since()
        before = psutil.Process(driver.pid).cpu_times()
        for _ in range(TOUCHES):
            driver.call("press", key="down")
            screen.still_since(0.2)
        after = psutil.Process(driver.pid).cpu_times()
        return 1000 * (after.user + after.system - before.user - before.system) / TOUCHES


def _touches(screen: Screen, x: int, y: int, again: Callable[[], None], *, whole: bool = False) -> float:
    """Milliseconds from a touch to the first changed pixel, or (`whole`) to the last one."""
    times = []
    for _ in range(TOUCHES):
        again()
        screen.still_since()
        before = screen.picture()
        began = screen.click(x, y)
        changed = screen.first_change(before)
        times.append(1000 * ((screen.still_since(1.0) if whole else changed) - began))
    return statistics.median(times)
