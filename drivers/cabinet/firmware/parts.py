"""The parts of one cabinet, joined: coils, slots, drop slot, signals, counters, events. Pure.

Rules: making one switches all coils off before anything else. `tick` is to be called at least every few milliseconds; it
looks at the coil's limit first.
"""

from drivers.cabinet.firmware.coil import Coil
from drivers.cabinet.firmware.counters import Counters
from drivers.cabinet.firmware.drop_slot import DropSlot
from drivers.cabinet.firmware.events import Events
from drivers.cabinet.firmware.inputs import Inputs
from drivers.cabinet.firmware.ports import FLAP_COIL, REST_TAMPER, Flash, Pins
from drivers.cabinet.firmware.rewiring import Rewiring
from drivers.cabinet.firmware.signals import Signals
from drivers.cabinet.firmware.slots import Slots
from drivers.cabinet.firmware.wiring import Wiring
from drivers.cabinet.messages import COIL_LIMIT, TAMPER

REST_SETTLES_MS = 20


class Parts:
    """All of the cabinet but its line."""

    def __init__(self, wiring: Wiring, pins: Pins, flash: Flash, now: int) -> None:
        self.wiring = wiring
        self.coil = Coil(pins, wiring.coil_limit_ms)
        self.events = Events()
        self.counters = Counters(flash, wiring.slots, now)
        self.rewiring = Rewiring(flash)
        self.signals = Signals(pins, len(wiring.lamps))
        self._pins = pins
        doors, cards, drop, rest = pins.scan()
        self.rest = Inputs(REST_SETTLES_MS, rest)
        self.slots = Slots(wiring.slots, self.coil, self.counters, self.events, doors, cards)
        self.drop = None  # type: DropSlot | None
        if wiring.has_drop:
            servo = wiring.servo is not None
            self.drop = DropSlot(pins, self.coil, self.counters, self.events, servo, wiring.holds, drop)
            self.drop.rest(rest, 0, now)

    def tick(self, now: int) -> None:
        """One turn of the loop: coil, sensors, signals, flash."""
        ended = self.coil.tick(now)
        if ended is not None:
            self._limit(ended[0], ended[1], now)
        doors, cards, drop, rest = self._pins.scan()
        self.slots.scan(doors, cards, now)
        changed = 0
        for bit in self.rest.scan(rest, now):
            changed |= 1 << bit
        if changed & REST_TAMPER:
            self._tamper(now)
        if self.drop is not None:
            self.drop.scan(drop, now)
            self.drop.rest(self.rest.bits, changed, now)
        self.signals.tick(now)
        if not self.coil.output:
            self.counters.tick(now)

    def lock(self, now: int) -> None:
        """All coils off, the flap locked, its watch ended."""
        self.coil.off(now)
        if self.drop is not None:
            self.drop.lock(now)

    def _limit(self, output: int, lasted_ms: int, now: int) -> None:
        if output == FLAP_COIL:
            self.events.add(COIL_LIMIT, output, lasted_ms, now)
        else:
            self.slots.limit(output, lasted_ms, now)

    def _tamper(self, now: int) -> None:
        is_open = bool(self.rest.bits & REST_TAMPER)
        self.events.add(TAMPER, 0, int(is_open), now)
        if is_open:
            self.lock(now)
