"""The places of a station where a fault can strike, and the faults that do: one, or two.

A gate counts what passes at each kind of place (`Kind`): commits and writes of the station's file, exchanges with cards, lines to
the cabinet, prints, questions to the server or issuer, packets of the link. At each chosen place, the k-th of its kind, it
strikes in one way (`Way`). `kill` ends the station as a power cut does: from then on nothing of it reaches file, card,
cabinet, printer or line, and what is left is what lies in the file and on the cards at that moment.
"""

import asyncio
import inspect
import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from drivers.cabinet.port import (
    CabinetMute,
    CabinetState,
    DropOutcome,
    NotDropped,
    NotOpened,
    OpenOutcome,
    OpenUnknown,
    SlotFault,
)
from drivers.printer.document import Document
from drivers.printer.port import NotPrinted, PrinterMute, PrinterStatus, PrintOutcome, PrintUnknown
from drivers.reader.errors import CardGoneError
from fleet.agent.store import StationStore
from sim.cabinet.virtual import VirtualCabinet
from sim.reader.in_process import InProcessBackend, InProcessConnection
from sim.reader.slot import PluggableCard, VirtualSlot
from sim.stories.clock import HandClock
from sim.stories.devices import PaperTray

Kind = Literal["commit", "fsync", "write", "card", "cabinet", "printer", "ask", "packet"]
Way = Literal["once", "lost", "stays", "cut", "kill", "killed-after", "stop", "twice"]
STOP_S = 20.0
WAYS: dict[Kind, tuple[Way, ...]] = {
    "commit": ("once", "stays", "kill", "killed-after", "stop"),
    "fsync": ("once", "stays"),
    "write": ("once", "stays"),
    "card": ("once", "lost", "stays", "cut", "kill", "killed-after", "stop"),
    "cabinet": ("once", "lost", "stays", "kill", "killed-after", "stop"),
    "printer": ("once", "lost", "stays", "kill", "killed-after", "stop"),
    "ask": ("once", "lost", "stays", "kill", "killed-after", "stop"),
    "packet": ("once", "lost", "twice", "stays", "kill", "stop"),
}
"""What can happen at each kind of place. `once`: it is not done, and told as an error; `lost`: it is done, and the answer is
lost; `stays`: from then on every one of the kind fails; `cut`: it is done, the answer is lost, and from then on every one
fails; `kill`: the station dies before, `killed-after`: just after it was done; `stop`: the station stands still for 20 s
before. A write that the station dies in is a commit that it dies before; an fsync that fails is a commit that fails by another
code. A packet is an event on its way up (`once` lost, `twice` doubled) or its `acked` on the way down (`lost`)."""
KINDS: tuple[Kind, ...] = get_args(Kind)


class KilledError(BaseException):
    """Raised through everything of a station that is dead: no handler of the program's own may stop it."""


@dataclass(frozen=True)
class Place:
    """The `number`-th of its kind, counted from 1, and how the fault strikes there."""

    kind: Kind
    number: int
    way: Way


class Gate:
    """One station's. Without places nothing strikes, and it only counts."""

    def __init__(self, clock: HandClock, *places: Place) -> None:
        self.places = places
        self.counts: Counter[Kind] = Counter()
        self.seen: dict[Kind, list[str]] = {}
        """What passed, by kind and in order."""
        self.struck = False
        self.dead = False
        self.healed = False
        self.typed: list[tuple[str, str]] = []
        """Codes that somebody typed in this visit, by view."""
        self.untyped = self.puks = self.uncounted = 0
        """Commands with a code that nobody had typed; those with a PUK; those before which the ledger had counted no try."""
        self.counted: Callable[[], int] = lambda: 1
        """Tries that the station's ledger counts now."""
        self.at = ""
        """What was passing when it struck."""
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None

    def enter(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop in which the station's clock runs."""
        self._loop = loop

    def arrive(self, kind: Kind, label: str = "") -> Way | None:
        """Something is about to pass. Raises KilledError; gives how it must fail, or None."""
        if self.dead:
            raise KilledError
        self.counts[kind] += 1
        self.seen.setdefault(kind, []).append(label)
        if self.healed:
            return None
        ways = [self._strike(place, label) for place in self.places if place.kind == kind]
        return next((way for way in ways if way is not None), None)

    def _strike(self, place: Place, label: str) -> Way | None:
        kind = place.kind
        here = self.counts[kind] == place.number
        if here:
            self.struck, self.at = True, label
        if place.way == "stays":
            return "stays" if self.counts[kind] >= place.number else None
        if place.way == "cut" and self.counts[kind] > place.number:
            return "stays"
        if not here:
            return None
        if place.way == "kill":
            self.die()
        if place.way == "stop":
            self._stand_still()
            return None
        return place.way

    def die(self) -> None:
        """The power goes. Raises KilledError."""
        self.dead = True
        raise KilledError

    def leave(self, way: Way | None) -> None:
        """It was done. Raises KilledError where the station dies just after."""
        if way == "killed-after":
            self.die()

    def heal(self) -> None:
        """Note that whatever stayed broken was mended."""
        self.healed = True

    def soon(self, act: Callable[[], object]) -> None:
        """Do it in the station's loop; called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(act)

    def _stand_still(self) -> None:
        self.soon(lambda: self._clock.advance(STOP_S))


FULL, IO = sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_FSYNC


def _refused(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("injected")
    error.sqlite_errorcode = code
    return error


class GatedConnection:
    """A connection of SQLite whose writes and commits pass a gate."""

    def __init__(self, connection: sqlite3.Connection, gate: Gate) -> None:
        self._connection = connection
        self._gate = gate

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
        verb = statement.lstrip()[:8].upper()
        if verb.startswith("COMMIT"):
            return self._commit(statement)
        if verb.startswith(("INSERT", "UPDATE", "DELETE", "REPLACE")) and self._gate.arrive("write", statement[:60]):
            raise _refused(FULL)
        if self._gate.dead and not verb.startswith("ROLLBACK"):
            raise KilledError
        return self._connection.execute(statement, values)

    def _commit(self, statement: str) -> sqlite3.Cursor:
        if not self._connection.total_changes > self._seen:
            return self._connection.execute(statement)  # nothing was written: nothing reaches the disk
        way = self._gate.arrive("commit")
        if way in ("once", "stays"):
            raise _refused(FULL)
        if self._gate.arrive("fsync"):
            raise _refused(IO)
        done = self._connection.execute(statement)
        self._seen = self._connection.total_changes
        self._gate.leave(way)
        return done

    _seen = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def gated_store(gate: Gate) -> type[StationStore]:
    """The station's store, whose file is reached through the gate."""

    class GatedStore(StationStore):
        def __init__(self, path: Path, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
            super().__init__(path, GatedConnection(connection, gate), thread)  # type: ignore[arg-type]  # as far as it is used

    return GatedStore


RESET_RETRY_COUNTER = 0x2C
NEW_CODE_ALONE = 0x02
"""P1 of RESET RETRY COUNTER without a resetting code: who may, has proved it otherwise (ISO/IEC 7816-4, 11.6.10)."""
CODE_INS = frozenset({0x20, 0x24, RESET_RETRY_COUNTER})
"""VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (ISO/IEC 7816-4, 11.6): with data they carry a code."""


class GatedBackend(InProcessBackend):
    """Readers whose exchanges pass a gate. One that fails once is a card whose contact broke for a moment; where they fail
    for good the reader's cable is out."""

    def __init__(self, slots: list[VirtualSlot], gate: Gate) -> None:
        super().__init__(slots)
        self.gate = gate

    def loosen(self, slot: VirtualSlot) -> None:
        """The card's contact broke: it is there again at once, and the reader has seen it go."""
        self.gate.soon(lambda: _reseat(slot))

    def _connection(self, slot: VirtualSlot, card: PluggableCard) -> InProcessConnection:
        return _GatedConnection(self, slot, card)


def _reseat(slot: VirtualSlot) -> None:
    upside_down = slot.upside_down
    card = slot.remove()
    if card is not None:
        slot.insert(card, upside_down=upside_down)


class _GatedConnection(InProcessConnection):
    def __init__(self, backend: GatedBackend, slot: VirtualSlot, card: PluggableCard) -> None:
        super().__init__(backend, slot, card)
        self._gate, self._readers, self._in = backend.gate, backend, slot

    def transmit(self, apdu: bytes) -> bytes:
        way = self._gate.arrive("card", apdu[:4].hex())
        if apdu[1] in CODE_INS and len(apdu) > 5:
            self._gate.untyped += not any(code.encode() in apdu for _, code in self._gate.typed)
            tries_a_code = (apdu[1], apdu[2]) != (RESET_RETRY_COUNTER, NEW_CODE_ALONE)
            self._gate.uncounted += tries_a_code and not self._gate.counted()
            self._gate.puks += tries_a_code and apdu[1] == RESET_RETRY_COUNTER
        if way == "stays":
            self._readers.unplug(self._in.name)
            raise CardGoneError("injected")
        if way == "once":
            raise self._broken()
        answer = super().transmit(apdu)
        self._gate.leave(way)
        if way == "cut":
            self._readers.unplug(self._in.name)
            raise CardGoneError("injected")
        if way == "lost":
            raise self._broken()
        return answer

    def _broken(self) -> CardGoneError:
        self._torn = True
        self._readers.loosen(self._in)
        return CardGoneError("injected")


class GatedCabinet:
    """Implements `Cabinet`: lines to the cabinet pass a gate. Waiting for a hand is no line: what ends it is one."""

    def __init__(self, cabinet: VirtualCabinet, gate: Gate) -> None:
        self._cabinet = cabinet
        self._gate = gate

    async def state(self) -> CabinetState:
        way = self._gate.arrive("cabinet", "state")
        if way in ("once", "stays", "lost"):
            return CabinetMute()
        state = await self._cabinet.state()
        self._gate.leave(way)
        return state

    async def open_slot(self, number: int) -> OpenOutcome:
        return await self._open("open_slot", lambda: self._cabinet.open_slot(number))

    async def open_drop(self) -> OpenOutcome:
        return await self._open("open_drop", self._cabinet.open_drop)

    async def _open(self, label: str, act: Callable[[], Any]) -> OpenOutcome:
        way = self._gate.arrive("cabinet", label)
        if way in ("once", "stays"):
            return NotOpened(SlotFault.MUTE)
        outcome: OpenOutcome = await act()
        self._gate.leave(way)
        return OpenUnknown() if way == "lost" else outcome

    async def wait_drop(self) -> DropOutcome:
        outcome = await self._cabinet.wait_drop()
        way = self._gate.arrive("cabinet", "wait_drop")
        self._gate.leave(way)
        return outcome if way is None else NotDropped("mute")

    async def clear_bin(self) -> bool:
        way = self._gate.arrive("cabinet", "clear_bin")
        if way in ("once", "stays"):
            return False
        done = await self._cabinet.clear_bin()
        self._gate.leave(way)
        return done and way != "lost"

    def __getattr__(self, name: str) -> Any:
        if self._gate.dead:
            raise KilledError
        return getattr(self._cabinet, name)


class GatedPrinter:
    """Implements `Printer` over a tray of paper."""

    def __init__(self, tray: PaperTray, gate: Gate) -> None:
        self._tray = tray
        self._gate = gate
        self.name, self.virtual = tray.name, tray.virtual

    async def status(self) -> PrinterStatus:
        if self._gate.dead:
            raise KilledError
        return await self._tray.status()

    async def print(self, document: Document) -> PrintOutcome:
        way = self._gate.arrive("printer")
        if way in ("once", "stays"):
            return NotPrinted(PrinterMute())
        outcome = await self._tray.print(document)
        self._gate.leave(way)
        return PrintUnknown() if way == "lost" else outcome

    def close(self) -> None: ...


class GatedPort:
    """A port of the issuer, of the server's verifier or of the log-in: each question that it is asked passes a gate.

    `switch` makes the peer one that does not answer, so that a question that fails is answered as one without a connection is.
    """

    def __init__(self, port: Any, gate: Gate, switch: Callable[[bool], None]) -> None:
        self.port = port
        self._gate = gate
        self._switch = switch

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.port, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute

        async def ask(*values: Any, **named: Any) -> Any:
            way = self._gate.arrive("ask", name)
            answer = None if way in ("once", "stays") else await attribute(*values, **named)
            self._gate.leave(way)
            if way is None or way == "killed-after":
                return answer
            self._switch(False)
            try:
                return await attribute(*values, **named)
            finally:
                self._switch(True)

        return ask
