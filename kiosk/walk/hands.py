"""The hands of a walk: they put cards into readers, and do at the cabinet what a person would.

On a virtual PC/SC reader (vpcd) a card is plugged in over TCP, on an in-process one it is put into its slot; on a real
reader a person does it, and the walk waits.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from kiosk.walk.answers import Answers, AnswersError, CardEntry
from sim.reader import vpcd
from sim.reader.cards import VirtualCard
from sim.reader.kinds import KINDS
from sim.reader.pcscd import answers, running_service
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot

_VPCD_READER = re.compile(r"Virtual PCD 00 0([01])\Z")


class ReaderHand(Protocol):
    """Puts cards into one reader, and pulls them."""

    def insert(self, card: VirtualCard) -> None: ...
    def remove(self) -> None: ...


class SlotHand:
    """For an in-process reader."""

    def __init__(self, slot: VirtualSlot) -> None:
        self._slot = slot

    def insert(self, card: VirtualCard) -> None:
        """Put it in."""
        self._slot.insert(card)

    def remove(self) -> None:
        """Pull it."""
        if self._slot.card is not None:
            self._slot.remove()


class VpcdHand:
    """For a reader of the virtual PC/SC driver."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._plug: vpcd.Plug | None = None

    def insert(self, card: VirtualCard) -> None:
        """Plug it in. Raises OSError where no virtual reader listens."""
        self._plug = vpcd.plug(card, port=self._port)

    def remove(self) -> None:
        """Unplug it."""
        if self._plug is not None:
            self._plug.stop()
            self._plug = None


class PersonHand:
    """For a real reader: a person does it; the walk goes on when the reader sees it."""

    def insert(self, card: VirtualCard) -> None:
        """Nothing to do here."""

    def remove(self) -> None:
        """Nothing to do here."""


@contextmanager
def service_for(*readers: str) -> Iterator[None]:
    """A PC/SC service for the virtual readers among these, where the machine runs none. Raises NoServiceError."""
    if any(_VPCD_READER.match(reader) for reader in readers) and not answers():
        with running_service():
            yield
    else:
        yield


def hand_for(reader: str, slot: VirtualSlot | None) -> ReaderHand:
    """The hand that fits a reader's name."""
    if slot is not None and reader == slot.name:
        return SlotHand(slot)
    match = _VPCD_READER.match(reader)
    return VpcdHand(vpcd.FIRST_PORT + int(match[1])) if match else PersonHand()


def cards(file: Answers, authority: TestAuthority) -> dict[str, VirtualCard]:
    """Read (or make) the cards that the answers file names. Raises AnswersError, CardFileError, OSError."""
    made = {}
    for name, (path, entry) in file.cards.items():
        if entry.kind not in KINDS:
            raise AnswersError(f"cards.{name}: this version has no kind {entry.kind}; it has {', '.join(KINDS)}")
        made[name] = VirtualCard.load(path) if path.exists() else _made(name, path, entry, authority)
        if made[name].kind != entry.kind:
            raise AnswersError(f"cards.{name}: {path} is a card of kind {made[name].kind}, not {entry.kind}")
    return made


def _made(name: str, path: Path, entry: CardEntry, authority: TestAuthority) -> VirtualCard:
    try:
        someone = person(entry.order)
    except LookupError as error:
        raise AnswersError(f"cards.{name}: {error}") from None
    persona = someone.old if entry.which == "old" else someone.new
    card = VirtualCard.create(persona, authority, datetime.now(UTC), kind=entry.kind, path=path)
    if entry.locked:
        card.lock()
    return card
