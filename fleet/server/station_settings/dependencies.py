"""Changes of stations' settings in the name of who asks: done at once, or proposed where they take two persons."""

from typing import Any

from fastapi import HTTPException, Request

from fleet.server.proposals.dependencies import propose
from fleet.server.proposals.model import Kind, ProposalRow
from fleet.server.station_settings.model import StationPlace
from fleet.server.station_settings.service import PLACED, StationSettingsService
from fleet.server.web.authorization import address_of, caller_of


def put_layer(
    request: Request, service: StationSettingsService, layer: str, document: str, revision: int, reason: str
) -> ProposalRow | None:
    """Return the proposal where another person has yet to confirm; None where it is done.

    Raises SettingsRefusedError, RevisionConflictError, HTTPException.
    """
    content = service.judge_layer(layer, document, revision)
    if content is not None:
        return _propose(request, layer, content, reason)
    author = (caller_of(request).name, None, address_of(request))
    service.put_layer(layer, document, revision, reason, author)
    return None


def put_place(
    request: Request, service: StationSettingsService, place: StationPlace, reason: str
) -> ProposalRow | None:
    """Return the same for another site and group of a station. Raises SettingsRefusedError, HTTPException."""
    content = service.judge_place(place)
    if content is not None:
        return _propose(request, f"{PLACED}{place.station}", content, reason)
    service.put_place(place, (caller_of(request).name, None, address_of(request)))
    return None


def _propose(request: Request, target: str, content: dict[str, Any], reason: str) -> ProposalRow | None:
    row = propose(request, Kind.SETTINGS, target, content, reason).row
    if row.state == "failed":
        raise HTTPException(409, row.outcome or "")
    return None if row.state == "done" else row
