"""The cabinet around the emulated Pico: shift registers with real edges, locks that need both their output and the supply,
doors and cards; and a host with a key.

Rules: a 74HC165 puts its next bit on the line at the rising edge of the clock, a 74HC595 takes one there and shows what it
holds at the rising edge of the latch. Pins and order are those of the standard wiring (`wiring.STANDARD`). `coils` is
what a lock sees: every time that one had current, with its emulated times.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.cabinet import protocol as wire
from drivers.cabinet.firmware.wiring import STANDARD
from drivers.cabinet.framing import Deframer
from drivers.cabinet.protocol import Channel, Message
from tests.fakes.cabinet.emulated_pico import EmulatedPico

SLOTS = 24
REGISTER_BITS = 56
CHAIN: dict[str, int] = STANDARD["chain"]  # type: ignore[assignment]
SUPPLY = int(str(STANDARD["coil_power"]).removeprefix("gpio:"))
QUIET_PINS = (16, 17, 18, 19, 22, 26)
"""Sensors of drop slot and bin: nothing there."""
CLOSED_PINS = (20, 21)
"""Tamper contact and service button, which pull their pin down when they are closed: housing shut means high."""


@dataclass
class Current:
    """One time that a lock had current; `off_ms` is None while it has."""

    slot: int
    on_ms: float
    off_ms: float | None = None

    @property
    def lasted_ms(self) -> float:
        """How long, once it has ended."""
        assert self.off_ms is not None
        return self.off_ms - self.on_ms


class EmulatedCabinet(EmulatedPico):
    """One cabinet of 24 slots. `opens_after_ms` is how long a lock needs its current until its door opens (None: jammed)."""

    def __init__(self, image: Path) -> None:
        super().__init__(image)
        self.doors: set[int] = set()
        self.cards: set[int] = set()
        self.opens_after_ms: float | None = 50.0
        self.coils: list[Current] = []
        self._shown = [False] * REGISTER_BITS
        self._held = [False] * REGISTER_BITS
        self._loaded = [False] * REGISTER_BITS
        for pin in QUIET_PINS:
            self.set_input(pin, False)
        for pin in CLOSED_PINS:
            self.set_input(pin, True)
        self._on_edge(CHAIN["clock"], self._shift)
        self._on_edge(CHAIN["latch"], self._show)
        self.chip.gpio[CHAIN["load"]].add_listener(lambda *_: self._load())
        for pin in (SUPPLY, CHAIN["enable"]):
            self.chip.gpio[pin].add_listener(lambda *_: self._current())

    def _on_edge(self, pin: int, what: Any) -> None:
        def changed(new: Any, old: Any) -> None:
            if self.high(pin):
                what()

        self.chip.gpio[pin].add_listener(changed)

    def _load(self) -> None:
        """Inputs are taken while the line is low; in:0 is A of the register next to the Pico, whose H comes first."""
        if not self.high(CHAIN["load"]):
            levels = [slot in self.doors for slot in range(1, SLOTS + 1)] + [
                slot in self.cards for slot in range(1, SLOTS + 1)
            ]
            levels += [False] * (REGISTER_BITS - len(levels))
            self._loaded = [levels[at - at % 8 + 7 - at % 8] for at in range(REGISTER_BITS)]
        self._put()

    def _shift(self) -> None:
        self._held = [self.high(CHAIN["mosi"]), *self._held[:-1]]
        if self.high(CHAIN["load"]):
            self._loaded = [*self._loaded[1:], False]
        self._put()

    def _put(self) -> None:
        self.set_input(CHAIN["miso"], self._loaded[0])

    def _show(self) -> None:
        self._shown = list(self._held)
        self._current()

    def _current(self) -> None:
        """A lock has current where its output is high, the registers are enabled and the supply is on."""
        supplied = self.high(SUPPLY) and not self.high(CHAIN["enable"])
        now = {slot for slot in range(1, SLOTS + 1) if supplied and self._shown[slot - 1]}
        before = {one.slot: one for one in self.coils if one.off_ms is None}
        for slot in before.keys() - now:
            before[slot].off_ms = self.now_ms
        for slot in now - before.keys():
            self.coils.append(Current(slot, self.now_ms))

    def _step(self, for_ms: float) -> None:
        super()._step(for_ms)
        if self.opens_after_ms is not None:
            since = self.now_ms - self.opens_after_ms
            self.doors |= {one.slot for one in self.coils if one.off_ms is None and one.on_ms <= since}


class EmulatedHost:
    """The station's side of the line, in the cabinet's time: every wait is for an answer, or ends after `LIMIT_MS`."""

    LIMIT_MS = 400.0

    def __init__(self, cabinet: EmulatedCabinet, key: bytes) -> None:
        self._cabinet = cabinet
        self.key = key
        self.events: list[dict[str, Any]] = []
        self._deframer = Deframer()
        self._came: list[Message] = []
        self._channel: Channel | None = None
        self._nonces = 0

    def greet(self) -> Message:
        """HELLO until its WELCOME; a paired board's begins a channel. Raises ProtocolError for a wrong MAC."""
        self._nonces += 1
        nonce = self._nonces.to_bytes(wire.NONCE_BYTES, "big")
        self._cabinet.write(b"\0" + wire.plain(wire.HELLO, host_nonce=nonce))
        welcome = self._wait(wire.WELCOME)
        if welcome.number("paired"):
            board = welcome.octets("board_id")
            self._channel = Channel(wire.session_key(self.key, nonce, welcome.octets("board_nonce"), board))
            self._channel.accept(welcome)
        return welcome

    def unsigned(self, kind: int, **values: Any) -> Message:
        """A message without a MAC, and the answer to it."""
        self._cabinet.write(wire.plain(kind, **values))
        return self._wait(wire.RESULT, wire.REFUSED)

    def command(self, kind: int, **values: Any) -> str:
        """A signed command; the name of its result."""
        assert self._channel is not None
        self._cabinet.write(self._channel.frame(kind, len(self.events), **values))
        return wire.CODES[self._wait(wire.RESULT).number("code")]

    def state(self) -> Message:
        """All sensors."""
        assert self._channel is not None
        self._cabinet.write(self._channel.frame(wire.READ_STATE, len(self.events)))
        return self._wait(wire.STATE)

    def wait_event(self, event: int, limit_ms: float) -> dict[str, Any]:
        """The next event of that kind."""
        found: list[dict[str, Any]] = []

        def come() -> bool:
            self._hear()
            found.extend(one for one in self.events if one["event"] == event)
            return bool(found)

        assert self._cabinet.run_until(come, limit_ms), f"no event {wire.EVENTS[event]} within {limit_ms} ms"
        return found[-1]

    def _wait(self, *kinds: int) -> Message:
        def come() -> bool:
            self._hear()
            return any(one.kind in kinds for one in self._came)

        assert self._cabinet.run_until(come, self.LIMIT_MS), f"no answer within {self.LIMIT_MS} ms"
        (answer,) = (one for one in self._came if one.kind in kinds)
        self._came.clear()
        return answer

    def _hear(self) -> None:
        for packet in self._deframer.feed(self._cabinet.read()):
            message = wire.parse(packet)
            if message.kind == wire.EVENT and message.about > len(self.events):
                self.events.append(dict(message.values))
            elif message.kind not in (wire.EVENT, wire.ALIVE):
                self._came.append(message)
