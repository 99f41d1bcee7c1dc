"""Eligibility of an ID administrator: who on the list may attend, and when it takes the role KUR. Pure; the same at station
and server.

Rules (docs/rules.md, "Who may"): listed for this station and today, role KRA, level 3 on the list and in the certificate. Where
two attend for a holder with a protected identity, both have the role KUR.

>>> maj = Administrator("TEST000000-0013", "Maj", ("KRA",), 3)
>>> refusal_to_attend(maj, 3, "2026-03-02"), refusal_to_attend(maj, 2, "2026-03-02"), refusal_to_attend(None, 3, "2026-03-02")
(None, 'not_level_3', 'not_administrator')
"""

from collections.abc import Iterable
from typing import Literal

from fleet.messages.issuing import AdministratorRole
from fleet.messages.link import Administrator

Refusal = Literal["not_administrator", "not_level_3", "not_kra"]
"""Why an administrator may not attend; also the `reason` on the wire."""

ATTENDS: AdministratorRole = "KRA"
FOR_PROTECTED: AdministratorRole = "KUR"
LEVEL = 3


def refusal_to_attend(listed: Administrator | None, certificate_level: int | None, today: str) -> Refusal | None:
    """Why this person may not attend; None where they may. `today` is ISO 8601, and the levels are of assurance (LoA)."""
    if listed is None or not is_listed_on(listed, today):
        return "not_administrator"
    if certificate_level != LEVEL or listed.level != LEVEL:
        return "not_level_3"
    return None if ATTENDS in listed.roles else "not_kra"


def is_listed_on(listed: Administrator, today: str) -> bool:
    """Return whether that day lies within the person's time on the list; both ends are included."""
    begun = listed.valid_from is None or listed.valid_from <= today
    return begun and (listed.valid_until is None or today <= listed.valid_until)


def may_attend_protected(roles: Iterable[AdministratorRole]) -> bool:
    """Return whether somebody with these roles may be one of two who attend for a protected identity."""
    return FOR_PROTECTED in roles
