"""The drop slot: flap, two sensors whose order tells in from out, and the bin. Pure.

Rules: the flap is locked except while a watch runs, and locks as soon as the watch has ended. A card counts by the rule
of `drivers.cabinet.drop_rule` alone. Two sensors that answer in the same scan have no order, so they are no card.
"""

from drivers.cabinet import drop_rule
from drivers.cabinet.firmware.coil import Coil
from drivers.cabinet.firmware.counters import Counters
from drivers.cabinet.firmware.events import Events
from drivers.cabinet.firmware.inputs import Inputs
from drivers.cabinet.firmware.ports import FLAP_COIL, REST_BIN_DOOR, REST_FULL, Pins
from drivers.cabinet.messages import (
    BIN_DOOR,
    BIN_FULL,
    BIN_FULL_CHANGED,
    BIN_OPEN,
    BUSY,
    DROP,
    DROP_ENDED,
    FLAP,
    OK,
)

SENSOR_SETTLES_MS = 3
USUAL_S, LONGEST_S = 60, 120


class DropSlot:
    """Flap, sensors and bin. Give it the sensors at every turn of the loop, watched or not."""

    def __init__(
        self, pins: Pins, coil: Coil, counters: Counters, events: Events, has_servo: bool, holds: int, bits: int
    ) -> None:
        """`bits` is how the sensors stand now. A flap without a servo has a solenoid, which is a coil like the others."""
        self._pins = pins
        self._coil = coil
        self._counters = counters
        self._events = events
        self._has_servo = has_servo
        self._holds = holds
        self._sensors = Inputs(SENSOR_SETTLES_MS, bits)
        self._until = 0
        self._full_sensor = False
        self._told_full = self._counters.bin_count >= holds
        self.unlocked = False
        self.stage = drop_rule.NO_WATCH
        self.bin_open = False
        if has_servo:
            pins.servo(False)

    @property
    def full(self) -> bool:
        """True while the bin takes no more, by its sensor or by its count."""
        return self._full_sensor or self._counters.bin_count >= self._holds

    @property
    def sensors(self) -> int:
        """The bits of the sensors, without bounce."""
        return self._sensors.bits

    def unlock(self, limit_s: int, now: int) -> int:
        """Unlock the flap and begin a watch: a code."""
        if self.unlocked or not self._coil.free(now):
            return BUSY
        if self.full:
            return BIN_FULL
        if self.bin_open:
            return BIN_OPEN
        self.unlocked, self.stage = True, drop_rule.WAITING
        self._until = now + 1000 * min(limit_s or USUAL_S, LONGEST_S)
        if self._has_servo:
            self._pins.servo(True)
        else:
            self._coil.on(FLAP_COIL, now)
        self._events.add(FLAP, 0, 1, now)
        return OK

    def lock(self, now: int) -> None:
        """Lock the flap and end the watch."""
        if self._coil.output == FLAP_COIL:
            self._coil.off(now)
        if self._has_servo:
            self._pins.servo(False)
        if self.unlocked:
            self.unlocked = False
            self._events.add(FLAP, 0, 0, now)
            self._events.add(DROP_ENDED, 0, drop_rule.outcome(self.stage), now)
            if not drop_rule.ended(self.stage):
                self.stage = drop_rule.NO_WATCH

    def scan(self, bits: int, now: int) -> None:
        """Once each turn of the loop."""
        seen = [bit + 1 for bit in self._sensors.scan(bits, now) if self._sensors.on(bit)]
        if self.unlocked:
            for sensor in seen:
                self._sense(sensor, len(seen) == 1, now)
            if self.unlocked and now >= self._until:
                self.lock(now)

    def rest(self, bits: int, changed: int, now: int) -> None:
        """The sensors of the bin, without bounce, and which of them have just changed."""
        self._full_sensor = bool(bits & REST_FULL)
        self.bin_open = bool(bits & REST_BIN_DOOR)
        if changed & REST_BIN_DOOR:
            self._events.add(BIN_DOOR, 0, int(self.bin_open), now)
            if self.bin_open:
                self.lock(now)
        if self.full != self._told_full:
            self._told_full = self.full
            self._events.add(BIN_FULL_CHANGED, 0, int(self.full), now)

    def _sense(self, sensor: int, alone: bool, now: int) -> None:
        if drop_rule.ended(self.stage):
            return
        if sensor == drop_rule.FLAP and self._coil.output == FLAP_COIL:
            self._coil.off(now)
        self.stage = drop_rule.after(self.stage, sensor) if alone else drop_rule.WRONG_ORDER
        self._events.add(DROP, 0, sensor, now)
        if self.stage == drop_rule.COUNTED:
            self._counters.binned(now)
        if drop_rule.ended(self.stage):
            self.lock(now)
