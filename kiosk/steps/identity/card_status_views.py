"""Views for a card that the register speaks against, or against who has it."""

from kiosk.issuer.ports import CardState
from kiosk.steps.capabilities import StopError
from kiosk.steps.context import ViewContext

_ICON = "smart-card-off-outline"


def own_card_stands(context: ViewContext, state: CardState) -> StopError:
    """A card that is on hold, blocked, or not in use."""
    match state:
        case "held":
            return context.stop("own_card_held", icon=_ICON)
        case "blocked":
            return context.stop("own_card_blocked", icon=_ICON)
        case _:
            return context.stop("own_card_not_in_use", icon=_ICON)


def new_card_stands(context: ViewContext, state: CardState) -> StopError:
    """The card that waits here may be given to nobody."""
    return context.stop("new_card_held" if state == "held" else "new_card_blocked", icon=_ICON)


def holder_is(context: ViewContext, holder: str) -> StopError:
    """Return the stop for a holder who has left, or is unknown to the directory: they are handed nothing."""
    return context.stop("holder_left" if holder == "left" else "holder_unknown", icon=_ICON)
