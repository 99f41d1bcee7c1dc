"""Rules that the tests themselves keep, read from their syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]


def imported_modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_test_module_is_imported() -> None:
    """What several tests share is in `tests/fakes`, or in a `conftest.py` beside them."""
    modules = {".".join(path.relative_to(TESTS.parent).with_suffix("").parts) for path in TESTS.rglob("test_*.py")}
    imports = {
        (str(path.relative_to(TESTS)), module)
        for path in TESTS.rglob("*.py")
        for module in imported_modules(ast.parse(path.read_text()))
        if module in modules
    }
    assert not imports


OF_LIBRARIES = frozenset({"_actions", "_exit", "_mapping", "_name"})
"""argparse, os, SQLAlchemy and cryptography give no other way."""


def private_attributes(tree: ast.Module) -> Iterator[str]:
    """`card._codes`, but not `self._codes`, nor what a subclass takes from `super()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = ast.unparse(node.value)
            if owner not in ("self", "cls", "super()") and node.attr not in OF_LIBRARIES:
                yield f"{owner}.{node.attr}"


def test_no_private_attribute_of_another_object_is_used() -> None:
    """What a test must see or change is public where it lies, or shown by a subclass of the test's own."""
    found = {
        (str(path.relative_to(TESTS)), attribute)
        for path in TESTS.rglob("*.py")
        for attribute in private_attributes(ast.parse(path.read_text()))
    }
    assert not found
