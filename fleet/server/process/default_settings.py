"""Settings files in TOML: one as a whole, or one of the region's over the defaults that ship with the program.

Rules: what a file does not name is as it ships; of the one `table` that ships, the file may change entries, never add any.
A fault names the file and says why.

>>> over({"offline": {"severity": "critical", "after_s": 300}}, {"offline": {"after_s": 600}})
{'offline': {'severity': 'critical', 'after_s': 600}}
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

Settings = TypeVar("Settings")
Model = TypeVar("Model", bound=BaseModel)
Table = Mapping[str, Any]


class SettingsError(Exception):
    """A settings file, or a file that it names, cannot be used. The text says which one and why."""


def read(shipped: Path) -> dict[str, Any]:
    return tomllib.loads(shipped.read_text("utf-8"))


def load_file(path: Path) -> dict[str, Any]:
    """Content of the file. Raises SettingsError."""
    try:
        return read(path)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None


def load_model(path: Path, kind: type[Model], reasons: Mapping[tuple[str, str], str] = {}) -> Model:
    """The file as a `kind`, whose `base` is its folder. `reasons`: by key and type of a fault, in place of pydantic's.

    Raises SettingsError.
    """
    try:
        return kind.model_validate({**load_file(path), "base": path.resolve().parent})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{path}: {where}: {reasons.get((where, first['type']), first['msg'])}") from None


def load_struct(path: Path, kind: type[Settings]) -> Settings:
    """The file as a struct. Raises SettingsError."""
    try:
        return msgspec.convert(load_file(path), kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {error}") from None


def load(shipped: Table, path: Path | None, table: str, kind: type[Settings]) -> Settings:
    """`shipped` with what the file at `path` changes, as a `kind`. Raises SettingsError, OSError."""
    content: dict[str, Any] = {}
    try:
        if path is not None:
            content = read(path)
        changes = content.get(table, {})
        if unknown := set(changes) - set(shipped[table]):
            raise ValueError(f"there is no {table}.{min(unknown)}")
        return msgspec.convert({**content, table: over(shipped[table], changes)}, kind)
    except (ValueError, TypeError, AttributeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from None


def over(shipped: Table, changes: Table) -> dict[str, Any]:
    """Each entry as it is changed; an entry that is a table is changed key by key."""
    return {
        name: {**value, **changes.get(name, {})} if isinstance(value, Mapping) else changes.get(name, value)
        for name, value in shipped.items()
    }
