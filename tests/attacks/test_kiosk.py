"""Rogue hands at the station: a key injector in a USB port, somebody who closes the window, a look into its memory."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.display import virtual_display
from tests.fakes.kivy_driver import KivyDriver
from tests.fakes.patience import LIMIT_S

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def display() -> Iterator[str]:
    with virtual_display() as display:
        yield display


@pytest.fixture(scope="module")
def driver() -> Iterator[KivyDriver]:
    """The window as a station in production has it."""
    with virtual_display() as display, KivyDriver(display) as driver:
        yield driver


@pytest.mark.screen
@pytest.mark.parametrize("sample", ["04-envelope-puk", "05-new-pin", "20-printed"])
def test_a_key_injector_types(driver: KivyDriver, sample: str) -> None:
    """A USB device that says to be a keyboard types a code, and Enter."""
    driver.show(sample)
    driver.targets()
    before = driver.call("activity")
    driver.key(*"246813", "KP_1", "KP_2")
    typed = driver.call("typed")
    driver.key("Return")
    driver.types_fast("99990000202600010000")
    assert (typed, driver.call("typed"), driver.call("answered")) == (0, 0, False)
    assert driver.call("activity") == before, "nor does it keep an errand from its time-out"


@pytest.mark.screen
def test_somebody_closes_the_window(display: str) -> None:
    """The window is asked to close, as by Alt-F4, in the middle of an errand."""
    with KivyDriver(display) as driver:
        driver.show("04-envelope-puk")
        ask_to_close(display)
        driver.touch("key:2")
        assert driver.call("typed") == 1


@pytest.mark.screen
def test_somebody_closes_the_stations_program(display: str, tmp_path: Path) -> None:
    """The program of a station is asked to close its window, and its keys to end it."""
    (tmp_path / "station.toml").write_text("[display]\nfullscreen = false\n")
    command = [sys.executable, "-m", "kiosk.commands", "run", "--config", str(tmp_path / "station.toml")]
    environment = {**os.environ, "DISPLAY": display}
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as program:
        try:
            ask_to_close(display)
            xdotool(display, "key", "ctrl+c", "ctrl+q", "ctrl+w", "Escape", "F1", "F11", "Print")
            with pytest.raises(subprocess.TimeoutExpired):
                program.wait(3)
        finally:
            program.send_signal(signal.SIGTERM)
            code = program.wait(LIMIT_S)
    assert code == 0, "who may end it, ends it"


def ask_to_close(display: str) -> None:
    """Three times, as a window manager does."""
    window = xdotool(display, "search", "--sync", "--onlyvisible", "--class", ".").split()[0]
    environment = {**os.environ, "DISPLAY": display}
    asking = [sys.executable, "-m", "tests.fakes.closing", window, "3"]
    subprocess.run(asking, env=environment, cwd=ROOT, check=True, timeout=LIMIT_S)


def xdotool(display: str, *arguments: str) -> str:
    environment = {**os.environ, "DISPLAY": display}
    done = subprocess.run(
        ["xdotool", *arguments], env=environment, check=True, timeout=LIMIT_S, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
