"""Who sits reaches everything: on an upright panel all controls go to its lower third on request."""

from collections.abc import Iterator

import pytest

from kiosk.screens.theme import PANELS, REACH_MM
from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver
from tests.fakes.screens.sample_views import SAMPLES
from tests.fakes.screens.whole_views import too_high

pytestmark = [pytest.mark.screen, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def upright() -> Iterator[KivyDriver]:
    size = PANELS["p"]
    with virtual_display(size.width, size.height) as display, KivyDriver(display, "p") as driver:
        yield driver


def test_a_third_of_the_upright_panel_is_the_measure() -> None:
    upright = PANELS["p"]
    assert upright.height / upright.px_per_mm / 3 == pytest.approx(REACH_MM, abs=0.5)


def test_help_brings_the_controls_down_with_nothing_lost_and_up_again(upright: KivyDriver) -> None:
    upright.call("reset")
    upright.show("04-envelope-puk")
    upright.touch("key:2")
    high = upright.targets()
    upright.touch("rail:help")
    upright.touch("reach:low")
    low = upright.targets()
    assert upright.call("typed") == 1
    assert low.keys() == high.keys()
    size = PANELS["p"]
    assert min(y for _, y in low.values()) > size.height - REACH_MM * size.px_per_mm
    upright.touch("key:4")
    assert upright.call("typed") == 2
    upright.touch("rail:help")
    upright.touch("reach:whole")
    assert upright.targets() == high
    upright.call("reset")


def test_the_next_person_has_the_whole_panel(upright: KivyDriver) -> None:
    upright.show("01-idle")
    high = upright.targets()
    upright.call("set", low=True)
    assert upright.targets() != high
    upright.call("reset")
    assert upright.targets() == high


def test_every_sample_is_whole_and_within_reach(upright: KivyDriver) -> None:
    upright.call("reset")
    upright.call("set", low=True)
    for sample in SAMPLES:
        upright.show(sample)
        found = upright.call("clipped"), upright.call("small_targets", least_mm=12), too_high(upright)
        assert (sample, *found) == (sample, [], [], [])


def test_panels_that_lie_are_so_low_that_nothing_is_offered(driver: KivyDriver) -> None:
    driver.show("01-idle")
    driver.touch("rail:help")
    assert "reach:low" not in driver.targets()
    driver.touch("help:close")
    for sample in SAMPLES:
        driver.show(sample)
        assert (sample, too_high(driver)) == (sample, [])
