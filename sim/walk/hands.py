"""Virtual hands of a walk: they plug virtual cards into readers, and reach into the virtual cabinet.

On a virtual PC/SC reader (vpcd) a card is plugged in over TCP, on an in-process one it is put into its slot; on a real
reader a person does it, and the walk waits.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from kiosk.config import VIRTUAL, Config
from kiosk.walk.answers import AnswersError, CardEntry, WalkAnswers
from kiosk.walk.hands import ReaderServiceError
from sim.bench.virtual_bench import Scenario, VirtualBench
from sim.reader import vpcd
from sim.reader.card_memory import CardFileError
from sim.reader.cards import VirtualCard
from sim.reader.kinds import KINDS
from sim.reader.pcscd import NoServiceError, answers, running_service
from sim.reader.personas import person
from sim.reader.pki import TestAuthority, default_directory
from sim.reader.slot import VirtualSlot

_VPCD_READER = re.compile(r"Virtual PCD 00 0([01])\Z")


class ReaderHand(Protocol):
    """Puts cards into one reader, and pulls them."""

    def insert(self, card: VirtualCard) -> None: ...
    def remove(self) -> None: ...


class SlotHand:
    """Inserts and removes cards of an in-process reader."""

    def __init__(self, slot: VirtualSlot) -> None:
        self._slot = slot

    def insert(self, card: VirtualCard) -> None:
        self._slot.insert(card)

    def remove(self) -> None:
        if self._slot.card is not None:
            self._slot.remove()


class VpcdHand:
    """For a reader of the virtual PC/SC driver."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._plug: vpcd.PluggedCard | None = None

    def insert(self, card: VirtualCard) -> None:
        """Plug it in. Raises OSError where no virtual reader listens."""
        self._plug = vpcd.plug(card, port=self._port)

    def remove(self) -> None:
        if self._plug is not None:
            self._plug.stop()
            self._plug = None


class PersonHand:
    """For a real reader: a person does it; the walk goes on when the reader sees it."""

    def insert(self, card: VirtualCard) -> None: ...

    def remove(self) -> None: ...


class VirtualHands:
    """Virtual hands for card readers and cabinet. Implements `kiosk.walk.hands.Hands`."""

    def __init__(self, config: Config, devices: VirtualBench, cards: dict[str, VirtualCard]) -> None:
        self.devices = devices
        self.at_cabinet = config.cabinet.kind == VIRTUAL
        self._cards = cards
        named = {"holder": config.readers.holder, "administrator": config.readers.administrator}
        self._readers = {role: _hand_for(role, name, devices) for role, name in named.items() if name}

    @property
    def by_person(self) -> bool:
        """Whether one of the readers is real."""
        return any(isinstance(hand, PersonHand) for hand in self._readers.values())

    def insert(self, reader: str, card: str) -> None:
        """Put that card into a reader. Raises OSError where no virtual reader listens."""
        self._hand(reader).insert(self._cards[card])

    def remove(self, reader: str) -> None:
        """Pull the card out of a reader."""
        self._hand(reader).remove()

    def use_slot(self, slot: int) -> None:
        """Take the card out of an open slot, or put one in, and close the door."""
        cabinet = self.devices.cabinet
        if slot in cabinet.cards:
            cabinet.take_card(slot)
        else:
            cabinet.put_card(slot, "card")
        cabinet.close_door(slot)

    def drop_card(self) -> None:
        """Push the old card through the flap."""
        self.devices.cabinet.drop.drop_card("old card")

    def _hand(self, reader: str) -> ReaderHand:
        return self._readers[reader if reader in self._readers else "holder"]


@contextmanager
def open_hands(config: Config, answers: WalkAnswers, folder: Path) -> Iterator[VirtualHands]:
    """The hands, and a PC/SC service while they are needed. Raises AnswersError, OSError, ReaderServiceError."""
    now = datetime.now(UTC)
    slots = {number: f"{number}:new" for number in range(1, config.cabinet.slots + 1)}
    try:
        with service_for(config.readers.holder, config.readers.administrator):
            world = VirtualBench.open(folder, Scenario(slots, (), (), config.cabinet.slots), now)
            if answers.cards:  # the issuer of virtual cards counts, but only where the file brings such cards
                world.authority = TestAuthority.load_or_create(default_directory(), now)
            yield VirtualHands(config, world, cards(answers, world.authority))
    except CardFileError as error:
        raise AnswersError(str(error)) from None
    except NoServiceError as error:
        raise ReaderServiceError(str(error)) from None


@contextmanager
def service_for(*readers: str) -> Iterator[None]:
    """A PC/SC service for the virtual readers among these, where the machine runs none. Raises NoServiceError."""
    if any(_VPCD_READER.match(reader) for reader in readers) and not answers():
        with running_service():
            yield
    else:
        yield


def _hand_for(role: str, name: str, devices: VirtualBench) -> ReaderHand:
    if name == VIRTUAL:
        return SlotHand(devices.slots[role])
    match = _VPCD_READER.match(name)
    return VpcdHand(vpcd.FIRST_PORT + int(match[1])) if match else PersonHand()


def cards(file: WalkAnswers, authority: TestAuthority) -> dict[str, VirtualCard]:
    """Read (or make) the cards that the answers file names. Raises AnswersError, CardFileError, OSError."""
    cards_by_name = {}
    for name, (path, entry) in file.cards.items():
        if entry.kind not in KINDS:
            raise AnswersError(f"cards.{name}: this version has no kind {entry.kind}; it has {', '.join(KINDS)}")
        cards_by_name[name] = VirtualCard.load(path) if path.exists() else _make_card(name, path, entry, authority)
        if cards_by_name[name].kind != entry.kind:
            raise AnswersError(f"cards.{name}: {path} is a card of kind {cards_by_name[name].kind}, not {entry.kind}")
    return cards_by_name


def _make_card(name: str, path: Path, entry: CardEntry, authority: TestAuthority) -> VirtualCard:
    try:
        someone = person(entry.order)
    except LookupError as error:
        raise AnswersError(f"cards.{name}: {error}") from None
    persona = someone.old if entry.which == "old" else someone.new
    card = VirtualCard.create(persona, authority, datetime.now(UTC), kind=entry.kind, path=path)
    if entry.locked:
        card.lock()
    return card
