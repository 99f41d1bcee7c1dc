"""Imports between modules: no cycle, also not one that is only there for types."""

import functools
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import grimp

PACKAGES = ("kiosk", "drivers", "fleet", "provisioning", "sim")


@functools.cache
def imports() -> Mapping[str, set[str]]:
    """Each module, and what it imports."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=False)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_no_modules_import_each_other_in_a_circle() -> None:
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_imports_for_types_are_among_them() -> None:
    assert "fleet.agent.link" in imports()["kiosk.station.build_fleet"]
    assert len(imports()) > 500
