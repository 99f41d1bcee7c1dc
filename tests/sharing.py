"""How the tests are shared out where several processes run them.

A file stays in one process, with what its fixtures set up. What needs a thing of which the machine has one stays together:
the PC/SC service, a database cluster, a window. Long ones come first, so that no process is left with one at the end.

>>> group_of("tests/kiosk/screens/test_details.py")
'screens'
"""

import re
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
SHARED = (
    ("pcsc", re.compile(r"\b(pcscd|running_service)\b")),
    ("postgres", re.compile(r"\b(on_)?postgres\b")),
    ("attacked", re.compile(r"\bworld: World\b")),
)
"""Groups by the word in a file, or in the conftest.py beside it, that names what they need."""
FIRST = (
    "screens",
    "pcsc",
    "tests/e2e/test_touches.py",
    "tests/e2e/test_touched.py",
    "tests/kiosk/errands/test_pickup_killed.py",
    "postgres",
    "tests/fleet/server/app/test_live.py",
    "tests/kiosk/errands/test_errands.py",
    "tests/fleet/server/test_server.py",
    "tests/fleet/server/app/test_page_appearance.py",
    "tests/sim/bench/test_window.py",
    "tests/kiosk/errands/test_renewal_torn.py",
    "tests/fleet/server/app/test_schemathesis.py",
    "tests/kiosk/errands/test_pickup_interrupted.py",
    "tests/fleet/server/app/test_cards.py",
    "tests/fleet/server/app/test_assets.py",
    "tests/drivers/cabinet/test_emulated.py",
    "tests/e2e/test_no_code_anywhere.py",
    "tests/e2e/test_issuer.py",
)
"""Groups that take longest, longest first."""


@cache
def group_of(path: str) -> str:
    """The group of a test file, by its path below the root of the repository."""
    file = ROOT / path
    if file.parent.name == "screens":
        return "screens"
    beside = file.with_name("conftest.py")
    text = file.read_text() + (beside.read_text() if beside.exists() else "")
    return next((group for group, word in SHARED if word.search(text)), path)


def long_ones_first(items: list[pytest.Item]) -> None:
    """Put the groups of `FIRST` before all others, in place."""
    places = {group: place for place, group in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(group_of(_path(item.nodeid)), len(FIRST)))


def _path(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives each process a group at a time. (Its own groups by mark do nothing under pytest 9.)"""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(_path(nodeid))
