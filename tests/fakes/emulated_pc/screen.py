"""What stands on an emulated machine's screen, read as a person does: words, and where they are.

The reader is Tesseract, which knows nothing of our screens.
"""

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image


class NotShownError(AssertionError):
    """What was waited for is not on the screen. The text has what was."""


@dataclass(frozen=True)
class Word:
    """A word on the screen and the middle of its place, in pixels."""

    text: str
    x: int
    y: int
    line: tuple[int, int, int]


def read_words(picture: Path) -> list[Word]:
    """The words of a picture, in reading order. It is read enlarged: screens have small letters."""
    larger = picture.with_suffix(".larger.png")
    with Image.open(picture) as image:
        image.convert("L").resize((image.width * 2, image.height * 2)).save(larger)
    command = ["tesseract", str(larger), "-", "-l", "swe+eng", "--psm", "11", "tsv"]
    said = subprocess.run(
        command, check=True, capture_output=True, text=True, env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin"}
    )
    larger.unlink()
    words = []
    for row in said.stdout.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[11].strip():
            left, top, width, height = (int(cell) for cell in cells[6:10])
            place = (int(cells[2]), int(cells[3]), int(cells[4]))
            words.append(Word(cells[11].strip(), (left + width // 2) // 2, (top + height // 2) // 2, place))
    return words


def find_phrase(words: list[Word], phrase: str) -> tuple[int, int] | None:
    """The middle of words that follow each other, without regard to case and to signs around them."""
    wanted = [_plain(word) for word in phrase.split()]
    plain = [_plain(word.text) for word in words]
    for at in range(len(words) - len(wanted) + 1):
        if plain[at : at + len(wanted)] == wanted:
            hit = words[at : at + len(wanted)]
            return sum(word.x for word in hit) // len(hit), sum(word.y for word in hit) // len(hit)
    return None


def wait_for_phrase(shoot: Callable[[], Path], phrase: str, limit_s: float) -> tuple[Path, tuple[int, int]]:
    """A picture that shows the phrase, and where. Raises NotShownError."""
    end = time.monotonic() + limit_s
    while True:
        picture = shoot()
        words = read_words(picture)
        place = find_phrase(words, phrase)
        if place:
            return picture, place
        if time.monotonic() > end:
            raise NotShownError(f"{phrase!r} is not on the screen ({picture}): {' '.join(word.text for word in words)}")
        time.sleep(1)


def _plain(text: str) -> str:
    return re.sub(r"^\W+|\W+$", "", text).casefold()
