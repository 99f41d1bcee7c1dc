"""What stands on an emulated machine's screen, read as a person does: words, and where they are.

The reader is Tesseract, which knows nothing of our screens.
"""

import re
import subprocess
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

MAIN_BUTTON = (10, 77, 104)
NEAR = 6
SIDE_BY_SIDE, SAME_LINE, BELOW = 240, 12, 60
"""How far the middles of two words that follow each other may be apart, in pixels: across, up or down, and on the next line."""


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
    """The words of a picture, in reading order. It is read enlarged: screens have small letters. What emulates goes first."""
    larger = picture.with_suffix(".larger.png")
    with Image.open(picture) as image:
        image.convert("L").resize((image.width * 2, image.height * 2)).save(larger)
    command = ["nice", "-n", "5", "tesseract", str(larger), "-", "-l", "swe+eng", "--psm", "11", "tsv"]
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
    """The middle of words that stand side by side or go on below, without regard to case and to signs around them. What a text
    reader takes for words between them, of pictures beside them, does not count."""
    wanted = [_plain(word) for word in phrase.split()]
    for first in words:
        if _plain(first.text) != wanted[0]:
            continue
        hit = [first]
        for text in wanted[1:]:
            going_on = [word for word in words if _plain(word.text) == text and _goes_on(hit[-1], word)]
            if not going_on:
                break
            hit.append(min(going_on, key=lambda word: abs(word.x - hit[-1].x) + abs(word.y - hit[-1].y)))
        else:
            return sum(word.x for word in hit) // len(hit), sum(word.y for word in hit) // len(hit)
    return None


def _goes_on(word: Word, following: Word) -> bool:
    across, down = following.x - word.x, following.y - word.y
    return (0 < across < SIDE_BY_SIDE and abs(down) < SAME_LINE) or (SAME_LINE <= down < BELOW and across < SAME_LINE)


def find_main_button(picture: Path) -> tuple[int, int] | None:
    """The middle of the filled button at the foot of the screen, by its colour: Tesseract does not read white on blue."""
    with Image.open(picture) as image:
        top = image.height * 3 // 4
        foot = image.convert("RGB").crop((image.width // 8, top, image.width, image.height))
        away = ImageChops.difference(foot, Image.new("RGB", foot.size, MAIN_BUTTON)).convert("L")
        box = away.point(lambda value: 255 if value < NEAR else 0).getbbox()
        if box is None or box[3] - box[1] < image.height // 10:
            return None
        return image.width // 8 + (box[0] + box[2]) // 2, top + (box[1] + box[3]) // 2


def wait_for_main_button(shoot: Callable[[], Path], limit_s: float) -> tuple[int, int]:
    """Where it is, as soon as it can be pressed. Raises NotShownError."""
    end = time.monotonic() + limit_s
    while (place := find_main_button(shoot())) is None:
        if time.monotonic() > end:
            raise NotShownError("there is no button that can be pressed")
        time.sleep(1)
    return place


def wait_for_phrase(shoot: Callable[[], Path], phrase: str, limit_s: float) -> tuple[Path, tuple[int, int]]:
    """A picture that shows the phrase, and where. What was read is not read again. Raises NotShownError."""
    end = time.monotonic() + limit_s
    words: list[Word] = []
    seen = b""
    while True:
        picture = shoot()
        if (shown := picture.read_bytes()) != seen:
            seen, words = shown, read_words(picture)
        place = find_phrase(words, phrase)
        if place:
            return picture, place
        if time.monotonic() > end:
            raise NotShownError(f"{phrase!r} is not on the screen ({picture}): {' '.join(word.text for word in words)}")
        time.sleep(2)  # reading a picture takes what emulates seconds


def _plain(text: str) -> str:
    """Without signs around it, case and dots above: a reader of small letters misses those."""
    letters = "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))
    return re.sub(r"^\W+|\W+$", "", letters).casefold()
