"""Whether the texts of a language pack fit: every view of the gallery on every panel, at the usual and at larger text.

    make language ARGS=languages/fi
    python -m tests.fakes.screens.pack_fit languages/fi [VIEW ...]

Prints what is missing or wrong in the pack, then each view whose text is cut, with panel and size; ends with 1 where there is
any.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from kiosk.screens.theme import PANELS
from scripts.language_pack import check
from sim.gallery.samples import samples
from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver
from tests.fakes.screens.whole_views import AT_ONCE, LEAST_MM, Unfit


def unfit_texts(folder: Path, views: Sequence[str], panels: Sequence[str]) -> Iterator[str]:
    """A line for each view, panel and size with text that is cut."""
    for panel, size in ((name, size) for name, size in PANELS.items() if name in panels):
        with (
            virtual_display(size.width, size.height) as display,
            KivyDriver(display, panel, languages=str(folder.parent)) as driver,
        ):
            for large in (False, True):
                driver.call("set", language=folder.name, large_text=large)
                for start in range(0, len(views), AT_ONCE):
                    some = views[start : start + AT_ONCE]
                    found: Unfit = driver.call("whole", samples=some, least_mm=LEAST_MM, least_share=0.0)
                    for name, wrong in found.items():
                        yield f"{size.width}x{size.height}{' larger text' if large else ''}: {name}: {'; '.join(wrong)}"


def main(words: Sequence[str], panels: Sequence[str] = tuple(PANELS)) -> int:
    """Exit code 0, 1 where something is wrong, 2 for bad usage."""
    if not words:
        print(__doc__, file=sys.stderr)
        return 2
    folder, views = Path(words[0]).resolve(), list(words[1:]) or [name for name, _ in samples()]
    if wrong := check(folder):
        return wrong
    cut = 0
    for line in unfit_texts(folder, views, panels):
        cut += 1
        print(line, flush=True)
    print(f"{len(views)} views on {len(panels)} panels, at two sizes: {cut} with text that is cut.")
    return 1 if cut else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
