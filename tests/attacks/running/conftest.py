"""One running whole for all attacks of a process."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.running.world import World, started

HERE = Path(__file__).parent
SLICE = (
    "test_events_activate_a_card[post]",
    "test_one_pin_gives_an_electronic_identity",
    "test_one_log_in_is_good_for_other_organisations_puks",
    "test_a_stations_key_holds_a_ward",
    "test_a_puppet_makes_an_id_administrator[stepped up]",
    "test_one_operator_makes_a_station[stepped up]",
    "test_a_stolen_session_manages[grants a role]",
    "test_a_backdated_receipt_is_genuine",
    "test_the_client_imports_nothing_of_the_product",
    "test_an_administrator_attends",
)
"""What `make test` tries of them; `make attacks` tries all."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--attacks", default=False):
        items[:] = [item for item in items if HERE not in item.path.parents or item.name in SLICE]


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Its folder has a short name: a socket's may have 108 letters (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="kk-") as folder, started(Path(folder)) as made:
        yield made
