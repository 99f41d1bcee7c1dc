"""Dependencies of routes: alerts narrowed to what the caller may see."""

from fastapi import Request

from fleet.server.alerts.model import Alerts
from fleet.server.web.authorization import caller_of


def within(request: Request, alerts: Alerts) -> Alerts:
    """Limit the alerts to those that the caller's right was granted for."""
    return alerts.within(caller_of(request).scope(request.state.right).patterns)
