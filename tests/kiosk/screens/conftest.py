"""One window for all tests of this folder, in a process and on a virtual screen of its own."""

from collections.abc import Iterator

import pytest

from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver


@pytest.fixture(scope="session")
def window() -> Iterator[KivyDriver]:
    """The window of a 10.1 inch panel."""
    with virtual_display() as display, KivyDriver(display, bench=True) as driver:
        yield driver


@pytest.fixture
def driver(window: KivyDriver) -> KivyDriver:
    """The window as it is for the next person: Swedish, light, normal text, nothing over it."""
    window.call("reset")
    return window
