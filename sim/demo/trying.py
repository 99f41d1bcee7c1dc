"""What a person can try at the demo's station: the words on the home screen, and which card of the bench to take.

>>> lines()[0]
'  Hämta kort              person 1: the old card and its PIN, then the letter of the new card'
"""

from kiosk.texts import Texts
from kiosk.views import say
from sim.reader.personas import PIN

TRY = {
    "pickup": "person 1: the old card and its PIN, then the letter of the new card",
    "unblock": "person 2: the old card, locked by three wrong codes, and the letter that came with it",
    "change_pin": "any old card; person 11's has two PINs",
    "check_card": "person 4: expired, of somebody who has left; persons 3, 6 and 9: cards of other kinds",
    "return_card": "person 4: the old card, then into the drop slot",
    "report_lost": "person 5: lost, by the number on the card; person 8: on hold, and found again",
    "renew_certificate": "person 1: the old card, whose certificates expire soon; person 9: a card that lets nothing be written",
    "reserve_certificate": "person 12: the old card, which is a reserve card, with administrators 13 and 14",
    "clean_up": "person 1, once the certificates are renewed",
    "information": "no card is needed",
    "administrate": "person 13 or 14: the card into the administrator's reader; stock, bin and service are there",
}
"""By errand."""
EVERY = (
    f"Old cards and administrators' cards have the PIN {PIN}. A card may be put into the holder's reader at any moment."
)


def lines() -> list[str]:
    """One line an errand, in Swedish as the screen is, and one on the PIN."""
    texts = Texts.load()
    return [f"  {texts.plain(say(f'home.{errand}'), 'sv'):23} {what}" for errand, what in TRY.items()] + [EVERY]
