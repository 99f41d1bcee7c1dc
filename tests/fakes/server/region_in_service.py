"""A region whose first hour is over: two persons have closed it, and its people's accounts are old enough to be second ones."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from fleet.server.accounts.separation_of_duties import close_first_hour
from fleet.server.accounts.tables import users
from fleet.server.database.database import Database
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import EVERYWHERE, Role
from tests.fakes.server.visitors import session


def close(database: Database, now: datetime) -> None:
    """The first hour, by two made-up people."""
    with database.writing.begin() as connection:
        for name in ("first.test", "second.test"):
            close_first_hour(connection, name, now)


def age(connection: Connection, name: str, days: int = 400) -> None:
    """Make the account so many days older."""
    made = connection.execute(users.select().where(users.c.name == name)).one().made
    connection.execute(update(users).where(users.c.name == name).values(made=made - timedelta(days=days)))


def colleague(
    access: Access, name: str, role: Role = Role.ADMIN, stations: str = EVERYWHERE, *, days: int = 400
) -> str:
    """The session of somebody whose account nobody here has made, just stepped up."""
    value = session(access, role, stations, name)
    with access.database.writing.begin() as connection:
        age(connection, name, days)
    return value
