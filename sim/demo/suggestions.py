"""Suggestions of what to try at the demo's station: the words on the home screen, and which card of the bench to take.

>>> lines()[0]
'  Hämta kort              person 1: the old card and its PIN, then the letter of the new card'
"""

from fleet.messages.errand_catalog import catalog
from kiosk.texts import Texts
from kiosk.views import say
from sim.reader.personas import PIN

TRY = {entry.id: entry.demo for entry in catalog() if entry.demo}
"""By errand."""
EVERY = (
    f"Old cards and administrators' cards have the PIN {PIN}. A card may be put into the holder's reader at any moment."
)


def lines() -> list[str]:
    """One line an errand, in Swedish as the screen is, and one on the PIN."""
    texts = Texts.load()
    return [f"  {texts.plain(say(f'home.{errand}'), 'sv'):23} {suggestion}" for errand, suggestion in TRY.items()] + [
        EVERY
    ]
