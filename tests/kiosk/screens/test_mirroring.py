"""A language from right to left: the screen stands in a mirror; digits, drawings and texts stand the right way round."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageOps

from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver

pytestmark = pytest.mark.screen

WIDE = 1280


@pytest.fixture(scope="module")
def mirrored() -> Iterator[KivyDriver]:
    """English is written from right to left."""
    packs = {"en": {"direction": "rtl"}}
    with virtual_display() as display, KivyDriver(display, packs=packs) as driver:
        yield driver


def shown(driver: KivyDriver, language: str, path: Path) -> Image.Image:
    driver.call("set", language=language)
    driver.call("settle")
    driver.snapshot(path)
    return Image.open(path).convert("RGB")


def ink(driver: KivyDriver, picture: Image.Image, kind: str, at: int = 0) -> Image.Image:
    """What a widget draws, cut out of the picture of a mirrored screen."""
    left, top, wide, high = driver.call("places", kind=kind)[at]
    return picture.crop((round(WIDE - left - wide), round(top), round(WIDE - left), round(top + high)))


def test_every_control_is_on_the_other_side_and_answers_there(mirrored: KivyDriver) -> None:
    mirrored.call("set", language="sv")
    mirrored.show("03-card-found")
    before = mirrored.targets()
    mirrored.touch("rail:language")
    after = mirrored.targets()
    assert after["rail:help"] == [WIDE - before["rail:help"][0], before["rail:help"][1]]
    assert after["yes"][0] < WIDE / 2 < before["yes"][0]
    mirrored.touch("yes")
    assert mirrored.answer() == "yes"


def test_digits_keep_their_order_and_cells_fill_from_the_left(mirrored: KivyDriver, tmp_path: Path) -> None:
    mirrored.call("set", language="en")
    mirrored.show("04-envelope-puk")
    keys = [mirrored.targets()[f"key:{digit}"][0] for digit in "123"]
    assert keys == sorted(keys)
    empty = ink(mirrored, shown(mirrored, "en", tmp_path / "empty.png"), "Cells")
    for digit in "24":
        mirrored.touch(f"key:{digit}")
    assert mirrored.call("typed") == 2
    typed = ink(mirrored, shown(mirrored, "en", tmp_path / "typed.png"), "Cells")
    changed = ImageChops.difference(empty, typed).getbbox()
    assert changed is not None
    assert changed[2] < empty.width / 2


def unlike(one: Image.Image, other: Image.Image) -> int:
    """How many pixels differ much."""
    difference = ImageChops.difference(one, other).convert("L")
    return sum(value > 60 for value in difference.tobytes())


def test_a_drawing_of_the_machine_is_not_turned_over(mirrored: KivyDriver, tmp_path: Path) -> None:
    """The reader on the left is the left one in all languages."""
    mirrored.call("set", language="sv")
    mirrored.show("09-success")
    swedish = shown(mirrored, "sv", tmp_path / "sv.png")
    (stage,) = mirrored.call("places", kind="DrawingStage")
    high = min(stage[3], 380)
    own = swedish.crop((round(stage[0]), round(stage[1]), round(stage[0] + stage[2]), round(stage[1] + high)))
    turned = ink(mirrored, shown(mirrored, "en", tmp_path / "en.png"), "DrawingStage").crop((0, 0, *own.size))
    assert unlike(own, turned) < unlike(own, ImageOps.mirror(turned)) / 2


def test_text_begins_at_the_right(mirrored: KivyDriver, tmp_path: Path) -> None:
    mirrored.call("set", language="en")
    mirrored.show("02-insert-card")
    title = ink(mirrored, shown(mirrored, "en", tmp_path / "title.png"), "Lead").convert("L")
    written = title.point([255 * (value < 128) for value in range(256)]).getbbox()
    assert written is not None
    assert title.width - written[2] < 8


def test_the_focus_ring_is_where_the_choice_is(mirrored: KivyDriver, tmp_path: Path) -> None:
    mirrored.call("set", language="en")
    mirrored.show("01-idle")
    before = shown(mirrored, "en", tmp_path / "before.png")
    mirrored.call("press", key="down")
    x, _ = mirrored.targets()[mirrored.call("focus")]
    after = shown(mirrored, "en", tmp_path / "after.png")
    (left, top, wide, high), *_ = mirrored.call("places", kind="TileButton")
    assert abs(WIDE - left - wide / 2 - x) < 2
    around = (0, round(top + high / 2), WIDE, round(top + high / 2) + 2)
    ring = ImageChops.difference(before.crop(around), after.crop(around)).getbbox()
    assert ring is not None
    assert abs((ring[0] + ring[2]) / 2 - x) < 4
    mirrored.call("reset")


def test_signs_of_a_keyboard_keep_their_order_and_what_is_typed_begins_at_the_left(
    mirrored: KivyDriver, tmp_path: Path
) -> None:
    mirrored.call("set", language="sv")
    mirrored.show("22-server")
    swedish = shown(mirrored, "sv", tmp_path / "sv.png")
    (left, top, wide, high), *_ = mirrored.call("places", kind="TextField")
    own = swedish.crop((round(left), round(top), round(left + wide), round(top + high)))
    turned = ink(mirrored, shown(mirrored, "en", tmp_path / "en.png"), "TextField")
    assert unlike(own, turned) < unlike(own, ImageOps.mirror(turned)) / 2
    keys = [mirrored.targets()[f"key:{sign}"][0] for sign in "qwerty"]
    assert keys == sorted(keys)
