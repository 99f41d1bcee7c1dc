"""What is said where the register's word is against a card, or against who has it."""

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.issuer.ports import CardState
from kiosk.steps.capabilities import StopError
from kiosk.steps.card_views import stop
from kiosk.steps.context import ViewContext

_ICON = "smart-card-off-outline"


def own_card_stands(context: ViewContext, state: CardState) -> StopError:
    """A card that is on hold, blocked, or not in use."""
    match state:
        case "held":
            return stop(context, ErrandOutcome.REFUSED, "own_card_held", icon=_ICON)
        case "blocked":
            return stop(context, ErrandOutcome.REFUSED, "own_card_blocked", icon=_ICON)
        case _:
            return stop(context, ErrandOutcome.REFUSED, "own_card_not_in_use", icon=_ICON)


def own_card_unknown(context: ViewContext) -> StopError:
    """The register does not know the card."""
    return stop(context, ErrandOutcome.REFUSED, "own_card_unknown", icon=_ICON)


def new_card_stands(context: ViewContext, state: CardState) -> StopError:
    """The card that waits here may be given to nobody."""
    return stop(context, ErrandOutcome.REFUSED, "new_card_held" if state == "held" else "new_card_blocked", icon=_ICON)


def too_long_alone(context: ViewContext) -> StopError:
    """Without connection for so long that nobody knows here which cards have been put on hold or blocked."""
    return stop(context, ErrandOutcome.FAULT, "too_long_alone", icon="cloud-off-outline")


def new_card_unknown(context: ViewContext) -> StopError:
    """The register does not know the card that waits here."""
    return stop(context, ErrandOutcome.REFUSED, "new_card_unknown", icon=_ICON)


def holder_is(context: ViewContext, holder: str) -> StopError:
    """Who has left, or is unknown to the directory, is handed nothing."""
    return stop(context, ErrandOutcome.REFUSED, "holder_left" if holder == "left" else "holder_unknown", icon=_ICON)
