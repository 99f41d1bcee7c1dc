"""Values of stations' settings: documents of layers, what they come to for one station, and which changes take two persons.

>>> fleet, own = Document({"speech": {"rate": 2, "volume": 2}}), Document({"speech": {"rate": 4}})
>>> merge({"fleet": fleet, "station:entre-a": own}).sources
{'speech.rate': 'station:entre-a', 'speech.volume': 'fleet'}
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from fleet.messages.settings import FILE_PREFIX, settings_version

FLEET = "fleet"
LAYER = r"^(fleet|(group|site|station):[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?)$"
PLACE = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
"""Name of a site or a group."""
MOST_DOCUMENT = 60_000
MOST_MERGED = 40_000
"""Bytes of what a station gets: signed it still fits into one page of the region's data."""
TWO_PERSONS = frozenset(
    {"trust", "profiles", "keypad", "scanner", "usb", "envelope", "timeouts", "files", "station.region"}
)
"""Sections and keys that say which cards are believed, how, and what may be plugged in."""


class SettingsRefusedError(Exception):
    """Settings that are not taken. `faults`: one line each, `section.key: reason`."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class RevisionConflictError(Exception):
    """The layer was changed meanwhile. The text names its revision."""


@dataclass(frozen=True, slots=True)
class Document:
    """Document of one layer: sections as in `station.toml`, and the texts of files by their names."""

    values: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Document":
        """Read TOML. Raises SettingsRefusedError."""
        try:
            values: dict[str, Any] = msgspec.to_builtins(tomllib.loads(text))
        except (ValueError, RecursionError) as error:
            raise SettingsRefusedError([f"document: is not TOML: {error}"]) from None
        faults = [f"{name}: is no section; write [{name}]" for name in values if not isinstance(values[name], dict)]
        files = values.pop("files", {})
        if not faults:
            faults = [f"files.{name}: is no text" for name in files if not isinstance(files[name], str)]
        if faults:
            raise SettingsRefusedError(faults)
        return cls(values, files)

    @property
    def keys(self) -> dict[str, Any]:
        """All of it by `section.key`; files by `files.NAME`."""
        sections = {**self.values, "files": self.files}
        return {f"{name}.{key}": value for name, section in sections.items() for key, value in section.items()}


@dataclass(frozen=True, slots=True)
class MergedSettings:
    """Settings of one station. `sources`: the layer of each `section.key`. `files`: those that a value names."""

    values: Mapping[str, dict[str, Any]]
    sources: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def version(self) -> str:
        """Version as the station tells it (`fleet.messages.settings`)."""
        return settings_version(self.values, self.files)

    @property
    def document(self) -> Document:
        return Document(self.values, self.files)


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a layer; `number` 0 and an empty document where it has none yet."""

    layer: str
    number: int = 0
    document: str = ""
    reason: str = ""
    by: str = ""
    second: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StationPlace:
    """Site and group of a station; None where it has none."""

    station: str
    site: str | None = None
    group: str | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers of the station, the farthest first."""
        group, site = (
            [f"{kind}:{name}"] if name else [] for kind, name in (("group", self.group), ("site", self.site))
        )
        return (FLEET, *group, *site, f"station:{self.station}")


def merge(layers: Mapping[str, Document]) -> MergedSettings:
    """Lay documents over one another, the last of them nearest."""
    values: dict[str, dict[str, Any]] = {}
    sources, texts = dict[str, str](), dict[str, str]()
    for layer, document in layers.items():
        texts.update(document.files)
        for name, section in document.values.items():
            values.setdefault(name, {}).update(section)
            sources.update({f"{name}.{key}": layer for key in section})
    named = {value.removeprefix(FILE_PREFIX) for value in _texts(values) if value.startswith(FILE_PREFIX)}
    return MergedSettings(values, sources, {name: texts[name] for name in sorted(named & texts.keys())})


def _texts(values: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [value for section in values.values() for value in section.values() if isinstance(value, str)]


def changed_lines(before: Document, after: Document) -> list[str]:
    """Return what changes, one line a key, in the order of their names; the text of a file by its number of lines.

    >>> changed_lines(Document({"speech": {"rate": 2}}), Document({"speech": {"rate": 4, "tones": True}}))
    ['speech.rate: 2 → 4', 'speech.tones: – → true']
    """
    return [f"{key}: {_shown(before.keys, key)} → {_shown(after.keys, key)}" for key in _changed_keys(before, after)]


def takes_two(before: Document, after: Document) -> bool:
    """Return whether any change is one that another person has to confirm."""
    return any({key, key.partition(".")[0]} & TWO_PERSONS for key in _changed_keys(before, after))


def _changed_keys(before: Document, after: Document) -> list[str]:
    old, new = before.keys, after.keys
    absent = object()
    return sorted(key for key in {**old, **new} if old.get(key, absent) != new.get(key, absent))


def _shown(keys: Mapping[str, Any], key: str) -> str:
    if key not in keys:
        return "–"
    if key.startswith("files."):
        return f"{len(keys[key].splitlines())} lines"
    return re.sub(r"\s+", " ", msgspec.json.encode(keys[key]).decode())
