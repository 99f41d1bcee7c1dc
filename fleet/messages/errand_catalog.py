"""Errand catalog: what each errand's `errand.toml` says, read as data by station, server and simulator.

Rules:
- An errand is a folder of `kiosk/errands` that has an `errand.toml`. The folder's name is the errand's id.
- The files are data: the server and the simulator read them and import nothing of the station.
- A field that is missing, unknown or wrong stops the program at its start.

>>> entry = entry_of("unblock")
>>> entry.place, entry.retention, sorted(entry.needs)
('front', <Retention.ERRANDS: 'errands'>, ['reader'])
>>> entry_of("of_tomorrow") is None
True
"""

import tomllib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from fleet.messages.vocabulary import Effect, Outcome, Retention

FILE = "errand.toml"
LABEL_PREFIX = "kind."
"""Keys of the texts of an errand that are the dashboard's; all others are the station's."""
Place = Literal["front", "more", "administrator"]
"""Where the home screen shows the errand: at the front, behind `more`, or in the administrator's menu."""
Who = Literal["anyone", "holder", "administrator"]
Need = Literal["reader", "cabinet", "orders"]


class SimulatedEffect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An effect with what comes of it, and the names of the further facts that a station tells of it."""

    effect: Effect
    outcome: Outcome
    facts: tuple[str, ...] = ()


class Simulated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An errand among the visits of a simulated station."""

    weight: int
    """How often, against the weights of the others."""
    seconds: int = 60
    """How long it takes where all goes well."""
    effects: tuple[SimulatedEffect, ...] = ()
    """What happens in it, in order."""


class ErrandEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One errand as data."""

    id: str
    order: int
    """Its place in every list, lowest first."""
    icon: str
    place: Place
    who: Who
    """Who may begin it."""
    needs: frozenset[Need]
    """Devices without which it is not offered."""
    own_card: bool
    """It begins with the holder's own card, so it is a choice when somebody puts a card in."""
    receipt: bool
    """It gives a receipt where all goes well."""
    retention: Retention
    """How long the events of such an errand are kept."""
    while_closed: bool = False
    """It is offered also while the station is out of service: what no holder is to be kept waiting for."""
    menu_icon: str = ""
    """In the administrator's menu, where it is another than on a tile."""
    also_begun_as: tuple[str, ...] = ()
    """Further coroutines of its journey that a choice, or the end of another errand, begins by their name."""
    demo: str = ""
    """Which card of the demo's bench to try it with; empty where the demo does not name it."""
    simulated: Simulated | None = None


class ErrandCatalogError(Exception):
    """A file that cannot be used. The text names it and why."""


@cache
def folder() -> Path:
    """The folder of the errands, found without importing them."""
    spec = find_spec("kiosk")
    assert spec is not None, "the station's package is part of the same wheel"
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))) / "errands"


@cache
def catalog() -> tuple[ErrandEntry, ...]:
    """All errands, in order. Raises ErrandCatalogError."""
    return read_catalog(folder())


def entry_of(errand: str) -> ErrandEntry | None:
    """The errand of that id; None where this program has none, as it may be of a station that is newer."""
    return next((entry for entry in catalog() if entry.id == errand), None)


def texts_folders() -> list[Path]:
    """Return the folders that hold the texts of all errands."""
    return [folder() / entry.id / "texts" for entry in catalog()]


def read_catalog(errands: Path) -> tuple[ErrandEntry, ...]:
    """The errands of a folder. Raises ErrandCatalogError."""
    entries = [_entry(path) for path in sorted(errands.glob(f"*/{FILE}"))]
    return tuple(sorted(entries, key=lambda entry: (entry.order, entry.id)))


def _entry(path: Path) -> ErrandEntry:
    try:
        entry = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), ErrandEntry)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ErrandCatalogError(f"{path}: {error}") from None
    if entry.id != path.parent.name:
        raise ErrandCatalogError(f"{path}: the id is {entry.id}, the folder {path.parent.name}")
    return entry
