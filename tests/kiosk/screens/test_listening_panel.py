"""Who listens sees what is said, and sets volume and speed where the invitation stands (design, 27)."""

from collections.abc import Iterator
from typing import Any

import pytest

from kiosk.screens.theme import PANELS
from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver

pytestmark = pytest.mark.screen


@pytest.fixture
def listener(driver: KivyDriver) -> Iterator[KivyDriver]:
    """The window of somebody with headphones."""
    driver.call("plug_headphones", plugged=True)
    yield driver
    driver.call("plug_headphones", plugged=False)


def captions(driver: KivyDriver) -> list[str]:
    texts: list[str] = driver.call("texts", kind="CaptionText")
    return texts


def test_headphones_turn_the_invitation_into_volume_and_speed_and_nothing_else_moves(driver: KivyDriver) -> None:
    driver.show("01-idle")
    before = {kind: driver.call("places", kind=kind) for kind in ("TileButton", "DrawingStage", "RailButton")}
    invited = driver.call("texts")
    driver.call("plug_headphones", plugged=True)
    assert {kind: driver.call("places", kind=kind) for kind in before} == before
    assert {"Du lyssnar", "Volym: 3 av 5", "Tempo: vanligt"} <= set(driver.call("texts"))
    driver.call("plug_headphones", plugged=False)
    assert driver.call("texts") == invited


def test_each_button_of_the_panel_is_a_step_and_is_said(listener: KivyDriver) -> None:
    listener.show("01-idle")
    steps = {
        "listen:louder": "Volym: 4 av 5", "listen:quieter": "Volym: 3 av 5",
        "listen:faster": "Tempo: snabbt", "listen:slower": "Tempo: vanligt",
    }  # fmt: skip
    for target, text in steps.items():
        listener.call("spoken")
        listener.touch(target)
        assert listener.call("spoken") == [f"{text}."]
        assert text in listener.call("texts")
    listener.touch("listen:louder")
    listener.call("reset")
    assert {"Du lyssnar", "Volym: 3 av 5"} <= set(listener.call("texts")), "the headphones are still in"


def test_who_uses_an_aid_has_three_times_as_long(driver: KivyDriver) -> None:
    driver.show("01-idle")
    assert driver.call("get", name="patience") == 1
    for aid, unaided in (({"large_text": True}, {"large_text": False}), ({"theme": "hc"}, {"theme": "light"})):
        driver.call("set", **aid)
        assert driver.call("get", name="patience") == 3
        driver.call("set", **unaided)
    driver.call("press", key="down")
    assert driver.call("get", name="patience") == 3
    driver.call("reset")
    assert driver.call("get", name="patience") == 1
    driver.call("plug_headphones", plugged=True)
    assert driver.call("get", name="patience") == 3
    driver.call("plug_headphones", plugged=False)


def test_the_caption_repeats_what_is_said_and_takes_no_control_away(listener: KivyDriver) -> None:
    listener.show("02-insert-card")
    said = listener.call("spoken")[-1]
    (text,) = captions(listener)
    assert f"[b]{said}[/b]" in text
    assert listener.call("clipped") == []
    targets = listener.targets()
    listener.call("plug_headphones", plugged=False)
    assert listener.targets() == targets
    assert captions(listener) == []


def test_nothing_that_is_typed_stands_in_the_caption(listener: KivyDriver) -> None:
    listener.show("04-envelope-puk")
    for digit in "246":
        listener.call("press", key=digit)
    assert captions(listener) == ["[b]Antal siffror: 3.[/b]"]
    assert "246" not in "".join(listener.call("texts"))


def test_larger_text_is_its_own_caption(listener: KivyDriver) -> None:
    listener.call("set", large_text=True)
    listener.show("02-insert-card")
    assert captions(listener) == []


def inside(part: list[float], whole: list[float]) -> bool:
    """Whether one place (left, top, width, height) lies in another."""
    return all(whole[at] <= part[at] and part[at] + part[at + 2] <= whole[at] + whole[at + 2] for at in (0, 1))


@pytest.mark.parametrize("panel", ["7", "p"])
def test_caption_and_panel_are_whole_on_the_other_panels(panel: Any) -> None:
    size = PANELS[panel]
    with virtual_display(size.width, size.height) as display, KivyDriver(display, panel) as driver:
        driver.call("plug_headphones", plugged=True)
        for sample, key in (("01-idle", "rate"), ("04-envelope-puk", "down")):
            driver.show(sample)
            driver.call("press", key=key)
            assert (sample, driver.call("clipped"), driver.call("small_targets", least_mm=12)) == (sample, [], [])
            if sample == "01-idle":
                (stage,) = driver.call("places", kind="DrawingStage")
                assert all(inside(button, stage) for button in driver.call("places", kind="StepButton"))
