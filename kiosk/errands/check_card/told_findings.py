"""The findings on a card, one after the other, each with what mends it: an errand here, or the nearest station that has it."""

from collections.abc import Sequence

from kiosk.errands.check_card import views
from kiosk.findings import CardFinding
from kiosk.region import NearestStation
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.context import ErrandContext


async def tell_findings(context: ErrandContext, findings: Sequence[CardFinding]) -> Ended | None:
    """Show the findings one by one. Return how the errand ends where the person goes on to what mends one; None once
    all were read."""
    for finding in findings:
        mends = _offered(context.caps, finding)
        nearest = None if mends else _nearest(context.caps, finding)
        if await context.ask(views.finding(context, finding, mends=mends, nearest=nearest)) == "mend":
            return await context.end(finding.code, then=finding.begins)
    return None


def _offered(caps: Capabilities, finding: CardFinding) -> bool:
    """Return whether the errand that mends it can be had here and now."""
    return finding.errand is not None and caps.machine is not None and caps.machine.missing(finding.errand) is None


def _nearest(caps: Capabilities, finding: CardFinding) -> NearestStation | None:
    """Return the nearest station that has the errand that mends it."""
    here = caps.seal.station if caps.seal is not None else ""
    return caps.region.nearest_station(here, finding.errand) if finding.errand else None
