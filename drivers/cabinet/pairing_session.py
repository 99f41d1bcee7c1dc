"""Pairing session: gives a board its key, or sends it to BOOTSEL under the key that it has. Pure: bytes and time go in.

Rules: what was given counts only when the board has greeted under the new key; until then it is not known whether it
took it. A board that greets under the known key, or under the new one, keeps that: a talk that broke off may be had again.
The key prints as stars in every outcome.

    talk = PairingSession(Secret(os.urandom(32).hex()), known=None, now=clock())
    line.write(talk.take_outgoing())
    outcome = talk.receive(line.read(), clock()) or talk.tick(clock())      # at the latest at talk.due
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from drivers.cabinet import protocol as wire
from drivers.cabinet.framing import Deframer
from drivers.cabinet.pairing import Pairing
from drivers.cabinet.protocol import Channel, Message, ProtocolError
from drivers.reader.secret import Secret

RESEND_S = 0.5
LIMIT_S = 5.0
"""A board that has not gone on by then is called silent."""


@dataclass(frozen=True, slots=True)
class Paired:
    """The board has greeted under the key of `pairing`; `new` where it was given just now."""

    pairing: Pairing
    firmware: str
    new: bool


@dataclass(frozen=True, slots=True)
class PairingRefused:
    """The board keeps the key that it has: its service button is not held. `code` names another reason."""

    board: str
    code: str


@dataclass(frozen=True, slots=True)
class OtherFirmware:
    """The board runs another version than the one that is wanted (`firmware`), or speaks another protocol."""

    firmware: str


@dataclass(frozen=True, slots=True)
class Silent:
    """The board did not answer. `given` where it may have taken the key nevertheless."""

    given: bool


@dataclass(frozen=True, slots=True)
class Leaving:
    """The board restarts into BOOTSEL."""


Outcome = Paired | PairingRefused | OtherFirmware | Silent | Leaving


class _Step(Enum):
    GREETING = "greeting"
    GIVING = "giving"
    PROVING = "proving"
    BEGINNING = "beginning"
    SENDING_AWAY = "sending away"


class PairingSession:
    """One line's talk; `take_outgoing` is written to the line after each call of the others."""

    def __init__(
        self,
        key: Secret,
        *,
        pairing: Pairing | None,
        now: float,
        firmware: str | None = None,
        send_away: bool = False,
        nonce: Callable[[], bytes] = lambda: os.urandom(wire.NONCE_BYTES),
    ) -> None:
        """`key` is given to a board that has none of ours, `firmware` the version it must run (None: any), `send_away` for
        a board that is paired and is to go to BOOTSEL: that one is given nothing."""
        self._key = key
        self._known = pairing
        self._firmware = firmware
        self._send_away = send_away
        self._nonce = nonce()
        self._deframer = Deframer()
        self._outgoing = bytearray()
        self._step = _Step.GREETING
        self._given = False
        self._board = ""
        self._running = ""
        self._refusal = ""
        self._channel: Channel | None = None
        self._frame = b""
        self._next_at = now
        self._give_up_at = now + LIMIT_S
        self._send(b"\0" + wire.plain(wire.HELLO, host_nonce=self._nonce), now)

    @property
    def due(self) -> float:
        """Latest time at which `tick` is wanted."""
        return min(self._next_at, self._give_up_at)

    def take_outgoing(self) -> bytes:
        """Take what is to be written to the line."""
        out, self._outgoing = bytes(self._outgoing), bytearray()
        return out

    def receive(self, data: bytes, now: float) -> Outcome | None:
        """Bytes came; the outcome once there is one."""
        for packet in self._deframer.feed(data):
            try:
                outcome = self._take(wire.parse(packet), now)
            except ProtocolError as error:
                wrong = error.code == wire.WRONG_VERSION
                outcome = OtherFirmware(f"of protocol {error.version}") if wrong else None
            if outcome is not None:
                return outcome
        return None

    def tick(self, now: float) -> Outcome | None:
        """Time has passed: say it again, or give up."""
        if now >= self._give_up_at:
            return self.broken_off()
        if now >= self._next_at:
            self._send(self._frame, now)
        return None

    def broken_off(self) -> Outcome:
        """The outcome where the line ends now."""
        return PairingRefused(self._board, self._refusal) if self._refusal else Silent(self._given)

    def _send(self, frame: bytes, now: float) -> None:
        self._frame = frame
        self._outgoing += frame
        self._next_at = now + RESEND_S

    def _take(self, message: Message, now: float) -> Outcome | None:
        match message.kind, self._step:
            case wire.WELCOME, _Step.GREETING:
                return self._on_welcome(message, now)
            case wire.WELCOME, _Step.PROVING:
                return self._proven(message)
            case ((wire.RESULT | wire.REFUSED), _Step.GIVING):
                return self._on_pair_answer(message, now)
            case wire.RESULT, (_Step.BEGINNING | _Step.SENDING_AWAY):
                return self._led_away(message, now)
            case _:
                return None

    def _on_welcome(self, message: Message, now: float) -> Outcome | None:
        self._board = message.octets("board_id").hex()
        self._running = ".".join(str(part) for part in message.octets("firmware"))
        if self._firmware not in (None, self._running):
            return OtherFirmware(self._running)
        if self._known is not None and self._signed(message, self._known):
            return self._on_recognised(self._known, message, now)
        if self._send_away:
            return PairingRefused(self._board, "NOT_PAIRED")
        ours = Pairing(self._board, self._key)
        if self._signed(message, ours):
            return Paired(ours, self._running, new=True)  # it took the key in a talk that broke off
        self._step, self._given = _Step.GIVING, True
        self._give_up_at = now + LIMIT_S
        self._send(wire.plain(wire.PAIR, key=bytes.fromhex(self._key.reveal())), now)
        return None

    def _on_recognised(self, pairing: Pairing, message: Message, now: float) -> Outcome | None:
        if not self._send_away:
            return Paired(pairing, self._running, new=False)
        self._channel = Channel(self._session(message, pairing))
        self._channel.accept(message)
        self._step = _Step.BEGINNING
        self._send(self._channel.frame(wire.BEGIN), now)
        return None

    def _on_pair_answer(self, message: Message, now: float) -> Outcome | None:
        """The answer to PAIR is not signed. Whatever it says, the greeting that follows shows which key the board has."""
        if message.number("command") != wire.PAIR:
            return None
        self._refusal = "" if message.number("code") == wire.OK else _code(message)
        self._step = _Step.PROVING
        self._send(wire.plain(wire.HELLO, host_nonce=self._nonce), now)
        return None

    def _proven(self, message: Message) -> Outcome | None:
        pairing = Pairing(message.octets("board_id").hex(), self._key)
        if self._signed(message, pairing):
            return Paired(pairing, self._running, new=True)
        if self._refusal:
            return PairingRefused(self._board, self._refusal)
        return None  # one from before it took the key, come late

    def _led_away(self, message: Message, now: float) -> Outcome | None:
        assert self._channel is not None
        self._channel.accept(message)
        if message.number("code") != wire.OK:
            return PairingRefused(self._board, _code(message))
        if self._step is _Step.SENDING_AWAY:
            return Leaving() if message.number("command") == wire.BOOTLOADER else None
        self._step = _Step.SENDING_AWAY
        self._send(self._channel.frame(wire.BOOTLOADER), now)
        return None

    def _signed(self, message: Message, pairing: Pairing) -> bool:
        if message.octets("board_id").hex() != pairing.board or not message.number("paired"):
            return False
        return wire.same(wire.mac(self._session(message, pairing), message.signed), message.mac)

    def _session(self, message: Message, pairing: Pairing) -> bytes:
        nonce, board = message.octets("board_nonce"), message.octets("board_id")
        return wire.session_key(pairing.key_bytes(), self._nonce, nonce, board)


def _code(message: Message) -> str:
    code = message.number("code")
    return wire.CODES[code] if code < len(wire.CODES) else str(code)
