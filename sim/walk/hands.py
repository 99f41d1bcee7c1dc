"""Virtual hands of a walk: they plug virtual cards into readers, and reach into the virtual cabinet.

Into an in-process reader a card is put by its slot. On PC/SC, where the answers file names virtual cards and the reader is
called as vpcd calls its own, it is plugged in over TCP; else a person does it, and the walk waits.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kiosk.config import VIRTUAL, Config
from kiosk.walk.answers import AnswersError, CardEntry, WalkAnswers
from kiosk.walk.hands import HandsError, ReaderServiceError
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
        """Plug it in. Raises HandsError where no virtual reader listens."""
        try:
            self._plug = vpcd.plug(card, port=self._port)
        except OSError:
            at = f"{vpcd.DEFAULT_HOST}:{self._port}"
            raise HandsError(
                f"[cards] are virtual, and no virtual reader listens at {at}; without [cards] a person is waited for"
            ) from None

    def remove(self) -> None:
        if self._plug is not None:
            self._plug.stop()
            self._plug = None


class PersonHand:
    """For a real reader: a person does it; the walk goes on when the reader sees it."""

    def remove(self) -> None: ...


ReaderHand = SlotHand | VpcdHand | PersonHand


class VirtualHands:
    """Virtual hands for card readers and cabinet. Implements `kiosk.walk.hands.Hands`."""

    def __init__(
        self, config: Config, devices: VirtualBench, cards: dict[str, VirtualCard], vpcd_ports: dict[str, int]
    ) -> None:
        self.devices = devices
        self.at_cabinet = config.cabinet.kind == VIRTUAL
        self._cards = cards
        named = {"holder": config.readers.holder, "administrator": config.readers.administrator}
        self._readers = {role: _hand_for(role, name, devices, vpcd_ports) for role, name in named.items() if name}

    @property
    def by_person(self) -> bool:
        """True where one of the readers is real."""
        return any(isinstance(hand, PersonHand) for hand in self._readers.values())

    def insert(self, reader: str, card: str | None) -> None:
        """Put that card into a reader. Raises HandsError where it has no name, or no virtual reader listens."""
        hand = self._hand(reader)
        if isinstance(hand, PersonHand):
            return
        if card is None:
            raise HandsError("a virtual reader takes no card without a name: say card")
        hand.insert(self._cards[card])

    def remove(self, reader: str) -> None:
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
        ports = vpcd_ports(config) if answers.cards else {}
        with _service_for(ports):
            world = VirtualBench.open(folder, Scenario(slots, (), (), config.cabinet.slots), now)
            if answers.cards:  # the issuer of virtual cards counts, but only where the file brings such cards
                world.authority = TestAuthority.load_or_create(default_directory(), now)
                world.pcsc_readers = frozenset(ports)
            yield VirtualHands(config, world, cards(answers, world.authority), ports)
    except CardFileError as error:
        raise AnswersError(str(error)) from None
    except NoServiceError as error:
        raise ReaderServiceError(str(error)) from None


def vpcd_ports(config: Config) -> dict[str, int]:
    """Return where vpcd listens for the cards of a reader, of those readers that are called as vpcd calls its own."""
    matches = {name: _VPCD_READER.match(name) for name in (config.readers.holder, config.readers.administrator)}
    return {name: vpcd.FIRST_PORT + int(match[1]) for name, match in matches.items() if match}


@contextmanager
def _service_for(ports: dict[str, int]) -> Iterator[None]:
    """A PC/SC service for virtual readers, where the machine runs none. Raises NoServiceError."""
    if ports and not answers():
        with running_service():
            yield
    else:
        yield


def _hand_for(role: str, name: str, devices: VirtualBench, ports: dict[str, int]) -> ReaderHand:
    if name == VIRTUAL:
        return SlotHand(devices.slots[role])
    return VpcdHand(ports[name]) if name in ports else PersonHand()


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
