"""ID administrators as a region lists them, for tests that do not care about roles, or about one thing only."""

from fleet.messages.issuing import AdministratorRole
from fleet.messages.link import Administrator
from fleet.server.people.model import ListedAdministrator

KRA: tuple[AdministratorRole, ...] = ("KRA",)


def administrator(hsa_id: str, name: str, roles: tuple[AdministratorRole, ...] = KRA) -> Administrator:
    """Of level 3, without an end."""
    return Administrator(hsa_id, name, roles, 3)


def listed(hsa_id: str, name: str, *scope: str, roles: tuple[AdministratorRole, ...] = KRA) -> ListedAdministrator:
    """The same in the server's list, for all stations where no scope is given."""
    return ListedAdministrator(administrator(hsa_id, name, roles), scope or ("*",))
