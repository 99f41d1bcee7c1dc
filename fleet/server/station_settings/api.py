"""API of stations' settings, under /api/v1: layers as TOML documents with their history, and site and group of each station.

Rules: who may manage does it, signed in and stepped up. A document is refused whole with all its faults (422), and where the
layer was changed since it was read (409). What says which cards are believed, how, and what may be plugged in is proposed (202).
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from fleet.server.commands.model import MOST_REASON, REASON
from fleet.server.proposals.dependencies import PROPOSED, accepted
from fleet.server.station_settings import dependencies
from fleet.server.station_settings.model import (
    LAYER,
    MOST_DOCUMENT,
    PLACE,
    RevisionConflictError,
    SettingsRefusedError,
    StationPlace,
)
from fleet.server.station_settings.model import Revision as Row
from fleet.server.station_settings.service import StationSettingsService
from fleet.server.web.authorization import needs
from fleet.server.web.idempotency import api_group
from fleet.server.web.pagination import CountedRows, Limit, Offset, next_offset
from fleet.server.web.request_bodies import WHOLE, Body
from fleet.server.web.roles import Right

Layer = Annotated[str, Path(pattern=LAYER, max_length=46)]
StationName = Annotated[str, Path(pattern=PLACE, max_length=40)]
PlaceName = Annotated[str, Field(pattern=PLACE, max_length=40)]
Reason = Annotated[str, Field(min_length=1, max_length=MOST_REASON, pattern=REASON)]


class SettingsRevision(BaseModel):
    """One revision of a layer. `document` is TOML; `second` confirmed it where that takes two. Revision 0 is empty."""

    layer: str
    revision: int
    document: str
    reason: str
    by: str
    second: str | None
    at: datetime | None


class SettingsBody(Body):
    """The whole document of a layer. `revision`: the one that was read; 0 for the first."""

    document: Annotated[str, Field(max_length=MOST_DOCUMENT)]
    revision: Annotated[int, Field(strict=False, ge=0, le=2**31 - 2), WHOLE]
    reason: Reason


class Place(BaseModel):
    """Site and group of a station; null where it has none."""

    station: str
    site: str | None
    group: str | None


class PlaceBody(Body):
    """Site and group that a station gets."""

    site: PlaceName | None
    group: PlaceName | None
    reason: Reason


class StationDocument(BaseModel):
    """Settings that a station gets, with the layer that each `section.key` comes from."""

    station: str
    version: str
    values: dict[str, dict[str, Any]]
    sources: dict[str, str]
    files: dict[str, str]


def station_settings_api(service: StationSettingsService) -> APIRouter:
    router = api_group("stations")

    @router.get("/settings", dependencies=needs(Right.MANAGE))
    def list_layers(limit: Limit = 100, offset: Offset = 0) -> CountedRows[SettingsRevision]:
        """Return the newest revision of each layer."""
        rows = service.layers()
        items = [_model(row) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=next_offset(offset, limit, len(rows)), total=len(rows))

    @router.get("/settings/{layer}", dependencies=needs(Right.MANAGE))
    def read_layer(layer: Layer) -> SettingsRevision:
        """Return a layer: `fleet`, `group:NAME`, `site:NAME` or `station:NAME`."""
        return _model(service.layer(layer))

    @router.get("/settings/{layer}/history", dependencies=needs(Right.MANAGE))
    def read_history(layer: Layer) -> list[SettingsRevision]:
        """Return its newest 50 revisions."""
        return [_model(row) for row in service.history(layer)]

    @router.put(
        "/settings/{layer}", responses=PROPOSED, response_model=SettingsRevision,
        dependencies=needs(Right.MANAGE, person=True),
    )  # fmt: skip
    def write_layer(request: Request, layer: Layer, body: SettingsBody) -> SettingsRevision | Response:
        """Make the document that of the layer."""
        try:
            row = dependencies.put_layer(request, service, layer, body.document, body.revision, body.reason)
        except SettingsRefusedError as error:
            raise HTTPException(422, str(error)) from None
        except RevisionConflictError as error:
            raise HTTPException(409, str(error)) from None
        return _model(service.layer(layer)) if row is None else accepted(row)

    _add_stations(router, service)
    return router


def _add_stations(router: APIRouter, service: StationSettingsService) -> None:
    @router.get("/station-places", dependencies=needs(Right.MANAGE))
    def list_places(limit: Limit = 100, offset: Offset = 0) -> CountedRows[Place]:
        """Return site and group of every station."""
        rows = service.places()
        items = [Place.model_validate(row, from_attributes=True) for row in rows[offset : offset + limit]]
        return CountedRows(items=items, next=next_offset(offset, limit, len(rows)), total=len(rows))

    @router.put(
        "/station-places/{station}", responses=PROPOSED, response_model=Place,
        dependencies=needs(Right.MANAGE, person=True),
    )  # fmt: skip
    def write_place(request: Request, station: StationName, body: PlaceBody) -> Place | Response:
        """Give a station its site and group."""
        place = StationPlace(station, body.site, body.group)
        try:
            row = dependencies.put_place(request, service, place, body.reason)
        except SettingsRefusedError as error:
            raise HTTPException(422, str(error)) from None
        return Place.model_validate(place, from_attributes=True) if row is None else accepted(row)

    @router.get("/stations/{station}/settings", dependencies=needs(Right.MANAGE))
    def read_station(station: StationName) -> StationDocument:
        """Return the settings that a station gets."""
        _, own = service.station(station)
        return StationDocument(
            station=station,
            version=own.version,
            values=dict(own.values),
            sources=dict(own.sources),
            files=dict(own.files),
        )


def _model(row: Row) -> SettingsRevision:
    return SettingsRevision(
        layer=row.layer, revision=row.number, document=row.document, reason=row.reason, by=row.by, second=row.second,
        at=row.at,
    )  # fmt: skip
