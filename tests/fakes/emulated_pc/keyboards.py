"""Where the keys of the screen's keyboards are on the smallest panel: asked of the real window, drawn on a virtual display.

keyboards = find_keyboards()
for place in keyboards["host"].places_of("10.0.2.2:8443"): ...
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver

Place = tuple[int, int]
SAMPLES = {"host": "setup-server", "code": "setup-code"}
TURN = "key:page"


@dataclass(frozen=True)
class Keyboard:
    """Its pages of keys. All that is typed begins on the first."""

    pages: tuple[dict[str, Place], ...]

    def places_of(self, text: str) -> Iterator[Place]:
        """What is to be touched, one after the other."""
        at = 0
        for sign in text:
            if f"key:{sign}" not in self.pages[at]:
                yield self.pages[at][TURN]
                at = 1 - at
            yield self.pages[at][f"key:{sign}"]


def find_keyboards() -> dict[str, Keyboard]:
    """Those of hosts and of claim codes."""
    found = {}
    with virtual_display() as display, KivyDriver(display, "7") as driver:
        for name, sample in SAMPLES.items():
            driver.call("show_gallery", sample=sample)
            first = driver.targets()
            driver.call("activate", target=TURN)
            pages = ({key: (x, y) for key, (x, y) in page.items()} for page in (first, driver.targets()))
            found[name] = Keyboard(tuple(pages))
    return found
