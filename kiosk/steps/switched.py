"""What a region has switched off everywhere: kinds of card, and batches of card numbers. Errands are kept off the home screen."""

from kiosk.steps.capabilities import Desk
from kiosk.steps.card_views import switched_off
from kiosk.steps.context import Scene


def refuse_switched_off(desk: Desk, scene: Scene, card_number: str, *products: str) -> None:
    """Raises StopError where the number is in a batch, or one of the products is one, that the region has switched off."""
    named = [desk.switches.off(card_number=card_number), *(desk.switches.off(product=one) for one in products if one)]
    off = next((one for one in named if one is not None), None)
    if off is not None:
        raise switched_off(scene, off)
