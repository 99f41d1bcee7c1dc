"""Odd cards: each of them within ISO/IEC 7816-15, none like the last. `odd_card(seed, ...)` makes one for a property test.

>>> from datetime import UTC, datetime
>>> from sim.reader.pki import TestAuthority
>>> now = datetime(2026, 1, 1, tzinfo=UTC)
>>> card = odd_card(7, TestAuthority.create(now), now)
>>> card.power_on() == card.atr
True
"""

from sim.reader.odd.card import OddCard, odd_card
from sim.reader.odd.oddity import Oddity

__all__ = ["OddCard", "Oddity", "odd_card"]
