"""Pick up a card: who are you, here is your card, choose your code, it works, here is your receipt.

Rules: docs/rules.md, "Hand-over and return". The card, the code and
the receipt are `hand_over`, which `attend` shares.
"""

from kiosk.steps.capabilities import Ended
from kiosk.steps.context import ErrandContext
from kiosk.steps.hand_over import WHO, hand_over
from kiosk.steps.identity.identification import identify


async def pickup(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    return await hand_over(context, await identify(context.go_to(WHO)))
