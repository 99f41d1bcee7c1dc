"""Virtual hands of a walk: what a person would do at card readers, slots and drop slot.

Virtual hands come with the package `kortkiosk-sim` (entry point `hands` of `kortkiosk.walk`). Where neither the answers file
names virtual cards nor the configuration a virtual device, a person moves the cards, and the walk waits: a reader's name says
nothing of what it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from kiosk.config import Config
from kiosk.station.virtual_devices import VirtualDevices
from kiosk.station.virtual_plugin import missing_wheel
from kiosk.walk.answers import WalkAnswers

GROUP = "kortkiosk.walk"


class ReaderServiceError(Exception):
    """No PC/SC service for the virtual readers could be started; the text says why."""


class HandsError(Exception):
    """Hands cannot do that; the text says why."""


class Hands(Protocol):
    """Do what a person would do. `reader`: `holder`, `administrator`; a reader that is not fitted is the holder's."""

    @property
    def devices(self) -> VirtualDevices | None:
        """The virtual devices of the station."""

    @property
    def by_person(self) -> bool:
        """True where a person moves the cards of some reader, so that the walk waits."""

    @property
    def at_cabinet(self) -> bool:
        """True where they reach into the cabinet."""

    def insert(self, reader: str, card: str | None) -> None:
        """Put the card of that name in the answers file into a reader. Raises HandsError."""

    def remove(self, reader: str) -> None:
        """Pull the card out of a reader."""

    def use_slot(self, slot: int) -> None:
        """Take the card out of an open slot, or put one in where it is empty, and close the door."""

    def drop_card(self) -> None:
        """Push a card through the flap of the drop slot."""


class PersonHands:
    """Hands of a person, at real devices. Implements `Hands`: does nothing."""

    devices: VirtualDevices | None = None
    by_person = True
    at_cabinet = False

    def insert(self, reader: str, card: str | None) -> None: ...

    def remove(self, reader: str) -> None: ...

    def use_slot(self, slot: int) -> None: ...

    def drop_card(self) -> None: ...


@contextmanager
def open_hands(config: Config, answers: WalkAnswers, folder: Path) -> Iterator[Hands]:
    """The hands for a walk; `folder` keeps what virtual devices keep.

    Raises AnswersError, OSError, ReaderServiceError, and VirtualDevicesError where virtual devices or cards are asked for and
    their package is not installed.
    """
    if not (config.virtual or answers.cards):
        yield PersonHands()
        return
    for entry in entry_points(group=GROUP, name="hands"):
        with entry.load()(config, answers, folder) as hands:
            yield hands
        return
    raise missing_wheel(", ".join(config.virtual) or "[cards] in the answers file")
