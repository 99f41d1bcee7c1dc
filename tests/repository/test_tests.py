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
