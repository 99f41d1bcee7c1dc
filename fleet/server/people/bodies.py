"""Request body of an ID administrator, with the bounds of the CSV file: for the API and for the form of the page.

>>> said = {"name": "Maj Test", "roles": ["KUR", "KRA"], "level": 3, "scope": ["entre-*"], "decision": "IT-1"}
>>> AdministratorBody.model_validate(said).listed("TEST000000-0001").administrator.roles
('KRA', 'KUR')
"""

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Field
from starlette.datastructures import FormData

from fleet.messages.issuing import AdministratorRole
from fleet.messages.link import Administrator
from fleet.server.people.administrator_files import ROLES
from fleet.server.people.model import ListedAdministrator
from fleet.server.web.authorization import field
from fleet.server.web.request_bodies import WHOLE, Body, Day
from fleet.server.web.roles import STATIONS

HsaId = Annotated[str, Path(pattern=r"^[A-Z][A-Z0-9]{1,30}-[A-Z0-9]{1,30}$")]
FIELDS = ("name", "roles", "level", "scope", "valid_from", "valid_until", "decision")
MOST_NAME, MOST_SCOPE, MOST_DECISION = 120, 500, 200
_Day = Annotated[Day, Field(strict=False)]
Pattern = Annotated[str, Field(pattern="^" + STATIONS.pattern.replace(r"\Z", "$"))]


class AdministratorBody(Body):
    """An ID administrator as they are to stand on the list. Days are included."""

    name: Annotated[str, Field(min_length=1, max_length=MOST_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")]
    roles: Annotated[list[AdministratorRole], Field(min_length=1, max_length=2)]
    level: Annotated[Literal[2, 3], WHOLE]
    scope: Annotated[list[Pattern], Field(min_length=1, max_length=20)]
    """Names of stations, or beginnings of names followed by `*`."""
    valid_from: _Day | None = None
    valid_until: _Day | None = None
    decision: Annotated[str, Field(min_length=1, max_length=MOST_DECISION, pattern=r"^[^\x00-\x1f\x7f]*$")]
    """Of the responsible issuer, that the row rests on."""

    @property
    def ends_before_it_begins(self) -> bool:
        return bool(self.valid_from and self.valid_until and self.valid_until < self.valid_from)

    def listed(self, hsa_id: str) -> ListedAdministrator:
        """As a row of the list."""
        roles = tuple(role for role in ROLES if role in self.roles)
        days = (day.isoformat() if day else None for day in (self.valid_from, self.valid_until))
        person = Administrator(hsa_id, self.name, roles, self.level, *days)
        return ListedAdministrator(person, tuple(self.scope), self.decision.strip())


def form_values(form: FormData) -> dict[str, Any]:
    """Return the values that somebody wrote on the page, to be shown again where they do not fit."""
    texts = {name: field(form, name, MOST_SCOPE).strip() for name in ("hsa_id", *FIELDS) if name != "roles"}
    return {**texts, "roles": [role for role in ROLES if role in form.getlist("roles")]}


def body_of(values: dict[str, Any]) -> AdministratorBody:
    """Of what a form said. Raises pydantic.ValidationError."""
    fields = {name: values[name] or None for name in FIELDS}
    level = int(values["level"]) if values["level"] in ("2", "3") else 0
    return AdministratorBody.model_validate(
        {**fields, "level": level, "scope": values["scope"].replace(",", " ").split()}
    )
