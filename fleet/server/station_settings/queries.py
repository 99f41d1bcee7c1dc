"""Queries of stations' settings, in the transaction of the caller."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, func, select

from fleet.messages.settings import StationSettings
from fleet.server.station_settings.model import Document, MergedSettings, Revision, StationPlace, merge
from fleet.server.station_settings.tables import settings_revisions, station_places
from fleet.server.stations.tables import IN_FLEET, stations

_COLUMNS = settings_revisions.c
_read = lru_cache(maxsize=256)(Document.parse)


def current(connection: Connection, layer: str) -> Revision:
    """Return the revision of a layer that counts; an empty one where it has none."""
    query = select(settings_revisions).where(_COLUMNS.layer == layer).order_by(_COLUMNS.revision.desc()).limit(1)
    row = connection.execute(query).first()
    return _revision(row) if row else Revision(layer)


def history(connection: Connection, layer: str, limit: int = 50) -> list[Revision]:
    """Return the newest revisions of a layer, the newest first."""
    query = select(settings_revisions).where(_COLUMNS.layer == layer).order_by(_COLUMNS.revision.desc()).limit(limit)
    return [_revision(row) for row in connection.execute(query)]


def layers(connection: Connection) -> list[Revision]:
    """Return the current revision of each layer that has any, by its name."""
    newest = select(_COLUMNS.layer, func.max(_COLUMNS.revision).label("revision")).group_by(_COLUMNS.layer).subquery()
    both = (_COLUMNS.layer == newest.c.layer) & (_COLUMNS.revision == newest.c.revision)
    query = select(settings_revisions).join(newest, both).order_by(_COLUMNS.layer)
    return [_revision(row) for row in connection.execute(query)]


def place_of(connection: Connection, station: str) -> StationPlace:
    query = select(station_places).where(station_places.c.station == station)
    row = connection.execute(query).first()
    return StationPlace(*row) if row else StationPlace(station)


def places(connection: Connection) -> list[StationPlace]:
    """Return the place of every station of the fleet, by name."""
    beside = station_places.c.station == stations.c.name
    query = select(stations.c.name, station_places.c.site, station_places.c.group).select_from(
        stations.outerjoin(station_places, beside)
    )
    return [StationPlace(*row) for row in connection.execute(query.where(IN_FLEET).order_by(stations.c.name))]


def merged(connection: Connection, names: Sequence[str]) -> MergedSettings:
    """Return what these layers come to, the farthest first."""
    return merge({name: _read(current(connection, name).document) for name in names})


def settings_of(connection: Connection, station: str) -> StationSettings | None:
    """Return what a station gets; None where nobody has ever written a layer."""
    if connection.execute(select(_COLUMNS.layer).limit(1)).first() is None:
        return None
    own = merged(connection, place_of(connection, station).layers)
    return StationSettings(station, own.version, dict(own.values), dict(own.sources), dict(own.files))


def _revision(row: Any) -> Revision:
    return Revision(row.layer, row.revision, row.document, row.reason, row.by, row.second, row.at)
