"""A cabinet's board in a test: the real logic on virtual pins, a clock that is turned by hand, and a host on its line.

For CPython and MicroPython alike, as all test modules beside it that are named in `on_micropython.MODULES`.
"""

from drivers.cabinet import messages as m
from drivers.cabinet import protocol
from drivers.cabinet.firmware.firmware import Firmware
from drivers.cabinet.firmware.panel import MemoryFlash, Panel, VirtualChip, World
from drivers.cabinet.firmware.wiring import Wiring, standard
from drivers.cabinet.framing import Deframer
from drivers.cabinet.protocol import Channel, Message

KEY = b"a made-up key of a cabinet, 32 b"
BOARD_ID = b"board 01"
KEPT = 200
"""Messages of the board that a rig keeps: MicroPython's memory is small."""


class Rig:
    """Board, panel and host. Times in ms; a turn of the loop each millisecond."""

    def __init__(self, slots: int = 4, key: "bytes | None" = KEY, solenoid: bool = False, holds: int = 50) -> None:
        data = standard(slots)
        drop = dict(data["drop"])  # type: ignore[call-overload]
        drop["holds"] = holds
        if solenoid:
            drop["solenoid"] = drop["servo"]
            del drop["servo"]
        data["drop"] = drop
        self.now = 0
        self.wiring = Wiring(data)
        self.world = World(slots, lambda: 1000 * self.now)
        self.panel = Panel(self.world)
        self.flash = MemoryFlash()
        if key is not None:
            self.flash.write("key", key)
        self.key = key or KEY
        self.hears = True
        """Whether the host sends heartbeats and takes events."""
        self.power()

    def power(self, cause: int = 1) -> None:
        """Power on, or another start; the session is gone."""
        self.chip = VirtualChip(BOARD_ID, cause, bytes)
        self.firmware = Firmware(self.wiring, self.world, self.flash, self.chip, self.now)
        self.channel: Channel | None = None
        self.received: Channel | None = None
        self.deframer = Deframer()
        self.messages: list[Message] = []
        """The newest of what the board has said."""
        self.events: list[tuple[int, int, int]] = []
        """(event, slot, value) of events, each once."""
        self.taken = 0
        self._beat = 0
        self._line = b""

    def send(self, frame: bytes) -> None:
        """Bytes for the board's next turn."""
        self._line += frame

    def run(self, ms: int) -> None:
        """Let time pass."""
        for _ in range(ms):
            self.now += 1
            self.world.move()
            self.panel.turn(self.now)
            if self.channel is not None and self.hears and self.now - self._beat >= 500:
                self._beat = self.now
                self.send(self.channel.frame(m.HEARTBEAT, self.taken))
            line, self._line = self._line, b""
            self._hear(self.firmware.turn(line, self.now))

    def hello(self) -> Message:
        """The WELCOME to a HELLO."""
        self.send(protocol.plain(m.HELLO, host_nonce=b"h" * 16))
        self.run(1)
        return self.last(m.WELCOME)

    def begin(self) -> "Rig":
        """A session."""
        welcome = self.hello()
        nonce, board = welcome.octets("board_nonce"), welcome.octets("board_id")
        session = protocol.session_key(self.key, b"h" * 16, nonce, board)
        assert protocol.mac(session, welcome.signed) == welcome.mac
        self.channel, self.received = Channel(session), Channel(session)
        self._beat = self.now
        assert self.do(m.BEGIN).number("code") == m.OK
        return self

    def do(self, kind: int, **values: "int | bytes | str") -> Message:
        """The answer to a command."""
        assert self.channel is not None
        self.send(self.channel.frame(kind, self.taken, **values))
        self.run(1)
        at = len(self.messages) - 1
        while self.messages[at].kind in (m.EVENT, m.ALIVE):
            at -= 1
        return self.messages[at]

    def code(self, kind: int, **values: "int | bytes | str") -> int:
        """The code of a command's RESULT."""
        return self.do(kind, **values).number("code")

    def hand(self, *lines: str) -> None:
        """Hands at the panel, and time for them to be seen."""
        for line in lines:
            self.panel.put(line)
        while self.panel.waiting:
            self.run(1)
        self.run(60)

    def last(self, kind: int) -> Message:
        """The newest message of that kind."""
        return [one for one in self.messages if one.kind == kind][-1]

    def driven(self) -> list[str]:
        """Coils that were switched on, since the last time this was asked."""
        on = [said.split()[1] for said in self.world.said if said.startswith("coil ") and " on " in said]
        self.world.said = []
        return on

    def _hear(self, out: bytes) -> None:
        for packet in self.deframer.feed(out):
            message = protocol.parse(packet)
            if self.received is not None and message.mac != protocol.NO_MAC and message.sequence:
                self.received.accept(message)
            self.messages = self.messages[-KEPT:] + [message]
            if message.kind == m.EVENT and message.about == self.taken + 1:
                self.events.append((message.number("event"), message.number("slot"), message.number("value")))
                self.taken += self.hears


def raised(call, kind) -> bool:  # type: ignore[no-untyped-def]
    """Whether this call raises that."""
    try:
        call()
    except kind:
        return True
    return False
