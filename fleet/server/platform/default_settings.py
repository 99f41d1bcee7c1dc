"""Default settings that ship with the program, and a TOML file of the region's over them.

Rules: what the file does not name is as it ships; of the one `table` that ships, the file may change entries, never add any.
A fault names the file and says why.

>>> over({"offline": {"severity": "critical", "after_s": 300}}, {"offline": {"after_s": 600}})
{'offline': {'severity': 'critical', 'after_s': 600}}
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

Settings = TypeVar("Settings")
Table = Mapping[str, Any]


def read(shipped: Path) -> dict[str, Any]:
    return tomllib.loads(shipped.read_text("utf-8"))


def load(shipped: Table, path: Path | None, table: str, kind: type[Settings], fault: type[Exception]) -> Settings:
    """`shipped` with what the file at `path` changes, as a `kind`. Raises `fault`, OSError."""
    said: dict[str, Any] = {}
    try:
        if path is not None:
            said = read(path)
        changes = said.get(table, {})
        if unknown := set(changes) - set(shipped[table]):
            raise ValueError(f"there is no {table}.{min(unknown)}")
        return msgspec.convert({**said, table: over(shipped[table], changes)}, kind)
    except (ValueError, TypeError, AttributeError, msgspec.ValidationError) as error:
        raise fault(f"{path}: {error}") from None


def over(shipped: Table, changes: Table) -> dict[str, Any]:
    """Each entry as it is changed; an entry that is a table is changed key by key."""
    return {
        name: {**value, **changes.get(name, {})} if isinstance(value, Mapping) else changes.get(name, value)
        for name, value in shipped.items()
    }
