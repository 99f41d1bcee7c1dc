"""Stations that the server knows: those that were added by name, and those that it has heard. In the caller's transaction."""

from collections.abc import Collection

from sqlalchemy import Connection, insert, select

from fleet.server.stations.tables import IN_FLEET, stations


def known_stations(connection: Connection, names: Collection[str]) -> set[str]:
    """Return those of these names that the server knows and that are in the fleet."""
    return _among(connection, names, retired=False)


def retired_stations(connection: Connection, names: Collection[str]) -> set[str]:
    """Return those of these names that are retired."""
    return _among(connection, names, retired=True)


def _among(connection: Connection, names: Collection[str], *, retired: bool) -> set[str]:
    condition = ~IN_FLEET if retired else IN_FLEET
    chosen = select(stations.c.name).where(condition, stations.c.name.in_(sorted(set(names))))
    return set(connection.execute(chosen).scalars())


def add_stations(connection: Connection, names: Collection[str]) -> list[str]:
    """Know these from now on. Gives those that are new; a retired one is known, and stays retired."""
    new = sorted(set(names) - known_stations(connection, names) - retired_stations(connection, names))
    if new:
        connection.execute(insert(stations), [{"name": name, "online": False} for name in new])
    return new
