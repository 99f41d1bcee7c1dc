"""Who on the list may attend."""

from typing import Any

import pytest

from fleet.messages.attending import may_attend_protected, refusal_to_attend
from fleet.messages.link import Administrator

TODAY = "2026-03-02"


def listed(**changed: Any) -> Administrator:
    return Administrator(**{"hsa_id": "TEST000000-0013", "name": "Maj", "roles": ("KRA",), "level": 3} | changed)


@pytest.mark.parametrize(
    ("administrator", "certificate_level", "refusal"),
    [
        (listed(), 3, None),
        (listed(roles=("KRA", "KUR")), 3, None),
        (listed(valid_from=TODAY, valid_until=TODAY), 3, None),
        (None, 3, "not_administrator"),
        (listed(valid_from="2026-03-03"), 3, "not_administrator"),
        (listed(valid_until="2026-03-01"), 3, "not_administrator"),
        (listed(), 2, "not_level_3"),
        (listed(), None, "not_level_3"),
        (listed(level=2), 3, "not_level_3"),
        (listed(roles=("KUR",)), 3, "not_kra"),
        (listed(roles=()), 3, "not_kra"),
    ],
)
def test_who_may_attend(
    administrator: Administrator | None, certificate_level: int | None, refusal: str | None
) -> None:
    assert refusal_to_attend(administrator, certificate_level, TODAY) == refusal


def test_a_protected_identity_takes_the_role_for_it() -> None:
    assert may_attend_protected(("KRA", "KUR"))
    assert not may_attend_protected(("KRA",))
