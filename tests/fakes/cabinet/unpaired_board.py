"""A board that has its firmware and waits for its key, on a pseudo-terminal: the real protocol, and no hardware."""

import contextlib
import os
import pty
import select
import threading
import tty
from collections.abc import Iterator

from drivers.cabinet import protocol as wire
from drivers.cabinet.framing import Deframer
from drivers.cabinet.protocol import Channel, Message, ProtocolError

BOARD = "e6614c311b7f4e21"


class NewBoard:
    """`key` is None before its pairing; `button` is the service button; `drops` counts answers to PAIR that get lost."""

    def __init__(self, key: bytes | None = None) -> None:
        self.key = key
        self.button = False
        self.deaf = False
        self.drops = 0
        self.firmware = bytes(wire.FIRMWARE)
        self.away = False
        self._greetings = 0
        self._channel: Channel | None = None
        self._deframer = Deframer()

    def take(self, data: bytes) -> bytes:
        """What it answers to these bytes."""
        return b"" if self.deaf else b"".join(self._answer(packet) for packet in self._deframer.feed(data))

    def _answer(self, packet: bytes) -> bytes:
        message = wire.parse(packet)
        if message.kind == wire.HELLO:
            return self._welcome(message)
        if message.kind == wire.PAIR:
            return self.pair(message)
        try:
            assert self._channel is not None
            self._channel.accept(message)
        except ProtocolError as error:
            return wire.plain(wire.REFUSED, command=error.kind, code=error.code, version=wire.VERSION)
        self.away = message.kind == wire.BOOTLOADER
        return self._channel.frame(wire.RESULT, message.sequence, command=message.kind, code=wire.OK, detail=0)

    def pair(self, message: Message) -> bytes:
        code = wire.OK if self.key is None or self.button else wire.PAIRING_CLOSED
        if code == wire.OK:
            self.key = message.octets("key")
        if self.drops:
            self.drops -= 1
            return b""
        return wire.plain(wire.RESULT, command=wire.PAIR, code=code, detail=0)

    def _welcome(self, hello: Message) -> bytes:
        self._greetings += 1
        nonce = self._greetings.to_bytes(16, "big")
        values: dict[str, int | bytes | str] = {
            "board_nonce": nonce, "board_id": bytes.fromhex(BOARD), "boot_id": b"boot", "reset_cause": 1,
            "firmware": self.firmware, "paired": int(self.key is not None), "slots": 3, "lamps": 0, "features": 0,
            "coil_limit_ms": 500, "bin_holds": 50, "wiring": "made up",
        }  # fmt: skip
        if self.key is None:
            return wire.plain(wire.WELCOME, **values)
        key = wire.session_key(self.key, hello.octets("host_nonce"), nonce, bytes.fromhex(BOARD))
        self._channel = Channel(key)
        return wire.sealed(key, wire.WELCOME, 0, 0, values)


@contextlib.contextmanager
def on_a_terminal(board: NewBoard) -> Iterator[str]:
    """Serve the board in a thread of its own; gives the path of its port."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    bell, ring = os.pipe()
    served = threading.Thread(target=_serve, args=(board, ours, bell), daemon=True)
    served.start()
    try:
        yield os.ttyname(theirs)
    finally:
        os.close(ring)
        served.join()
        for handle in (ours, theirs, bell):
            os.close(handle)


def _serve(board: NewBoard, line: int, bell: int) -> None:
    while bell not in (ready := select.select([line, bell], [], [])[0]):
        if line in ready:
            os.write(line, board.take(os.read(line, 4096)))
