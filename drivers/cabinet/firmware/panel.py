"""The virtual board: simulated pins, flash and chip, and the panel where hands and faults reach them. Pure.

Rules: the panel takes a line of words and answers each with `ok ...` or `error ...`; what the board does comes as lines of
its own. A door moves by itself when its coil has been on for OPENS_AFTER_MS and nothing jams it. Sensors change one
command after the other, each long enough to be seen, however fast the lines come. Hands are not checked: a twin that
lets a card be taken only through an open door has to say so itself.

| to the panel | |
|---|---|
| `door N open` or `closed` | a hand moves the door of slot N |
| `card N present` or `absent` | a card in slot N |
| `jam N on` or `off` | its door does not move by its coil |
| `flap`, `first`, `second`, `bin` `on` or `off` | sensors of the drop slot |
| `pulse SENSOR` | one of these four: on, then off |
| `drop` | a card goes all the way: answered as the four pulses in their order |
| `full`, `bin_door`, `tamper`, `service` `on` or `off` | sensors of bin and housing, the service button |
| `silent on` or `off` | nothing that the board says reaches the line |
| `garbage HEX` | these bytes on the line, to the host |
| `hang` | the program stops; the watchdog restarts it |
| `reboot CAUSE` | `power`, `watchdog`, `software` |
| `state` | the line `state {JSON}`: doors, cards, jammed, flap, coil, longest_us |

| from the panel | |
|---|---|
| `started CAUSE` | after power and each restart |
| `coil N on MS`, `coil N off MS US` | N is a slot or `flap`; MS of a clock that never goes back, US that it was on |
| `door N open` | the coil has opened it |
| `flap unlocked`, `flap locked` | the servo has turned |
| `lamp N on`, `lamp N off`, `buzzer on`, `buzzer off` | |
| `bootloader` | asked for; the virtual board starts again |
"""

import json

from drivers.cabinet.firmware import ports
from drivers.cabinet.firmware.ports import Chip, Flash, Pins
from drivers.cabinet.messages import CAUSES

OPENS_AFTER_MS = 50
DOOR_MS, CARD_MS, DROP_MS, REST_MS = 12, 55, 6, 25
"""How long a sensor stays as it is at least: longer than it takes to settle."""
DROP_BITS = {
    "flap": ports.DROP_FLAP, "first": ports.DROP_FIRST, "second": ports.DROP_SECOND, "bin": ports.DROP_BIN,
}  # fmt: skip
REST_BITS = {
    "full": ports.REST_FULL, "bin_door": ports.REST_BIN_DOOR, "tamper": ports.REST_TAMPER,
    "service": ports.REST_SERVICE,
}  # fmt: skip
ON = ("on", "open", "present")
OFF = ("off", "closed", "absent")


class World(Pins):
    """The pins of a virtual board and what stands behind them. `clock_us()` is a time in microseconds."""

    def __init__(self, slots: int, clock_us) -> None:  # type: ignore[no-untyped-def]
        self.slots = slots
        self.doors = self.cards = self.drop = self.rest = 0
        """Bits, as `Pins.scan` gives them."""
        self.jammed: set[int] = set()
        self.coil = 0
        self.longest_us = 0
        """The longest time that a coil has been on."""
        self.said: list[str] = []
        """Lines for whoever looks at the panel."""
        self._clock_us = clock_us
        self._on_us = 0
        self._limit_us = 0
        self._unlocked = False

    def release(self) -> None:
        """Coil off."""
        if self.coil:
            now_us = self._clock_us()
            lasted = now_us - self._on_us
            self.longest_us = max(self.longest_us, lasted)
            self.said.append(f"coil {_named(self.coil)} off {now_us // 1000} {lasted}")
            self.coil = 0

    def drive(self, output: int, limit_ms: int) -> None:
        """Coil on; `move` ends it after the limit, as the timer of a real board does."""
        if self.coil:
            raise ValueError("two coils at a time")
        self.coil, self._on_us, self._limit_us = output, self._clock_us(), 1000 * limit_ms
        self.said.append(f"coil {_named(output)} on {self._on_us // 1000}")

    def servo(self, unlocked: bool) -> None:
        """The flap."""
        if unlocked != self._unlocked:
            self._unlocked = unlocked
            self.said.append("flap unlocked" if unlocked else "flap locked")

    def lamp(self, number: int, on: bool) -> None:
        """A lamp."""
        self.said.append(f"lamp {number} {'on' if on else 'off'}")

    def buzzer(self, on: bool) -> None:
        """The buzzer."""
        self.said.append(f"buzzer {'on' if on else 'off'}")

    def scan(self) -> tuple[int, int, int, int]:
        """The sensors."""
        return self.doors, self.cards, self.drop, self.rest

    def move(self) -> None:
        """Let time pass: the driven door moves, the board's own timer runs."""
        slot, lasted = self.coil, self._clock_us() - self._on_us
        if not slot:
            return
        if lasted >= self._limit_us:
            self.release()
        elif slot != ports.FLAP_COIL and lasted >= 1000 * OPENS_AFTER_MS and slot not in self.jammed:
            bit = 1 << (slot - 1)
            if not self.doors & bit:
                self.doors |= bit
                self.said.append(f"door {slot} open")

    def state(self) -> str:
        """All of it as JSON."""
        numbered = [(slot, 1 << (slot - 1)) for slot in range(1, self.slots + 1)]
        return json.dumps(
            {
                "doors": [slot for slot, bit in numbered if self.doors & bit],
                "cards": [slot for slot, bit in numbered if self.cards & bit],
                "jammed": sorted(self.jammed),
                "flap": "unlocked" if self._unlocked else "locked",
                "coil": self.coil,
                "longest_us": self.longest_us,
            }
        )


class Panel:
    """Reads the lines. `hung`, `silent`, `garbage` and `reboot` are for whoever runs the board."""

    def __init__(self, world: World) -> None:
        self.hung = self.silent = False
        self.garbage = b""
        self.reboot = 0
        """Number of the cause; 0 for none. Who has done it sets it back."""
        self._world = world
        self.waiting: list[list[str]] = []
        """What is still to be carried out."""
        self._next = 0
        """When the sensor that was moved last has settled."""
        self._cards: dict[str, int] = {}
        """The same for each card."""
        self._looked = 0
        """When the firmware had its last turn."""

    def put(self, line: str) -> None:
        """One line; it is carried out at its turn."""
        words = line.split()
        if words == ["drop"]:
            self.waiting.extend([["pulse", sensor] for sensor in ("flap", "first", "second", "bin")])
        elif words:
            self.waiting.append(words)

    def turn(self, now: int) -> None:
        """Carry out what is due: a slow process misses nothing, as it has looked at one thing before the next is done."""
        while self.waiting and self._due(self.waiting[0]) <= self._looked:
            words = self.waiting.pop(0)
            try:
                answer = self._do(words, now)
            except (ValueError, IndexError, KeyError):
                answer = "error " + " ".join(words)
            if answer:
                self._world.said.append(answer)
        self._looked = now

    def _due(self, words: list[str]) -> int:
        """Cards settle beside each other; all else waits for what came before."""
        if words[0] == "card":
            return self._cards.get(words[1], 0) if len(words) > 1 else 0
        return max([self._next] + list(self._cards.values()))

    def _do(self, words: list[str], now: int) -> str:
        """The line that answers; none to the first half of a pulse."""
        verb, world = words[0], self._world
        if verb in ("door", "card", "jam"):
            self._slot(verb, int(words[1]), _switch(words[2]))
            if verb == "door":
                self._next = now + DOOR_MS
            elif verb == "card":
                self._cards[words[1]] = now + CARD_MS
        elif verb in DROP_BITS:
            world.drop = _set(world.drop, DROP_BITS[verb], _switch(words[1]))
            self._next = now + DROP_MS
        elif verb in REST_BITS:
            world.rest = _set(world.rest, REST_BITS[verb], _switch(words[1]))
            self._next = now + REST_MS
        elif verb == "pulse":
            world.drop |= DROP_BITS[words[1]]
            self.waiting.insert(0, ["pulsed", words[1]])
            self._next = now + DROP_MS
            return ""
        elif verb == "pulsed":
            world.drop &= ~DROP_BITS[words[1]]
            self._next = now + DROP_MS
            return "ok pulse " + words[1]
        elif verb == "state":
            world.said.append("state " + world.state())
        else:
            self._fault(verb, words)
        return "ok " + " ".join(words)

    def _slot(self, verb: str, slot: int, on: bool) -> None:
        world = self._world
        if not 1 <= slot <= world.slots:
            raise ValueError("no such slot")
        bit = 1 << (slot - 1)
        if verb == "door":
            world.doors = _set(world.doors, bit, on)
        elif verb == "card":
            world.cards = _set(world.cards, bit, on)
        elif on:
            world.jammed.add(slot)
        else:
            world.jammed.discard(slot)

    def _fault(self, verb: str, words: list[str]) -> None:
        if verb == "silent":
            self.silent = _switch(words[1])
        elif verb == "garbage":
            self.garbage += bytes([int(words[1][at : at + 2], 16) for at in range(0, len(words[1]), 2)])
        elif verb == "hang":
            self.hung = True
        elif verb == "reboot":
            self.reboot = CAUSES.index(words[1])
        else:
            raise ValueError(verb)


class MemoryFlash(Flash):
    """Flash that lasts as long as the object: for tests, and for a board that need not remember."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.writes = 0
        self.broken = False

    def read(self, name: str) -> "bytes | None":
        """As the port says."""
        return self.files.get(name)

    def write(self, name: str, content: bytes) -> None:
        """As the port says."""
        if self.broken:
            raise OSError("flash")
        self.files[name] = content
        self.writes += 1


class VirtualChip(Chip):
    """A chip whose random bytes are given."""

    def __init__(self, board_id: bytes, reset_cause: int, random) -> None:  # type: ignore[no-untyped-def]
        """`random(size)` gives bytes."""
        self.board_id = board_id
        self.reset_cause = reset_cause
        self.fed = 0
        self._random = random

    def random(self, size: int) -> bytes:
        """As the port says."""
        given = self._random(size)
        assert isinstance(given, bytes)
        return given

    def feed(self) -> None:
        """Counts."""
        self.fed += 1

    def restart(self) -> None:
        """Do nothing: whoever runs the board starts it again."""

    def bootloader(self) -> None:
        """Likewise."""


def _named(output: int) -> str:
    return "flap" if output == ports.FLAP_COIL else str(output)


def _switch(word: str) -> bool:
    if word in ON:
        return True
    if word in OFF:
        return False
    raise ValueError(word)


def _set(bits: int, bit: int, on: bool) -> int:
    return bits | bit if on else bits & ~bit
