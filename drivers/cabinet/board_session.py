"""Session protocol on the host's side: greeting, authentication, commands and their answers. Pure: bytes and time go in.

Rules: nothing counts that the session's key has not signed, but for what says why there is no session. One command is under
way at a time; it is sent until its answer comes, always as the same frame, so that the board carries it out once. What the
board tells is a value of a closed union; what it told before the session began is not told again. A session that fails has
ended: the next one begins on a line of its own. docs/cabinet-protocol.md has the words of the line.

    session = BoardSession(pairing, now=clock())
    line.write(session.take_outgoing())
    for happening in session.receive(line.read(), clock()): ...
    for happening in session.tick(clock()): ...            # at the latest at session.due
"""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from drivers.cabinet import protocol as wire
from drivers.cabinet.connection_events import (
    BoardFacts,
    BoardReport,
    CommandAnswer,
    ConnectionEvent,
    ConnectionFailed,
    SensorReport,
    SessionLost,
    SessionStarted,
)
from drivers.cabinet.framing import Deframer
from drivers.cabinet.pairing import Pairing
from drivers.cabinet.port import CabinetFault, CabinetMute, NotPaired, SwappedBoard, WrongFirmware
from drivers.cabinet.protocol import Channel, Message, ProtocolError
from drivers.cabinet.sensors import parse_state

RESEND_S = 0.3
HELLO_EVERY_S = 0.5
GREETING_LIMIT_S = 2.5
"""A board that has not begun a session by then is called mute."""
HEARTBEAT_S = wire.HEARTBEAT_EVERY_MS / 1000
SILENCE_S = wire.HEARTBEAT_LIMIT_MS / 1000
WANTED = ".".join(str(part) for part in wire.FIRMWARE)


@dataclass(frozen=True, slots=True)
class _Command:
    ticket: int
    kind: int
    values: dict[str, int | bytes | str]


@dataclass(slots=True)
class _UnderWay:
    """A command whose answer has not come. `again_at` is when it is sent once more."""

    command: _Command
    sequence: int
    frame: bytes
    again_at: float


class BoardSession:
    """One line's talk. `take_outgoing` is written to the line after each call of the others."""

    def __init__(
        self, pairing: Pairing | None, *, now: float, nonce: Callable[[], bytes] = lambda: os.urandom(wire.NONCE_BYTES)
    ) -> None:
        """`pairing` is None where the station has none: then the board is asked for its id alone."""
        self._pairing = pairing
        self._nonce = nonce
        self._deframer = Deframer()
        self._outgoing = bytearray()
        self._channel: Channel | None = None
        self._greetings: list[bytes] = []
        self._begun = False
        self._board: BoardFacts | None = None
        self._ended = False
        self._tickets = 0
        self._sequence = 0
        self._queue: deque[_Command] = deque()
        self._under_way: _UnderWay | None = None
        self._event = 0
        self._in_sight = False
        """Whether a STATE has come in this session: events before it are of the past."""
        self._give_up_at = now + GREETING_LIMIT_S
        self._next_at = now
        self._greet(now)

    @property
    def due(self) -> float:
        """Latest time at which `tick` is wanted."""
        again = (self._under_way.again_at,) if self._under_way is not None else ()
        return min(self._next_at, self._give_up_at, *again)

    def take_outgoing(self) -> bytes:
        """Take what is to be written to the line."""
        out, self._outgoing = bytes(self._outgoing), bytearray()
        return out

    def receive(self, data: bytes, now: float) -> list[ConnectionEvent]:
        happenings: list[ConnectionEvent] = []
        for packet in self._deframer.feed(data):
            if not self._ended:
                happenings += self._take(packet, now)
        return happenings

    def tick(self, now: float) -> list[ConnectionEvent]:
        """Time has passed: greet, ask or send again, or give up."""
        if self._ended:
            return []
        if now >= self._give_up_at:
            return [self._fail(CabinetMute())]
        if self._under_way is not None and now >= self._under_way.again_at:
            self._outgoing += self._under_way.frame
            self._under_way.again_at = now + RESEND_S
        if now >= self._next_at:
            if self._begun:
                self.read_state(now)
            elif self._channel is None:
                self._greet(now)
            self._next_at = now + (HEARTBEAT_S if self._begun else HELLO_EVERY_S)
        return []

    def command(self, kind: int, now: float, **values: int | bytes | str) -> int:
        """Send a command, or put it behind the one under way; gives the ticket that its `CommandAnswer` will carry.

        Raises ValueError without a session.
        """
        if not self._begun:
            raise ValueError("there is no session")
        return self._ask(kind, now, values)

    def forget(self, ticket: int, now: float) -> None:
        """Nobody waits for that answer any more: the command is not sent (again)."""
        self._queue = deque(command for command in self._queue if command.ticket != ticket)
        if self._under_way is not None and self._under_way.command.ticket == ticket:
            self._under_way = None
            self._next_command(now)

    def read_state(self, now: float) -> None:
        """Ask for all sensors, unless that waits to be asked already."""
        if not any(command.kind == wire.READ_STATE for command in self._queue):
            self._ask(wire.READ_STATE, now, {})

    # What comes

    def _take(self, packet: bytes, now: float) -> list[ConnectionEvent]:
        try:
            message = wire.parse(packet)
            if message.kind == wire.WELCOME:
                return self._on_welcome(message, now)
            if message.kind == wire.REFUSED:
                return self._on_refused(message, now)
            if self._channel is None or message.kind < wire.WELCOME:
                return []
            self._channel.accept(message)
        except ProtocolError as error:
            return self._on_protocol_error(error)
        if self._channel.last == wire.NEW:
            self._give_up_at = now + SILENCE_S
        return self._understood(message, now)

    def _on_protocol_error(self, error: ProtocolError) -> list[ConnectionEvent]:
        """A board that speaks another version is told; anything else that is wrong is noise, or a session gone by."""
        if error.code == wire.WRONG_VERSION and error.kind == wire.REFUSED and not self._begun:
            return [self._fail(WrongFirmware(f"of protocol {error.version}", f"{WANTED}, protocol {wire.VERSION}"))]
        return []

    def _on_welcome(self, message: Message, now: float) -> list[ConnectionEvent]:
        if self._channel is not None:
            return []  # to a greeting before the one that was answered
        board = _facts(message)
        if board.firmware.split(".")[:2] != WANTED.split(".")[:2]:
            return [self._fail(WrongFirmware(board.firmware, WANTED))]
        if self._pairing is None or not message.number("paired"):
            return [self._fail(NotPaired(board.board_id))]
        if board.board_id != self._pairing.board:
            return [self._fail(SwappedBoard(board.board_id, self._pairing.board))]
        greeting = self._greeting_of(message, self._pairing.key_bytes())
        if greeting is None:
            return [self._fail(NotPaired(board.board_id))]
        if greeting == self._greetings[-1]:
            self._channel = Channel(_session_key(message, self._pairing.key_bytes(), greeting))
            self._channel.accept(message)
            self._board, self._sequence, self._event, self._in_sight = board, 0, 0, False
            self._ask(wire.BEGIN, now, {})
        return []

    def _greeting_of(self, message: Message, key: bytes) -> bytes | None:
        """Return the greeting that this welcome answers; None where it was made with another key."""
        for greeting in self._greetings:
            if wire.same(wire.mac(_session_key(message, key, greeting), message.signed), message.mac):
                return greeting
        return None

    def _on_refused(self, message: Message, now: float) -> list[ConnectionEvent]:
        """REFUSED is not signed: all that it can do is begin anew, or say why nothing begins."""
        code = message.number("code")
        if code == wire.WRONG_VERSION and not self._begun:
            versions_text = f"of protocol {message.number('version')}"
            return [self._fail(WrongFirmware(versions_text, f"{WANTED}, protocol {wire.VERSION}"))]
        if code not in (wire.NOT_AUTHENTICATED, wire.NOT_PAIRED) or self._channel is None:
            return []
        parted = [SessionLost()] if self._begun else []
        self._channel, self._begun = None, False
        self._greetings.clear()
        self._drop_commands()
        self._give_up_at = now + GREETING_LIMIT_S if parted else self._give_up_at
        self._greet(now)
        return list(parted)

    def _understood(self, message: Message, now: float) -> list[ConnectionEvent]:
        match message.kind:
            case wire.RESULT:
                return self._result(message, now)
            case wire.STATE:
                return self._state(message, now)
            case wire.TESTED if (command := self._finish_command(message, now)) is not None:
                return [CommandAnswer(command.ticket, message.number("findings"))]
            case wire.EVENT:
                return self._on_event(message, now)
            case _:
                return []

    def _result(self, message: Message, now: float) -> list[ConnectionEvent]:
        command = self._finish_command(message, now)
        if command is None:
            return []
        code = message.number("code")
        if command.kind != wire.BEGIN:
            return [CommandAnswer(command.ticket, code)]
        assert self._board is not None
        if code != wire.OK:
            return [self._fail(NotPaired(self._board.board_id))]
        self._begun = True
        self._next_at = now + HEARTBEAT_S
        self.read_state(now)
        return [SessionStarted(self._board)]

    def _state(self, message: Message, now: float) -> list[ConnectionEvent]:
        if not self._in_sight:
            self._in_sight, self._event = True, message.number("newest_event")
        if self._finish_command(message, now) is None or self._board is None:
            return []
        return [SensorReport(parse_state(message, self._board.slots, self._board.features))]

    def _finish_command(self, message: Message, now: float) -> _Command | None:
        """The command that this answers, which is under way no more; None where it is not the one."""
        if self._under_way is None or self._under_way.sequence != message.about:
            return None
        command, self._under_way = self._under_way.command, None
        self._next_command(now)
        return command

    def _on_event(self, message: Message, now: float) -> list[ConnectionEvent]:
        if not self._in_sight or message.about <= self._event:
            return []  # of the past, or told before: the next message says that it was taken
        self._event = message.about
        self.read_state(now)
        return [BoardReport(message.number("event"), message.number("slot"), message.number("value"))]

    # What goes

    def _greet(self, now: float) -> None:
        self._greetings.append(self._nonce())
        self._outgoing += b"\0" + wire.plain(wire.HELLO, host_nonce=self._greetings[-1])
        self._next_at = now + HELLO_EVERY_S

    def _ask(self, kind: int, now: float, values: dict[str, int | bytes | str]) -> int:
        self._tickets += 1
        self._queue.append(_Command(self._tickets, kind, values))
        self._next_command(now)
        return self._tickets

    def _next_command(self, now: float) -> None:
        if self._under_way is None and self._queue and self._channel is not None:
            command = self._queue.popleft()
            frame = self._channel.frame(command.kind, self._event, **command.values)
            self._sequence += 1
            self._under_way = _UnderWay(command, self._sequence, frame, now + RESEND_S)
            self._outgoing += frame

    def _drop_commands(self) -> None:
        self._queue.clear()
        self._under_way = None

    def _fail(self, fault: CabinetFault) -> ConnectionFailed:
        self._ended = True
        self._channel, self._begun = None, False
        self._drop_commands()
        return ConnectionFailed(fault)


def _session_key(welcome: Message, key: bytes, greeting: bytes) -> bytes:
    return wire.session_key(key, greeting, welcome.octets("board_nonce"), welcome.octets("board_id"))


def _facts(message: Message) -> BoardFacts:
    return BoardFacts(
        board_id=message.octets("board_id").hex(),
        boot_id=message.octets("boot_id").hex(),
        firmware=".".join(str(part) for part in message.octets("firmware")),
        slots=message.number("slots"),
        features=message.number("features"),
    )
