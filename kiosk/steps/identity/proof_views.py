"""The views of a proof of possession: the card signs, and what is said of one that proves nobody."""

from drivers.reader.model import Chain
from kiosk.steps.capabilities import StopError
from kiosk.steps.context import ViewContext
from kiosk.views import Busy, say


def proving(context: ViewContext) -> Busy:
    """The card signs, and its signature is verified."""
    return Busy(**context.head("proving", say("proving.title"), say("proving.lead")))


def not_genuine(context: ViewContext) -> StopError:
    """The signature is not by the key of the card's certificate."""
    return context.stop("card_not_genuine", badge="failure", icon="smart-card-off-outline")


def proves_nobody(context: ViewContext, chain: Chain | None = None) -> StopError:
    """There is no certificate on the card that is valid, here, and says who its holder is."""
    if chain in ("untrusted", "unchecked"):
        why = say(f"new_card.{chain}")
        return context.stop("card_not_trusted", icon="smart-card-off-outline", why=why)
    return context.stop("card_not_valid", icon="smart-card-off-outline")
