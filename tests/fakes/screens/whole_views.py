"""Every view of the gallery laid out on every panel, side by side: what is cut, lies over something, or is too small to touch."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product

from kiosk.screens.theme import PANELS, REACH_MM
from kiosk.texts import LANGUAGES
from sim.gallery.samples import samples
from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver

LEAST_MM = 12.0
"""Design: nothing under 12 mm is a target."""
LEAST_SHARE = 0.55
"""Of the body's height that a view fills at text of the usual size, on the panels that are looked at as a whole."""
FILLED = ("10",)
AT_ONCE = 20
"""Views between two breaths of the window, in which it takes away what is gone."""

Unfit = dict[str, list[str]]
"""Complaints by `NAME LANGUAGE`, `large` behind where the text is large."""


LARGE_IN = {"7": LANGUAGES, "10": LANGUAGES[:1], "p": LANGUAGES[1:]}
"""Languages of the large text, by panel: the smallest has them all, the others have room."""


def unfit(panel: str) -> Unfit:
    """What is wrong on one panel, in every language at normal text, and on each page of the large text."""
    size = PANELS[panel]  # type: ignore[index]  # the caller names one of them
    looks = [*product(LANGUAGES, (False,)), *product(LARGE_IN[panel], (True,))]
    with virtual_display(size.width, size.height) as display, KivyDriver(display, panel) as driver:
        found = dict(_complaints(driver, looks, LEAST_SHARE if panel in FILLED else 0.0))
        driver.call("set", language=LANGUAGES[0], large_text=False)
        over: Unfit = driver.call("whole_help", least_mm=LEAST_MM)
        return found | {f"help over {name}": wrong for name, wrong in over.items()}


def _complaints(
    driver: KivyDriver, looks: Iterable[tuple[str, bool]], least_share: float = 0.0, names: Sequence[str] = ()
) -> Iterator[tuple[str, list[str]]]:
    names = names or [name for name, _ in samples()]
    for language, large in looks:
        driver.call("set", language=language, large_text=large)
        for start in range(0, len(names), AT_ONCE):
            some, share = names[start : start + AT_ONCE], 0.0 if large else least_share
            found: Unfit = driver.call("whole", samples=some, least_mm=LEAST_MM, least_share=share)
            for name, wrong in found.items():
                yield f"{name} {language}{' large' if large else ''}", wrong


def too_high(driver: KivyDriver) -> list[str]:
    """What stands on the screen and is out of reach of who sits."""
    found: list[str] = driver.call("above", most_mm=REACH_MM)
    return found


def unfit_everywhere() -> dict[str, Unfit]:
    """By panel; the windows work at the same time."""
    with ThreadPoolExecutor(len(PANELS)) as pool:
        return dict(zip(PANELS, pool.map(unfit, PANELS), strict=True))


def unfilled(panel: str, names: Sequence[str]) -> Unfit:
    """What is wrong in those views on a panel, and which of them end in its upper half."""
    size = PANELS[panel]  # type: ignore[index]  # the caller names one of them
    with virtual_display(size.width, size.height) as display, KivyDriver(display, panel) as driver:
        return dict(_complaints(driver, [(LANGUAGES[0], False)], LEAST_SHARE, names))


def unfit_longer(panel: str = "10", names: Sequence[str] = ()) -> Unfit:
    """What is wrong in those views, or in all, when sentences are about 40 % longer (`tests.fakes.screens.pseudo_language`)."""
    size = PANELS[panel]  # type: ignore[index]  # the caller names one of them
    with virtual_display(size.width, size.height) as display, KivyDriver(display, panel, pseudo=True) as driver:
        return dict(_complaints(driver, [(LANGUAGES[0], False)], names=names))
