"""The board's side of the line with real keys and no hardware: answers as the firmware does, and can be made to err."""

from collections.abc import Iterable

from drivers.cabinet import protocol as wire
from drivers.cabinet.framing import Deframer
from drivers.cabinet.pairing import Pairing
from drivers.cabinet.protocol import Channel, Message, ProtocolError
from drivers.reader.secret import Secret

BOARD = "e6614c311b7f4e21"
KEY = "5a" * 32
PAIRING = Pairing(BOARD, Secret(KEY))


class BoardPeer:
    """`took` are the commands that it has carried out, without greetings, heartbeats and readings."""

    def __init__(self, *, board: str = BOARD, key: str = KEY, paired: bool = True, slots: int = 3) -> None:
        self.board = board
        self.key = bytes.fromhex(key)
        self.paired = paired
        self.slots = slots
        self.firmware = bytes(wire.FIRMWARE)
        self.boot = 1
        self.doors: set[int] = set()
        self.cards: set[int] = set()
        self.flags = 0
        self.bin_count = 0
        self.features = wire.HAS_CARD_SENSORS | wire.HAS_DROP
        self.codes: dict[int, int] = {}
        """Result codes by kind; OK where none is set."""
        self.deaf = False
        self.stuck = False
        """No door opens."""
        self.took: list[tuple[int, dict[str, object]]] = []
        self.acknowledged = 0
        self.greetings = 0
        self._channel: Channel | None = None
        self._deframer = Deframer()
        self._answers: dict[int, bytes] = {}
        self._events = 0

    def take(self, data: bytes) -> bytes:
        """What it answers to these bytes."""
        return b"" if self.deaf else b"".join(self._answer(packet) for packet in self._deframer.feed(data))

    def restart(self) -> None:
        """A new start: the session and what was counted in it are gone."""
        self.boot += 1
        self._channel = None
        self._answers, self._events = {}, 0

    def tell(self, event: int, slot: int = 0, value: int = 0) -> bytes:
        """An event."""
        assert self._channel is not None
        self._events += 1
        return self._channel.frame(wire.EVENT, self._events, event=event, slot=slot, value=value, uptime_ms=0)

    def alive(self) -> bytes:
        """A sign of life."""
        assert self._channel is not None
        return self._channel.frame(wire.ALIVE, uptime_ms=0, flags=self.flags, newest_event=self._events)

    def _answer(self, packet: bytes) -> bytes:
        try:
            message = wire.parse(packet)
            if message.kind == wire.HELLO:
                return self._welcome(message)
            if self._channel is None:
                raise ProtocolError(wire.NOT_AUTHENTICATED, message.kind)
            self._channel.accept(message)
        except ProtocolError as error:
            return wire.plain(wire.REFUSED, command=error.kind, code=error.code, version=wire.VERSION)
        self.acknowledged = message.about
        if self._channel.last == wire.NEW:
            self._answers = {message.sequence: self._done(message)}
        return self._answers.get(message.sequence, b"")

    def _done(self, message: Message) -> bytes:
        assert self._channel is not None
        if message.kind == wire.READ_STATE:
            return self._state(message.sequence)
        if message.kind != wire.BEGIN:
            self.took.append((message.kind, dict(message.values)))
        code = self.codes.get(message.kind, wire.OK)
        if message.kind == wire.OPEN_SLOT and code == wire.OK and not self.stuck:
            self.doors.add(message.number("slot"))
        return self._channel.frame(wire.RESULT, message.sequence, command=message.kind, code=code, detail=0)

    def _welcome(self, hello: Message) -> bytes:
        self.greetings += 1
        nonce = self.greetings.to_bytes(16, "big")
        values: dict[str, int | bytes | str] = {
            "board_nonce": nonce, "board_id": bytes.fromhex(self.board), "boot_id": self.boot.to_bytes(4, "big"),
            "reset_cause": 1, "firmware": self.firmware, "paired": int(self.paired), "slots": self.slots, "lamps": 0,
            "features": self.features, "coil_limit_ms": 500, "bin_holds": 50, "wiring": "made up",
        }  # fmt: skip
        if not self.paired:
            return wire.plain(wire.WELCOME, **values)
        key = wire.session_key(self.key, hello.octets("host_nonce"), nonce, bytes.fromhex(self.board))
        self._channel = Channel(key)
        self._answers = {}
        return wire.sealed(key, wire.WELCOME, 0, 0, values)

    def _state(self, about: int) -> bytes:
        assert self._channel is not None
        return self._channel.frame(
            wire.STATE, about, uptime_ms=0, flags=self.flags, coil_slot=0, drop_stage=0, bin_count=self.bin_count,
            doors_open=_bits(self.doors), cards=_bits(self.cards), jammed=_bits(()), spoilt=0, newest_event=self._events,
        )  # fmt: skip


def _bits(slots: Iterable[int]) -> bytes:
    return wire.slot_bits(set(slots))
