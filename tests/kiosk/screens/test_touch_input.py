"""Touches without a desktop: Kivy's own provider reads a made-up panel, and the picture may be turned.

The window is on a virtual screen, which brings none of these touches itself.
"""

from collections.abc import Iterator

import pytest

from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver

pytestmark = pytest.mark.screen

WIDE, HIGH = 800, 480
"""The picture; the panel that it is turned on is 480 wide and 800 high."""
SELDOM_PER_S = 0.001
"""So often the window looks by itself while nobody is there: a touch that waited for that would not be answered here."""


@pytest.fixture(scope="module")
def turned() -> Iterator[KivyDriver]:
    """A picture that is turned clockwise by a quarter, since the panel is mounted on its side."""
    with (
        virtual_display(HIGH, WIDE) as display,
        KivyDriver(display, "7", rotation=90, looks_per_s=SELDOM_PER_S) as driver,
    ):
        yield driver


def on_the_panel(x: int, y: int) -> tuple[int, int]:
    """Where a place of the picture lies on the panel: its left edge is the panel's upper edge."""
    return HIGH - 1 - y, x


def finger(driver: KivyDriver, x: int, y: int) -> None:
    before = driver.call("touches")
    driver.call("finger", x=x, y=y)
    driver.call("wait_touch", count=before + 1)


@pytest.mark.parametrize(
    ("calibration", "units"),
    [
        ({}, (HIGH, WIDE)),
        ({"range_x": [0, HIGH], "range_y": [0, WIDE]}, (4095, 4095)),
    ],
    ids=["as the panel says", "with its range corrected"],
)
def test_fingers_on_a_turned_panel_press_what_they_touch(
    turned: KivyDriver, calibration: dict[str, list[int]], units: tuple[int, int]
) -> None:
    turned.call("plug_panel", width=units[0], height=units[1], **calibration)
    try:
        turned.show("05-new-pin")
        for key in ("key:2", "key:0", "key:9", "key:4"):
            finger(turned, *on_the_panel(*turned.targets()[key]))
        assert turned.call("typed") == 4
        finger(turned, *on_the_panel(*turned.targets()["key:erase"]))
        assert turned.call("typed") == 3
    finally:
        turned.call("unplug_panel")


def test_a_touch_counts_by_when_it_came_not_by_when_it_is_looked_at(turned: KivyDriver) -> None:
    """On a slow machine a touch of the view before waits in the provider's queue until the guard is over."""
    turned.call("plug_panel", width=HIGH, height=WIDE)
    try:
        turned.show("05-new-pin")
        at = on_the_panel(*turned.targets()["key:2"])
        before = turned.call("touches")
        turned.call("show_and_stall", sample="05-new-pin", x=at[0], y=at[1])
        turned.call("wait_touch", count=before + 1)
        assert turned.call("typed") == 0
        turned.targets()
        finger(turned, *at)
        assert turned.call("typed") == 1
    finally:
        turned.call("unplug_panel")


def test_the_window_stands_still_until_it_is_touched(turned: KivyDriver) -> None:
    """Twenty looks a second cost a station that stands idle all night."""
    turned.show("01-idle")
    assert any(turned.call("frames_in", seconds=1.0) < 5 for _ in range(5))
