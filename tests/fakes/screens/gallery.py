"""Pictures of all sample views, in every size, theme and language.

    python -m tests.fakes.screens.gallery FOLDER [VIEW ...]

Pictures are named VIEW-PANEL-THEME-LANGUAGE.png; `large` stands before the theme where the text is large.
"""

import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from kiosk.screens.theme import PANELS
from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver
from tests.fakes.screens.sample_views import SAMPLES

THEMES = ("light", "dark", "hc")


def draw(folder: Path, names: Iterable[str] = SAMPLES) -> int:
    """Draw the views into the folder; returns how many pictures there are."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = 0
    for panel in PANELS.values():
        with virtual_display(panel.width, panel.height) as display, KivyDriver(display, panel.name) as driver:
            for large, theme, language in product((False, True), THEMES, ("sv", "en")):
                driver.call("set", large_text=large, theme=theme, language=language)
                for name in names:
                    driver.show(name)
                    driver.call("type_sample", sample=name)
                    text = "large-" if large else ""
                    driver.snapshot(folder / f"{name}-{panel.width}x{panel.height}-{text}{theme}-{language}.png")
                    drawn += 1
    return drawn


if __name__ == "__main__":
    print(draw(Path(sys.argv[1]), sys.argv[2:] or SAMPLES), "pictures in", sys.argv[1])
