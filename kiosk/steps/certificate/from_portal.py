"""Waiting for a certificate that people make in the issuer's portal, from the request as a file.

Rules: the request waits at the server, so whoever goes has lost nothing, and comes back to any station with the same card. The
wait ends before the holder's proof does.
"""

import base64
from collections.abc import Sequence

from drivers.reader.keys import KeyPlace
from drivers.reader.model import CardFacts
from kiosk.issuer.ports import Offer
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.certificate import from_portal_views as views
from kiosk.steps.context import CardHolder, ErrandContext

WAIT_S = 720.0
"""A proof holds for a quarter of an hour, and the card was read before this."""
LOOK_S = 15.0
"""So often the server is asked whether it is there."""


async def wait_for_portal(context: ErrandContext, whose: CardHolder, facts: CardFacts, key: bytes) -> None:
    """Until the certificate of that key is at the server. Raises StopError where the person comes back for it instead."""
    by_hand, now = context.caps.region.certificates_by_hand, context.caps.clock.now()
    is_there = await context.ask(views.waiting(context, whose, by_hand, now), until=_is_ready(context.caps, facts, key))
    if is_there is not True:
        raise views.comes_back(context, by_hand, now)


async def _is_ready(caps: Capabilities, facts: CardFacts, key: bytes) -> bool:
    end = caps.clock.monotonic() + WAIT_S
    while caps.clock.monotonic() < end:
        await caps.clock.sleep(LOOK_S)
        offers = await caps.issuer.offers(facts)
        if isinstance(offers, tuple) and any(offer.ready and _key_of(offer) == key for offer in offers):
            return True
    return False


def waiting_place(places: Sequence[KeyPlace], offer: Offer) -> KeyPlace | None:
    """The place of the key for which a certificate is made, or is there: at whichever station it was asked for."""
    key = _key_of(offer)
    return next((place for place in places if key and place.public_key == key), None)


def _key_of(offer: Offer) -> bytes:
    return base64.b64decode(offer.key)
