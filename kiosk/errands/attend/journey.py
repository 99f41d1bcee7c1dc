"""Attend: an ID administrator has seen who the holder is, says which document it was, and the pick-up goes on from there.

Rules: docs/rules.md, "Hand-over and return". Two administrators for LoA3 on a reserve card.
"""

from kiosk.ports import Ask, ErrandLog
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.hand_over import WHO, hand_over
from kiosk.steps.identity.identification import identify_by_administrator


async def attend(ask: Ask, caps: Capabilities, log: ErrandLog) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    return await hand_over(ask, caps, log, await identify_by_administrator(ask, caps, WHO, log, keeps_card=True))
