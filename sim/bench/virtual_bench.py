"""State of the virtual bench: cards, letters, readers, cabinet and printer, and the moves that hands make.

Every card is somewhere, in exactly one place: in the hand, in a reader, in a slot, at the flap that somebody holds, or in
the bin. The state is written once after every move, whole, so that a process killed at any moment leaves no card twice or
nowhere. Card names are `1:new`, `1:old`, `13:new`: person and which card.

Rules, as in the real one: what is scanned while it is unplugged or held elsewhere is lost; more than `LONGEST` characters are
cut.

>>> scanner = VirtualScanner()
>>> scanner.scan("9999 0000 2026 0001")
"""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.x509 import Certificate

from drivers.cabinet.gpio.pin_wiring import Wiring
from drivers.cabinet.gpio.port import Pins
from drivers.cabinet.port import Cabinet
from drivers.printer.profile import PrinterProfile
from drivers.reader.secret import Secret
from drivers.scanner.port import Scan, Scanner, ScannerMissing, ScannerReady, ScannerRefused, ScannerState
from drivers.scanner.scan_assembler import Gathering
from kiosk.station.virtual_devices import CabinetPowerError
from sim.bench import cabinet, cards
from sim.cabinet.mechanics import MechanicsError
from sim.cabinet.twin import TwinError
from sim.printer.virtual import VirtualPrinter
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.pki import TestAuthority
from sim.reader.slot import VirtualSlot

if TYPE_CHECKING:
    from sim.pins import VirtualPins

READERS = ("holder", "administrator")


class VirtualScanner:
    """Implements `drivers.scanner.port.Scanner`, and has the panel."""

    virtual = True

    def __init__(self, name: str = "virtual scanner") -> None:
        self.name = name
        self.unplugged = False
        self.held = False
        """Another program holds it."""
        self._scanned: asyncio.Queue[Scan] = asyncio.Queue(maxsize=16)
        self._heard = False

    async def state(self) -> ScannerState:
        if self.unplugged:
            return ScannerMissing()
        return ScannerRefused(f"{self.name}: another program holds it") if self.held else ScannerReady()

    async def scans(self) -> AsyncIterator[Scan]:
        self._heard = True
        try:
            while True:
                yield await self._scanned.get()
        finally:
            self._heard = False

    def scan(self, text: str) -> None:
        """Hold that before it. What nobody listens to, or comes too fast, is lost."""
        gathering = Gathering()
        for char in text:
            gathering.feed(char, 0.0)
        scan = gathering.feed("\n", 0.0)
        if scan is not None and self._heard and not (self.unplugged or self.held or self._scanned.full()):
            self._scanned.put_nowait(scan)


class BenchMoveError(ValueError):
    """Raised for a move that hands cannot make; the text says why."""


@dataclass(frozen=True, slots=True)
class BenchLetter:
    """The code letter that came to somebody's home, with their `old` card or the `new` one."""

    person: int
    name: str
    card_number: str
    puk: str
    which: str = "new"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Start of a bench. `slots`: the card in each; `hand`: cards that people bring; `special`: not as the others."""

    slots: dict[int, str]
    hand: tuple[str, ...]
    letters: tuple[BenchLetter, ...]
    slot_count: int = 24
    special: Mapping[str, cards.SpecialCard] = field(default_factory=dict)


class VirtualBench:
    """All virtual devices of one station, and what lies in them. Made by `open`.

    Implements `kiosk.station.virtual_devices.VirtualDevices`.
    """

    def __init__(
        self, folder: Path, scenario: Scenario, authority: TestAuthority, now: datetime, *, firmware: bool = False
    ) -> None:
        """With `firmware` the cabinet has a board that runs the real one and has to be powered: see `bench.cabinet`."""
        self.folder = folder
        self.scenario = scenario
        self.authority = authority
        self.slots = {name: VirtualSlot(f"Virtual reader ({name})") for name in READERS}
        self.backend = InProcessBackend(self.slots.values())
        self.cabinet = cabinet.make_cabinet(
            folder / "board", scenario.slot_count, scenario.slots, self.moved, firmware=firmware
        )
        self.printer = VirtualPrinter(folder / "receipts", on_change=self.moved)
        self.pins: VirtualPins | None = None
        self.scanner: VirtualScanner | None = None
        self.network = True
        self.on_network: Callable[[bool], None] = lambda allowed: None
        """Called when the cable is pulled or put back."""
        self.pcsc_readers: Collection[str] = ()
        """PC/SC readers into which cards of this bench's authority are plugged."""
        self.on_move: Callable[[], None] = lambda: None
        """Called after every move, so that a window can draw it."""
        self.hand: list[str] = list(scenario.hand)
        self._now = now
        self.cards: dict[str, VirtualCard] = {}
        self.in_reader: dict[str, str] = {}
        self._flap_held = False
        self._moving = False

    @classmethod
    def open(cls, folder: Path, scenario: Scenario, now: datetime, **more: bool) -> "VirtualBench":
        """The bench of that folder as it was left, or a new one. Raises OSError, CardFileError, ValueError."""
        folder.mkdir(parents=True, exist_ok=True)
        world = cls(folder, scenario, TestAuthority.load_or_create(folder / "authority", now), now, **more)
        saved = folder / "world.json"
        if saved.exists():
            world._restore(json.loads(saved.read_text(encoding="utf-8")))
        return world

    # What the station's drivers use: the port `kiosk.station.virtual_devices.VirtualDevices`

    @property
    def cabinet_driver(self) -> Cabinet:
        return cabinet.driver_of(self.cabinet)

    def reader_name(self, role: str) -> str:
        """The name of that reader at the backend."""
        return self.slots[role].name

    def trust_anchors(self) -> Sequence[Certificate]:
        """The root certificate of the virtual cards."""
        return self.authority.anchors()

    def intermediates(self) -> Sequence[Certificate]:
        """The certificates of their issuing authorities."""
        return self.authority.intermediates()

    def make_pins(self, wiring: Wiring) -> Pins:
        """The pins."""
        from sim.pins import VirtualPins

        self.pins = VirtualPins(wiring)
        return self.pins

    def make_scanner(self) -> Scanner:
        self.scanner = VirtualScanner()
        return self.scanner

    def pin_of(self, card_number: str | None) -> Secret | None:
        """The PIN of a card that lies on the bench; None for any other."""
        return cards.made_up_pin(card_number, self._names())

    async def start_printer(self, profile: PrinterProfile) -> tuple[str, int]:
        """Host and port of the printer, as that model."""
        self.printer.become(profile)
        return await self.printer.start()

    async def stop_printer(self) -> None:
        await self.printer.stop()

    async def power_on(self) -> None:
        try:
            await cabinet.start(self.cabinet)
        except TwinError as error:
            raise CabinetPowerError(str(error)) from None

    async def power_off(self) -> None:
        await cabinet.stop(self.cabinet)

    async def settled(self) -> None:
        """Wait until the cabinet's board has seen all that was done to it."""
        board = cabinet.board_of(self.cabinet)
        if board is not None:
            await board.settled()

    # Hands

    def scan(self, text: str, type_text: Callable[[str], None]) -> None:
        """Hold a code before the scanner; where none is fitted, it is typed."""
        if self.scanner is not None:
            self.scanner.scan(text)
        else:
            type_text(text)

    def move_contact(self, contact: str, on: bool) -> None:
        """Move a contact of the pins: `door`, `headphones`, `presence`."""
        pins = self.pins
        if pins is None:
            raise BenchMoveError("this station has no virtual pins")
        moves = {"door": pins.open_door, "headphones": pins.plug_headphones, "presence": pins.stand_before}
        if contact not in moves:
            raise BenchMoveError(f"the pins have no contact {contact!r}: use one of {', '.join(moves)}")
        moves[contact](on)

    def card(self, name: str) -> VirtualCard:
        """The card of that name; made, or read from its file, when it is first wanted. Raises BenchMoveError."""
        if name not in self.cards:
            path = self.folder / "cards" / f"{name.replace(':', '-')}.json"
            path.parent.mkdir(exist_ok=True)
            if path.exists():
                self.cards[name] = VirtualCard.load(path)
            else:
                self.cards[name] = self._make(name, path)
        return self.cards[name]

    def insert(self, name: str, reader: str, *, upside_down: bool = False) -> None:
        """Put a card from the hand into a reader. This and every other move raises BenchMoveError where hands cannot do it."""
        slot = self._slot(reader)
        if reader in self.in_reader:
            raise BenchMoveError(f"the {reader}'s reader holds a card")
        self._need_in_hand(name)
        card = self.card(name)
        with self._move():
            self.hand.remove(name)
            self.in_reader[reader] = name
            slot.insert(card, upside_down=upside_down)

    def remove(self, reader: str) -> str:
        slot = self._slot(reader)
        if reader not in self.in_reader:
            raise BenchMoveError(f"the {reader}'s reader is empty")
        with self._move():
            slot.remove()
            name = self.in_reader.pop(reader)
            self.hand.append(name)
        return name

    def open_door(self, slot: int) -> None:
        """Open a slot's door with the service key, behind the station's back."""
        with self._move():
            self.cabinet.open_door(slot)

    def take(self, slot: int) -> str:
        """Take the card out of an open slot."""
        with self._move():
            name = self.cabinet.take_card(slot)
            self.hand.append(name)
        return name

    def put(self, slot: int, name: str) -> None:
        """Put a card from the hand into an open slot."""
        self._need_in_hand(name)
        with self._move():
            self.cabinet.put_card(slot, name)
            self.hand.remove(name)

    def close_door(self, slot: int) -> None:
        with self._move():
            self.cabinet.close_door(slot)

    def jam(self, slot: int, jammed: bool) -> None:
        """Let a slot's door stick, or move again."""
        if not 1 <= slot <= self.cabinet.slot_count:
            raise BenchMoveError(f"there is no slot {slot}")
        with self._move():
            self.cabinet.set_jammed(slot, jammed)

    def drop(self, name: str) -> None:
        """Push a card through the flap of the drop slot; a locked flap gives it back."""
        self._need_in_hand(name)
        with self._move():
            self.cabinet.drop.drop_card(name)
            self.hand.remove(name)

    def hold_flap(self, is_held: bool = True) -> None:
        """Hold the flap, so that a card stays at it, or let go, so that the card falls."""
        with self._move():
            self._flap_held = is_held
            self.cabinet.drop.hold_flap(is_held)

    def fish(self) -> str:
        """Pull the card that stays at a held flap back into the hand."""
        with self._move():
            name = self.cabinet.drop.fish_card()
            self.hand.append(name)
        return name

    def reach_in(self) -> None:
        """Reach through the flap for the cards in the bin."""
        with self._move():
            self.cabinet.drop.reach_in()

    def befall(self, trouble: str, on: bool) -> None:
        """Something befalls the cabinet's board, or is over: one of `cabinet.TROUBLES`."""
        with self._move():
            cabinet.apply_trouble(self.cabinet, trouble, on)

    def empty_bin(self) -> tuple[str, ...]:
        """Take all cards out of the bin into the hand."""
        with self._move():
            cards_out = self.cabinet.drop.empty_bin()
            self.hand.extend(cards_out)
        return cards_out

    def break_printer(self, **faults: bool) -> None:
        """Set faults of the printer: `out_of_paper`, `paper_low`, `cover_open`, ... Raises BenchMoveError."""
        try:
            changed = replace(self.printer.faults, **faults)
        except TypeError:
            raise BenchMoveError(f"the printer has no fault among {', '.join(faults)}") from None
        with self._move():
            self.printer.faults = changed

    def cut_network(self, cut: bool) -> None:
        """Pull the cable, or put it back."""
        with self._move():
            self.network = not cut
            self.on_network(self.network)

    def moved(self) -> None:
        """Write the state down, and tell whoever draws it; in the middle of a move nothing is written yet."""
        if not self._moving:
            self.save()
            self.on_move()

    @contextlib.contextmanager
    def _move(self) -> Iterator[None]:
        """One move of the hands: devices may report in the middle, the state is written at its end. Raises BenchMoveError."""
        self._moving = True
        try:
            yield
        except MechanicsError as error:
            raise BenchMoveError(str(error)) from None
        finally:
            self._moving = False
        self.moved()

    def picture(self) -> dict[str, Any]:
        """All there is to see, for a window: no codes but those of the letters, which lie open on the bench."""
        faults = self.printer.faults
        return {
            "readers": {name: self.in_reader.get(name) for name in READERS},
            "upside_down": self._upside_down(),
            "hand": sorted(self.hand, key=cards.sort_key),
            "flap_held": self._flap_held,
            **cabinet.picture(self.cabinet),
            "letters": [asdict(letter) for letter in self.scenario.letters],
            "cards": {name: {**cards.card_print(name), "note": self._special(name).note} for name in self._names()},
            "printer": {"faults": asdict(faults), "receipts": [str(path) for path in self.printer.receipts]},
            "network": self.network,
        }

    def _special(self, name: str) -> cards.SpecialCard:
        return self.scenario.special.get(name, cards.SpecialCard())

    def _make(self, name: str, path: Path) -> VirtualCard:
        try:
            return cards.make_card(name, self._special(name), self.authority, self._now, path)
        except LookupError as error:
            raise BenchMoveError(str(error)) from None

    def _names(self) -> list[str]:
        drop = self.cabinet.drop
        lying = {*self.hand, *self.in_reader.values(), *self.cabinet.cards.values(), *drop.binned}
        return sorted(lying | ({drop.at_flap} if drop.at_flap else set()), key=cards.sort_key)

    def _upside_down(self) -> list[str]:
        return [name for name in READERS if self.slots[name].upside_down]

    def _slot(self, reader: str) -> VirtualSlot:
        if reader not in self.slots:
            raise BenchMoveError(f"there is no reader {reader!r}: use one of {', '.join(READERS)}")
        return self.slots[reader]

    def _need_in_hand(self, name: str) -> None:
        if name not in self.hand:
            raise BenchMoveError(f"{name} is not in the hand")

    def save(self) -> None:
        state = {
            "hand": self.hand,
            "in_reader": self.in_reader,
            "upside_down": self._upside_down(),
            "flap_held": self._flap_held,
            "cabinet": self.cabinet.snapshot(),
            "printer": self.printer.snapshot(),
            "network": self.network,
        }
        handle, name = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(state, file)
        Path(name).replace(self.folder / "world.json")

    def _restore(self, state: dict[str, Any]) -> None:
        self._moving = True
        self.hand = list(state["hand"])
        self.cabinet.restore(state["cabinet"])
        self.printer.restore(state["printer"])
        self.network = bool(state["network"])
        for reader, name in state["in_reader"].items():
            self.in_reader[reader] = name
            self.slots[reader].insert(self.card(name), upside_down=reader in state["upside_down"])
        self._flap_held = bool(state["flap_held"])
        self.cabinet.drop.hold_flap(self._flap_held)
        self._moving = False
