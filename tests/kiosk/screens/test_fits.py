"""Nothing is cut or lies over anything else, in either language, at normal and large text, on every panel."""

import pytest

from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver
from tests.fakes.screens.sample_views import SAMPLES

pytestmark = pytest.mark.screen


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_text_is_whole_on_the_large_panel(driver: KivyDriver, sample: str, language: str) -> None:
    driver.call("set", language=language)
    driver.show(sample)
    driver.call("type_sample", sample=sample)
    assert driver.call("clipped") == []
    assert driver.call("left_out") == [] or sample == "01-idle-without"


@pytest.mark.parametrize("language", ["sv", "en"])
def test_time_out_help_and_closed_are_whole(driver: KivyDriver, language: str) -> None:
    driver.call("set", language=language)
    driver.show("04-envelope-puk")
    driver.call("warn", seconds=20)
    assert driver.call("clipped") == []
    driver.touch("timeout:more")
    driver.call("warned")
    driver.touch("rail:help")
    assert driver.call("clipped") == []
    driver.touch("help:close")
    driver.call("close")
    assert driver.call("clipped") == []
    driver.call("open")


def test_large_text_keeps_title_and_action_of_every_view(driver: KivyDriver) -> None:
    driver.call("set", large_text=True, theme="hc")
    for sample in SAMPLES:
        driver.show(sample)
        assert (sample, driver.call("clipped")) == (sample, [])


@pytest.mark.parametrize(("panel", "width", "height"), [("7", 800, 480), ("p", 1080, 1920)])
def test_the_other_panels_hold_every_view(panel: str, width: int, height: int) -> None:
    with virtual_display(width, height) as display, KivyDriver(display, panel) as driver:
        for sample in SAMPLES:
            driver.show(sample)
            assert (sample, driver.call("clipped")) == (sample, [])
            assert (sample, driver.call("small_targets", least_mm=12)) == (sample, [])


@pytest.mark.parametrize(("panel", "width", "height"), [("7", 800, 480), ("p", 1080, 1920)])
def test_the_number_to_call_stays_where_a_longer_language_leaves_no_room(panel: str, width: int, height: int) -> None:
    with virtual_display(width, height) as display, KivyDriver(display, panel, pseudo=True) as driver:
        driver.show("01-idle")
        assert driver.call("clipped") == []
        assert any("020-32" in text for text in driver.call("texts", kind="FootText"))
