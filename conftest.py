"""Collection of docstring examples (doctest) from every package; the tests' own fixtures are in `tests/conftest.py`."""

from pathlib import Path


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out modules without an example: importing a window or the cabinet's firmware only to find none would fail."""
    if collection_path.suffix != ".py" or collection_path.name.startswith("test_"):
        return None
    return True if ">>> " not in collection_path.read_text(encoding="utf-8") else None
