"""Stations that the server knows: those that were added by name, and those that it has heard. In the caller's transaction."""

from collections.abc import Collection

from sqlalchemy import Connection, insert, select

from fleet.server.stations.tables import stations


def known_stations(connection: Connection, names: Collection[str]) -> set[str]:
    """Those of these names that the server knows."""
    chosen = select(stations.c.name).where(stations.c.name.in_(sorted(set(names))))
    return set(connection.execute(chosen).scalars())


def add_stations(connection: Connection, names: Collection[str]) -> list[str]:
    """Know these from now on. Gives those that are new."""
    new = sorted(set(names) - known_stations(connection, names))
    if new:
        connection.execute(insert(stations), [{"name": name, "online": False} for name in new])
    return new
