"""Cabinet driver over a serial line: commands with a deadline, and waits on the sensors.

Rules: it opens no slot by itself; limits of coils and locks are the firmware's, whether this program lives or not. Every wait
ends by a result, by time or by the end of the session; what was sent and not answered is `OpenUnknown`, and a door counts as
open only where its sensor says so.

    cabinet = SerialCabinet("cabinet", named("/dev/ttyACM0"), lambda: Pairing.load(path))
    cabinet.start()
    await cabinet.open_slot(4)
    await cabinet.close()

>>> slot_fault_of(messages.OTHER_OPEN)
<SlotFault.OTHER_OPEN: 'other_open'>
>>> slot_fault_of(messages.OK) is None
True
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Literal

from drivers.cabinet import messages
from drivers.cabinet.board_connection import BoardConnection, LoadPairing
from drivers.cabinet.connection_events import (
    BoardFacts,
    BoardReport,
    ConnectionEvent,
    ConnectionFailed,
    SensorReport,
    SessionLost,
    SessionStarted,
)
from drivers.cabinet.port import (
    CabinetFault,
    CabinetFinding,
    CabinetMute,
    CabinetState,
    DropOutcome,
    Dropped,
    Findings,
    NotDropped,
    NotOpened,
    Opened,
    OpenOutcome,
    OpenUnknown,
    SlotFault,
    SlotReading,
)
from drivers.cabinet.port_discovery import Find
from drivers.cabinet.protocol import wiring_parts
from drivers.cabinet.sensors import Sensors

logger = logging.getLogger(__name__)

FIRST_LOOK_S = 3.5
"""How long `state` waits for the board's first word: longer than a greeting."""
ANSWER_S = 2.0
"""How long a command waits for its answer."""
BUSY_S = 2.0
BUSY_AGAIN_S = 0.2
"""How long, and how often, a busy board is asked again: longer than a coil cools down."""
DOOR_S = 1.5
"""How long after the answer the door may take: the coil's limit, and what sensors and line need."""
DROP_LIMIT_S = 60
DROP_SLACK_S = 3.0
"""The board ends the watch over a drop by itself. If it has not told by then, it is mute."""
RESUME_S = 8.0
"""How long a drop waits for a board that was lost in it: longer than a cable takes that was out for a moment."""

OPENED = (messages.OK, messages.ALREADY_OPEN)
_REFUSALS = {
    messages.NO_SUCH_SLOT: SlotFault.NO_SUCH_SLOT,
    messages.NOT_FITTED: SlotFault.NO_SUCH_SLOT,
    messages.OTHER_OPEN: SlotFault.OTHER_OPEN,
    messages.BUSY: SlotFault.OTHER_OPEN,
    messages.BIN_FULL: SlotFault.BIN_FULL,
    messages.BIN_OPEN: SlotFault.BIN_OPEN,
    messages.TAMPERED: SlotFault.TAMPERED,
}


def slot_fault_of(code: int) -> SlotFault | None:
    """Why the board did not carry an opening out; None where it did. A code of no other meaning is that of a board
    that does not do what it is asked, as a mute one."""
    return None if code in OPENED else _REFUSALS.get(code, SlotFault.MUTE)


COUNTED = 0
"""Value of DROP_ENDED: the card has fallen into the bin."""
_NOT_DROPPED = {1: NotDropped("nothing"), 2: NotDropped("jam"), 3: NotDropped("fishing")}


def drop_failure_of(value: int) -> NotDropped | None:
    """Why a watch over the drop slot ended without a card; None where one was counted. A value of no meaning counts nothing."""
    return None if value == COUNTED else _NOT_DROPPED.get(value, NotDropped("nothing"))


_FINDINGS = {
    messages.FOUND_DOOR_OPEN: CabinetFinding.DOOR_OPEN,
    messages.FOUND_TAMPER: CabinetFinding.CASE_OPEN,
    messages.FOUND_BIN_OPEN: CabinetFinding.BIN_OPEN,
    messages.FOUND_COUNTERS_LOST: CabinetFinding.COUNTERS_LOST,
    messages.FOUND_FLASH_FAILED: CabinetFinding.FLASH_FAILED,
    messages.FOUND_JAMMED: CabinetFinding.JAMMED,
    messages.FOUND_DROP_SENSOR_ON: CabinetFinding.DROP_SENSOR,
}


def self_test_findings(bits: int) -> Findings:
    """Return what a self test has found."""
    return frozenset(finding for bit, finding in _FINDINGS.items() if bits & bit)


class SerialCabinet:
    """Implements `drivers.cabinet.port.Cabinet`. `start` it in the loop that uses it."""

    def __init__(
        self,
        name: str,
        find: Find,
        pairing: LoadPairing,
        *,
        virtual: bool = False,
        clock: Callable[[], float] = time.monotonic,
        drop_limit_s: int = DROP_LIMIT_S,
    ) -> None:
        """`pairing` reads the file anew at each connection, so that a board that was paired meanwhile is known."""
        self.name = name
        self.virtual = virtual
        self.board: BoardFacts | None = None
        """The board of the newest session."""
        self.restarts = 0
        """How many starts of the board were noticed after the first."""
        self._clock = clock
        self._connection = BoardConnection(find, pairing, self._on_event, clock)
        self._fault: CabinetFault | None = None
        self._sensors: Sensors | None = None
        self._jams: set[int] = set()
        self._dropping = False
        self._watched = False
        """Whether the board watches the drop slot, as far as it has told."""
        self._dropped: DropOutcome | None = None
        self._counted = False
        """A card has fallen; how many lie in the bin now the next reading tells."""
        self._binned_before = 0
        """How many cards lay in the bin when the flap was unlocked."""
        self._lost = False
        """Whether the board was lost since."""
        self._drop_limit_s = drop_limit_s
        self._coil = asyncio.Lock()
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Begin to look for the board."""
        self._connection.start()

    async def close(self) -> None:
        await self._connection.close()

    @property
    def firmware(self) -> str | None:
        """Of the board of the newest session; None before the first."""
        return self.board.firmware if self.board is not None else None

    @property
    def bin_count(self) -> int | None:
        """Number of cards that the board has counted into the bin; None without a session."""
        return self._sensors.bin_count if self._sensors is not None else None

    async def changed(self) -> None:
        """Wait until a sensor or the state has changed."""
        await self._changed.wait()

    # The port

    async def state(self) -> CabinetState:
        """All sensors now, or why they cannot be told."""
        sensors = await self._look()
        return sensors.ready() if sensors is not None else self._fault or CabinetMute()

    async def open_slot(self, number: int) -> OpenOutcome:
        """Have the board drive one lock, and see the door open."""
        async with self._coil:
            sensors = await self._look()
            if sensors is None:
                return NotOpened(SlotFault.MUTE)
            if not 1 <= number <= len(sensors.slots):
                return NotOpened(SlotFault.NO_SUCH_SLOT)
            self._jams.discard(number)
            try:
                return await self._open(number)
            except asyncio.CancelledError:
                self._lock()
                raise

    async def wait_slot(
        self, number: int, *, card: Literal["present", "empty"] | None, door: Literal["open", "closed"] | None
    ) -> SlotReading:
        """Wait until the slot's sensors say so, over a cable that was out as well. Raises ValueError for a slot that is not
        there."""
        if self._sensors is not None and not 1 <= number <= len(self._sensors.slots):
            raise ValueError(f"there is no slot {number}")

        def reached() -> bool:
            slot = self._slot(number)
            return slot is not None and card in (None, slot.card) and door in (None, slot.door)

        while True:
            await self._until(reached)
            slot = self._slot(number)
            if slot is not None:
                return slot

    async def open_drop(self) -> OpenOutcome:
        """Have the board unlock the flap and watch; a full bin keeps it locked."""
        sensors = await self._look()
        if sensors is None:
            return NotOpened(SlotFault.MUTE)
        await self._watch_of_before()
        self._dropping, self._dropped, self._counted, self._lost = True, None, False, False
        self._binned_before = sensors.bin_count
        code = await self._ask_free(messages.OPEN_FLAP, limit_s=self._drop_limit_s)
        if code is None:
            return OpenUnknown()
        fault = slot_fault_of(code)
        if fault is not None:
            self._dropping = False
            return NotOpened(fault)
        self._watched = True
        return Opened()

    async def wait_drop(self) -> DropOutcome:
        """Wait until the board has seen a card fall, or has ended its watch, over a board that was lost for a moment as well;
        then the flap is locked."""
        if not self._dropping and self._sensors is not None and self._sensors.bin_full:
            return NotDropped("full")
        try:
            if not self._dropping:
                return NotDropped("nothing" if self._sensors is not None else "mute")
            limit_s = self._drop_limit_s + DROP_SLACK_S
            await self._until(lambda: self._dropped is not None or self._lost, limit_s)
            while self._dropped is None and self._lost and await self._resume_drop():
                await self._until(lambda: self._dropped is not None or self._lost, limit_s)
            return self._dropped or NotDropped("mute")
        finally:
            self._dropping = False
            if self._dropped is None:
                self._lock()

    async def clear_bin(self) -> bool:
        """Have the board forget how many cards it has counted into the bin."""
        if await self._look() is None:
            return False
        return await self._connection.ask(messages.CLEAR_COUNTERS, ANSWER_S, which=messages.CLEAR_BIN) == messages.OK

    async def rewire(self, content: bytes) -> bool:
        """Give the board other wiring data (JSON, see docs/cabinet-protocol.md); it starts anew with them.

        False where it does not take them, or does not answer. Raises ValueError for too many bytes.
        """
        parts = wiring_parts(content)
        if await self._look() is None:
            return False
        for part in parts:
            if await self._connection.ask(messages.WIRING, ANSWER_S, **part) != messages.OK:
                return False
        return True

    def sound(self) -> None:
        """Post a long tone: a board without buzzer refuses it, and nobody waits for that."""
        self._connection.post(messages.BUZZER, pattern=messages.BUZZER_LONG)

    async def self_test(self) -> Findings | None:
        """Have the board test itself; nothing opens."""
        if await self._look() is None:
            return None
        bits = await self._connection.ask(messages.SELF_TEST, ANSWER_S)
        return None if bits is None else self_test_findings(bits)

    # The inside

    async def _look(self) -> Sensors | None:
        """The sensors, or None where a fault hides them; a session that is just beginning is waited for."""
        await self._until(lambda: self._sensors is not None or self._fault is not None, FIRST_LOOK_S)
        return self._sensors

    async def _open(self, number: int) -> OpenOutcome:
        before = self._sensors
        code = await self._ask_free(messages.OPEN_SLOT, slot=number)
        if code is None:
            return OpenUnknown()
        fault = slot_fault_of(code)
        if fault is not None:
            return NotOpened(fault)
        if code == messages.ALREADY_OPEN:
            return Opened()
        await self._until(lambda: self._is_settled(number, before), DOOR_S)
        if self._sensors is None:
            return OpenUnknown()
        if self._sensors.slot(number).door == "open":
            return Opened()
        return NotOpened(SlotFault.TAMPERED if self._sensors.tampered else SlotFault.JAMMED)

    async def _resume_drop(self) -> bool:
        """Unlock the flap again once a lost board is back, unless a card fell meanwhile; False where it does not."""
        await self._until(lambda: self._sensors is not None, RESUME_S)
        if self._sensors is None:
            return False
        if self._sensors.bin_count > self._binned_before:
            self._dropped = Dropped(self._sensors.bin_count)
            return True
        self._lost = False
        self._watched = await self._ask_free(messages.OPEN_FLAP, limit_s=self._drop_limit_s) == messages.OK
        return self._watched or self._lost

    async def _watch_of_before(self) -> None:
        """A watch that was given up must have ended, so that its end is not taken for that of the next."""
        if self._watched:
            self._lock()
            await self._until(lambda: not self._watched, ANSWER_S)

    async def _ask_free(self, kind: int, **values: int) -> int | None:
        """Ask, and again for a while where the board is busy: a coil cools down, or a watch of before has not ended."""
        until = self._clock() + BUSY_S
        code = await self._connection.ask(kind, ANSWER_S, **values)
        while code == messages.BUSY and self._clock() < until:
            await asyncio.sleep(BUSY_AGAIN_S)
            code = await self._connection.ask(kind, ANSWER_S, **values)
        return code

    def _is_settled(self, number: int, before: Sensors | None) -> bool:
        """Return whether an opening has settled: the door is open, stuck, locked with the whole cabinet, or out of sight."""
        sensors = self._sensors
        if sensors is None or number in self._jams:
            return True
        return sensors is not before and (sensors.tampered or sensors.slot(number).door == "open")

    def _slot(self, number: int) -> SlotReading | None:
        if self._sensors is None or not 1 <= number <= len(self._sensors.slots):
            return None
        return self._sensors.slot(number)

    def _lock(self) -> None:
        self._connection.post(messages.LOCK)

    def _on_event(self, happening: ConnectionEvent) -> None:
        match happening:
            case SessionStarted(board):
                self._on_session(board)
            case SensorReport(sensors):
                self._on_sensors(sensors)
            case BoardReport(event, slot, value):
                self._on_report(event, slot, value)
            case SessionLost():
                self._on_loss(None)
            case ConnectionFailed(fault):
                self._on_loss(fault)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _on_session(self, board: BoardFacts) -> None:
        if self.board is not None and board.boot_id != self.board.boot_id:
            self.restarts += 1
            logger.warning("%s: the board has started anew", self.name)
        self.board, self._fault = board, None

    def _on_sensors(self, sensors: Sensors) -> None:
        self._sensors = sensors
        if self._counted and self._dropped is None:
            self._dropped = Dropped(sensors.bin_count)

    def _on_loss(self, fault: CabinetFault | None) -> None:
        if self._counted and self._dropped is None:
            self._dropped = Dropped(self._binned_before + 1)
        self._lost = True
        self._sensors, self._fault, self._watched = None, fault, False

    def _on_report(self, event: int, slot: int, value: int) -> None:
        if event == messages.JAM:
            self._jams.add(slot)
        elif event == messages.DOOR and value == messages.DOOR_FORCED:
            # Whether the door stands open the sensors tell; that nobody asked for it, only this.
            logger.warning("%s: door_forced: the door of slot %d opened without a command", self.name, slot)
        elif event == messages.DROP_ENDED:
            self._watched = False
            if self._dropping and self._dropped is None:
                self._dropped = drop_failure_of(value)
                self._counted = self._dropped is None

    async def _until(self, reached: Callable[[], bool], limit_s: float | None = None) -> None:
        """The one way of waiting here: for a change after which that is so, or for the time; None is no limit."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not reached():
                    await self._changed.wait()
