"""The contract that keeps the server's rooms apart: it finds each kind of import that is against its rules."""

import pytest
from grimp import ImportGraph

from scripts.rooms_contract import RoomsContract

MODULES = (
    "web.site",
    "database.schema",
    "orders.model",
    "orders.service",
    "orders.pages",
    "cards.model",
    "cards.service",
    "cards.steps",
)


def problems(*imports: tuple[str, str], also_public: tuple[str, ...] = ()) -> list[str]:
    graph = ImportGraph()
    for name in ("server", "server.app", *(f"server.{name}" for name in MODULES)):
        graph.add_module(name)
    for room in ("web", "database", "orders", "cards"):
        graph.add_module(f"server.{room}")
    for importer, imported in imports:
        graph.add_import(importer=f"server.{importer}", imported=f"server.{imported}")
    options = {
        "root": "server",
        "platform": ["web", "database"],
        "public": ["model", "service", "tables"],
        "presentation": ["pages"],
        "also_public": list(also_public),
    }
    contract = RoomsContract(name="rooms", session_options={}, contract_options=options)
    found: list[str] = contract.check(graph, verbose=False).metadata["problems"]
    return found


def test_platform_below_subjects_below_programs_is_kept() -> None:
    assert problems(("app", "orders.pages"), ("orders.pages", "cards.model"), ("cards.steps", "web.site")) == []


def test_rooms_of_the_platform_may_know_each_other() -> None:
    assert problems(("web.site", "database.schema"), ("database.schema", "web.site")) == []


@pytest.mark.parametrize(
    ("importer", "imported", "said"),
    [
        ("web.site", "orders.model", "the platform knows no subject"),
        ("orders.model", "app", "a program"),
        ("orders.service", "cards.steps", "which is not public"),
        ("cards.service", "orders.pages", "which serves requests"),
    ],
)
def test_an_import_against_the_rules_is_named(importer: str, imported: str, said: str) -> None:
    assert problems((importer, imported)) == [f"{importer} imports {imported}: {said}"]


def test_subjects_in_a_circle_are_named() -> None:
    (found,) = problems(("orders.service", "cards.model"), ("cards.service", "orders.model"))
    assert found == "subjects depend on each other in a circle: cards -> orders -> cards"


def test_a_page_closes_no_circle() -> None:
    assert problems(("orders.service", "cards.model"), ("cards.model", "web.site")) == []
    assert problems(("orders.pages", "cards.model"), ("cards.service", "orders.model")) == []


def test_a_module_is_public_by_name_for_as_long_as_another_subject_imports_it() -> None:
    assert problems(("orders.service", "cards.steps"), also_public=("cards.steps",)) == []
    assert problems(also_public=("cards.steps",)) == [
        "cards.steps is listed in also_public, and no other subject imports it"
    ]
