"""Badge counts of the menu: what waits for somebody, by page.

Example: `Web(..., counts=partial(counts_for, commands=commands, alerts=alerts, cards=cards, worklist=worklist))`
"""

from fastapi import Request

from fleet.server.alerts.model import Alerts
from fleet.server.cards.model import Cards
from fleet.server.commands.dependencies import count_for
from fleet.server.commands.model import Commands
from fleet.server.platform.roles import Right
from fleet.server.platform.web.authorization import caller_of
from fleet.server.worklist.model import Worklist


def counts_for(
    request: Request, commands: Commands, alerts: Alerts, cards: Cards, worklist: Worklist
) -> dict[str, int]:
    """By the id of the place: alerts that nobody has taken, commands that the caller may agree to, what waits for the issuer, and
    rows of the worklist."""
    people = caller_of(request).scope(Right.PEOPLE).patterns
    patterns = caller_of(request).scope(Right.VIEW).patterns
    _, untaken = alerts.within(patterns).list_unacknowledged(1)
    _, waiting = cards.within(patterns).requests(state="waiting", limit=1)
    return {
        "alerts": untaken,
        "commands": count_for(request, commands),
        "requests": waiting,
        "worklist": len(worklist.within(people).rows()) if people else 0,
    }
