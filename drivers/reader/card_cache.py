"""Cache of the files of recently read cards, never of their codes or tries.

Rules: a card counts as seen before only where what tells its serial is the same and the beginning of a certificate,
asked of the card itself in this visit, is too; what is remembered is old after a quarter of an hour, because a card may be
changed elsewhere; only a few cards are remembered, and only while the reader is in use. The same-card check before
anything irreversible is made as ever.

>>> memory = CardCache[str]()
>>> memory.keep(b"serial", "files")
>>> memory.recall(b"serial")
'files'
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from drivers.reader.piv.application import CachedObjects, PivHabits
from drivers.reader.pkcs15.fingerprint import CachedFiles
from drivers.reader.pkcs15.selection import FileHabits
from drivers.reader.signatures.signature_forms import SignatureFormCache

MAX_CARDS = 8
"""Old card and new one, an administrator's, and some before them."""
MAX_AGE_S = 15 * 60.0
MAX_PRODUCTS = 32
Known = TypeVar("Known")
Habits = TypeVar("Habits")


class CardCache(Generic[Known]):
    """Bounded cache of card contents, by what tells the serial. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cards: dict[bytes, tuple[float, Known]] = {}

    def keep(self, card: bytes, content: Known) -> None:
        """Store the content of a card in the place of the old one."""
        self.forget(card)
        self._cards[card] = self._clock(), content
        while len(self._cards) > MAX_CARDS:
            del self._cards[next(iter(self._cards))]

    def recall(self, card: bytes) -> Known | None:
        """The content of a card; None where there is none, or it is too old."""
        since, content = self._cards.get(card, (0.0, None))
        return content if self._clock() - since < MAX_AGE_S else None

    def holds(self, beginning: bytes) -> bool:
        """Is there a card whose key begins so?"""
        return any(card.startswith(beginning) for card in self._cards)

    def forget(self, card: bytes) -> None:
        """Invalidate a card that has changed, or may have."""
        self._cards.pop(card, None)


class HabitCache(Generic[Habits]):
    """Habits of card products by answer to reset, bounded. They change how a card is asked, never what is believed."""

    def __init__(self, usual: Callable[[], Habits]) -> None:
        self._usual = usual
        self._habits: dict[bytes, Habits] = {}

    def of(self, atr: bytes) -> Habits:
        """Return what cards of that answer to reset have taught so far; it is changed in place."""
        habits = self._habits.pop(atr, None) or self._usual()
        self._habits[atr] = habits
        while len(self._habits) > MAX_PRODUCTS:
            del self._habits[next(iter(self._habits))]
        return habits


@dataclass(frozen=True)
class CardCaches:
    """One reader's memory of each kind of card."""

    pkcs15: CardCache[CachedFiles] = field(default_factory=CardCache)
    piv: CardCache[CachedObjects] = field(default_factory=CardCache)
    forms: SignatureFormCache = field(default_factory=SignatureFormCache)
    """In which form products sign; of a product, not of a card, so it does not grow old."""
    file_habits: HabitCache[FileHabits] = field(default_factory=lambda: HabitCache(FileHabits))
    piv_habits: HabitCache[PivHabits] = field(default_factory=lambda: HabitCache(PivHabits))
