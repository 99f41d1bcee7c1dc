"""Errand registry: the errands of this station, found by their folders, in the order in which the home screen shows them.

An errand is a folder beside this module: `errand.toml` says what it is, `journey.py` holds a coroutine named after the folder.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from importlib import import_module

from msgspec import structs

from fleet.messages.errand_catalog import ErrandEntry, Need, Place, catalog
from kiosk.ports import Ended
from kiosk.steps.context import ErrandContext

Journey = Callable[[ErrandContext], Awaitable[Ended]]


@dataclass(frozen=True, slots=True)
class Errand:
    """One errand: what the catalog says of it, and its journey. Its texts have the keys `home.ID` and `home.ID.detail`."""

    entry: ErrandEntry
    journey: Journey

    @property
    def id(self) -> str:
        """The name of its folder, which the journal and the fleet know it by."""
        return self.entry.id

    @property
    def icon(self) -> str:
        return self.entry.icon

    @property
    def needs(self) -> frozenset[Need]:
        """Devices without which it is not offered."""
        return self.entry.needs

    @property
    def place(self) -> Place:
        return self.entry.place

    def in_front(self) -> "Errand":
        """The same errand, in front on the home screen."""
        return replace(self, entry=structs.replace(self.entry, place="front"))

    @property
    def own_card(self) -> bool:
        """It begins with the holder's own card, so it is a choice when somebody puts a card in."""
        return self.entry.own_card


def _errand(entry: ErrandEntry, journey: str) -> Errand:
    module = import_module(f"{__package__}.{entry.id}.journey")
    return Errand(entry, getattr(module, journey))


ERRANDS = tuple(_errand(entry, entry.id) for entry in catalog())


def errand_of(begins: str) -> Errand | None:
    """The errand that a choice, or the end of another errand (`Ended.then`), begins."""
    for errand in ERRANDS:
        if errand.id == begins:
            return errand
        if begins in errand.entry.also_begun_as:
            return replace(errand, journey=_errand(errand.entry, begins).journey)
    return None
