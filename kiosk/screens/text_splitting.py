"""Text splitting at sentences and words, for a text that is higher than a page.

>>> list(split_text("One. Two three four.", lambda text: len(text) <= 11))
['One. Two', 'three four.']
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator


def split_text(text: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """A text in pieces that fit: after a sentence where that leaves no piece under half, else after a word.

    What is strong stays so in each piece. A word that does not fit alone is a piece of its own."""
    words, strong = text.split(" "), ""
    while words:
        most = bisect_left(range(1, len(words) + 1), True, key=lambda count: not fits(" ".join(words[:count])))
        count = _after_sentence(words, max(1, most))
        piece = strong + " ".join(words[:count])
        strong = "[b]" if piece.count("[b]") > piece.count("[/b]") else ""
        yield piece + strong.replace("[", "[/")
        words = words[count:]


def _after_sentence(words: list[str], most: int) -> int:
    """How many words to take, at most `most`."""
    if most >= len(words):
        return most
    ends = (at for at in range(most, most // 2, -1) if words[at - 1].removesuffix("[/b]").endswith((".", "?", "!")))
    return next(ends, most)
