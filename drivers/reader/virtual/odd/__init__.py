"""Odd cards: each of them within ISO/IEC 7816-15, none like the last. `odd_card(seed, ...)` makes one for a property test.

>>> from datetime import UTC, datetime
>>> from drivers.reader.virtual.pki import TestAuthority
>>> now = datetime(2026, 1, 1, tzinfo=UTC)
>>> card = odd_card(7, TestAuthority.create(now), now)
>>> card.power_on() == card.atr
True
"""

from drivers.reader.virtual.odd.card import OddCard, odd_card
from drivers.reader.virtual.odd.oddity import Oddity

__all__ = ["OddCard", "Oddity", "odd_card"]
