"""Effect of each command, once the link has found it genuine and new. Pure.

Rules: an answer at once, always. Nothing that opens is done while the housing is open.
"""

from drivers.cabinet import messages as m
from drivers.cabinet.firmware.parts import Parts
from drivers.cabinet.firmware.ports import REST_BIN_DOOR, REST_SERVICE, REST_TAMPER
from drivers.cabinet.protocol import Message, slot_bits

OPENINGS_EACH = 32
"""Slots told in one COUNTERS."""


class Commands:
    """The commands of a session on the parts of one cabinet."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._table = {
            m.BEGIN: self._nothing,
            m.HEARTBEAT: self._nothing,
            m.READ_STATE: self._state,
            m.OPEN_SLOT: self._open_slot,
            m.OPEN_FLAP: self._open_flap,
            m.LOCK: self._lock,
            m.LAMP: self._lamp,
            m.BUZZER: self._buzzer,
            m.SELF_TEST: self._self_test,
            m.BOOTLOADER: self._bootloader,
            m.CLEAR_COUNTERS: self._clear,
            m.READ_COUNTERS: self._counters,
            m.WIRING: self._wiring,
        }
        self.spoilt = 0
        """Frames that were not taken, for STATE."""
        self.to_bootloader = False
        """Asked for; done once the answer is on the line."""

    def run(self, message: Message, now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        """The kind and the fields of the answer."""
        return self._table[message.kind](message, now)

    def flags(self) -> int:
        """The bits of STATE and ALIVE."""
        parts = self._parts
        rest, drop = parts.rest.bits, parts.drop
        return (
            m.FLAG_TAMPER * bool(rest & REST_TAMPER)
            | m.FLAG_SERVICE * bool(rest & REST_SERVICE)
            | m.FLAG_BIN_OPEN * bool(rest & REST_BIN_DOOR)
            | m.FLAG_BIN_FULL * (drop is not None and drop.full)
            | m.FLAG_FLAP_OPEN * (drop is not None and drop.unlocked)
            | m.FLAG_COIL_ON * (parts.coil.output != 0)
            | m.FLAG_COUNTERS_LOST * parts.counters.lost
        )

    def _nothing(self, message: Message, _now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        return result(message, m.OK)

    def _open_slot(self, message: Message, now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        if self._tampered():
            return result(message, m.TAMPERED)
        code, detail = self._parts.slots.open(message.number("slot"), now)
        return result(message, code, detail)

    def _open_flap(self, message: Message, now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        if self._tampered():
            return result(message, m.TAMPERED)
        drop = self._parts.drop
        return result(message, m.NOT_FITTED if drop is None else drop.unlock(message.number("limit_s"), now))

    def _lock(self, message: Message, now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        self._parts.lock(now)
        return result(message, m.OK)

    def _lamp(self, message: Message, _now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        lamp, pattern = message.number("lamp"), message.number("pattern")
        if not 1 <= lamp <= len(self._parts.wiring.lamps):
            return result(message, m.NOT_FITTED)
        if pattern > m.LAMP_FAST:
            return result(message, m.BAD_PAYLOAD)
        self._parts.signals.lamp(lamp, pattern)
        return result(message, m.OK)

    def _buzzer(self, message: Message, now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        if self._parts.wiring.buzzer is None:
            return result(message, m.NOT_FITTED)
        if message.number("pattern") > m.BUZZER_LONG:
            return result(message, m.BAD_PAYLOAD)
        self._parts.signals.buzz(message.number("pattern"), now)
        return result(message, m.OK)

    def _state(self, _message: Message, now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        parts = self._parts
        return m.STATE, {
            "uptime_ms": now & 0xFFFFFFFF,
            "flags": self.flags(),
            "coil_slot": parts.coil.output,
            "drop_stage": 0 if parts.drop is None else parts.drop.stage,
            "bin_count": parts.counters.bin_count,
            "doors_open": slot_bits(parts.slots.doors_open()),
            "cards": slot_bits(parts.slots.cards()),
            "jammed": slot_bits(parts.slots.jammed),
            "spoilt": self.spoilt & 0xFFFFFFFF,
            "newest_event": parts.events.newest,
        }

    def _self_test(self, _message: Message, now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        parts = self._parts
        writes = parts.counters.write(now)
        doors = parts.slots.doors_open()
        findings = (
            m.FOUND_DOOR_OPEN * bool(doors)
            | m.FOUND_TAMPER * self._tampered()
            | m.FOUND_BIN_OPEN * bool(parts.rest.bits & REST_BIN_DOOR)
            | m.FOUND_COUNTERS_LOST * parts.counters.lost
            | m.FOUND_FLASH_FAILED * (not writes)
            | m.FOUND_JAMMED * bool(parts.slots.jammed)
            | m.FOUND_DROP_SENSOR_ON * (parts.drop is not None and parts.drop.sensors != 0)
        )
        return m.TESTED, {"findings": findings, "doors_open": slot_bits(doors)}

    def _bootloader(self, message: Message, now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        self._parts.lock(now)
        self._parts.counters.write(now)
        self.to_bootloader = True
        return result(message, m.OK)

    def _wiring(self, message: Message, now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        rewiring = self._parts.rewiring
        code = rewiring.take(message.number("size"), message.number("at"), message.octets("part"))
        if rewiring.done:
            self._parts.lock(now)
            self._parts.counters.write(now)
        return result(message, code)

    def _clear(self, message: Message, now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        which, counters = message.number("which"), self._parts.counters
        if which not in (m.CLEAR_BIN, m.CLEAR_OPENINGS):
            return result(message, m.BAD_PAYLOAD)
        kept = counters.clear_bin(now) if which == m.CLEAR_BIN else counters.clear_openings(now)
        return result(message, m.OK if kept else m.FLASH_FAILED)

    def _counters(self, message: Message, _now: int) -> "tuple[int, dict[str, int | bytes | str]]":
        first, counters = message.number("first_slot"), self._parts.counters
        if not 1 <= first <= self._parts.slots.count:
            return result(message, m.NO_SUCH_SLOT)
        some = counters.openings[first - 1 : first - 1 + OPENINGS_EACH]
        return m.COUNTERS, {
            "first_slot": first,
            "bin_count": counters.bin_count,
            "boots": counters.boots,
            "openings": b"".join([count.to_bytes(4, "big") for count in some]),
        }

    def _tampered(self) -> bool:
        return bool(self._parts.rest.bits & REST_TAMPER)


def result(message: Message, code: int, detail: int = 0) -> "tuple[int, dict[str, int | bytes | str]]":
    """A RESULT about this command."""
    return m.RESULT, {"command": message.kind, "code": code, "detail": detail}
