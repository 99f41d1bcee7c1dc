"""API of retirement, under /api/v1: take a station out of the fleet, and back.

Rules: who may manage does it, signed in and never by a token; with a reason, which the audit keeps.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from pydantic import Field

from fleet.server.commands.model import MOST_REASON, REASON
from fleet.server.pages.rendering import Web
from fleet.server.readings.dependencies import readings_of
from fleet.server.retirement.model import RetirementRefusedError, UnknownStationError
from fleet.server.retirement.service import RetirementService
from fleet.server.stations.api import Station, station_model
from fleet.server.web.authorization import address_of, caller_of, needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import Name
from fleet.server.web.request_bodies import Body
from fleet.server.web.roles import Right


class RetirementBody(Body):
    """Why, for the audit and the station's page."""

    reason: Annotated[str, Field(min_length=1, max_length=MOST_REASON, pattern=REASON)]


def retirement_api(web: Web, retirements: RetirementService) -> APIRouter:
    router = api_group("stations")

    @router.post("/stations/{name}/retire", dependencies=needs(Right.MANAGE, person=True))
    def retire_station(request: Request, name: Name, said: RetirementBody) -> Station:
        """Take it out of the fleet: no list, count, figure or alert has it, and its history stays. Refused while cards belong to
        it. Revoke its certificate too."""
        return _changed(request, web, name, said.reason, retirements.retire)

    @router.post("/stations/{name}/return", dependencies=needs(Right.MANAGE, person=True))
    def return_station(request: Request, name: Name, said: RetirementBody) -> Station:
        """Take a retired station into the fleet again."""
        return _changed(request, web, name, said.reason, retirements.take_back)

    return router


def _changed(
    request: Request, web: Web, name: str, reason: str, change: Callable[[str, str, tuple[str, str]], None]
) -> Station:
    try:
        change(name, reason.strip(), (caller_of(request).name, address_of(request)))
    except UnknownStationError:
        raise HTTPException(404, "no station of that name") from None
    except RetirementRefusedError as error:
        raise HTTPException(409, str(error)) from None
    row = readings_of(request).station(name, web.clock())
    assert row is not None
    return station_model(row)
