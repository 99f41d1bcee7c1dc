"""Shoots the gallery: one window a panel size (Kivy has one a process), all samples in each theme and language.

python -m sim.gallery.shoot --panel 10 --into gallery --theme light --theme dark --language sv
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kiosk.clock import SystemClock
from sim.gallery.samples import samples

PANELS = {"10": "1280x800", "7": "800x480", "p": "1080x1920"}
THEMES = ("light", "dark", "hc")
LANGUAGES = ("sv", "en")
FRAMES_S = 0.1
"""A few frames, in which a layout that needs two passes comes to rest."""


def main(argv: Sequence[str] | None = None) -> int:
    """Shoot one panel size. Exit code 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panel", choices=sorted(PANELS), required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--theme", choices=THEMES, action="append")
    parser.add_argument("--language", choices=LANGUAGES, action="append")
    args = parser.parse_args(argv)
    asyncio.run(shoot(args.panel, args.into, args.theme or THEMES, args.language or LANGUAGES))
    return 0


async def shoot(panel: str, into: Path, themes: Sequence[str], languages: Sequence[str]) -> None:
    """Open the window, draw every sample, write `SIZE/THEME-LANGUAGE/NN-NAME.png` below `into`; on the upright panel also once
    in its lower part (`-low`)."""
    from kiosk.screens.window import KivyScreen

    screen = KivyScreen(SystemClock(), panel=panel, place="Lasarettet, entré A")  # type: ignore[arg-type]  # of PANELS
    drawing = asyncio.create_task(screen.run())
    for theme in themes:
        for language in languages:
            screen.theme, screen.language = theme, language  # type: ignore[assignment]  # of THEMES
            await _shoot_all(screen, _made(into / PANELS[panel] / f"{theme}-{language}"))
    if panel == "p":
        screen.theme, screen.language, screen.low = themes[0], languages[0], True  # type: ignore[assignment]  # of THEMES
        await _shoot_all(screen, _made(into / PANELS[panel] / f"{themes[0]}-{languages[0]}-low"))
    screen.close()
    await drawing


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def _shoot_all(screen: Any, folder: Path) -> None:
    for number, (name, view) in enumerate(samples()):
        screen.card_in = view.needs_card
        showing = asyncio.create_task(screen.show(view))
        await asyncio.sleep(FRAMES_S)
        if showing.done():
            showing.result()  # it could not be drawn: raise why
        screen.snapshot(folder / f"{number:03}-{name}.png")
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


if __name__ == "__main__":
    sys.exit(main())
