"""Attend: an ID administrator has seen who the holder is, says which document it was, and the pick-up goes on from there.

Rules: docs/rules.md, "Hand-over and return". Two administrators for LoA3 on a reserve card.
"""

from kiosk.steps.capabilities import Ended
from kiosk.steps.context import ErrandContext
from kiosk.steps.hand_over import WHO, hand_over
from kiosk.steps.identity.identification import identify_by_administrator


async def attend(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    return await hand_over(context, await identify_by_administrator(context.go_to(WHO), keeps_card=True))
