"""Badge counts of the menu: what waits for somebody, by page.

Example: `Web(..., counts=partial(counts_for, commands=commands, alerts=alerts, cards=cards, worklist=rows, enrolments=desk))`
"""

from fastapi import Request

from fleet.server.alerts.model import Alerts
from fleet.server.cards.model import Cards
from fleet.server.commands.dependencies import count_for
from fleet.server.commands.model import Commands
from fleet.server.enrolment.model import Enrolments
from fleet.server.platform.roles import Right
from fleet.server.platform.web.authorization import caller_of
from fleet.server.worklist.model import Worklist


def counts_for(
    request: Request, commands: Commands, alerts: Alerts, cards: Cards, worklist: Worklist, enrolments: Enrolments
) -> dict[str, int]:
    """By the id of the place: alerts that nobody has taken, commands that the caller may agree to, what waits for the issuer,
    rows of the worklist, and stations that the caller may let in."""
    people, commanded = (caller_of(request).scope(right).patterns for right in (Right.PEOPLE, Right.COMMAND))
    patterns = caller_of(request).scope(Right.VIEW).patterns
    _, untaken = alerts.within(patterns).list_unacknowledged(1)
    _, waiting = cards.within(patterns).requests(state="waiting", limit=1)
    return {
        "alerts": untaken,
        "commands": count_for(request, commands),
        "requests": waiting,
        "worklist": len(worklist.within(people).rows()) if people else 0,
        "new-stations": enrolments.within(commanded).count_waiting() if commanded else 0,
    }
