"""Plug a virtual card into vpcd, the virtual reader driver of vsmartcard, so that PC/SC programs see it.

The driver listens, one TCP port for each reader, and the card connects. Each message is a length of two bytes (big
endian) and that many bytes. A message of one byte is a control (0 power off, 1 power on, 2 reset, 4 send the ATR, and
only this one is answered); a longer one is a command APDU, answered by a response APDU. Closing the connection
takes the card out.

Rule: `TCP_QUICKACK` is set again around every receive, because the kernel clears it; without it, the driver's two
writes for one message meet a delayed acknowledgement, and each command takes 45 ms more.

    with plug(card):            # until the block ends
        ...
"""

import contextlib
import socket
import threading
from typing import Self

from sim.reader.slot import CardTornError, PluggableCard

DEFAULT_HOST = "127.0.0.1"
FIRST_PORT = 35963
SECOND_PORT = 35964
CONNECT_TIMEOUT_S = 5.0
POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4


class PluggedCard:
    """A card that is in a virtual reader. Made by `plug`."""

    def __init__(self, card: PluggableCard, connection: socket.socket) -> None:
        self.card = card
        self.ended = threading.Event()
        """Set when the card is out: by `stop`, by the driver's end, or because the contact was torn."""
        self._connection = connection
        self._thread = threading.Thread(target=self._serve, name="vpcd-card", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Pull the card out. May be called again."""
        with contextlib.suppress(OSError):  # the driver may be gone before us
            self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self) -> None:
        try:
            while (message := _receive(self._connection)) is not None:
                answer = _react(self.card, message)
                if answer is not None:
                    self._connection.sendall(len(answer).to_bytes(2, "big") + answer)
        except (OSError, CardTornError):
            pass  # both mean that the card is out, which is what follows
        finally:
            self._connection.close()
            self.card.power_off()
            self.ended.set()


def plug(card: PluggableCard, host: str = DEFAULT_HOST, port: int = FIRST_PORT) -> PluggedCard:
    """Put the card into the virtual reader of that port. Raises OSError where no driver listens."""
    connection = socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S)
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return PluggedCard(card, connection)


def _react(card: PluggableCard, message: bytes) -> bytes | None:
    """Return what the card answers; None for a control that has no answer."""
    if len(message) != 1:
        return card.transmit(message)
    control = message[0]
    if control == POWER_OFF:
        card.power_off()
    elif control == POWER_ON:
        card.power_on()
    elif control == RESET:
        card.reset()
    return card.atr if control == GET_ATR else None


def _receive(connection: socket.socket) -> bytes | None:
    """One message, or None where the driver closed the connection."""
    header = _receive_exactly(connection, 2)
    if header is None:
        return None
    return _receive_exactly(connection, int.from_bytes(header, "big"))


def _receive_exactly(connection: socket.socket, size: int) -> bytes | None:
    received = b""
    while len(received) < size:
        _acknowledge_at_once(connection)
        part = connection.recv(size - len(received))
        _acknowledge_at_once(connection)
        if not part:
            return None
        received += part
    return received


def _acknowledge_at_once(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
