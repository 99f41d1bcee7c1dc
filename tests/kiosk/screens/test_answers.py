"""Every shape of view shows, and a real touch answers it."""

import pytest

from tests.fakes.screens.kivy_driver import KivyDriver
from tests.fakes.screens.sample_views import SAMPLES

pytestmark = pytest.mark.screen


@pytest.mark.parametrize(
    ("sample", "target"),
    [
        ("01-idle", "pickup"),
        ("01-idle", "more"),
        ("01-list", "admin"),
        ("02-insert-card", "cancel"),
        ("03-card-found", "yes"),
        ("04-envelope-puk", "no_envelope"),
        ("05-new-pin", "back"),
        ("06-confirm", "write"),
        ("08-receipt", "sign"),
        ("09-success", "finish"),
        ("10-wrong-puk", "again"),
        ("13-no-paper", "later"),
        ("18-collect", "taken"),
        ("19-card-pulled", "without"),
    ],
)
def test_a_touch_on_a_button_or_an_option_is_the_answer(driver: KivyDriver, sample: str, target: str) -> None:
    driver.show(sample)
    driver.touch(target)
    assert driver.answer() == target


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_target_of_every_view_is_at_least_12_mm(driver: KivyDriver, sample: str) -> None:
    driver.show(sample)
    assert driver.call("small_targets", least_mm=12) == []


def test_an_option_that_cannot_be_had_says_why_and_is_no_answer(driver: KivyDriver) -> None:
    driver.show("01-idle-without")
    assert "pickup" not in driver.targets()
    assert "Fack 14 är trasigt" in driver.call("texts")


def test_while_a_step_runs_that_cannot_be_undone_there_is_no_way_out(driver: KivyDriver) -> None:
    driver.show("07-busy")
    assert {name for name in driver.targets() if not name.startswith("rail:")} == set()
    assert "Går inte att avbryta nu" in driver.call("texts")


def test_a_finger_that_slides_off_a_button_has_not_pressed_it(driver: KivyDriver) -> None:
    driver.show("06-confirm")
    x, y = driver.targets()["write"]
    driver.drag((x, y), (x, y - 200))
    assert not driver.call("answered")


def test_a_second_tap_of_the_same_finger_does_not_answer_the_next_question(driver: KivyDriver) -> None:
    driver.show("06-confirm")
    x, y = driver.targets()["write"]
    driver.click(x, y)
    assert driver.answer() == "write"
    driver.call("show_and_tap", sample="08-receipt", x=x, y=y)
    assert not driver.call("answered")


def test_a_withdrawn_question_can_no_longer_be_answered(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    driver.touch("key:1")
    driver.call("withdraw")
    assert driver.call("typed") == 0


def test_each_touch_is_a_sign_of_a_person(driver: KivyDriver) -> None:
    driver.show("04-envelope-puk")
    before = driver.call("activity")
    driver.touch("key:1")
    driver.key("2")
    assert driver.call("activity") == before + 2
