"""Virtual cards in the USB CCID reader of an emulated machine, by the protocol of libcacard that QEMU speaks.

QEMU's device `ccid-card-passthru` has a socket: each message is a type, a reader's number and a length, 32 bits big endian
each, and that many bytes. We begin with `Init`, add the reader and tell the ATR of a card; a command APDU is then answered by
a response APDU.

Rules:
- The emulated reader carries T=0 alone, and the guest's driver takes T=1 whenever an ATR names it: such a card is refused.
- QEMU tells of no power and no reset. The card keeps what was verified until it is taken out.
- A torn contact takes the card out.

    with EmulatedReader(Path("/run/card.sock")) as reader:
        reader.insert(card)
"""

import contextlib
import socket
import struct
import threading
from enum import IntEnum
from pathlib import Path
from typing import Self

from sim.reader.slot import CardTornError, PluggableCard

MAGIC = b"VSCD"
VERSION = 2
HEADER = struct.Struct(">III")
READER = 0
MAX_MESSAGE = 1 << 16


class Message(IntEnum):
    """Types of messages (libcacard, vscard_common.h)."""

    INIT = 1
    ERROR = 2
    READER_ADD = 3
    READER_REMOVE = 4
    ATR = 5
    CARD_REMOVE = 6
    APDU = 7


class NotCarriedError(ValueError):
    """The emulated reader cannot carry this card. The text says why."""


class EmulatedReader:
    """The card's side of one emulated reader: what is put in, and pulled. Raises OSError where nobody listens."""

    def __init__(self, path: Path, timeout_s: float = 30.0) -> None:
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.settimeout(timeout_s)
        self._connection.connect(str(path))
        self._connection.settimeout(None)
        self._lock = threading.Lock()
        self._card: PluggableCard | None = None
        self._send(Message.INIT, MAGIC + struct.pack(">II", VERSION, 0))
        self._send(Message.READER_ADD, b"kortkiosk")
        self._thread = threading.Thread(target=self._serve, name="vscard", daemon=True)
        self._thread.start()

    def insert(self, card: PluggableCard) -> None:
        """Put a card in. Raises NotCarriedError, ValueError where one is in, OSError."""
        if card.protocol != "T=0":
            raise NotCarriedError("the card speaks T=1, which the emulated reader does not carry")
        with self._lock:
            if self._card is not None:
                raise ValueError("the reader already holds a card")
            self._card = card
            self._send(Message.ATR, card.power_on())

    def remove(self) -> None:
        """Pull the card. Without one nothing happens. Raises OSError."""
        with self._lock:
            card, self._card = self._card, None
            if card is not None:
                self._send(Message.CARD_REMOVE)
                card.power_off()

    def close(self) -> None:
        """Take the reader's card out and leave. May be called again."""
        with contextlib.suppress(OSError):  # the machine may be gone before us
            self.remove()
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while (message := self._receive()) is not None:
                kind, content = message
                if kind == Message.APDU:
                    self._answer(content)
        with contextlib.suppress(OSError):  # a machine that makes no sense is left
            self._connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, command: bytes) -> None:
        with self._lock:
            if self._card is None:  # pulled while the command was under way
                return
            try:
                self._send(Message.APDU, self._card.transmit(command))
            except CardTornError:
                card, self._card = self._card, None
                self._send(Message.CARD_REMOVE)
                card.power_off()

    def _send(self, kind: Message, content: bytes = b"") -> None:
        self._connection.sendall(HEADER.pack(kind, READER, len(content)) + content)

    def _receive(self) -> tuple[int, bytes] | None:
        """One message, or None where the machine is gone. Raises OSError for a length that no message has."""
        header = self._receive_exactly(HEADER.size)
        if header is None:
            return None
        kind, _, size = HEADER.unpack(header)
        if size > MAX_MESSAGE:
            raise OSError(f"a message of {size} bytes")
        content = self._receive_exactly(size)
        return None if content is None else (kind, content)

    def _receive_exactly(self, size: int) -> bytes | None:
        received = b""
        while len(received) < size:
            part = self._connection.recv(size - len(received))
            if not part:
                return None
            received += part
        return received
