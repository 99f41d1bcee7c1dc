"""Which reader a screen names, which one its drawing lights close up, and which one in the thumbnail of the machine."""

import re
from typing import Any

import pytest

from tests.fakes.screens.kivy_driver import KivyDriver

pytestmark = pytest.mark.screen

SIDES = {"left": re.compile(r"vänstra läsaren|left reader"), "right": re.compile(r"högra läsaren|right reader")}
SIDE_OF = {"holder": "left", "administrator": "right"}


@pytest.fixture(scope="module")
def shown(window: KivyDriver) -> dict[str, dict[str, dict[str, list[str]]]]:
    """What is said and lit in each view of the gallery that draws a reader, by language."""
    readers: dict[str, Any] = {}
    for language in ("sv", "en"):
        window.call("reset")
        window.call("set", language=language)
        readers[language] = window.call("readers")
    window.call("reset")
    return readers


@pytest.mark.parametrize("language", ["sv", "en"])
def test_text_close_up_and_thumbnail_name_the_same_reader(
    shown: dict[str, dict[str, dict[str, list[str]]]], language: str
) -> None:
    wrong = []
    for name, view in shown[language].items():
        side = SIDE_OF[view["which"][0]]
        text = " ".join(view["texts"])
        said = [of for of, words in SIDES.items() if words.search(text)]
        if said not in ([], [side]):
            wrong.append(f"{name}: {side} is meant, and {said} is said")
        if view["close_up"] not in ([side], ["only"]) or (view["close_up"] == ["only"] and side in ["right", *said]):
            wrong.append(f"{name}: {side} is meant, and {view['close_up']} is lit close up")
        if view["thumbnail"] != [side]:
            wrong.append(f"{name}: {side} is meant, and {view['thumbnail']} is lit in the thumbnail")
    assert not wrong, "\n".join(wrong)
    assert any("right" in view["close_up"] for view in shown[language].values()), (
        "an administrator's reader is asked for"
    )
