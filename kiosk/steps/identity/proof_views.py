"""The views of a proof of possession: the card signs, and what is said of one that proves nobody."""

from drivers.reader.model import Chain
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import ViewContext
from kiosk.views import Busy, say


def proving(context: ViewContext) -> Busy:
    """The card signs, and its signature is verified."""
    return Busy(
        **context.head("proving"),
        title=say("proving.title"),
        lead=(say("proving.lead"),),
    )


def not_genuine(context: ViewContext) -> StopError:
    """The signature is not by the key of the card's certificate."""
    return stop(context, ErrandOutcome.REFUSED, "card_not_genuine", badge="failure", icon="smart-card-off-outline")


def did_not_sign(context: ViewContext) -> StopError:
    """The card called the code right, and cannot show that it is the card that it says it is."""
    return stop(context, ErrandOutcome.REFUSED, "card_did_not_sign", icon="smart-card-off-outline")


def change_first(context: ViewContext) -> StopError:
    """The card lets nobody use its keys before its code was changed."""
    return stop(context, ErrandOutcome.REFUSED, "change_first", icon="form-textbox-password")


def proves_nobody(context: ViewContext, chain: Chain | None = None) -> StopError:
    """There is no certificate on the card that is valid, here, and says who its holder is."""
    if chain in ("untrusted", "unchecked"):
        why = say(f"new_card.{chain}")
        return stop(context, ErrandOutcome.REFUSED, "card_not_trusted", icon="smart-card-off-outline", why=why)
    return stop(context, ErrandOutcome.REFUSED, "card_not_valid", icon="smart-card-off-outline")
